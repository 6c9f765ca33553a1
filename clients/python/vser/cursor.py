"""A reader's position in a log across connections: nothing is returned twice, and missing bytes are reported."""

from __future__ import annotations

from vser.items import Data, Event, Gap, LogItem


class LogCursor:
    """Takes items from the server and returns those that are new to the reader."""

    def __init__(self) -> None:
        self.next_offset: int | None = None
        self._at_start = True
        self._last_event_number = 0  # 0: no event had a number
        self._last_event_ns: int | None = None
        self._events_may_repeat = False

    def resume(self, offset: int) -> None:
        """A connection was opened; `offset` is the first offset that it can deliver."""
        if self.next_offset is None:
            self.next_offset = offset
        self._events_may_repeat = True

    def restart(self, offset: int) -> None:
        """The server has a new log, which begins at `offset`."""
        self.next_offset = offset
        self._last_event_number = 0
        self._last_event_ns = None
        self._events_may_repeat = False

    def accept(self, item: LogItem) -> list[LogItem]:
        if isinstance(item, Data):
            return self._accept_data(item)
        if isinstance(item, Gap):
            return self._accept_gap(item)
        return self._accept_event(item)

    def _accept_data(self, item: Data) -> list[LogItem]:
        expected = item.offset if self.next_offset is None else self.next_offset
        if item.end <= expected:
            return []
        self.next_offset = item.end
        self._at_start = False
        if item.offset > expected:
            return [Gap(expected, item.offset), item]
        if item.offset < expected:
            return [Data(expected, item.data[expected - item.offset :], item.receive_time_ns)]
        return [item]

    def _accept_gap(self, item: Gap) -> list[LogItem]:
        expected = item.start if self._at_start or self.next_offset is None else self.next_offset
        start = min(max(item.start, expected), item.end)
        self.next_offset = max(self.next_offset or 0, item.end)
        self._at_start = False
        return [Gap(start, item.end, item.events_lost)] if item.end > start or item.events_lost else []

    def _accept_event(self, item: Event) -> list[LogItem]:
        if self._is_repeated(item):
            return []
        self._events_may_repeat = False
        self._last_event_ns = item.time_ns
        self._last_event_number = max(self._last_event_number, item.number)
        return [item]

    def _is_repeated(self, item: Event) -> bool:
        if item.number and self._last_event_number:
            return item.number <= self._last_event_number
        # An older server does not number its events. Their times usually increase within a log.
        return self._events_may_repeat and self._last_event_ns is not None and item.time_ns <= self._last_event_ns
