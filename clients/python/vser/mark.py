"""A place in a port's log, from which the server searches for line after line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc

from vser.errors import VserError
from vser.expect import TIMEOUT_SECONDS, BytesLost, WaitTimeout
from vser.items import Gap, LogRestarted
from vser.types import Found, StartPoint

if TYPE_CHECKING:
    from vser.client import Client


class Mark:
    """From Client.mark(). It holds no connection and no bytes: each expect() is a call that searches on the server."""

    def __init__(self, client: Client, port: str, start: StartPoint) -> None:
        self._client, self.port, self._place = client, port, start
        self._log_id = ""
        if start == "live":  # what comes between two calls must not be missed
            now = client.port(port)
            self._place, self._log_id = now.next_offset, now.log_id

    @property
    def place(self) -> StartPoint:
        """Where the next search starts: an offset, or the start point if nothing has been searched yet."""
        return self._place

    def expect(self, *patterns: str, timeout: float = TIMEOUT_SECONDS) -> Found:
        """Waits until a line matches one of the patterns, as Client.wait_for(). The next call continues after the match.

        Raises WaitTimeout, after which the next call searches the unfinished line again; and BytesLost if bytes to search are no
        longer in the log, after which the next call starts behind them.
        """
        try:
            found = self._client.wait_for(self.port, *patterns, start=self._place, timeout=timeout)
        except WaitTimeout as late:
            self._move(patterns, late.next_offset, late.bytes_lost, late.log_id)
            raise
        except VserError as error:
            if error.code is grpc.StatusCode.OUT_OF_RANGE and self._log_id:
                self._move(patterns, 0, 0, self._client.port(self.port).log_id)  # a new log is shorter
            raise
        self._move(patterns, found.next_offset, found.bytes_lost, found.log_id)
        return found

    def _move(self, patterns: tuple[str, ...], place: int, lost: int, log_id: str) -> None:
        """Also if what is lost ends the search here: then only behind that."""
        start, known = self._place, self._log_id
        self._place, self._log_id = place, log_id
        expected = start if isinstance(start, int) else 0
        missing: Gap | LogRestarted | None = None
        if known and log_id != known:
            self._place, missing = "oldest", LogRestarted(expected, 0)
        elif lost and isinstance(start, int):
            self._place, missing = start + lost, Gap(start, start + lost)
        if missing is not None:
            raise BytesLost(self.port, " or ".join(patterns).encode(), b"", missing)
