"""Leases: one client holds a port, and nobody else can write to it or change its line."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from vser import convert
from vser.connection import Connection
from vser.errors import VserError
from vser.types import Lease
from vser.v1 import lease_service_pb2 as lease_pb2

_LEASE_VARIABLE = "VSERD_LEASE"
_RETRY_SECONDS = 0.5
_ENDED = {"LEASE_LOST", "PORT_HELD", "PORT_NOT_FOUND"}


def leases_of_environment() -> dict[str, int]:
    """The lease that `vserctl lease PORT -- COMMAND` holds for this program: VSERD_LEASE is PORT:ID."""
    text = os.environ.get(_LEASE_VARIABLE, "")
    if not text:
        return {}
    port, colon, number = text.rpartition(":")
    if not (port and colon and number.isdecimal() and int(number)):
        raise ValueError(f"{_LEASE_VARIABLE} is {text!r}; it must be PORT:ID, as vserctl lease prints it")
    return {port: int(number)}


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """What is asked for, whatever the port."""

    ttl: float
    wait: float
    reason: str
    name: str
    on_lost: Callable[[VserError], None]

    def request(self, port: str = "", takeover: bool = False) -> lease_pb2.AcquireRequest:
        request = lease_pb2.AcquireRequest(port=port, takeover=takeover, reason=self.reason, client=self.name)
        request.ttl.CopyFrom(convert.duration_of(self.ttl))
        if port:  # see acquire_any()
            request.wait.CopyFrom(convert.duration_of(self.wait))
        return request


class LeaseKeeper:
    """Renews a lease every ttl/3 until stop(). `lost` is called in its thread if the lease has ended."""

    def __init__(self, connection: Connection, lease: Lease, ttl: float, lost: Callable[[VserError], None]) -> None:
        self._connection = connection
        self._lease = lease
        self._ttl = ttl
        self._lost = lost
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"vser lease {lease.port}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        valid_until = time.monotonic() + self._ttl
        pause = self._ttl / 3
        while not self._stopping.wait(pause):
            asked = time.monotonic()
            try:
                renew(self._connection, self._lease.port, self._lease.id)
                valid_until, pause = asked + self._ttl, self._ttl / 3
            except VserError as error:
                pause = min(_RETRY_SECONDS, self._ttl / 10)  # the server may restart, and the lease survives that
                if error.reason in _ENDED or time.monotonic() >= valid_until:
                    return self._lost(error)


def acquire(connection: Connection, request: lease_pb2.AcquireRequest, wait: float) -> Lease:
    timeout = None if connection.timeout is None else connection.timeout + wait
    return convert.lease_of(connection.call("LeaseService/Acquire", request, lease_pb2.AcquireResponse, timeout).lease)


def renew(connection: Connection, port: str, lease: int, ttl: float | None = None) -> Lease:
    """Without `ttl`, the lease keeps its own."""
    request = lease_pb2.RenewRequest(port=port, id=lease)
    if ttl is not None:
        request.ttl.CopyFrom(convert.duration_of(ttl))
    return convert.lease_of(connection.call("LeaseService/Renew", request, lease_pb2.RenewResponse).lease)


def release(connection: Connection, port: str, lease: int) -> None:
    request = lease_pb2.ReleaseRequest(port=port, id=lease)
    connection.call("LeaseService/Release", request, lease_pb2.ReleaseResponse)
