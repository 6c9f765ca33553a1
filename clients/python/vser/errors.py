"""What calls raise."""

from __future__ import annotations

import grpc

from vser.rpc import error_details_pb2, status_pb2

_DETAILS_KEY = "grpc-status-details-bin"
_INFO_TYPE = "google.rpc.ErrorInfo"


class VserError(Exception):
    """The server said no. Branch on `code` and `reason`, show `message`."""

    def __init__(self, code: grpc.StatusCode, message: str, reason: str = "", metadata: dict[str, str] | None = None) -> None:
        super().__init__(f"{code.name}: {message}")
        self.code = code
        self.message = message
        self.reason = reason  # of the ErrorInfo: "PORT_NOT_FOUND", ...; proto/README.md has the list
        self.metadata = metadata or {}  # of the ErrorInfo: "port", "errno", "field", "capability", "bytes_taken", ...


class Unreachable(VserError):
    """No server answered at the address, or the connection was lost: nothing of it is the server's own word."""


def error_of(error: grpc.RpcError) -> VserError:
    """What gRPC raised, as one of ours."""
    if not isinstance(error, grpc.Call):
        return VserError(grpc.StatusCode.UNKNOWN, str(error))
    reason, metadata = "", {}
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY and isinstance(value, bytes):
            reason, metadata = _error_info(value)
    code, message = error.code(), error.details() or ""
    kind = Unreachable if code is grpc.StatusCode.UNAVAILABLE and not reason else VserError
    return kind(code, message, reason, metadata)


def _error_info(details: bytes) -> tuple[str, dict[str, str]]:
    for detail in status_pb2.Status.FromString(details).details:
        if detail.type_url.rpartition("/")[2] == _INFO_TYPE:
            info = error_details_pb2.ErrorInfo.FromString(detail.value)
            return info.reason, dict(info.metadata)
    return "", {}
