"""A port as pyserial's handler changes and writes it: shared with other clients, or exclusive."""

from __future__ import annotations

import time
from typing import Protocol

import grpc

from vser.client import Client
from vser.console import Console
from vser.errors import VserError
from vser.types import FlushDirection, Format, Signals

_CALL_SECONDS = 5.0  # the length of one call in a long write, so that a cancelled write ends
_UNLIMITED_SECONDS = 1e6
_POLL_SECONDS = 0.001


class Line(Protocol):
    """Calls raise VserError. A later call takes effect after the bytes of an earlier write()."""

    def write(self, data: bytes, seconds: float | None) -> int:
        """Returns how many bytes the port has accepted, all or fewer. The time limit ends it with an error if that is unknown."""

    def set_baud(self, baud: int) -> None: ...
    def set_format(self, value: Format) -> None: ...
    def set_signals(self, *, dtr: bool | None = None, rts: bool | None = None) -> None: ...
    def send_break(self, seconds: float) -> None: ...
    def discard_output(self) -> None: ...


class SharedLine:
    """Each operation is a call of its own, so that it has its effect or its error when it returns."""

    def __init__(self, client: Client, port: str) -> None:
        self._client, self._port = client, port

    def write(self, data: bytes, seconds: float | None) -> int:
        limit = _CALL_SECONDS if seconds is None else min(seconds, _CALL_SECONDS)
        try:
            return self._client.write(self._port, data, timeout=limit).bytes_written
        except VserError as error:
            taken = error.metadata.get("bytes_taken")
            if error.code is not grpc.StatusCode.DEADLINE_EXCEEDED or taken is None:
                raise
            return int(taken)

    def set_baud(self, baud: int) -> None:
        self._client.set_baud(self._port, baud)

    def set_format(self, value: Format) -> None:
        self._client.set_format(self._port, value)

    def set_signals(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        self._client.set_signals(self._port, dtr=dtr, rts=rts)

    def send_break(self, seconds: float) -> None:
        self._client.send_break(self._port, seconds)

    def discard_output(self) -> None:
        self._client.flush(self._port, FlushDirection.OUTPUT)


class ExclusiveLine:
    """The console has exclusive access, so everything goes through its stream. The server reports an error by ending the stream.
    Therefore an operation that the device does not support is not sent.

    write() and set_signals() return when the server has carried them out; the other operations may be lost if the port is closed
    directly afterwards.
    """

    def __init__(self, client: Client, console: Console, port: str) -> None:
        self._client, self._console, self._port = client, console, port

    def write(self, data: bytes, seconds: float | None) -> int:
        self._console.write(data)
        self._console.drain(_UNLIMITED_SECONDS if seconds is None else seconds)
        return len(data)

    def set_baud(self, baud: int) -> None:
        self._require("baud")
        self._console.set_baud(baud)

    def set_format(self, value: Format) -> None:
        self._require("format")
        self._console.set_format(value)

    def set_signals(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        self._require("modem_signals")
        self._console.set_signals(dtr=dtr, rts=rts)
        deadline = time.monotonic() + _CALL_SECONDS
        while not _are(self._client.signals(self._port), dtr, rts):
            if time.monotonic() > deadline:
                raise VserError(grpc.StatusCode.DEADLINE_EXCEEDED, "DTR and RTS did not change in time")
            time.sleep(_POLL_SECONDS)

    def send_break(self, seconds: float) -> None:
        self._require("send_break")
        self._console.send_break(seconds)

    def discard_output(self) -> None:
        self._require("flush")
        self._console.flush(FlushDirection.OUTPUT)

    def _require(self, capability: str) -> None:
        can = self._client.port(self._port).capabilities
        if can is not None and not getattr(can, capability):
            message = f'port "{self._port}": the device lacks the capability {capability}'
            raise VserError(grpc.StatusCode.FAILED_PRECONDITION, message, "UNSUPPORTED", {"capability": capability})


def _are(signals: Signals, dtr: bool | None, rts: bool | None) -> bool:
    return dtr in (None, signals.dtr) and rts in (None, signals.rts)
