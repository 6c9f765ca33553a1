"""The bytes that expect() searches."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass

from vser.items import ConsoleItem, Data, Gap, LogRestarted


@dataclass(frozen=True, slots=True)
class Match:
    """What expect() and run() found. Offsets are absolute, so that Client.read() can return the same bytes again."""

    match: re.Match[bytes]
    before: bytes  # the bytes since the last match, at most the window; run() leaves out the echoed command
    offset: int  # of the first matched byte
    end: int  # after the last matched byte; the console continues here

    @property
    def text(self) -> str:
        """`before` as text; bytes that are not UTF-8 are replaced."""
        return self.before.decode(errors="replace")

    def group(self, group: int | str = 0) -> bytes:
        """The matched bytes, or a group of the pattern; empty if the group did not take part."""
        return self.match.group(group) or b""


class Window:
    """Received bytes that no pattern has matched yet, with their offsets and times. A Gap or LogRestarted ends them."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes = bytearray()
        self.lost: Gap | LogRestarted | None = None
        self._bytes_max = bytes_max
        self._pieces: deque[Data] = deque()

    @property
    def offset(self) -> int:
        """Of the first byte; 0 without bytes."""
        return self._pieces[0].offset if self._pieces else 0

    def has_room(self) -> bool:
        return self.lost is None and len(self.bytes) < self._bytes_max

    def add(self, item: ConsoleItem, start: int) -> bool:
        """Adds bytes from the offset `start` on. False if the item has none and loses none."""
        if isinstance(item, LogRestarted) or (isinstance(item, Gap) and item.end > max(item.start, start)):
            self.lost = item
            return True
        if not isinstance(item, Data) or item.end <= start:
            return False
        self._pieces.append(item)
        self.bytes += item.data
        self._drop(start - self.offset)
        return True

    def take(self, match: re.Match[bytes]) -> Match:
        """The match and the bytes before it, which leave the window."""
        before, offset = bytes(self.bytes[: match.start()]), self.offset
        self._drop(match.end())
        return Match(match, before, offset + match.start(), offset + match.end())

    def trim(self) -> None:
        """Drops the oldest bytes beyond the limit."""
        self._drop(len(self.bytes) - self._bytes_max)

    def clear(self) -> tuple[bytes, Gap | LogRestarted]:
        """Takes everything, up to what was lost. Requires a loss."""
        assert self.lost is not None
        before, lost = bytes(self.bytes), self.lost
        self._drop(len(before))
        self.lost = None
        return before, lost

    def items(self) -> list[Data | Gap | LogRestarted]:
        return [*self._pieces, *([] if self.lost is None else [self.lost])]

    def _drop(self, count: int) -> None:
        while count > 0:
            first = self._pieces.popleft()
            part = min(count, len(first.data))
            if part < len(first.data):
                self._pieces.appendleft(Data(first.offset + part, first.data[part:], first.receive_time_ns))
            del self.bytes[:part]
            count -= part
