"""Calls to one server."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import overload
from weakref import WeakSet

from vser import convert
from vser.attempt import ConsoleOptions
from vser.connection import Connection, Tls, check_address
from vser.console import Console
from vser.errors import VserError
from vser.expect import TIMEOUT_SECONDS, WaitTimeout
from vser.items import LogItem
from vser.labels import has_labels, matching_ports
from vser.leases import LeaseKeeper, LeaseTerms, acquire, leases_of_environment, release
from vser.mark import Mark
from vser.race import Candidate, acquire_any
from vser.servers import find_server, read_token
from vser.types import (
    EndPoint,
    FlushDirection,
    Format,
    Found,
    Lease,
    Mode,
    Port,
    PortChange,
    Record,
    ServerInfo,
    Session,
    Signals,
    StartPoint,
    Written,
)
from vser.v1 import admin_service_pb2 as admin_pb2
from vser.v1 import console_service_pb2 as console_pb2
from vser.v1 import lease_service_pb2 as lease_pb2
from vser.v1 import port_service_pb2 as port_pb2
from vser.v1 import session_service_pb2 as session_pb2

DEFAULT_ADDRESS = "127.0.0.1:50051"
DEFAULT_TIMEOUT_SECONDS = 10.0
_ADDRESS_VARIABLE = "VSERD_ADDRESS"
_TOKEN_VARIABLE = "VSERD_TOKEN"
# The size of one Write request: large, so that few are needed, and well below the server's limit of 1 MiB.
_WRITE_BYTES_MAX = 256 * 1024
# For the reply to a call that waits on the server, after the time that it may wait.
_REPLY_SECONDS = 5.0


def connect(
    address: str | None = None,
    *,
    tls: Tls | bool = False,
    token: str | None = None,
    token_file: str | Path | None = None,
    timeout: float | None = DEFAULT_TIMEOUT_SECONDS,
) -> Client:
    """Connects to a vserd and checks that it answers.

    address: "HOST[:PORT]", "[IPV6][:PORT]" or "unix:/PATH", or the name of a server in ~/.config/vserctl/config.toml; the default
    port is 50051. Without an address, the variable VSERD_ADDRESS is used, or the default server of that file, or
    127.0.0.1:50051. Proxy variables of the environment (http_proxy and similar) are ignored.
    tls: True for the system's CAs, or a Tls with files; False: as the file says, for a named server, or none.
    token, token_file: a bearer token, or a file that holds one; otherwise VSERD_TOKEN is used, or what the file says.
    timeout: seconds for each call, None for no limit.
    Raises Unreachable if no server answers, and ValueError for a mistake in the file or the address and for a token without TLS.
    """
    where = address or os.environ.get(_ADDRESS_VARIABLE) or None
    named = find_server(where)
    files = Tls() if tls is True else tls or (named.tls if named else None)
    shown = token or token_of(token_file, named.token_file if named else None)
    server = named.address if named else where or DEFAULT_ADDRESS
    check_address(server)
    connection = Connection(server, files, timeout, shown)
    client = Client(connection)
    try:
        client.info()
    except BaseException:
        connection.close()
        raise
    return client


def token_of(file: str | Path | None, usual: Path | None) -> str | None:
    """The token of this file, of the environment, or of the usual file."""
    if file is None and os.environ.get(_TOKEN_VARIABLE):
        return os.environ[_TOKEN_VARIABLE]
    file = usual if file is None else file
    return None if file is None else read_token(file)


class Client:
    """A connection to one server; connect() creates it. Any thread may use it. Calls raise VserError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._consoles: WeakSet[Console] = WeakSet()
        self._leases = leases_of_environment()

    @property
    def connection(self) -> Connection:
        """For this package."""
        return self._connection

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection, and ends consoles and streams that are still open."""
        for console in list(self._consoles):
            console.close()
        self._connection.close()

    # The server

    def info(self) -> ServerInfo:
        request = admin_pb2.GetServerInfoRequest()
        reply = self._connection.call("AdminService/GetServerInfo", request, admin_pb2.GetServerInfoResponse)
        return convert.server_info_of(reply)

    # Ports and their lines

    def ports(self, labels: Mapping[str, str | None] | None = None) -> list[Port]:
        """All ports, by name. With `labels`: those that have all of them; None stands for any value."""
        reply = self._connection.call("PortService/ListPorts", port_pb2.ListPortsRequest(), port_pb2.ListPortsResponse)
        ports = [convert.port_of(port) for port in reply.ports]
        return [port for port in ports if has_labels(port.labels, labels or {})]

    def port(self, name: str) -> Port:
        request = port_pb2.GetPortRequest(port=name)
        return convert.port_of(self._connection.call("PortService/GetPort", request, port_pb2.GetPortResponse).port)

    def watch(self, *ports: str) -> Iterator[PortChange]:
        """First the state of each port, then every change, until you leave the loop. Without names: all ports."""
        request = port_pb2.WatchPortsRequest(ports=ports)
        with closing(self._connection.stream("PortService/WatchPorts", request, port_pb2.WatchPortsResponse)) as replies:
            for reply in replies:
                yield convert.change_of(reply.event)

    def baud(self, port: str) -> int:
        request = port_pb2.GetBaudRequest(port=port)
        return self._connection.call("PortService/GetBaud", request, port_pb2.GetBaudResponse).baud

    def set_baud(self, port: str, baud: int, timeout: float | None = None) -> int:
        """Changes the speed after the bytes already accepted. Returns the speed in force, which the driver may have rounded."""
        request = port_pb2.SetBaudRequest(port=port, baud=baud, lease=self._lease_of(port))
        return self._connection.call("PortService/SetBaud", request, port_pb2.SetBaudResponse, timeout).baud

    def format(self, port: str) -> Format:
        request = port_pb2.GetFormatRequest(port=port)
        return convert.format_of(self._connection.call("PortService/GetFormat", request, port_pb2.GetFormatResponse).format)

    def set_format(self, port: str, value: Format | str, timeout: float | None = None) -> Format:
        """`value`: a Format, or a text such as "8N1" or "7E2/rtscts". Returns the format in force."""
        wanted = Format.parse(value) if isinstance(value, str) else value
        request = port_pb2.SetFormatRequest(port=port, format=convert.format_to(wanted), lease=self._lease_of(port))
        reply = self._connection.call("PortService/SetFormat", request, port_pb2.SetFormatResponse, timeout)
        return convert.format_of(reply.format)

    def signals(self, port: str) -> Signals:
        request = port_pb2.GetSignalsRequest(port=port)
        return convert.signals_of(self._connection.call("PortService/GetSignals", request, port_pb2.GetSignalsResponse).signals)

    def set_signals(self, port: str, *, dtr: bool | None = None, rts: bool | None = None) -> Signals:
        """Changes both outputs in one step; None keeps an output. Returns all modem lines."""
        request = port_pb2.SetSignalsRequest(port=port, lease=self._lease_of(port))
        convert.set_outputs(request, dtr, rts)
        return convert.signals_of(self._connection.call("PortService/SetSignals", request, port_pb2.SetSignalsResponse).signals)

    def send_break(self, port: str, seconds: float = 0.25) -> None:
        """Returns when the break has ended."""
        request = port_pb2.SendBreakRequest(port=port, duration=convert.duration_of(seconds), lease=self._lease_of(port))
        self._connection.call("PortService/SendBreak", request, port_pb2.SendBreakResponse)

    def flush(self, port: str, direction: FlushDirection = FlushDirection.BOTH) -> int:
        """Discards queued bytes. Returns the number of accepted bytes that were discarded before they reached the device."""
        request = port_pb2.FlushRequest(port=port, direction=f"FLUSH_DIRECTION_{direction.name}", lease=self._lease_of(port))
        return self._connection.call("PortService/Flush", request, port_pb2.FlushResponse).output_bytes_discarded

    # Who is connected

    def sessions(self, *ports: str) -> list[Session]:
        """The clients that are connected to these ports. Without names: to all ports."""
        request = session_pb2.ListSessionsRequest(ports=ports)
        reply = self._connection.call("SessionService/ListSessions", request, session_pb2.ListSessionsResponse)
        return [convert.session_of(session) for session in reply.sessions]

    def end_session(self, session: str, reason: str = "", name: str = "") -> None:
        """Ends a session by its id. Its client sees the reason, and `name` as who ended it."""
        request = session_pb2.EndSessionRequest(id=session, reason=reason, client=name)
        self._connection.call("SessionService/EndSession", request, session_pb2.EndSessionResponse)

    def notice(self, port: str, text: str, name: str = "") -> int:
        """Shows a line of text to everybody attached to the port, as a Notice event. The device does not receive it. `name` is
        shown as the sender. Returns the number of readers."""
        request = session_pb2.SendNoticeRequest(port=port, text=text, client=name)
        return self._connection.call("SessionService/SendNotice", request, session_pb2.SendNoticeResponse).readers

    # Who may write

    @contextmanager
    def lease(
        self,
        port: str | Mapping[str, str | None],
        *,
        ttl: float = 60.0,
        wait: float = 0.0,
        takeover: bool = False,
        reason: str = "",
        name: str = "",
        on_lost: Callable[[VserError], None] = lambda error: None,
    ) -> Iterator[Lease]:
        """Holds the port during the block: `with client.lease("vser0", wait=600):`. Nobody else can write or change the line.

        With labels instead of a name, holds any port that has them: `with client.lease({"board": "rpi4"}, wait=600) as held:`,
        and held.port is its name. A free port is taken at once; otherwise the first one whose turn comes. Only ports whose
        device is there count.

        Waits `wait` seconds for other clients. Calls of this client, and consoles that it attaches in the block, present the
        lease. It is renewed every ttl/3 seconds, also across restarts of the server. If it is lost (a takeover, or no
        connection for `ttl` seconds), `on_lost` is called in another thread, and calls raise VserError with the reason
        LEASE_LOST. `reason` and `name` are shown to other clients.
        """
        terms = LeaseTerms(ttl=ttl, wait=wait, reason=reason, name=name, on_lost=on_lost)
        if isinstance(port, str):
            held = acquire(self._connection, terms.request(port, takeover), wait)
        elif takeover:
            raise ValueError("takeover needs the name of a port: with labels, a port that nobody holds is taken")
        else:
            _, held = acquire_any(self._lease_candidates(port), terms.request(), ttl, wait)
        with self.holding(held, terms):
            yield held

    def _lease_candidates(self, labels: Mapping[str, str | None]) -> list[Candidate]:
        """In random order, so that several clients begin with different ports."""
        ports = self.ports()
        chosen = matching_ports(((port.name, port.labels, port.online) for port in ports), labels)
        return [(lambda: self._connection, name) for name in chosen]

    @contextmanager
    def holding(self, held: Lease, terms: LeaseTerms) -> Iterator[None]:
        """Presents and renews a lease that was acquired elsewhere, and releases it after the block. For this package."""
        port = held.port
        before = self._leases.get(port, 0)
        self._leases[port] = held.id
        keeper = LeaseKeeper(self._connection, held, terms.ttl, terms.on_lost)
        try:
            yield
        finally:
            keeper.stop()
            self._leases[port] = before
            with suppress(VserError):  # it is lost already, or ends after its ttl
                release(self._connection, port, held.id)

    def leases(self, *ports: str) -> list[Lease]:
        """The leases that are held. Without names: of all ports."""
        request = lease_pb2.ListLeasesRequest(ports=ports)
        reply = self._connection.call("LeaseService/ListLeases", request, lease_pb2.ListLeasesResponse)
        return [convert.lease_of(lease) for lease in reply.leases]

    def _lease_of(self, port: str) -> int:
        return self._leases.get(port, 0)

    # Bytes

    @contextmanager
    def yielded(self, port: str, reason: str = "") -> Iterator[str]:
        """Gives the port's device to another program on the server's machine: `with client.yielded("vser0") as device:`.
        vserd has closed the device when the block begins, and opens it again after the block. `reason` is shown to other
        clients."""
        request = port_pb2.YieldRequest(port=port, reason=reason, lease=self._lease_of(port))
        with closing(self._connection.stream("PortService/Yield", request, port_pb2.YieldResponse)) as replies:
            yield next(replies).device

    def write(self, port: str, data: bytes | str, timeout: float | None = None) -> Written:
        """Returns when the port's queue has accepted all of it; `timeout` limits the whole call.

        After an error, metadata["bytes_taken"] is the number of bytes that were accepted; if the server did not answer in
        time, it is metadata["bytes_taken_at_least"].
        """
        payload = memoryview(data.encode() if isinstance(data, str) else data).cast("B")
        seconds = self._connection.timeout if timeout is None else timeout
        deadline = None if seconds is None else time.monotonic() + seconds
        total, tx_offset = 0, 0
        while True:  # an empty write is sent too, so that the server reports the error
            piece, payload = payload[:_WRITE_BYTES_MAX], payload[_WRITE_BYTES_MAX:]
            request = console_pb2.WriteRequest(port=port, data=bytes(piece), lease=self._lease_of(port))
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            try:
                reply = self._connection.call("ConsoleService/Write", request, console_pb2.WriteResponse, left)
            except VserError as error:
                error.add_bytes_taken(total)
                raise
            total, tx_offset = total + reply.bytes_written, reply.tx_offset
            if not payload:
                return Written(total, tx_offset)

    def read(
        self,
        port: str,
        start: StartPoint = "oldest",
        *,
        until: EndPoint | None = None,
        follow: bool = False,
        max_bytes: int = 0,
        match: str = "",
        lines_before: int = 0,
        lines_after: int = 0,
        exact_times: bool = False,
    ) -> Iterator[LogItem]:
        """The log from `start` to its head or `until`; with `follow`, continues with new bytes. Does not
        reconnect; attach() does.

        match: only lines that match this regular expression of RE2, each as one Data, and that many lines before and after them.
        The server searches. Bytes between two Data did not match; lost bytes are a Gap.
        exact_times: end each Data where the receive time changes.
        """
        request = console_pb2.ReadRequest(port=port, follow=follow, max_bytes=max_bytes, match=match, lines_before=lines_before,
                                          lines_after=lines_after, exact_times=exact_times, batch_lines=bool(match))
        getattr(request, "from").CopyFrom(convert.start_point(start))
        if until is not None:
            request.until.CopyFrom(convert.end_point(until))
        with closing(self._connection.stream("ConsoleService/Read", request, console_pb2.ReadResponse)) as replies:
            for reply in replies:
                yield from map(convert.data_of, reply.lines.data)
                item = convert.log_item_of(reply)
                if item is not None:
                    yield item

    def wait_for(self, port: str, *patterns: str, start: StartPoint = "live", timeout: float = TIMEOUT_SECONDS) -> Found:
        """Searches the log from `start` on, on the server, and waits until a line matches one of the patterns.

        The patterns are regular expressions of RE2, and match within a line; a prompt is found when the port was silent for
        100 ms.
        Pass client.port(name).next_offset from before a command, or `next_offset` of the previous Found, so that nothing is
        missed in between. Needs no console. Raises WaitTimeout.
        """
        request = console_pb2.WaitForRequest(port=port, patterns=patterns, timeout=convert.duration_of(timeout))
        getattr(request, "from").CopyFrom(convert.start_point(start))
        reply = self._connection.call("ConsoleService/WaitFor", request, console_pb2.WaitForResponse, timeout + _REPLY_SECONDS)
        if reply.timed_out:
            raise WaitTimeout(port, timeout, reply.next_offset, reply.bytes_lost, reply.log_id)
        return convert.found_of(reply)

    def mark(self, port: str, start: StartPoint = "live") -> Mark:
        """A place in the port's log, now or at `start`, whose expect() searches on the server from one match to the next.

        It has no race: what arrives between two calls is searched by the second one.
        """
        return Mark(self, port, start)

    @overload
    def collect(self, *, start: StartPoint = "live") -> Iterator[Record]: ...
    @overload
    def collect(self, starts: dict[str, StartPoint]) -> Iterator[Record]: ...
    def collect(self, starts: dict[str, StartPoint] | None = None, *, start: StartPoint = "live") -> Iterator[Record]:
        """Many ports in one stream, for log collectors: the ports in `starts`, each from its start point, or all from `start`."""
        request = console_pb2.CollectRequest(all=starts is None)
        if starts is None:
            getattr(request, "from").CopyFrom(convert.start_point(start))
        for port, place in (starts or {}).items():
            source = request.sources.add(port=port)
            getattr(source, "from").CopyFrom(convert.start_point(place))
        with closing(self._connection.stream("ConsoleService/Collect", request, console_pb2.CollectResponse)) as replies:
            for reply in replies:
                yield from convert.records_of(reply)

    def attach(
        self,
        port: str,
        start: StartPoint = "live",
        *,
        mode: Mode = Mode.READ_WRITE,
        name: str = "",
        reconnect: bool = True,
        locate: Callable[[], Connection] | None = None,
    ) -> Console:
        """A console: bytes in both directions. It survives the loss of the connection. `name` is shown to other clients.
        `locate` is for Fleet.attach()."""
        convert.start_point(start)  # so that a ValueError is raised here, not in the console's thread
        options = ConsoleOptions(start=start, mode=mode, name=name, reconnect=reconnect, lease=self._lease_of(port))
        console = Console(self._connection, port, options, locate)
        self._consoles.add(console)
        try:
            console.wait_open()
        except BaseException:
            console.close()
            raise
        return console
