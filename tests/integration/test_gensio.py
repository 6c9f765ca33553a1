"""gensio, ser2net's own library, as an RFC 2217 client of vserd, with ser2net's answers beside vserd's on the same kind of device."""
import dataclasses
import os
import pty
import socket
import subprocess
import tty

import gensio
import pytest
from restarts import port_table, until
from tcp_clients import echo, listener, serve
from vserd_process import PATIENCE_SECONDS

import vser

NO_ANSWER, INVALID = "no answer", "invalid"
NONE, XON_XOFF, RTS_CTS, DTR_FLOW = 1, 2, 3, 5
ON, OFF = 1, 2
ODD, EVEN, MARK, SPACE = 2, 3, 4, 5
QUERY = 0

PTY_FORMAT = "the kernel keeps a pty at 8 bits without parity; ser2net answers with what was requested, vserd with what is in force"
PTY_LINES = "a pty has no modem lines; ser2net does not answer, and vserd answers as if the request was carried out: clients wait for it"
PTY_QUERY = "a pty has no modem lines; ser2net answers with 0, which RFC 2217 does not define, vserd with what was requested last or ON"
BREAK = "ser2net answers every request about the break with ON"
INBOUND = "while XON/XOFF is set ser2net answers that inbound flow control is RTS/CTS"


@dataclasses.dataclass
class Call:
    """A setting that gensio sets or queries and the answer that vserd gives on a simulated device, which can do everything. On a pty
    vserd and ser2net give the same answer, except if there is a reason why they differ."""

    name: str
    value: int
    answer: object
    ser2net: object = None
    why: str = ""
    vserd_on_pty: object = None

    def on_pty(self):
        """What ser2net and vserd answer there."""
        return (self.ser2net, self.vserd_on_pty or self.answer) if self.why else (self.answer, self.answer)


# On one connection, in this order.
CALLS = [
    Call("baud", QUERY, 115200),
    Call("datasize", QUERY, 8),
    Call("parity", QUERY, NONE),
    Call("stopbits", QUERY, 1),
    Call("flowcontrol", QUERY, NONE),
    Call("iflowcontrol", QUERY, NONE),
    Call("sbreak", QUERY, OFF, ON, BREAK),
    Call("dtr", QUERY, ON, 0, PTY_QUERY),
    Call("rts", QUERY, ON, 0, PTY_QUERY),
    Call("baud", 9600, 9600),
    Call("baud", QUERY, 9600),
    Call("baud", 12345, 12345),
    Call("baud", 4_000_000, 4_000_000),
    Call("datasize", 7, 7, 7, PTY_FORMAT, 8),
    Call("datasize", 5, 5, 5, PTY_FORMAT, 8),
    Call("datasize", 8, 8),
    Call("datasize", 9, INVALID),
    Call("parity", EVEN, EVEN, EVEN, PTY_FORMAT, NONE),
    Call("parity", ODD, ODD, ODD, PTY_FORMAT, NONE),
    Call("parity", MARK, MARK, MARK, PTY_FORMAT, NONE),
    Call("parity", SPACE, SPACE, SPACE, PTY_FORMAT, NONE),
    Call("parity", NONE, NONE),
    Call("stopbits", 2, 2),
    Call("stopbits", 1, 1),
    Call("flowcontrol", RTS_CTS, RTS_CTS),
    Call("flowcontrol", QUERY, RTS_CTS),
    Call("flowcontrol", XON_XOFF, XON_XOFF),
    Call("iflowcontrol", QUERY, XON_XOFF, RTS_CTS, INBOUND),
    Call("iflowcontrol", DTR_FLOW, XON_XOFF, RTS_CTS, INBOUND),
    Call("flowcontrol", NONE, NONE),
    Call("dtr", OFF, OFF, NO_ANSWER, PTY_LINES),
    Call("dtr", QUERY, OFF, 0, PTY_QUERY),
    Call("dtr", ON, ON, NO_ANSWER, PTY_LINES),
    Call("rts", OFF, OFF, NO_ANSWER, PTY_LINES),
    Call("rts", QUERY, OFF, 0, PTY_QUERY),
    Call("sbreak", ON, ON),
    Call("sbreak", QUERY, ON),
    Call("sbreak", OFF, OFF, ON, BREAK),
    Call("sbreak", QUERY, OFF, ON, BREAK),
]


