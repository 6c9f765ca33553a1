"""The values that calls take and return. Their fields are those of proto/vser/v1, with Python's types."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import IntEnum
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from vser.items import Event, LogItem


class _Enum(IntEnum):
    """Has the numbers of the proto. An unknown number from a newer server becomes UNSPECIFIED."""

    @classmethod
    def _missing_(cls, value: object) -> _Enum:
        return cls(0)


class Kind(_Enum):
    UNSPECIFIED = 0
    VSER = 1
    TTY = 2
    SIMULATED = 3
    ARCHIVE = 4


class State(_Enum):
    UNSPECIFIED = 0
    ONLINE = 1
    OFFLINE = 2


class Parity(_Enum):
    UNSPECIFIED = 0
    NONE = 1
    ODD = 2
    EVEN = 3
    MARK = 4
    SPACE = 5


class StopBits(_Enum):
    UNSPECIFIED = 0
    ONE = 1
    ONE_AND_HALF = 2
    TWO = 3


class FlowControl(_Enum):
    UNSPECIFIED = 0
    NONE = 1
    RTS_CTS = 2
    XON_XOFF = 3


class Mode(_Enum):
    """What an attached console may do."""

    READ_ONLY = 1
    READ_WRITE = 2
    EXCLUSIVE = 3


class FlushDirection(_Enum):
    INPUT = 1
    OUTPUT = 2
    BOTH = 3


_PARITY_LETTERS = "?NOEMS"
_STOP_BITS = ("?", "1", "1.5", "2")
_FLOW = ("?", "none", "rtscts", "xonxoff")
_FORMAT = re.compile(r"([5-8])([NOEMS])(1|1\.5|2)(?:/(none|rtscts|xonxoff))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Format:
    """The format of a character, and the flow control. set_format() keeps the values of unspecified fields (data_bits: 0)."""

    data_bits: int = 0
    parity: Parity = Parity.UNSPECIFIED
    stop_bits: StopBits = StopBits.UNSPECIFIED
    flow_control: FlowControl = FlowControl.UNSPECIFIED

    @staticmethod
    def parse(text: str) -> Format:
        """Parses "8N1", "7E2", "5N1.5", optionally with "/none", "/rtscts" or "/xonxoff" to change the flow control."""
        match = _FORMAT.fullmatch(text)
        if not match:
            raise ValueError(
                f"{text!r} is not a format: write data bits (5-8), parity (N, O, E, M, S) and stop bits (1, 1.5, 2), "
                "then /none, /rtscts or /xonxoff to change the flow control; for example 8N1 or 7E2/rtscts"
            )
        bits, parity, stop, flow = match.groups()
        return Format(
            data_bits=int(bits),
            parity=Parity(_PARITY_LETTERS.index(parity.upper())),
            stop_bits=StopBits(_STOP_BITS.index(stop)),
            flow_control=FlowControl(_FLOW.index(flow.lower()) if flow else 0),
        )

    def __str__(self) -> str:
        flow = f"/{_FLOW[self.flow_control]}" if self.flow_control > FlowControl.NONE else ""
        return f"{self.data_bits or '?'}{_PARITY_LETTERS[self.parity]}{_STOP_BITS[self.stop_bits]}{flow}"


@dataclass(frozen=True, slots=True)
class Signals:
    """The modem lines; dtr and rts are outputs."""

    dtr: bool = False
    rts: bool = False
    cts: bool = False
    dsr: bool = False
    dcd: bool = False
    ri: bool = False


@dataclass(frozen=True, slots=True)
class LineErrors:
    """Errors that the driver counted."""

    frame: int = 0
    parity: int = 0
    overrun: int = 0
    breaks: int = 0


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a device supports. Other operations fail with FAILED_PRECONDITION and the field's name."""

    baud: bool = False
    format: bool = False
    flow_control: bool = False
    modem_signals: bool = False
    send_break: bool = False
    flush: bool = False
    error_counters: bool = False


