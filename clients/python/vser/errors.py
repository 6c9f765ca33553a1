"""Exceptions that calls raise."""

from __future__ import annotations

import re
from urllib.parse import unquote

import grpc

from vser.rpc import error_details_pb2, status_pb2

_DETAILS_KEY = "grpc-status-details-bin"
_INFO_TYPE = "google.rpc.ErrorInfo"
UNEXPECTED = "UNEXPECTED"  # the reason of an unexpected failure


def _printable(text: str) -> str:
    """Messages may contain names of other clients, so escape characters that move the cursor or change the text direction."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


_UNUSABLE_FILES = "TLS: the CA, or the certificate and its key, are not usable PEM files"
# What parts of gRPC's messages for a failed connection mean.
_MEANINGS = {
    "http1.x server": "an HTTP/1 server listens there, not the gRPC of vserd",
    "Failed parsing HTTP/2": "the server there does not speak gRPC",
    "wrong version number": "the server there does not use TLS",
    "WRONG_VERSION_NUMBER": "the server there does not use TLS",
    "certificate verify failed": "TLS: certificate verify failed: no CA that is trusted here has signed it",
    "CERTIFICATE_VERIFY_FAILED": "TLS: certificate verify failed: no CA that is trusted here has signed it",
    "Domain name not found": "no host has that name",
    "create security handshaker": _UNUSABLE_FILES,
}
_NOT_CONNECTED = re.compile(r".*last error: [A-Z_]+: (?:ipv4:|ipv6:)?(?P<where>\S+): (?P<why>.*)"
                            r"|DNS resolution failed for (?P<name>\S+): (?P<failure>.*)", re.DOTALL)


def _plain(message: str) -> str:
    """Without the layers of text in which gRPC wraps the reason why it cannot connect."""
    match = _NOT_CONNECTED.fullmatch(message)
    if message.startswith("empty address list"):
        return _UNUSABLE_FILES
    if match is None:
        return message
    where, why = unquote(match["where"] or match["name"]), match["why"] or match["failure"]
    meaning = next((text for part, text in _MEANINGS.items() if part in why), why.rpartition(": ")[2])
    return f"cannot connect to {where}: {meaning}"


class VserError(Exception):
    """The server returned an error. Programs check `code` and `reason`; `message` is for people."""

    def __init__(self, code: grpc.StatusCode, message: str, reason: str = "", metadata: dict[str, str] | None = None) -> None:
        super().__init__(f"{code.name}: {_printable(message)}")
        self.code = code
        self.message = message
        self.reason = reason  # from the ErrorInfo: "PORT_NOT_FOUND", ...; proto/README.md lists them
        self.metadata = metadata or {}  # from the ErrorInfo: "port", "errno", "field", "capability", "bytes_taken", ...

    def add_bytes_taken(self, before: int) -> None:
        """For a write in pieces, when a piece fails: adds the bytes accepted from earlier pieces."""
        answered = self.reason and "bytes_taken_at_least" not in self.metadata
        key = "bytes_taken" if answered or "bytes_taken" in self.metadata else "bytes_taken_at_least"
        taken = self.metadata.get(key, "0")
        self.metadata[key] = str(before + (int(taken) if taken.isdecimal() else 0))


class Unreachable(VserError):
    """No server answered at the address, or the connection was lost. The error does not come from the server."""


def error_of(error: grpc.RpcError) -> VserError:
    """Converts an exception of gRPC."""
    if not isinstance(error, grpc.Call):
        return VserError(grpc.StatusCode.UNKNOWN, str(error))
    reason, metadata = "", {}
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY and isinstance(value, bytes):
            reason, metadata = _error_info(value)
    code, message = error.code(), error.details() or ""
    if code is grpc.StatusCode.UNAVAILABLE and not reason:
        return Unreachable(code, _plain(message), reason, metadata)
    return VserError(code, message, reason, metadata)


def _error_info(details: bytes) -> tuple[str, dict[str, str]]:
    for detail in status_pb2.Status.FromString(details).details:
        if detail.type_url.rpartition("/")[2] == _INFO_TYPE:
            info = error_details_pb2.ErrorInfo.FromString(detail.value)
            return info.reason, dict(info.metadata)
    return "", {}


def unexpected(failure: BaseException) -> VserError:
    # Temporary: no more threads, files or memory, or a certificate that is being renewed.
    passes = isinstance(failure, (OSError, RuntimeError, MemoryError))
    code = grpc.StatusCode.UNAVAILABLE if passes else grpc.StatusCode.INTERNAL
    error = VserError(code, f"{type(failure).__name__}: {failure}", UNEXPECTED)
    error.__cause__ = failure
    return error
