"""Many bridges, one namespace: look a port up at any bridge, and talk to the one that owns it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import grpc
from google.protobuf.message import Message

from vser import fleet_types
from vser.client import DEFAULT_TIMEOUT_SECONDS, Client, token_of
from vser.connection import Connection, Tls, check_address
from vser.console import Console
from vser.errors import Unreachable, VserError
from vser.fleet_types import Bridge, FleetPort, FleetStatus
from vser.labels import has_labels, matching_ports
from vser.leases import LeaseTerms
from vser.owners import Credentials
from vser.race import acquire_any
from vser.servers import find_fleet
from vser.types import Lease, Mode, StartPoint
from vser.v1 import fleet_service_pb2 as fleet_pb2

_Reply = TypeVar("_Reply", bound=Message)
_NO_ANSWER = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


def fleet(
    *entries: str,
    tls: Tls | bool = False,
    token: str | None = None,
    token_file: str | Path | None = None,
    hosts: Sequence[str] = (),
    timeout: float | None = DEFAULT_TIMEOUT_SECONDS,
) -> Fleet:
    """Opens a fleet and checks that a bridge answers.

    entries: the addresses of bridges, as for connect(); any bridge knows all ports, and the next one is asked if one does not
    answer. Without them, [fleet] of ~/.config/vserctl/config.toml says what to use.
    tls, token, token_file, timeout: as for connect(), for every bridge. With `tls`, every connection is encrypted, and each
    bridge must have a certificate for the host in its address; the token goes to no other.
    hosts: patterns of the hosts that bridges run on, such as "*.lab.example". No other host is dialled. Needed for a token with
    the system's CAs.
    Raises Unreachable if no bridge answers, and ValueError for mistakes and for "etcd://HOST:2379", which only vserctl takes.
    """
    named = None if entries else find_fleet()
    addresses = entries or (named.entries if named else ())
    if not addresses:
        raise ValueError("name a bridge of the fleet: fleet('lab7:50051'), or give [fleet] an 'entry' in vserctl's config.toml")
    for address in addresses:
        if address.startswith(("etcd://", "etcds://")):
            where = "" if entries else ", which [fleet] of vserctl's config.toml has as its entry"
            raise ValueError(f"this client does not ask etcd itself, but {address!r} is one{where}; "
                             "name a bridge: fleet('lab7:50051')")
        check_address(address)
    files = Tls() if tls is True else tls or (named.tls if named else None)
    shown = token or token_of(token_file, named.token_file if named else None)
    opened = Fleet(addresses, Credentials(files, shown, tuple(hosts) or (named.hosts if named else ()), timeout))
    try:
        opened.status()
    except BaseException:
        opened.close()
        raise
    return opened


@dataclass(frozen=True, slots=True)
class FleetLease:
    """A port that is held, and the client to use it with."""

    client: Client
    lease: Lease

    @property
    def port(self) -> str:
        return self.lease.port


class Fleet:
    """The bridges of a fleet; fleet() creates it. Any thread may use it. Calls raise VserError."""

    def __init__(self, entries: Sequence[str], credentials: Credentials) -> None:
        self._credentials = credentials
        self._lock = threading.Lock()
        self._entries: list[Connection] = []
        self._clients: dict[tuple[str, bool], Client] = {}  # of owners, by address and whether the bridge serves TLS
        self._closed = False
        self._stale = False
        try:
            for address in entries:
                self._entries.append(credentials.entry(address))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes all connections, also those of clients and consoles that the fleet has made."""
        with self._lock:
            self._closed = True
            entries, clients = list(self._entries), list(self._clients.values())
        for client in clients:
            client.close()
        for entry in entries:
            entry.close()

    # Looking up

    @property
    def stale(self) -> bool:
        """The last answer may be old: the bridge that gave it does not reach etcd."""
        return self._stale

    def status(self) -> FleetStatus:
        """How up to date the answers are now."""
        return fleet_types.status_of(self._bridges().status)

    def bridges(self) -> list[Bridge]:
        """All bridges, by id."""
        return [fleet_types.bridge_of(bridge) for bridge in self._bridges().bridges]

    def ports(self, labels: Mapping[str, str | None] | None = None) -> list[FleetPort]:
        """The ports of all bridges, by name. With `labels`: those that have all of them; None stands for any value."""
        ports: list[FleetPort] = []
        request = fleet_pb2.ListFleetPortsRequest()
        while True:
            reply = self._ask("ListFleetPorts", request, fleet_pb2.ListFleetPortsResponse)
            self._stale = reply.status.stale
            ports += map(fleet_types.port_of, reply.ports)
            if not reply.next_page_token:
                return [port for port in ports if has_labels(port.labels, labels or {})]
            request.page_token = reply.next_page_token

    def resolve(self, name: str) -> FleetPort:
        """Where a port is. Raises VserError with the reason PORT_NOT_FOUND if no bridge owns the name."""
        reply = self._ask("Resolve", fleet_pb2.ResolveRequest(port=name), fleet_pb2.ResolveResponse)
        self._stale = reply.stale
        return fleet_types.port_of(reply.port)

    # Talking to owners

    def client(self, name: str) -> Client:
        """A client of the bridge that owns the port now. The fleet closes it."""
        return self._owner(self.resolve(name))

    def attach(
        self,
        port: str,
        start: StartPoint = "live",
        *,
        mode: Mode = Mode.READ_WRITE,
        name: str = "",
        reconnect: bool = True,
    ) -> Console:
        """A console that follows its port. When the connection is lost, it looks the port up again: at another bridge it goes on
        at its offset if the log is the same, and otherwise reports LogRestarted. `name` is shown to other clients."""
        owner = self.client(port)
        locate = partial(self._locate, port)
        return owner.attach(port, start, mode=mode, name=name, reconnect=reconnect, locate=locate)

    @contextmanager
    def lease(
        self,
        port: str | Mapping[str, str | None],
        *,
        ttl: float = 60.0,
        wait: float = 0.0,
        reason: str = "",
        name: str = "",
        on_lost: Callable[[VserError], None] = lambda error: None,
    ) -> Iterator[FleetLease]:
        """Holds a port during the block: the named one, or any port of any bridge that has these labels, in turn with all others
        who wait: `with fleet.lease({"board": "rpi4"}, wait=600) as held:`, and then held.client and held.port. The rest is as for
        Client.lease()."""
        terms = LeaseTerms(ttl=ttl, wait=wait, reason=reason, name=name, on_lost=on_lost)
        if isinstance(port, str):
            client = self.client(port)
            with client.lease(port, ttl=ttl, wait=wait, reason=reason, name=name, on_lost=on_lost) as lease:
                yield FleetLease(client, lease)
            return
        ports = {each.name: each for each in self.ports()}
        chosen = matching_ports(((each.name, each.labels, each.online) for each in ports.values()), port)
        candidates = [(lambda owned=ports[each]: self._owner(owned).connection, each) for each in chosen]
        connection, lease = acquire_any(candidates, terms.request(), ttl, wait)
        client = next(each for each in self._clients.values() if each.connection is connection)
        with client.holding(lease, terms):
            yield FleetLease(client, lease)

    # Connections

    def _bridges(self) -> fleet_pb2.ListBridgesResponse:
        reply = self._ask("ListBridges", fleet_pb2.ListBridgesRequest(), fleet_pb2.ListBridgesResponse)
        self._stale = reply.status.stale
        return reply

    def _ask(self, method: str, request: Message, reply: type[_Reply]) -> _Reply:
        """Asks the entries one after the other, and then the bridges that we are connected to anyway."""
        with self._lock:
            asked = [*self._entries, *(client.connection for client in self._clients.values())]
        last: VserError | None = None
        for connection in asked:
            try:
                answer = connection.call(f"FleetService/{method}", request, reply)
                self._prefer(connection)
                return answer
            except VserError as error:
                if error.code not in _NO_ANSWER:
                    raise
                last = error
        raise last or Unreachable(grpc.StatusCode.UNAVAILABLE, "the fleet was closed")

    def _prefer(self, connection: Connection) -> None:
        """So that an entry that does not answer is not waited for again and again."""
        with self._lock:
            if connection in self._entries and self._entries[0] is not connection:
                self._entries.remove(connection)
                self._entries.insert(0, connection)

    def _owner(self, port: FleetPort) -> Client:
        key = (port.address, port.tls)
        with self._lock:
            if key in self._clients:
                return self._clients[key]
        made = Client(self._credentials.owner(port))
        try:
            made.info()
        except BaseException:
            made.close()
            raise
        with self._lock:
            kept = made if self._closed else self._clients.setdefault(key, made)
            closed = self._closed
        if closed or kept is not made:
            made.close()
        if closed:
            raise Unreachable(grpc.StatusCode.UNAVAILABLE, "the fleet was closed")
        return kept

    def _locate(self, name: str) -> Connection:
        """A connection to the owner, for a console, which closes it."""
        return self._credentials.owner(self.resolve(name))