@dataclass(frozen=True, slots=True)
class PortStats:
    """Counters since the daemon started."""

    rx_bytes: int = 0
    tx_bytes: int = 0
    gap_bytes: int = 0
    reopens: int = 0
    io_errors: int = 0
    line_errors: LineErrors = field(default_factory=LineErrors)
    tx_queue_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Port:
    """A port: a configured name, and the device behind it while there is one."""

    name: str
    description: str
    device: str
    kind: Kind
    state: State
    offline_reason: str
    baud: int
    format: Format
    signals: Signals | None
    capabilities: Capabilities | None
    engine: str
    oldest_offset: int
    next_offset: int
    tx_offset: int
    readers: int
    stats: PortStats
    log_id: str
    held_by_flow_control: bool = False  # flow control holds bytes back from the device
    foreign_readers: tuple[str, ...] = ()  # other processes that read the device: "agetty (pid 123)"
    writer: str = ""  # the client that holds the port's lease; empty: none
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)  # from the server's configuration

    @property
    def online(self) -> bool:
        return self.state is State.ONLINE


@dataclass(frozen=True, slots=True)
class PortChange:
    """An item of watch(): the port after the change, and what happened (None: this is the initial state)."""

    port: Port
    event: Event | None
    events_lost: int
    removed: bool


@dataclass(frozen=True, slots=True)
class Record:
    """An item of collect(): one item of one port."""

    port: str
    item: LogItem

    @property
    def receive_time(self) -> datetime | None:
        """When the last byte of a Data was received; None for other items."""
        time: datetime | None = getattr(self.item, "receive_time", None)
        return time


@dataclass(frozen=True, slots=True)
class Written:
    """The result of write(): the number of accepted bytes, and the port's tx offset after the last of them."""

    bytes_written: int
    tx_offset: int


@dataclass(frozen=True, slots=True)
class EngineRefusal:
    """An engine that vserd prefers to the one in use, and why it could not use it."""

    engine: str
    reason: str


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """The daemon."""

    version: str
    engine: str
    refusals: tuple[EngineRefusal, ...]
    uptime_seconds: float
    ports_up: int
    ports_total: int
    readers: int


class SessionMode(_Enum):
    """What a session asked for. YIELDED: it has given the device to another program."""

    YIELDED = 0
    READ_ONLY = 1
    READ_WRITE = 2
    EXCLUSIVE = 3


@dataclass(frozen=True, slots=True)
class Session:
    """One client that stays connected to one port. `identity` and `peer` are empty if the server does not show them to you."""

    id: str
    identity: str
    via: str
    peer: str
    client: str
    port: str
    mode: SessionMode
    since_ns: int
    read_bytes: int
    written_bytes: int
    lag_bytes: int

    @property
    def since(self) -> datetime:
        return datetime.fromtimestamp(self.since_ns / 1e9, tz=timezone.utc)


class LeaseChange(_Enum):
    """What happened to a port's lease."""

    UNSPECIFIED = 0
    ACQUIRED = 1
    RELEASED = 2
    EXPIRED = 3
    TAKEN_OVER = 4


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of one client to write to a port. `id` is 0 if it belongs to another identity. `expires_ns` is 0 if it ends with
    its stream."""

    id: int
    port: str
    holder: str
    via: str
    since_ns: int
    expires_ns: int
    reason: str


@dataclass(frozen=True, slots=True)
class Tail:
    """A start point: this many bytes before the head."""

    size: int


@dataclass(frozen=True, slots=True)
class Found:
    """A line that matched, from Client.wait_for(). `pattern` is the index of the pattern; `offset` and `next_offset` are the
    begin and the end of the match, and `line` is the line without its end. The next search starts at `next_offset`."""

    pattern: int
    offset: int
    next_offset: int
    text: str
    groups: tuple[str, ...]
    line: str
    receive_time_ns: int
    bytes_lost: int
    log_id: str


# Where in a port's log to end: at an absolute offset, a time, or an age. A time may be in the future.
EndPoint: TypeAlias = int | datetime | timedelta
# Where in a port's log to start: at the head, at the oldest byte, at an absolute offset, a number of bytes before the head,
# at the first byte received since a time, or at most an age ago. The server resolves the age with its own clock.
StartPoint: TypeAlias = Literal["live", "oldest"] | int | Tail | datetime | timedelta
