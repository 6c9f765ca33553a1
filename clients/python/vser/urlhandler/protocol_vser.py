"""pyserial's Serial for vser:// URLs. pyserial finds this module by its name."""

from __future__ import annotations

import errno
import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import grpc
from serial.serialutil import (
    PortNotOpenError,
    SerialBase,
    SerialException,
    SerialTimeoutException,
    Timeout,
    to_bytes,
)

from vser.client import Client, connect
from vser.console import Console
from vser.errors import VserError
from vser.types import FlowControl, Format, Mode, Parity, Port, Signals, StopBits
from vser.urlhandler.lines import ExclusiveLine, Line, SharedLine
from vser.urlhandler.receiver import Receiver
from vser.urlhandler.url import Target, parse

_PIECE_BYTES = 64 * 1024
_NON_BLOCKING_SECONDS = 0.5  # for a call to the server
_POLL_SECONDS = 0.005
_BREAK_SECONDS_MIN, _BREAK_SECONDS_MAX = 0.001, 5.0
_PARITIES = {"N": Parity.NONE, "O": Parity.ODD, "E": Parity.EVEN, "M": Parity.MARK, "S": Parity.SPACE}
_STOP_BITS = {1: StopBits.ONE, 1.5: StopBits.ONE_AND_HALF, 2: StopBits.TWO}


