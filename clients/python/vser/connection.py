"""One channel to one server, and calls on it."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import grpc
from google.protobuf.message import Message

from vser.errors import Unreachable, error_of
from vser.v1 import console_service_pb2 as console_pb2

_Reply = TypeVar("_Reply", bound=Message)
_Reply_co = TypeVar("_Reply_co", covariant=True)

_OPTIONS = (
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),  # one connection for each client, not one for the process
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.min_reconnect_backoff_ms", 5000),  # this is the time limit of one attempt
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),  # a quiet console is the normal case
    ("grpc.max_receive_message_length", -1),
    ("grpc.enable_http_proxy", 0),  # web proxies do not carry streams that live for days
)
_DEFAULT_PORT = 50051
_PORT_MAX = 65535
_HOST_AND_PORT = re.compile(r"(\[[^]\s]+\]|[^]:/\[\s]+)(:(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files. `ca`: the CA to trust instead of the system's; `certificate` and `key`: the client's own. `name`: the name that
    the server's certificate must have, instead of the host in the address."""

    ca: str | Path | None = None
    certificate: str | Path | None = None
    key: str | Path | None = None
    name: str | None = None


class Stream(Protocol[_Reply_co]):
    """The replies of a running call; iterating raises grpc.RpcError."""

    def __iter__(self) -> Iterator[_Reply_co]: ...
    def cancel(self) -> bool: ...


class PendingReply(Protocol[_Reply_co]):
    """A call that runs: see Connection.begin()."""

    def cancel(self) -> bool: ...
    def result(self) -> _Reply_co: ...
    def add_done_callback(self, callback: Callable[[Any], None]) -> None: ...


class Connection:
    """Makes calls with a time limit, and raises VserError. Any thread."""

    def __init__(self, address: str, tls: Tls | None, timeout: float | None, token: str | None = None) -> None:
        if token and tls is None and not address.startswith("unix"):
            raise ValueError(f"the token is not sent to {address} without encryption; connect with TLS, or over a Unix socket")
        self.timeout = timeout
        self._address, self._tls, self._token = address, tls, token
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()
        target = with_default_port(address)
        if tls is None:
            self._channel = grpc.insecure_channel(target, options=_OPTIONS)
        else:
            named = (("grpc.ssl_target_name_override", tls.name),) if tls.name else ()
            self._channel = grpc.secure_channel(target, _credentials(tls), options=(*_OPTIONS, *named))

    def close(self) -> None:
        self._channel.close()

    def another(self) -> Connection:
        """Returns a new connection to the same server. A channel that has failed waits some seconds before it tries again, and
        this wait cannot be cut short."""
        return Connection(self._address, self._tls, self.timeout, self._token)

    def call(self, method: str, request: Message, reply: type[_Reply], timeout: float | None = None) -> _Reply:
        """One request, one reply. `timeout` replaces that of the connection."""
        start = self._channel.unary_unary(_path(method), _serialize, reply.FromString)
        try:
            return start(request, timeout=self.timeout if timeout is None else timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            raise error_of(error) from None
        except ValueError:  # gRPC raises this for a closed channel
            raise Unreachable(grpc.StatusCode.UNAVAILABLE, "the connection was closed") from None

    def begin(self, method: str, request: Message, reply: type[_Reply], timeout: float | None) -> PendingReply[_Reply]:
        """Starts a call. When it is done, reply_of() returns its reply."""
        start = self._channel.unary_unary(_path(method), _serialize, reply.FromString)
        try:
            return start.future(request, timeout=timeout, metadata=self._metadata)
        except ValueError:
            raise Unreachable(grpc.StatusCode.UNAVAILABLE, "the connection was closed") from None

    @staticmethod
    def reply_of(call: PendingReply[_Reply]) -> _Reply:
        try:
            return call.result()
        except grpc.RpcError as error:
            raise error_of(error) from None
        except grpc.FutureCancelledError:
            raise Unreachable(grpc.StatusCode.UNAVAILABLE, "the connection was closed") from None

    def stream(self, method: str, request: Message, reply: type[_Reply]) -> Generator[_Reply, None, None]:
        """One request, many replies, without a time limit. Closing the generator ends the call."""
        call = self._channel.unary_stream(_path(method), _serialize, reply.FromString)(request, metadata=self._metadata)
        try:
            yield from call
        except grpc.RpcError as error:
            raise error_of(error) from None
        finally:
            call.cancel()

    def attach(self, requests: Iterable[console_pb2.AttachRequest]) -> Stream[console_pb2.AttachResponse]:
        reply = console_pb2.AttachResponse
        start = self._channel.stream_stream(_path("ConsoleService/Attach"), _serialize, reply.FromString)
        return start(iter(requests), metadata=self._metadata)


def with_default_port(address: str) -> str:
    """Adds the default port: "lab7" to "lab7:50051", "[::1]" to "[::1]:50051". Paths and addresses with a port do not change."""
    host_end = address.find("]") if address.startswith("[") else 0
    if address.startswith("unix") or "/" in address or host_end < 0 or ":" in address[host_end:]:
        return address
    return f"{address}:{_DEFAULT_PORT}"


def check_address(address: str) -> None:
    """Raises ValueError for text that is not an address: gRPC would take "lab7:99999" for another port."""
    is_uri = address.startswith("unix") or ("/" in address and not address.startswith("http"))
    match = _HOST_AND_PORT.fullmatch(address)
    if not is_uri and (match is None or not 0 < int(match["port"] or _DEFAULT_PORT) <= _PORT_MAX):
        raise ValueError(f"{address!r} is not an address: write HOST[:PORT], [IPV6][:PORT] or unix:/PATH")


def _path(method: str) -> str:
    return f"/vser.v1.{method}"


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()


def _credentials(tls: Tls) -> grpc.ChannelCredentials:
    ca, certificate, key = (None if path is None else Path(path).read_bytes() for path in (tls.ca, tls.certificate, tls.key))
    return grpc.ssl_channel_credentials(root_certificates=ca, private_key=key, certificate_chain=certificate)
