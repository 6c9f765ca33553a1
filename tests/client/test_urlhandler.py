"""pyserial on vser:// URLs. tests/integration/test_pyserial.py runs pyserial's own suite."""
import errno
import os
import pty
import subprocess
import sys
import threading
import time
import tty

import pytest
import serial
from conftest import Relay
from vserd_process import PATIENCE_SECONDS, Daemon

import vser
import vser.urlhandler
from vser.urlhandler.receiver import Receiver
from vser.urlhandler.url import parse


@pytest.fixture
def opened(daemon):
    """Opens ports by the end of their URL, and closes them."""
    ports = []

    def open_(rest, **settings):
        ports.append(serial.serial_for_url(f"vser://{daemon.address}/{rest}", **{"timeout": PATIENCE_SECONDS, **settings}))
        return ports[-1]

    yield open_
    for port in ports:
        port.close()


def test_bytes_go_out_and_come_back(opened):
    port = opened("echo")

    assert port.write(b"hello\n\x00\xff") == 8
    assert port.read(8) == b"hello\n\x00\xff"
    port.write(bytearray(200_000))
    assert port.read(200_000) == bytes(200_000)
    port.flush()
    assert port.out_waiting == 0


def test_reading_ends_with_its_timeout(opened):
    port = opened("echo", timeout=0.1)
    port.write(b"ab")
    assert port.read(2) == b"ab"

    assert port.read(1) == b""
    port.timeout = 0
    assert port.read(1) == b""


def test_reading_ends_when_no_further_byte_comes(opened):
    port = opened("echo", inter_byte_timeout=0.2)
    port.write(b"abc")

    assert port.read(100) == b"abc"


def test_a_line_is_read(opened):
    port = opened("echo")
    port.write(b"one\ntwo\n")

    assert port.readline() == b"one\n"
    assert port.read_until(b"\n") == b"two\n"


def test_in_waiting_counts_what_has_arrived_and_a_reset_discards_it(opened):
    port = opened("echo")
    port.write(b"12345")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while port.in_waiting < 5:
        assert time.monotonic() < deadline
    port.write(b"678")
    with vser.connect(port.port[len("vser://"):].partition("/")[0]) as client:
        while client.port("echo").next_offset < client.port("echo").tx_offset:
            assert time.monotonic() < deadline

    port.reset_input_buffer()

    assert port.in_waiting == 0
    port.write(b"9")
    assert port.read(1) == b"9"


def test_settings_reach_the_port(opened, client):
    port = opened("echo", baudrate=19200, bytesize=7, parity="E", stopbits=2)
    assert (client.baud("echo"), str(client.format("echo"))) == (19200, "7E2")

    port.baudrate = 31250
    port.rtscts = True
    port.parity, port.stopbits, port.bytesize = "N", 1, 8

    assert (client.baud("echo"), str(client.format("echo"))) == (31250, "8N1/rtscts")
    with pytest.raises(ValueError, match="exclusive access"):
        port.exclusive = True
    with pytest.raises(ValueError, match="one kind of flow control"):
        port.xonxoff = True


def test_keep_takes_over_the_settings_of_the_port(opened, client):
    client.set_baud("echo", 4800)
    client.set_format("echo", "7O1/none")
    client.set_signals("echo", dtr=False, rts=True)

    port = opened("echo?keep")

    assert (port.baudrate, port.bytesize, port.parity, port.stopbits, port.rtscts) == (4800, 7, "O", 1, False)
    assert (port.dtr, port.rts) == (False, True)
    assert client.signals("echo").dtr is False
    port.timeout = 1
    assert (client.baud("echo"), str(client.format("echo"))) == (4800, "7O1")
    port.bytesize = 8
    assert str(client.format("echo")) == "8O1"


def test_modem_lines_are_set_and_read(opened):
    port = opened("echo")
    for state in (False, True):
        port.rts = port.dtr = state
        assert (port.cts, port.dsr) == (state, state)
    assert port.ri is False
    assert isinstance(port.cd, bool)


def test_a_break_is_sent_when_it_ends(opened, client):
    port = opened("echo")
    with client.attach("echo") as console:
        port.send_break(0.01)
        port.break_condition = True
        port.break_condition = False
        breaks = 0
        while breaks < 2:
            item = console.next(PATIENCE_SECONDS)
            assert item is not None
            breaks += isinstance(item, vser.Event) and isinstance(item.what, vser.BreakSent)


def test_another_thread_ends_a_read(opened):
    port = opened("echo", timeout=None)
    read = []
    reading = threading.Thread(target=lambda: read.append(port.read(10)))
    reading.start()
    port.write(b"x")
    port.cancel_read()
    reading.join(PATIENCE_SECONDS)

    assert read in ([b"x"], [b""])


