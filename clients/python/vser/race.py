"""One lease of several ports: the first that is free, or the first that others give up."""

from __future__ import annotations

import queue
import secrets
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from vser import convert
from vser.connection import Connection, PendingReply
from vser.errors import VserError
from vser.leases import acquire, release, renew
from vser.types import Lease
from vser.v1 import lease_service_pb2 as lease_pb2

_QUEUES_MAX = 64
# A lease whose grant never reaches us, because this process was killed in that moment, blocks its port for this long.
_GRANT_TTL_SECONDS = 10.0
_CLIENT_NAME_BYTES_MAX = 64  # the server's limit

Candidate = tuple[Callable[[], Connection], str]  # connects to the server that has the port
Held = tuple[Connection, Lease]


def acquire_any(candidates: Sequence[Candidate], request: lease_pb2.AcquireRequest, ttl: float, wait: float) -> Held:
    """Acquires one of the ports. Asks for free ones in the given order. If none is free, waits in the queues of all of them at
    once (of the first 64), takes the first lease that is granted and leaves the other queues."""
    request.client = _unique(request.client)
    failures: list[VserError] = []
    held = _take_free(candidates, request, failures)
    if held is None and wait > 0:
        request.wait.CopyFrom(convert.duration_of(wait))
        request.ttl.CopyFrom(convert.duration_of(min(ttl, _GRANT_TTL_SECONDS)))
        failures.clear()
        places = _reachable(candidates, failures)
        held = _Race(places, request, wait).run(failures)
        if held is not None:
            connection, lease = held
            return connection, renew(connection, lease.port, lease.id, ttl)
    if held is None:
        raise _reason(failures)
    return held


def _unique(name: str) -> str:
    """So that we recognize our own leases: other programs may have the same name."""
    name = name or f"python@{socket.gethostname()}"
    ending = f" {secrets.token_hex(4)}"
    return name.encode()[: _CLIENT_NAME_BYTES_MAX - len(ending)].decode(errors="ignore") + ending


def _take_free(candidates: Sequence[Candidate], request: lease_pb2.AcquireRequest, failures: list[VserError]) -> Held | None:
    for connect, port in candidates:
        request.port = port
        try:
            connection = connect()
            return connection, acquire(connection, request, 0)
        except VserError as error:
            failures.append(error)
    return None


def _reachable(candidates: Sequence[Candidate], failures: list[VserError]) -> list[tuple[Connection, str]]:
    places: list[tuple[Connection, str]] = []
    for connect, port in candidates:
        if len(places) == _QUEUES_MAX:
            break
        try:
            places.append((connect(), port))
        except VserError as error:
            failures.append(error)
    return places


def _reason(failures: list[VserError]) -> VserError:
    """Why no port could be had: that others hold them is what the user has to know first."""
    first = next((error for error in failures if error.reason == "PORT_HELD"), failures[0])
    if len(failures) == 1:
        return first
    message = f"none of {len(failures)} ports could be had: {first.message}"
    return type(first)(first.code, message, first.reason, first.metadata)


class _Race:
    """Our places in the queues of several ports."""

    def __init__(self, places: Sequence[tuple[Connection, str]], request: lease_pb2.AcquireRequest, wait: float) -> None:
        self._client = request.client
        self._replies: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._places: dict[int, tuple[Connection, str, PendingReply[lease_pb2.AcquireResponse]]] = {}
        try:
            for number, (connection, port) in enumerate(places):
                request.port = port
                timeout = None if connection.timeout is None else connection.timeout + wait
                call = connection.begin("LeaseService/Acquire", request, lease_pb2.AcquireResponse, timeout)
                self._places[number] = (connection, port, call)
                call.add_done_callback(partial(self._note, number))
        except BaseException:
            self._leave()
            raise

    def _note(self, number: int, _call: object) -> None:
        self._replies.put(number)

    def run(self, failures: list[VserError]) -> Held | None:
        try:
            while self._places:
                connection, _, call = self._places.pop(self._replies.get())
                try:
                    return connection, convert.lease_of(connection.reply_of(call).lease)
                except VserError as error:
                    failures.append(error)
            return None
        finally:
            self._leave()

    def _leave(self) -> None:
        """Leaves the other queues, and releases what was granted in the same moment."""
        places = list(self._places.values())
        self._places.clear()
        for _, _, call in places:
            call.cancel()
        for connection, port, _ in places:
            with suppress(VserError):  # it ends anyway after _GRANT_TTL_SECONDS
                self._release_forgotten(connection, port)

    def _release_forgotten(self, connection: Connection, port: str) -> None:
        request = lease_pb2.ListLeasesRequest(ports=[port])
        reply = connection.call("LeaseService/ListLeases", request, lease_pb2.ListLeasesResponse)
        for lease in reply.leases:
            if lease.holder == self._client and lease.id:
                release(connection, port, lease.id)
