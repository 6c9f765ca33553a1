"""Commands to a port, in order with the bytes that a console writes."""

from __future__ import annotations

from abc import ABC, abstractmethod

from vser import convert
from vser.types import FlushDirection, Format
from vser.v1 import console_service_pb2 as console_pb2


class Commands(ABC):
    """The calls of a Console that change the line. Any thread."""

    @abstractmethod
    def _command(self, command: console_pb2.AttachRequest) -> None:
        """Sends the command after the bytes written before."""

    def send_break(self, seconds: float = 0.25) -> None:
        """Sends a break after the bytes written before."""
        request = console_pb2.AttachRequest()
        getattr(request, "break").duration.CopyFrom(convert.duration_of(seconds))
        self._command(request)

    def set_signals(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        """Changes outputs after the bytes written before; None keeps an output. An Event reports the modem lines afterwards."""
        change = console_pb2.SignalChange()
        convert.set_outputs(change, dtr, rts)
        self._command(console_pb2.AttachRequest(set_signals=change))

    def set_baud(self, baud: int) -> None:
        """Changes the speed after the bytes written before. An Event reports the settings in force."""
        self._command(console_pb2.AttachRequest(set_baud=baud))

    def set_format(self, value: Format | str) -> None:
        """Changes the format after the bytes written before. An Event reports the settings in force."""
        wanted = Format.parse(value) if isinstance(value, str) else value
        self._command(console_pb2.AttachRequest(set_format=convert.format_to(wanted)))

    def flush(self, direction: FlushDirection = FlushDirection.BOTH) -> None:
        """Discards queued bytes. An Event reports accepted bytes that were discarded before they reached the device."""
        self._command(console_pb2.AttachRequest(flush=f"FLUSH_DIRECTION_{direction.name}"))