def test_a_write_that_a_slow_port_does_not_accept_in_time_raises(opened):
    port = opened("slow", baudrate=300, write_timeout=0.5)
    with pytest.raises(serial.SerialTimeoutException):
        port.write(bytes(1_000_000))
    port.reset_output_buffer()
    assert port.out_waiting == 0


def test_another_thread_ends_a_write(opened):
    port = opened("slow", baudrate=300)
    written = []
    writing = threading.Thread(target=lambda: written.append(port.write(bytes(1_000_000))))
    writing.start()
    port.cancel_write()
    writing.join(PATIENCE_SECONDS)

    assert written
    assert written[0] < 1_000_000
    port.reset_output_buffer()


def test_exclusive_access_keeps_others_from_writing(opened, client):
    port = opened("echo?exclusive&name=flasher", baudrate=9600)
    with pytest.raises(vser.VserError) as caught:
        client.write("echo", b"x")
    assert caught.value.metadata["holder"] == "flasher"
    with pytest.raises(serial.SerialException, match="flasher"):
        opened("echo")

    port.write(b"mine")
    port.baudrate = 57600
    port.write(b"!")
    assert port.read(5) == b"mine!"
    assert client.baud("echo") == 57600
    for state in (False, True):
        port.rts = port.dtr = state
        assert (port.cts, port.dsr) == (state, state)
    port.send_break(0.001)
    port.flush()


def test_settings_of_exclusive_access_are_those_of_pyserial_too(opened, client):
    opened("echo", exclusive=True)
    with pytest.raises(vser.VserError, match="pyserial"):
        client.write("echo", b"x")


def test_reading_goes_through_a_lost_connection(daemon, client):
    relay = Relay(daemon.address)
    with serial.serial_for_url(f"vser://{relay.address}/echo", timeout=PATIENCE_SECONDS) as port:
        port.write(b"a")
        assert port.read(1) == b"a"
        relay.cut()
        client.write("echo", b"b")

        assert port.read(1) == b"b"
    relay.close()


class Scripted:
    """A console that returns these items."""

    def __init__(self, *items):
        self.items, self.meanwhile = list(items), lambda: None

    def next_unless(self, stop, timeout):
        item = None if stop() or not self.items else self.items.pop(0)
        self.meanwhile()  # in another thread, before the receiver has the item
        return item

    def wake(self):
        pass


@pytest.mark.parametrize(("lost", "says"), [
    (vser.Gap(2, 5), "3 received bytes"),
    (vser.LogRestarted(2, 0), "new log"),
    (vser.Reconnected(2, 1, 0.1, tx_bytes_lost=7), "7 written bytes"),
])
def test_a_loss_raises_once_between_the_bytes_around_it(lost, says):
    receiver = Receiver(Scripted(vser.Data(0, b"ab", 0), lost, vser.Data(5, b"cd", 0)))

    assert receiver.read(10, 1, None) == b"ab"
    with pytest.raises(serial.SerialException, match=says):
        receiver.available()
    assert receiver.available() == 2
    assert receiver.read(10, 1, None) == b"cd"


def test_bytes_before_an_offset_are_discarded_wherever_they_are():
    receiver = Receiver(Scripted(vser.Data(0, b"abcd", 0), vser.Data(4, b"ef", 0), vser.Data(6, b"gh", 0)))
    assert receiver.read(1, 1, None) == b"a"

    receiver.discard_before(3)
    assert receiver.read(1, 1, None) == b"d"
    receiver.discard_before(7)
    assert receiver.read(10, 1, None) == b"h"


def test_bytes_are_discarded_while_another_thread_reads():
    console = Scripted(vser.Data(0, b"abcd", 0), vser.Data(4, b"ef", 0), vser.Data(6, b"gh", 0))
    receiver = Receiver(console)
    assert receiver.read(1, 1, None) == b"a"

    console.meanwhile = lambda: receiver.discard_before(6)
    assert receiver.read(4, 1, None) == b"gh"


@pytest.mark.parametrize("lost", [vser.Gap(2, 5), vser.LogRestarted(2, 0)])
def test_bytes_before_a_loss_are_discarded_too(lost):
    receiver = Receiver(Scripted(vser.Data(0, b"ab", 0), lost))
    assert receiver.available() == 2
    receiver.discard_before(5)
    assert receiver.read(10, 1, None) == b""


def test_a_cancelled_read_returns_what_there_is_once():
    receiver = Receiver(Scripted(vser.Data(0, b"ab", 0)))
    receiver.cancel()

    assert receiver.read(10, 1, None) == b""
    assert receiver.read(10, 1, None) == b"ab"


