"""Bytes and commands that a console has not sent yet: bounded and in order; bytes are combined into one message."""

from __future__ import annotations

from collections import deque

from vser.v1 import console_service_pb2 as console_pb2

BYTES_MAX = 256 * 1024
_COMMANDS_MAX = 64


class Outbox:
    """Not thread-safe: the console's lock guards it."""

    def __init__(self) -> None:
        self._entries: deque[bytearray | console_pb2.AttachRequest] = deque()
        self.bytes_waiting = 0

    def __bool__(self) -> bool:
        return bool(self._entries)

    def add(self, data: memoryview) -> int:
        """Adds as many bytes as there is room for, and returns the number."""
        taken = data[: BYTES_MAX - self.bytes_waiting]
        if not taken:
            return 0
        if not self._entries or not isinstance(self._entries[-1], bytearray):
            self._entries.append(bytearray())
        last = self._entries[-1]
        assert isinstance(last, bytearray)
        last += taken
        self.bytes_waiting += len(taken)
        return len(taken)

    def add_command(self, command: console_pb2.AttachRequest) -> bool:
        if sum(not isinstance(entry, bytearray) for entry in self._entries) >= _COMMANDS_MAX:
            return False
        self._entries.append(command)
        return True

    def take(self) -> tuple[console_pb2.AttachRequest, int]:
        """The next message, and the number of bytes in it. Requires a message."""
        entry = self._entries.popleft()
        if not isinstance(entry, bytearray):
            return entry, 0
        self.bytes_waiting -= len(entry)
        return console_pb2.AttachRequest(data=bytes(entry)), len(entry)
