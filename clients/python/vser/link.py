"""A console's connection to its server, which is replaced after an outage."""

from __future__ import annotations

import threading

import grpc

from vser.connection import Connection
from vser.errors import VserError
from vser.v1 import admin_service_pb2 as admin_pb2

_ANSWER_SECONDS = 5.0
_NO_ANSWER = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


class Link:
    """At first the client's connection, which stays open; after reconnect() one of its own. Any thread."""

    def __init__(self, shared: Connection) -> None:
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
        with self._lock:
            if self._closed:
                return False
            if self._owned:
                self._connection.close()
            try:
                self._connection = self._connection.another()
            except Exception:  # see unexpected()
                self._owned = False
                return False
            self._owned = True
            fresh = self._connection
        request = admin_pb2.GetServerInfoRequest()
        try:
            fresh.call("AdminService/GetServerInfo", request, admin_pb2.GetServerInfoResponse, _ANSWER_SECONDS)
        except VserError as error:
            return error.code not in _NO_ANSWER
        except Exception:
            return False
        return True
