"""Waiting for text on a console."""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from typing import TypeAlias

import grpc

from vser.errors import VserError
from vser.items import ConsoleItem, Data, Gap, LogRestarted
from vser.window import Match, Window

TIMEOUT_SECONDS = 10.0
WINDOW_BYTES = 256 * 1024
_SHOWN_BYTES = 200
_LINE_END = re.compile(rb"\r\n|\r|\n")


Pattern: TypeAlias = str | bytes | re.Pattern[bytes]


class ExpectTimeout(VserError):
    """The pattern did not appear in time. `before`: what was received, from `offset` on; the console returns it again."""

    def __init__(self, port: str, pattern: bytes, seconds: float, before: bytes, offset: int) -> None:
        shown = f"the last bytes were {before[-_SHOWN_BYTES:]!r}" if before else "no byte was received"
        message = f'port "{port}": {pattern!r} did not appear within {seconds:g} s; {shown}'
        super().__init__(grpc.StatusCode.DEADLINE_EXCEEDED, message, "EXPECT_TIMEOUT", {"port": port})
        self.before, self.offset = before, offset


class WaitTimeout(VserError):
    """No line matched in time. A search from `next_offset` continues without missing anything. `bytes_lost`: how many bytes
    were no longer in the log."""

    def __init__(self, port: str, seconds: float, next_offset: int, bytes_lost: int, log_id: str) -> None:
        message = f'port "{port}": no line matched within {seconds:g} s; the lines before offset {next_offset} do not match'
        super().__init__(grpc.StatusCode.DEADLINE_EXCEEDED, message, "EXPECT_TIMEOUT", {"port": port})
        self.next_offset, self.bytes_lost, self.log_id = next_offset, bytes_lost, log_id


class BytesLost(VserError):
    """Bytes are missing where expect() searched, so the text may have been in them. `item`: the Gap or LogRestarted."""

    def __init__(self, port: str, pattern: bytes, before: bytes, item: Gap | LogRestarted) -> None:
        gap = f"bytes {item.start} to {item.end} are no longer in the log" if isinstance(item, Gap) else ""
        message = f'port "{port}": waiting for {pattern!r}: {gap or "the server has a new log"}'
        super().__init__(grpc.StatusCode.DATA_LOSS, message, "BYTES_LOST", {"port": port})
        self.before, self.item = before, item


class Expectations(ABC):
    """expect() and run() of a Console. One thread calls them, the one that would call next()."""

    # What the console provides

    _port_name: str

    @abstractmethod
    def next(self, timeout: float | None = None) -> ConsoleItem | None: ...
    @abstractmethod
    def write(self, data: bytes | str) -> None: ...
    @abstractmethod
    def _put_back(self, items: list[Data | Gap | LogRestarted]) -> None:
        """next() returns these first."""

    @abstractmethod
    def _head(self) -> int:
        """The offset that the port's next received byte will have."""

    @abstractmethod
    def _check_alive(self) -> None:
        """Raises VserError if the console has ended."""

    # What it gets

    def expect(self, pattern: Pattern, timeout: float = TIMEOUT_SECONDS, *, window: int = WINDOW_BYTES) -> Match:
        """Waits until received bytes match the regular expression, and takes them up to the end of the match.

        The next call continues exactly there, so that nothing is missed between two calls. Events are dropped. `$` and
        lookaheads see only what has been received so far. The search is here and not on the server (Client.mark()): it takes
        Python's regular expressions, also over several lines, and finds prompts at once. Memory is bounded: if no match comes
        within `window` bytes, the oldest are dropped. Raises ExpectTimeout, after which the bytes can be read again, or
        BytesLost.
        """
        return self._expect(_Wanted(_compiled(pattern), timeout), window)

    def run(
        self,
        command: str | bytes,
        prompt: Pattern,
        timeout: float = TIMEOUT_SECONDS,
        *,
        end: str | bytes = "\r",
        window: int = WINDOW_BYTES,
    ) -> Match:
        """Writes the command and `end`, and waits for the prompt. `before` is the output without the echo.

        The prompt is a regular expression: write re.escape("$ ") for one that ends in a dollar sign.
        Drops what the port had received before the command, so that an old prompt does not match. Raises as expect() does,
        and Unreachable if the server cannot be reached.
        """
        typed = _bytes_of(command)
        wanted = _Wanted(_compiled(prompt), timeout, start=self._head(), echo=typed)
        self.write(typed + _bytes_of(end))
        found = self._expect(wanted, window)
        return Match(found.match, _without_echo(found.before, typed), found.offset, found.end)

    def _expect(self, wanted: _Wanted, bytes_max: int) -> Match:
        window = Window(bytes_max)
        try:
            return self._search(wanted, window)
        finally:
            self._put_back(window.items())

    def _search(self, wanted: _Wanted, window: Window) -> Match:
        """Leaves in the window what the console must return again."""
        late = False
        while not late and self._fill(window, wanted):
            if (match := wanted.search(bytes(window.bytes))) is not None:
                return window.take(match)
            window.trim()
            if window.lost is not None:
                before, lost = window.clear()
                raise BytesLost(self._port_name, wanted.pattern.pattern, before, lost)
            late = time.monotonic() >= wanted.deadline
        self._check_alive()
        raise ExpectTimeout(self._port_name, wanted.pattern.pattern, wanted.timeout, bytes(window.bytes), window.offset)

    def _fill(self, window: Window, wanted: _Wanted) -> bool:
        """Waits for bytes, and adds all that have been received, up to the window's size. False if none came in time."""
        added = False
        while window.has_room() or not added:
            item = self.next(0 if added else max(0.0, wanted.deadline - time.monotonic()))
            if item is None:
                break
            added = window.add(item, wanted.start) or added
        return added


class _Wanted:
    """What a search looks for, from which offset, and until when."""

    def __init__(self, pattern: re.Pattern[bytes], timeout: float, start: int = 0, echo: bytes = b"") -> None:
        self.pattern, self.timeout, self.start, self._echo = pattern, timeout, start, echo
        self.deadline = time.monotonic() + timeout

    def search(self, received: bytes) -> re.Match[bytes] | None:
        """Does not look for the prompt in the echo of the command."""
        if self._echo.startswith(received):
            return None
        return self.pattern.search(received, len(self._echo) if received.startswith(self._echo) else 0)


def _compiled(pattern: Pattern) -> re.Pattern[bytes]:
    return pattern if isinstance(pattern, re.Pattern) else re.compile(_bytes_of(pattern))


def _bytes_of(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _without_echo(output: bytes, command: bytes) -> bytes:
    """Most consoles repeat the command and a line end; the rest is the output."""
    if not output.startswith(command):
        return output
    rest = output[len(command) :]
    line_end = _LINE_END.match(rest)
    return rest[line_end.end() :] if line_end else output
