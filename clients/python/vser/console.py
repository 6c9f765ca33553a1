"""A console: bytes in both directions to one port, which survives the loss of the connection."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType

import grpc

from vser import convert
from vser.attempt import After, Attempt, ConsoleOptions
from vser.commands import Commands
from vser.connection import Connection
from vser.cursor import LogCursor
from vser.errors import UNEXPECTED, Unreachable, VserError, error_of, unexpected
from vser.expect import Expectations
from vser.items import ConsoleItem, Data, Disconnected, Event, Gap, LogRestarted, Reconnected, WriterChanged, cost_of, start_of
from vser.link import Link
from vser.outbox import Outbox
from vser.types import Mode, Port, StartPoint
from vser.v1 import console_service_pb2 as console_pb2
from vser.v1 import port_service_pb2 as port_pb2
from vser.v1 import types_pb2

_BACKOFF_MIN_SECONDS = 0.1
_BACKOFF_MAX_SECONDS = 2.0
_DRAIN_POLL_SECONDS = 0.005
_MOVE_SECONDS = 60.0  # a port that no bridge of the fleet has for so long is gone; a registration lives for 15 s
_RX_BYTES_MAX = 1 << 20  # received and not yet returned; at this limit the server waits
_FAILURES_MAX = 5  # after this many unexpected failures in a row the console ends
_MAY_PASS = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.RESOURCE_EXHAUSTED}


class Console(Commands, Expectations):
    """Iterate over it to receive items (Data, Gap, Event, and changes of the connection). Any thread may write to it.

    After a lost connection it reconnects and resumes at its offset, and reports Disconnected and Reconnected. Bytes that were
    sent and may not have arrived are not sent again.
    """

    def __init__(
        self, connection: Connection, port: str, options: ConsoleOptions, locate: Callable[[], Connection] | None = None
    ) -> None:
        self._link = Link(connection, locate)
        self._port_name = port
        self._options = options
        self._changed = threading.Condition()
        self._cursor = LogCursor()
        self._rx: deque[ConsoleItem] = deque()
        self._rx_bytes = 0
        self._tx = Outbox()
        self._tx_base = 0  # the port's tx offset when the connection was opened
        self._tx_sent = 0  # bytes passed to the connection since then
        self._writing = False
        self._attempt: Attempt | None = None
        self._attempts = 0
        self._port: Port | None = None
        self._taken_offset = 0
        self._connected = False
        self._closing = False
        self._ended = False
        self._error: VserError | None = None
        self._lost_at = time.monotonic()
        self._log_id = ""
        self._tx_recorded = False
        self._failures = 0  # unexpected failures in a row
        self._thread = threading.Thread(target=self._run, name=f"vser console {port}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Console:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __iter__(self) -> Iterator[ConsoleItem]:
        """Iterates until the console is closed; raises VserError if it ends for another reason."""
        while (item := self.next()) is not None:
            yield item

    @property
    def port(self) -> Port:
        """The port when the console was opened."""
        assert self._port is not None
        return self._port

    @property
    def tx_recorded(self) -> bool:
        """The server records what is sent to the device, passwords included, as it said at the last connection. A notice tells
        when that changes."""
        with self._changed:
            return self._tx_recorded

    @property
    def next_offset(self) -> int:
        """The offset after the last byte that the console has returned. Another console can resume there."""
        with self._changed:
            return self._taken_offset

    def wait_open(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._port is not None or self._ended)
            if self._error:
                raise self._error

    def next(self, timeout: float | None = None) -> ConsoleItem | None:
        """The next item; None if the console was closed or after `timeout` seconds."""
        return self.next_unless(lambda: False, timeout)

    def next_unless(self, stop: Callable[[], bool], timeout: float | None = None) -> ConsoleItem | None:
        """As next(), and stops waiting when `stop` returns True. Call wake() after a change of what `stop` returns."""
        with self._changed:
            self._changed.wait_for(lambda: self._rx or self._ended or stop(), timeout)
            if not self._rx:
                if self._error:
                    raise self._error
                return None
            item = self._rx.popleft()
            self._rx_bytes -= cost_of(item)
            if isinstance(item, (Data, Gap)):
                self._taken_offset = item.end
            elif isinstance(item, LogRestarted):
                self._taken_offset = item.offset
            self._changed.notify_all()
            return item

    def wake(self) -> None:
        """Makes next_unless() in other threads check `stop` again."""
        with self._changed:
            self._changed.notify_all()

    def write(self, data: bytes | str) -> None:
        """Sends bytes after everything written before. Waits while too many bytes are queued, also during an outage."""
        rest = memoryview(data.encode() if isinstance(data, str) else data)
        with self._changed:
            while rest:
                self._check_alive()
                taken = self._tx.add(rest)
                rest = rest[taken:]
                self._changed.notify_all()
                if not taken:
                    self._changed.wait()

    def drain(self, timeout: float) -> None:
        """Waits until the server has accepted all written bytes. Bytes of other writers count too, so it is exact only with
        Mode.EXCLUSIVE or if no other client writes."""
        deadline = time.monotonic() + timeout
        request = port_pb2.GetPortRequest(port=self._port_name)
        while True:
            with self._changed:
                sent = self._changed.wait_for(
                    lambda: self._ended or self._closing or (self._connected and not self._tx and not self._writing),
                    max(0.0, deadline - time.monotonic()),
                )
                self._check_alive()
                if sent and self._tx_sent == 0:
                    return
                wanted = self._tx_base + self._tx_sent
            if not sent or time.monotonic() >= deadline:
                raise VserError(grpc.StatusCode.DEADLINE_EXCEEDED, "not everything could be sent in time")
            with contextlib.suppress(Unreachable):  # the console reconnects, so wait for that
                reply = self._link.connection.call("PortService/GetPort", request, port_pb2.GetPortResponse)
                if reply.port.tx_offset >= wanted:
                    return
            time.sleep(_DRAIN_POLL_SECONDS)

    def close(self) -> None:
        """Ends the console and discards bytes that were written but not sent. Call drain() first to send them."""
        with self._changed:
            self._closing = True
            if self._attempt is not None and self._attempt.call is not None:
                self._attempt.call.cancel()
            self._changed.notify_all()
        self._link.close()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # Used by callers' threads

    def _check_alive(self) -> None:
        if self._error:
            raise self._error
        if self._ended or self._closing:
            raise VserError(grpc.StatusCode.CANCELLED, "the console is closed")

    def _put_back(self, items: list[Data | Gap | LogRestarted]) -> None:
        with self._changed:
            self._rx.extendleft(reversed(items))
            self._rx_bytes += sum(map(cost_of, items))
            self._taken_offset = start_of(items[0]) if items else self._taken_offset

    def _head(self) -> int:
        request = port_pb2.GetPortRequest(port=self._port_name)
        return self._link.connection.call("PortService/GetPort", request, port_pb2.GetPortResponse).port.next_offset

    def _command(self, command: console_pb2.AttachRequest) -> None:
        with self._changed:
            self._check_alive()
            if not self._tx.add_command(command):
                raise VserError(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many commands wait to be sent; wait for the connection")
            self._changed.notify_all()

    # gRPC's sending thread

    def _requests(self, attempt: Attempt) -> Iterator[console_pb2.AttachRequest]:
        """gRPC requests the next message when the last was sent. Bytes written meanwhile are sent together."""
        yield self._open_request(attempt)
        while True:
            with self._changed:
                self._writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: attempt.over or (attempt.opened and self._tx))
                if attempt.over:
                    return
                message, size = self._tx.take()
                self._tx_sent += size
                self._writing = True
                self._changed.notify_all()
            yield message

    def _open_request(self, attempt: Attempt) -> console_pb2.AttachRequest:
        options = self._options
        opening = console_pb2.Open(port=self._port_name, client=options.name, mode=f"MODE_{options.mode.name}",
                                  lease=options.lease)
        start: StartPoint = options.start if self._cursor.next_offset is None else self._cursor.next_offset
        getattr(opening, "from").CopyFrom(convert.start_point("oldest" if attempt.from_oldest else start))
        return console_pb2.AttachRequest(open=opening)

    # The console's own thread

    def _run(self) -> None:
        """Ends the console even after an unexpected failure, so that next() never waits for a thread that has ended."""
        try:
            self._run_connections()
        except BaseException as failure:
            self._error = self._error or unexpected(failure)
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()
            self._link.close()

    def _run_connections(self) -> None:
        after = self._run_connection(Attempt(from_oldest=False))
        while after is not After.END and not self._closing:
            if after is After.RETRY and not (self._wait_backoff() and self._link.reconnect()):
                continue
            after = self._run_connection(Attempt(from_oldest=after is After.RESTART_LOG))

    def _run_connection(self, attempt: Attempt) -> After:
        error: VserError | None = None
        try:
            self._run_call(attempt)
        except grpc.RpcError as failure:
            error = error_of(failure)
        except Exception as failure:
            error = unexpected(failure)
        finally:
            if attempt.call is not None:
                attempt.call.cancel()
            with self._changed:
                attempt.over = True
                self._attempt = None
                self._writing = False
                self._changed.notify_all()
        return self._what_next(attempt, error)

    def _run_call(self, attempt: Attempt) -> None:
        with self._changed:
            if self._closing:
                return
            self._attempt = attempt
            self._writing = False
            attempt.call = self._link.connection.attach(self._requests(attempt))
        for message in attempt.call:
            if not self._receive(attempt, message):
                break

    def _receive(self, attempt: Attempt, message: console_pb2.AttachResponse) -> bool:
        """Returns False if this connection is not usable."""
        if message.HasField("opened"):
            return self._opened(attempt, message.opened)
        item = convert.log_item_of(message)
        if item is not None:
            if isinstance(item, Event) and isinstance(item.what, WriterChanged):
                with self._changed:  # the port will never accept these bytes, so drain() must not wait for them
                    self._tx_sent = max(0, self._tx_sent - item.what.refused_bytes)
            for fresh in self._cursor.accept(item):
                self._deliver(fresh)
        return not self._closing

    def _opened(self, attempt: Attempt, message: types_pb2.Opened) -> bool:
        port = convert.port_of(message.port)
        expected = self._cursor.next_offset
        same_log = self._port is None or port.log_id == self._log_id
        if not same_log and not attempt.from_oldest:
            attempt.log_is_other = True
            return False
        if self._port is not None:
            taken = max(0, port.tx_offset - self._tx_base)
            lost = max(0, self._tx_sent - taken) if same_log else None
            outage = time.monotonic() - self._lost_at
            self._deliver(Reconnected(message.offset, self._attempts, outage, lost))
        else:
            self._taken_offset = message.offset
        if attempt.from_oldest:
            self._deliver(LogRestarted(expected or 0, message.offset))
            self._cursor.restart(message.offset)
        else:
            self._cursor.resume(message.offset)
        with self._changed:
            self._port = self._port or port
            self._connected = attempt.opened = True
            self._log_id = port.log_id
            self._tx_recorded = message.tx_recorded
            self._attempts = 0
            self._tx_base, self._tx_sent = port.tx_offset, 0
            self._changed.notify_all()
        return True

    def _deliver(self, item: ConsoleItem) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._rx_bytes < _RX_BYTES_MAX or self._closing)
            self._rx.append(item)
            self._rx_bytes += cost_of(item)
            self._changed.notify_all()

    def _what_next(self, attempt: Attempt, error: VserError | None) -> After:
        with self._changed:
            self._connected = False
            if self._closing:
                return After.END
            if attempt.log_is_other:
                return After.RESTART_LOG
            opened_once = self._port is not None
            code = error.code if error else grpc.StatusCode.UNAVAILABLE
            self._failures = self._failures + 1 if error and error.reason == UNEXPECTED else 0
            if opened_once and not attempt.opened and code is grpc.StatusCode.OUT_OF_RANGE:
                return After.RESTART_LOG
            # Our old connection still holds the port until the server detects that it is dead.
            waits_for_itself = self._options.mode is Mode.EXCLUSIVE and not self._options.lease
            held = waits_for_itself and not attempt.opened and code is grpc.StatusCode.FAILED_PRECONDITION
            outage = error or VserError(grpc.StatusCode.UNAVAILABLE, "the server ended the stream")
            moves = code is grpc.StatusCode.NOT_FOUND and self._may_move(attempt)
            passes = code in _MAY_PASS or held or moves or 0 < self._failures < _FAILURES_MAX
            if not (opened_once and self._options.reconnect and passes):
                self._error = outage
                return After.END
        if attempt.opened:
            self._lost_at = time.monotonic()
            self._deliver(Disconnected(outage))
        return After.RETRY

    def _may_move(self, attempt: Attempt) -> bool:
        """The port may be on its way to another bridge of the fleet."""
        return self._link.follows and (attempt.opened or time.monotonic() - self._lost_at < _MOVE_SECONDS)

    def _wait_backoff(self) -> bool:
        limit = min(_BACKOFF_MIN_SECONDS * 2 ** min(self._attempts, 20), _BACKOFF_MAX_SECONDS)
        self._attempts += 1
        with self._changed:
            # Random, so that not all clients connect to a restarted server at the same time.
            return not self._changed.wait_for(lambda: self._closing, random.uniform(0.75 * limit, limit))
