"""A console's connection to its server, which is replaced after an outage."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

import grpc

from vser.connection import Connection
from vser.errors import VserError
from vser.v1 import admin_service_pb2 as admin_pb2

_ANSWER_SECONDS = 5.0
_NO_ANSWER = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


class Link:
    """At first the client's connection, which stays open; after reconnect() one of its own. Any thread.

    `locate`: connects to where the port is now. While it cannot say, we try where the port was."""

    def __init__(self, shared: Connection, locate: Callable[[], Connection] | None = None) -> None:
        self._locate = locate
        self._lock = threading.Lock()
        self._connection = shared
        self._owned = False
        self._closed = False

    @property
    def connection(self) -> Connection:
        with self._lock:
            return self._connection

    def close(self) -> None:
        """Closes the connection unless it is the client's. This also ends reconnect() in another thread."""
        with self._lock:
            self._closed = True
            own = self._connection if self._owned else None
        if own is not None:
            own.close()

    def reconnect(self) -> bool:
        """Opens a new connection, and checks that the server answers before a stream is opened, which has no deadline."""
        try:
            fresh = self._another()
        except Exception:  # see unexpected()
            return False
        with self._lock:
            old = fresh if self._closed else self._connection if self._owned else None
            if not self._closed:
                self._connection, self._owned = fresh, True
        if old is not None:
            old.close()
        if old is fresh:
            return False
        request = admin_pb2.GetServerInfoRequest()
        try:
            fresh.call("AdminService/GetServerInfo", request, admin_pb2.GetServerInfoResponse, _ANSWER_SECONDS)
        except VserError as error:
            return error.code not in _NO_ANSWER
        except Exception:
            return False
        return True

    @property
    def follows(self) -> bool:
        return self._locate is not None

    def _another(self) -> Connection:
        if self._locate is not None:
            with suppress(VserError):
                return self._locate()
        return self.connection.another()
