"""What comes out of a port's log, and what a console adds to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TypeAlias

from vser.errors import VserError
from vser.types import FlushDirection, Format, LineErrors, Signals

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def datetime_of(time_ns: int) -> datetime:
    """Nanoseconds since 1970 as a datetime, which has microseconds."""
    return _EPOCH + timedelta(microseconds=time_ns // 1000)


@dataclass(frozen=True, slots=True)
class Data:
    """Received bytes. `offset` is the absolute one of the first, `receive_time_ns` when the last of them arrived."""

    offset: int
    data: bytes
    receive_time_ns: int

    @property
    def end(self) -> int:
        """The offset after the last byte: where to go on from."""
        return self.offset + len(self.data)

    @property
    def receive_time(self) -> datetime:
        return datetime_of(self.receive_time_ns)


@dataclass(frozen=True, slots=True)
class Gap:
    """The bytes from `start` up to but not including `end` are not to be had any more."""

    start: int
    end: int
    events_lost: int = 0


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """Baud or format changed; this is in force now. `changed_outside`: by another program, not by a request to vserd."""

    baud: int
    format: Format
    changed_outside: bool = False


@dataclass(frozen=True, slots=True)
class Offline:
    """The device went away."""

    reason: str


@dataclass(frozen=True, slots=True)
class Online:
    """The device is open."""

    device: str


@dataclass(frozen=True, slots=True)
class BreakSent:
    """A break was sent by the server for somebody."""

    seconds: float


@dataclass(frozen=True, slots=True)
class WriterChanged:
    """Who holds the port exclusively, as that client named itself; empty: everybody may write.

    `refused_bytes`, `refused_request`: bytes of this console, or a request such as "break", that were refused because of the
    holder.
    """

    client: str
    refused_bytes: int = 0
    refused_request: str = ""


@dataclass(frozen=True, slots=True)
class Flushed:
    """A flush discarded accepted bytes before they reached the device."""

    direction: FlushDirection
    bytes: int
    client: str


@dataclass(frozen=True, slots=True)
class ForeignReaders:
    """Processes besides vserd that have the device open for reading; empty: none any more."""

    processes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutputHeld:
    """Flow control stopped the output, or let it continue."""

    held: bool


EventKind: TypeAlias = (
    SettingsChanged
    | Signals
    | LineErrors
    | Offline
    | Online
    | BreakSent
    | WriterChanged
    | Flushed
    | ForeignReaders
    | OutputHeld
)


@dataclass(frozen=True, slots=True)
class Event:
    """Something other than bytes, at its place in the log. `what` is None for a kind that is newer than this library."""

    offset: int
    time_ns: int
    what: EventKind | None
    number: int = 0  # of this log's events: 1, 2, 3, ...; 0: the server is too old to say

    @property
    def time(self) -> datetime:
        return datetime_of(self.time_ns)


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection was lost; the console gets it back by itself."""

    error: VserError


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The console goes on at `offset`: nothing is repeated, and nothing is missing but what a Gap or LogRestarted tells.

    `tx_bytes_lost`: sent bytes that the server never took (a lower bound where others write too). They are not sent again,
    because a device may have acted on them. None where it cannot be known: the log is another one.
    """

    offset: int
    attempts: int
    outage_seconds: float
    tx_bytes_lost: int | None = field(default=None)


@dataclass(frozen=True, slots=True)
class LogRestarted:
    """The log is another one (Port.log_id): the server restarted without it, or a reload replaced the port, and offsets began
    again. Everything the new one holds follows from `offset`; what the old one had after `expected_offset` is lost."""

    expected_offset: int
    offset: int


LogItem: TypeAlias = Data | Gap | Event
ConsoleItem: TypeAlias = Data | Gap | Event | Disconnected | Reconnected | LogRestarted

__all__ = [
    "BreakSent",
    "ConsoleItem",
    "Data",
    "Disconnected",
    "Event",
    "EventKind",
    "Flushed",
    "ForeignReaders",
    "Gap",
    "LineErrors",
    "LogItem",
    "LogRestarted",
    "Offline",
    "Online",
    "OutputHeld",
    "Reconnected",
    "SettingsChanged",
    "WriterChanged",
    "datetime_of",
]