class Log:
    def gensio_log(self, level, text):
        print(level, text)


SELECTOR = gensio.alloc_gensio_selector(Log())  # gensio allows one in a process


class Handler:
    """What gensio reports about one connection."""

    def __init__(self):
        self.received, self.to_write = b"", b""
        self.modem_states, self.line_states = [], []
        self._news = gensio.waiter(SELECTOR)

    def read_callback(self, _io, error, data, _auxiliary):
        if error:
            return 0
        self.received += data
        self._news.wake()
        return len(data)

    def write_callback(self, io):
        self.to_write = self.to_write[io.write(self.to_write, None):] if self.to_write else b""
        if not self.to_write:
            io.write_cb_enable(False)
            self._news.wake()

    def modemstate(self, _io, state):
        self.modem_states.append(state)
        self._news.wake()

    def linestate(self, _io, state):
        self.line_states.append(state)
        self._news.wake()

    def wait_for(self, condition):
        def happened():
            self._news.wait_timeout(1, 100)
            return condition()
        until(lambda: condition() or happened())


class Client:
    """gensio, connected to an RFC 2217 server. It retries until the server listens."""

    def __init__(self, host, port):
        self.handler = Handler()
        until(lambda: self._open(f"telnet(rfc2217),tcp,{host},{port}"))
        self.serial = self.io.cast_to_sergensio()

    def _open(self, address):
        self.io = gensio.gensio(SELECTOR, address, self.handler)
        try:
            self.io.open_s()
        except Exception:  # gensio raises no other
            return False
        self.io.read_cb_enable(True)
        return True

    def call(self, name, value):
        try:
            return getattr(self.serial, f"sg_{name}_s")(value)
        except Exception as error:
            return NO_ANSWER if "timed out" in str(error) else INVALID if "Invalid data" in str(error) else str(error)

    def answers(self):
        return [self.call(call.name, call.value) for call in CALLS]

    def write(self, data):
        self.handler.to_write = data
        self.io.write_cb_enable(True)
        self.handler.wait_for(lambda: not self.handler.to_write)

    def close(self):
        self.io.close_s()


@pytest.fixture
def connect():
    clients = []

    def begin(address):
        clients.append(Client(*address))
        return clients[-1]

    yield begin
    for client in clients:
        client.close()


@pytest.fixture
def terminal():
    """Makes ptys and returns the paths of their ends."""
    masters = []

    def make():
        master, slave = pty.openpty()
        tty.setraw(slave)
        masters.append(master)
        path = os.ttyname(slave)
        os.close(slave)
        return path

    yield make
    for master in masters:
        os.close(master)


@pytest.fixture
def ser2net(tmp_path):
    """Starts Debian's ser2net on a device and returns its address."""
    started = []

    def begin(device):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        config = tmp_path / "ser2net.yaml"
        config.write_text(f"connection: &line\n  accepter: telnet(rfc2217),tcp,127.0.0.1,{port}\n  connector: serialdev,{device},115200n81,local\n")
        started.append(subprocess.Popen(["ser2net", "-n", "-u", "-c", config], stderr=subprocess.DEVNULL))
        return "127.0.0.1", port

    yield begin
    for process in started:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def test_on_a_device_that_can_do_everything_each_request_is_answered_with_what_is_in_force(serve, connect):
    client = connect(serve(echo(listener("rfc2217"), device="sim:echo")).address("rfc2217"))

    assert client.answers() == [call.answer for call in CALLS]


def test_on_a_pty_the_answers_are_those_of_ser2net_except_for_the_differences_in_the_table(serve, connect, ser2net, terminal):
    vserds = connect(serve(port_table("line", terminal()) + listener("rfc2217")).address("rfc2217")).answers()
    ser2nets = connect(ser2net(terminal())).answers()

    got = [(call.name, call.value, *answers) for call, *answers in zip(CALLS, ser2nets, vserds, strict=True)]
    assert got == [(call.name, call.value, *call.on_pty()) for call in CALLS]