@pytest.fixture
def terminal(tmp_path):
    """The URL of a port on a pty, which has no modem lines and no break, and the descriptor of its other side."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    daemon = Daemon(tmp_path, f'[[port]]\nname = "terminal"\ndevice = "{os.ttyname(slave)}"\n')
    yield f"vser://{daemon.address}/terminal", master
    daemon.stop()
    os.close(slave)
    os.close(master)


@pytest.mark.parametrize("option", ["", "?exclusive"])
def test_what_the_device_lacks_raises_and_leaves_the_port_usable(terminal, option):
    url, master = terminal
    with serial.serial_for_url(url + option, timeout=PATIENCE_SECONDS) as port:
        for refused in (lambda: setattr(port, "rts", False), lambda: port.cts, lambda: port.send_break(0.01)):
            with pytest.raises(serial.SerialException, match="modem lines|lacks the capability"):
                refused()

        port.write(b"out")
        assert os.read(master, 10) == b"out"
        os.write(master, b"in")
        assert port.read(2) == b"in"


@pytest.mark.parametrize("option", ["", "?exclusive"])
def test_a_write_that_the_device_does_not_take_in_time_raises(terminal, option):
    url, _ = terminal  # nobody reads the other side, so that the kernel's buffer fills up
    with serial.serial_for_url(url + option, write_timeout=0.5) as port:
        with pytest.raises(serial.SerialTimeoutException):
            port.write(bytes(100_000))
        assert port.out_waiting > 0
        port.reset_output_buffer()


def test_history_can_be_read(opened, client):
    start = client.port("echo").next_offset
    writer = opened("echo")
    writer.write(b"past")
    writer.read(4)

    assert opened(f"echo?from={start}").read(4) == b"past"


def test_lost_bytes_raise_after_those_before_them(opened, client):
    """A reader from an offset that is no longer in the log is told, instead of reading on as if nothing was missing."""
    writer = opened("echo")
    writer.write(bytes(3 << 20))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while client.port("echo").oldest_offset == 0:
        assert time.monotonic() < deadline

    with pytest.raises(serial.SerialException, match="no longer in the server's log"):
        opened("echo?from=0").read(1)


def test_what_cannot_be_opened_says_why(opened, daemon):
    with pytest.raises(serial.SerialException, match="no port"):
        opened("konsole")
    with pytest.raises(serial.SerialException, match="'form' is not an option"):
        opened("echo?form=oldest")
    with pytest.raises(serial.SerialException):
        serial.serial_for_url("vser://127.0.0.1:1/echo")
    port = opened("echo")
    port.close()
    with pytest.raises(serial.SerialException, match="not open"):
        port.read(1)


def test_esptool_is_told_that_there_is_no_descriptor_to_set_modem_lines_on(opened):
    with pytest.raises(OSError, match="no file descriptor") as caught:
        opened("echo").fileno()
    assert caught.value.errno == errno.ENOTTY


def test_a_program_that_does_not_know_vser_urls_is_run(daemon, tmp_path):
    program = "import serial, sys\nwith serial.serial_for_url(sys.argv[1], timeout=30) as port:\n    port.write(b'hi')\n    print(port.read(2))\n"
    (tmp_path / "tool.py").write_text(program)
    command = [sys.executable, "-m", "vser.urlhandler", "tool", f"vser://{daemon.address}/echo"]

    done = subprocess.run(command, cwd=tmp_path, text=True, stdout=subprocess.PIPE, timeout=2 * PATIENCE_SECONDS, check=True)

    assert done.stdout == "b'hi'\n"


@pytest.mark.parametrize(("url", "address", "port"), [
    ("vser://lab7:50051/board", "lab7:50051", "board"),
    ("vser://[::1]/board", "[::1]", "board"),
    ("vser:///board", None, "board"),
    ("vser:///a%20b?unix=/run/vserd/vserd.sock", "unix:/run/vserd/vserd.sock", "a b"),
])
def test_urls_name_a_server_and_a_port(url, address, port):
    target = parse(url)
    assert (target.address, target.port, target.start, target.tls, target.exclusive) == (address, port, "live", False, False)


def test_options_of_urls():
    target = parse("vser://h/p?from=tail:100&exclusive&keep&name=me&ca=ca.crt&token_file=t")
    assert (target.start, target.exclusive, target.keep, target.name) == (vser.Tail(100), True, True, "me")
    assert target.tls == vser.Tls(ca="ca.crt")
    assert target.token_file == "t"
    assert parse("vser://h/p?tls").tls is True


@pytest.mark.parametrize("url", ["vser://h", "vser://h/", "vser://h/p?x", "vser://h/p?from=", "vser://h/p?from=soon", "vser://h/p?keep=1",
                                 "vser://h/p?unix=/s", "http://h/p"])
def test_urls_that_are_wrong(url):
    with pytest.raises(ValueError, match="vser://|from="):
        parse(url)
