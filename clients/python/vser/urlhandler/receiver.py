"""The bytes of a console as a stream, as pyserial reads them."""

from __future__ import annotations

import threading

from serial.serialutil import SerialException, Timeout

from vser.console import Console
from vser.items import ConsoleItem, Data, Gap, LogRestarted, Reconnected

# As much as this is taken from the console, and counted by available(). The rest waits in the console and in the server.
_BUFFER_BYTES_MAX = 1 << 20


class Receiver:
    """One thread reads; cancel() and discard_before() may be called in another."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()  # of what follows, but not of _cancelled
        self._buffer = bytearray()
        self._end = 0  # the offset after the buffer's last byte; the console may have returned an item after it already
        self._lost = ""  # why bytes are missing after those in the buffer; empty if none are
        self._cancelled = False
        self._discard_before = 0

    def available(self) -> int:
        """The number of bytes that read() returns without waiting, up to the buffer's limit. Raises as read() does."""
        while len(self._buffer) < _BUFFER_BYTES_MAX and not self._lost and self._take(0):
            pass
        with self._lock:
            self._check_lost()
            return len(self._buffer)

    def read(self, size: int, timeout: float | None, between: float | None) -> bytes:
        """At most `size` bytes. Returns fewer after `timeout` seconds, after `between` seconds without a byte, or after cancel().
        Raises SerialException where bytes are missing, once the bytes before them have been read."""
        limit = Timeout(timeout)
        while len(self._buffer) < size and not self._lost and not self._cancelled:
            if not self._take(_shorter(limit.time_left(), between if self._buffer else None)):
                break
        self._cancelled = False
        with self._lock:
            self._check_lost()
            taken = bytes(self._buffer[:size])
            del self._buffer[:size]
            return taken

    def cancel(self) -> None:
        """Ends the read() that waits, or the next one."""
        self._cancelled = True
        self._console.wake()

    def discard_before(self, offset: int) -> None:
        """Discards the bytes before this offset of the port's log, also those that are still on their way."""
        with self._lock:
            self._discard_before = offset
            self._lost = ""
            newer = max(0, self._end - offset)
            del self._buffer[: max(0, len(self._buffer) - newer)]

    def _check_lost(self) -> None:
        if self._lost and not self._buffer:
            lost, self._lost = self._lost, ""
            raise SerialException(lost)

    def _take(self, seconds: float | None) -> bool:
        """Adds the console's next item. False if there is none in time, or after cancel()."""
        item = self._console.next_unless(lambda: self._cancelled, seconds)
        if item is not None:
            with self._lock:
                self._add(item)
        return item is not None

    def _add(self, item: ConsoleItem) -> None:
        if isinstance(item, Data):
            self._buffer += item.data[max(0, self._discard_before - item.offset) :]
            self._end = item.end
        elif isinstance(item, Gap) and item.end > max(item.start, self._discard_before):
            self._lost = f"{item.end - item.start} received bytes are no longer in the server's log: the program reads too slowly"
        elif isinstance(item, Reconnected) and item.tx_bytes_lost:
            self._lost = f"the connection was lost, and {item.tx_bytes_lost} written bytes with it"
        elif isinstance(item, LogRestarted):
            self._discard_before = 0
            self._end = item.offset  # what is in the buffer is older
            self._lost = "the server has a new log: received bytes may be missing"


def _shorter(first: float | None, second: float | None) -> float | None:
    return min((seconds for seconds in (first, second) if seconds is not None), default=None)
