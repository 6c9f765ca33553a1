"""One connection of a console."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from vser.connection import Stream
from vser.types import Mode, StartPoint
from vser.v1 import console_service_pb2 as console_pb2


@dataclass(frozen=True, slots=True)
class ConsoleOptions:
    start: StartPoint = "live"
    mode: Mode = Mode.READ_WRITE
    name: str = ""
    reconnect: bool = True
    lease: int = 0


class After(Enum):
    """What to do after the end of a connection."""

    END = auto()
    RETRY = auto()
    RESTART_LOG = auto()


class Attempt:
    """One connection: its call, and whether it is still in use."""

    def __init__(self, from_oldest: bool) -> None:
        self.from_oldest = from_oldest
        self.opened = False
        self.over = False
        self.log_is_other = False
        self.call: Stream[console_pb2.AttachResponse] | None = None