class Serial(SerialBase):  # type: ignore[misc]  # mypy does not read pyserial
    """A port of a vserd. Other clients may use the port at the same time, unless it was opened with `exclusive`.

    open() sets speed, format, DTR and RTS, as for a local device; with the option `keep` it takes over the port's settings.
    """

    is_open: bool
    _baudrate: int
    _bytesize: int
    _parity: str
    _stopbits: float
    _exclusive: bool | None
    _client: Client
    _console: Console
    _line: Line
    _receiver: Receiver
    _target: Target

    def open(self) -> None:
        if self._port is None:
            raise SerialException("Port must be configured before it can be used.")
        if self.is_open:
            raise SerialException("Port is already open.")
        try:
            self._target = parse(self._port)
        except ValueError as error:
            raise SerialException(str(error)) from error
        self._write_cancelled = threading.Event()
        self._break_began: float | None = None
        self._written_to = 0  # the port's tx offset after our last byte
        with _errors_of_pyserial():
            self._client = connect(self._target.address, tls=self._target.tls, token_file=self._target.token_file)
            try:
                self._attach(self._client.port(self._target.port))
            except BaseException:
                self._client.close()
                raise
        self.is_open = True

    def _attach(self, port: Port) -> None:
        """Reads from where the log is now, so that what the device sends when DTR changes is not missed."""
        exclusive = self._target.exclusive or bool(self._exclusive)
        start = port.next_offset if self._target.start == "live" else self._target.start
        self._line = SharedLine(self._client, self._target.port)
        if self._target.keep:
            self._take_over(port)
        else:
            self._apply_all(port)
        mode = Mode.EXCLUSIVE if exclusive else Mode.READ_WRITE
        self._console = self._client.attach(self._target.port, start, mode=mode, name=self._target.name)
        self._receiver = Receiver(self._console)
        if exclusive:
            self._line = ExclusiveLine(self._client, self._console, self._target.port)

    def _take_over(self, port: Port) -> None:
        names = {parity: letter for letter, parity in _PARITIES.items()}
        bits = {stop: number for number, stop in _STOP_BITS.items()}
        self._baudrate = port.baud or self._baudrate
        self._bytesize = port.format.data_bits or self._bytesize
        self._parity = names.get(port.format.parity, self._parity)
        self._stopbits = bits.get(port.format.stop_bits, self._stopbits)
        self._rtscts = port.format.flow_control is FlowControl.RTS_CTS
        self._xonxoff = port.format.flow_control is FlowControl.XON_XOFF
        if port.signals is not None:
            self._dtr_state, self._rts_state = port.signals.dtr, port.signals.rts
        self._in_force = (self._baudrate, self._format(), bool(self._exclusive))

    def _apply_all(self, port: Port) -> None:
        """Skips what the device does not have, as pyserial does for local devices."""
        can = port.capabilities
        if can is None or can.baud:
            self._line.set_baud(self._baudrate)
        if can is None or can.format:
            self._line.set_format(self._format())
        if can is None or can.modem_signals:
            self._line.set_signals(dtr=bool(self._dtr_state), rts=None if self._rtscts else bool(self._rts_state))
        self._in_force = (self._baudrate, self._format(), bool(self._exclusive))

    def close(self) -> None:
        if not self.is_open:
            return
        self.is_open = False
        with suppress(SerialException):  # the connection may be lost
            self._end_break()
        self._client.close()

    def fileno(self) -> int:
        """There is none. With ENOTTY esptool tries its resets that need no descriptor; without an errno it gives up."""
        raise io.UnsupportedOperation(errno.ENOTTY, "a vser:// port has no file descriptor")

    # Settings

    def _format(self) -> Format:
        if self._xonxoff and self._rtscts:
            raise ValueError("vserd has one kind of flow control at a time: set xonxoff or rtscts")
        if self._rs485_mode is not None:
            raise ValueError("vserd does not support RS-485 mode")
        flow = FlowControl.XON_XOFF if self._xonxoff else FlowControl.RTS_CTS if self._rtscts else FlowControl.NONE
        return Format(self._bytesize, _PARITIES[self._parity], _STOP_BITS[self._stopbits], flow)

    def _reconfigure_port(self) -> None:
        """SerialBase calls this after any change, also of a timeout."""
        old_baud, old_format, old_exclusive = self._in_force
        if bool(self._exclusive) != old_exclusive:
            self._exclusive = old_exclusive
            raise ValueError("exclusive access cannot change while the port is open")
        wanted = self._format()
        with _errors_of_pyserial():
            if self._baudrate != old_baud:
                self._line.set_baud(self._baudrate)
            if wanted != old_format:
                self._line.set_format(wanted)
        self._in_force = (self._baudrate, wanted, old_exclusive)

    # Bytes

    @property
    def in_waiting(self) -> int:
        self._check_open()
        with _errors_of_pyserial():
            return self._receiver.available()

    @property
    def out_waiting(self) -> int:
        return self._port_now().stats.tx_queue_bytes

    def read(self, size: int = 1) -> bytes:
        """At most `size` bytes; fewer after the timeout. Raises SerialException where the server no longer has received bytes."""
        self._check_open()
        with _errors_of_pyserial():
            return self._receiver.read(size, self._timeout, self._inter_byte_timeout)

    def write(self, data: Any) -> int:
        """Returns when the port's queue has accepted all bytes. With a write_timeout: when the device has taken them.
        The bytes that a write has queued stay queued after SerialTimeoutException and cancel_write()."""
        self._check_open()
        payload = to_bytes(data)
        timeout = Timeout(self._write_timeout)
        sent = 0
        with _errors_of_pyserial():
            while sent < len(payload) and not self._write_cancelled.is_set():
                sent += self._write_piece(payload[sent : sent + _PIECE_BYTES], timeout)
                if timeout.is_non_blocking:
                    break
            if sent and not timeout.is_infinite and not timeout.is_non_blocking:
                self._written_to = self._port_now().tx_offset
                self._wait_taken(timeout)
        self._write_cancelled.clear()
        return sent

    def _write_piece(self, piece: bytes, timeout: Timeout) -> int:
        if timeout.expired() and not timeout.is_non_blocking:
            raise SerialTimeoutException("Write timeout")
        try:
            return self._line.write(piece, _NON_BLOCKING_SECONDS if timeout.is_non_blocking else timeout.time_left())
        except VserError as error:
            if error.code is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise SerialTimeoutException("Write timeout") from error
            raise

    def _wait_taken(self, timeout: Timeout) -> None:
        """Waits until the device has taken our bytes, that is, until they have left the port's queue."""
        while not self._write_cancelled.is_set():
            port = self._port_now()
            if port.tx_offset - port.stats.tx_queue_bytes >= self._written_to:
                return
            if timeout.expired():
                raise SerialTimeoutException("Write timeout")
            self._write_cancelled.wait(_POLL_SECONDS)

    def flush(self) -> None:
        """Waits until the device has taken everything that was written, by other clients too."""
        self._written_to = self._port_now().tx_offset
        with _errors_of_pyserial():
            self._wait_taken(Timeout(None))

    def reset_input_buffer(self) -> None:
        """Discards what this program has not read yet. The port's log and other clients keep it."""
        offset = self._port_now().next_offset
        with _errors_of_pyserial():
            self._receiver.discard_before(offset)

    def reset_output_buffer(self) -> None:
        """Discards the bytes in the port's queue, those of other clients too."""
        self._check_open()
        with _errors_of_pyserial():
            self._line.discard_output()

    def cancel_read(self) -> None:
        """Ends the read() of another thread, or the next one."""
        if self.is_open:
            self._receiver.cancel()

    def cancel_write(self) -> None:
        """Ends the write() of another thread, or the next one. It takes some seconds if the port's queue is full, and does not
        end a write() with exclusive access."""
        if self.is_open:
            self._write_cancelled.set()

    # Break and modem lines

    def send_break(self, duration: float = 0.25) -> None:
        self._check_open()
        with _errors_of_pyserial():
            self._line.send_break(min(max(duration, _BREAK_SECONDS_MIN), _BREAK_SECONDS_MAX))

    def _update_break_state(self) -> None:
        """A port takes breaks of a known duration, so the break is sent when it ends, as over RFC 2217."""
        self._check_open()
        if not self._break_state:
            self._end_break()
        elif self._break_began is None:
            self._break_began = time.monotonic()

    def _end_break(self) -> None:
        began, self._break_began = self._break_began, None
        if began is not None:
            with _errors_of_pyserial():
                lasted = time.monotonic() - began
                self._line.send_break(min(max(lasted, _BREAK_SECONDS_MIN), _BREAK_SECONDS_MAX))

    def _update_rts_state(self) -> None:
        with _errors_of_pyserial():
            self._line.set_signals(rts=bool(self._rts_state))

    def _update_dtr_state(self) -> None:
        with _errors_of_pyserial():
            self._line.set_signals(dtr=bool(self._dtr_state))

    @property
    def cts(self) -> bool:
        return self._signals_now().cts

    @property
    def dsr(self) -> bool:
        return self._signals_now().dsr

    @property
    def ri(self) -> bool:
        return self._signals_now().ri

    @property
    def cd(self) -> bool:
        return self._signals_now().dcd

    # What the server knows now

    def _port_now(self) -> Port:
        self._check_open()
        with _errors_of_pyserial():
            return self._client.port(self._target.port)

    def _signals_now(self) -> Signals:
        self._check_open()
        with _errors_of_pyserial():
            return self._client.signals(self._target.port)

    def _check_open(self) -> None:
        if not self.is_open:
            raise PortNotOpenError


@contextmanager
def _errors_of_pyserial() -> Iterator[None]:
    try:
        yield
    except VserError as error:
        raise SerialException(str(error)) from error
