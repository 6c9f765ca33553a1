"""Items of a port's log, and items that a console adds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TypeAlias

from vser.errors import VserError
from vser.types import FlushDirection, Format, LeaseChange, LineErrors, Signals

_ITEM_BYTES = 128
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def datetime_of(time_ns: int) -> datetime:
    """Nanoseconds since 1970 as a datetime, which has microseconds."""
    return _EPOCH + timedelta(microseconds=time_ns // 1000)


@dataclass(frozen=True, slots=True)
class Data:
    """Received bytes. `offset` is the absolute offset of the first; `receive_time_ns` is when the last arrived."""

    offset: int
    data: bytes
    receive_time_ns: int

    @property
    def end(self) -> int:
        """The offset after the last byte, where a reader can resume."""
        return self.offset + len(self.data)

    @property
    def receive_time(self) -> datetime:
        return datetime_of(self.receive_time_ns)


@dataclass(frozen=True, slots=True)
class Gap:
    """The bytes from `start` up to but not including `end` are no longer in the log."""

    start: int
    end: int
    events_lost: int = 0


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """Baud or format changed. These are the settings in force. `changed_outside`: another program made the change."""

    baud: int
    format: Format
    changed_outside: bool = False


@dataclass(frozen=True, slots=True)
class Offline:
    """The device was disconnected."""

    reason: str


@dataclass(frozen=True, slots=True)
class Online:
    """The device was opened."""

    device: str


@dataclass(frozen=True, slots=True)
class BreakSent:
    """The server sent a break for a client."""

    seconds: float


@dataclass(frozen=True, slots=True)
class WriterChanged:
    """A change of the port's lease. `client` holds the port; empty: nobody does.

    `refused_bytes`, `refused_request`: bytes of this console, or a request such as "break", that the server rejected because
    another client holds the port. `previous`: the client whose lease has ended.
    """

    client: str
    refused_bytes: int = 0
    refused_request: str = ""
    via: str = ""
    reason: str = ""
    previous: str = ""
    change: LeaseChange = LeaseChange.UNSPECIFIED


@dataclass(frozen=True, slots=True)
class Flushed:
    """A flush discarded accepted bytes before they reached the device."""

    direction: FlushDirection
    bytes: int
    client: str


@dataclass(frozen=True, slots=True)
class ForeignReaders:
    """Other processes that have the device open for reading; empty if none are left."""

    processes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutputHeld:
    """Flow control stopped the output, or released it."""

    held: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """A message from a client to everybody attached to the port."""

    text: str
    sender: str


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
    | Notice
)


@dataclass(frozen=True, slots=True)
class Event:
    """An event on a port, at its offset in the log. `what` is None for a kind that this library does not know."""

    offset: int
    time_ns: int
    what: EventKind | None
    number: int = 0  # numbers the log's events: 1, 2, 3, ...; 0: not in the log, or an old server

    @property
    def time(self) -> datetime:
        return datetime_of(self.time_ns)


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection was lost; the console is reconnecting."""

    error: VserError


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The console resumes at `offset`. No byte is repeated, and bytes are missing only where a Gap or LogRestarted reports them.

    `tx_bytes_lost`: sent bytes that the server did not accept (a lower bound if other clients write too). They are not sent
    again, because the device may have received them. None if the number is unknown because the log is a new one.
    """

    offset: int
    attempts: int
    outage_seconds: float
    tx_bytes_lost: int | None = field(default=None)


@dataclass(frozen=True, slots=True)
class LogRestarted:
    """The server has a new log (Port.log_id changed): it restarted without the old one, or a reload replaced the port. Offsets
    start again. All of the new log follows, from `offset`; bytes of the old log after `expected_offset` are lost."""

    expected_offset: int
    offset: int


LogItem: TypeAlias = Data | Gap | Event
ConsoleItem: TypeAlias = Data | Gap | Event | Disconnected | Reconnected | LogRestarted


def cost_of(item: ConsoleItem) -> int:
    """Bytes of memory that a waiting item counts as, so that events are bounded too."""
    return _ITEM_BYTES + (len(item.data) if isinstance(item, Data) else 0)


def start_of(item: Data | Gap | LogRestarted) -> int:
    """The offset that a reader has reached before it takes this item."""
    if isinstance(item, Data):
        return item.offset
    return item.start if isinstance(item, Gap) else item.expected_offset


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
    "Notice",
    "Offline",
    "Online",
    "OutputHeld",
    "Reconnected",
    "SettingsChanged",
    "WriterChanged",
    "cost_of",
    "datetime_of",
    "start_of",
]