def test_requests_reach_the_port(serve, connect):
    served = serve(echo(listener("rfc2217"), device="sim:echo"))
    client = connect(served.address("rfc2217"))

    for name, value in (("baud", 19200), ("datasize", 7), ("parity", EVEN), ("stopbits", 2), ("flowcontrol", XON_XOFF), ("dtr", OFF), ("rts", OFF)):
        client.call(name, value)

    with served.client() as vserd:
        assert (vserd.baud("echo"), str(vserd.format("echo"))) == (19200, "7E2/xonxoff")
        assert (vserd.signals("echo").dtr, vserd.signals("echo").rts) == (False, False)


def test_a_break_reaches_the_port_and_comes_back_as_line_state(serve, connect):
    served = serve(echo(listener("rfc2217")))
    client = connect(served.address("rfc2217"))
    client.serial.sg_linestate(gensio.SERGENSIO_LINESTATE_BREAK)

    client.call("sbreak", ON)
    client.call("sbreak", OFF)

    client.handler.wait_for(lambda: gensio.SERGENSIO_LINESTATE_BREAK in client.handler.line_states)
    with served.client() as vserd:
        assert [item for item in vserd.read("echo") if isinstance(item, vser.Event) and isinstance(item.what, vser.BreakSent)]


def test_changes_of_the_modem_lines_are_notified(serve, connect):
    served = serve(echo(listener("rfc2217")))
    client = connect(served.address("rfc2217"))
    lines = gensio.SERGENSIO_MODEMSTATE_CTS | gensio.SERGENSIO_MODEMSTATE_DSR | gensio.SERGENSIO_MODEMSTATE_CD
    client.serial.sg_modemstate(0xff)
    client.handler.wait_for(lambda: client.handler.modem_states[-1:] and client.handler.modem_states[-1] & lines == lines)

    with served.client() as vserd:
        vserd.set_signals("echo", rts=False)

    cts_fell = gensio.SERGENSIO_MODEMSTATE_CTS_CHANGED | (lines & ~gensio.SERGENSIO_MODEMSTATE_CTS)
    client.handler.wait_for(lambda: cts_fell in client.handler.modem_states)


def test_every_byte_passes_both_ways(serve, connect):
    client = connect(serve(echo(listener("rfc2217"))).address("rfc2217"))
    data = bytes(range(256)) * 16

    client.write(data)
    client.handler.wait_for(lambda: len(client.handler.received) >= len(data))

    assert client.handler.received == data


def test_a_purge_discards_what_the_port_has_not_sent(serve, connect):
    served = serve(echo(listener("rfc2217"), device="sim:echo", more="baud = 300"))
    client = connect(served.address("rfc2217"))
    client.write(bytes(40000))  # the device takes about 12 kB of it at once
    with served.client() as vserd:
        until(lambda: vserd.port("echo").tx_offset == 40000)

        client.serial.sg_flush(gensio.SERGENSIO_FLUSH_XMIT_BUFFER)
        client.call("baud", QUERY)  # gensio sends only while it waits for something

        def discarded():
            return [item.what.bytes for item in vserd.read("echo")
                    if isinstance(item, vser.Event) and isinstance(item.what, vser.Flushed)]

        until(discarded)
        assert len(discarded()) == 1 and discarded()[0] > 20000


def test_gensiot_can_use_it(serve):
    host, port = serve(echo(listener("rfc2217"))).address("rfc2217")
    program = subprocess.Popen(["gensiot", "-i", "stdio(self)", f"telnet(rfc2217),tcp,{host},{port}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    data = bytes(range(256))

    program.stdin.write(data)
    program.stdin.flush()
    assert program.stdout.read(len(data)) == data

    program.stdin.close()
    assert program.wait(PATIENCE_SECONDS) == 0
    program.stdout.close()
