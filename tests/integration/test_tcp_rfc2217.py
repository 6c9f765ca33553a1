"""RFC 2217: every sub-command is answered with the value in force, and notifications come from the port's events."""
import os
import pty
import select
import subprocess
import time

import serial
from restarts import port_table, until, wire
from tcp_clients import (COM_PORT, DO, IAC, WILL, com_port, echo, exchange, is_closed, listener, receive, serve)
from vserd_process import PATIENCE_SECONDS

import vser

SIGNATURE, BAUD, SIZE, PARITY, STOP, CONTROL, LINE, MODEM, SUSPEND, RESUME, LINE_MASK, MODEM_MASK, PURGE = range(13)


def answer(code, value):
    return com_port(code + 100, value)


def attached(served):
    """A client that has agreed to RFC 2217 and knows the modem lines."""
    client = served.telnet("rfc2217")
    client.sendall(bytes([IAC, WILL, COM_PORT]))
    state = receive(client, len(answer(MODEM, b"\0")))
    assert state[:4] == answer(MODEM, b"\0")[:4]
    return client, state[4]


def pyserial(served, **more):
    host, port = served.address("rfc2217")
    return serial.serial_for_url(f"rfc2217://{host}:{port}", timeout=10, **more)


def test_settings_are_answered_with_what_is_in_force(serve):
    served = serve(echo(listener("rfc2217"), device="sim:echo"))
    client, _ = attached(served)

    exchange(client, com_port(SIGNATURE), com_port(100, served.line.split(" serving")[0].encode()))
    for code, asked, in_force in (
            (BAUD, b"\0\0\0\0", b"\0\1\xc2\0"), (BAUD, b"\0\0\x25\x80", b"\0\0\x25\x80"), (BAUD, b"\0\0\xff\xff", b"\0\0\xff\xff"),
            (SIZE, b"\0", b"\x08"), (SIZE, b"\x07", b"\x07"), (SIZE, b"\x09", b"\x07"), (PARITY, b"\x03", b"\x03"), (PARITY, b"\x09", b"\x03"),
            (STOP, b"\x02", b"\x02"), (STOP, b"\0", b"\x02"), (CONTROL, b"\0", b"\x01"), (CONTROL, b"\x03", b"\x03"), (CONTROL, b"\x0d", b"\x10"),
            (CONTROL, b"\x0e", b"\x10"), (CONTROL, b"\x11", b"\x03"), (CONTROL, b"\x12", b"\x10"), (CONTROL, b"\x04", b"\x06"),
            (CONTROL, b"\x63", b"\x03")):
        exchange(client, com_port(code, asked), answer(code, in_force))
    with served.client() as vserd:
        assert (vserd.baud("echo"), str(vserd.format("echo"))) == (65535, "7E2/rtscts")


def test_changes_take_effect_between_the_bytes_around_them(serve):
    served = serve(echo(listener("rfc2217"), device="sim:echo", more="baud = 19200"))
    client, _ = attached(served)

    client.sendall(b"a" * 100 + com_port(BAUD, b"\0\0\x25\x80") + b"b" * 100)
    got = b""
    while got.count(b"a") + got.count(b"b") < 200 or answer(BAUD, b"\0\0\x25\x80") not in got:
        got += receive(client, 1)

    with served.client() as vserd:
        assert vserd.baud("echo") == 9600


def test_modem_lines_of_one_read_change_in_one_step(serve):
    served = serve(echo(listener("rfc2217")))
    client, state = attached(served)
    assert state & 0xb0 == 0xb0  # DTR is looped to DSR and DCD, RTS to CTS
    exchange(client, com_port(MODEM_MASK, b"\0"), answer(MODEM_MASK, b"\0"))

    exchange(client, com_port(CONTROL, b"\x09") + com_port(CONTROL, b"\x0c"),
             answer(CONTROL, b"\x09") + answer(CONTROL, b"\x0c"))
    exchange(client, com_port(CONTROL, b"\x07") + com_port(CONTROL, b"\x0a"),
             answer(CONTROL, b"\x09") + answer(CONTROL, b"\x0c"))

    with served.client() as vserd:
        changes = [item.what for item in vserd.read("echo") if isinstance(item, vser.Event) and isinstance(item.what, vser.Signals)]
    assert [(change.dtr, change.rts) for change in changes] == [(False, False)]


def test_modem_state_is_notified_as_the_mask_says(serve):
    served = serve(echo(listener("rfc2217")))
    client, _ = attached(served)
    with served.client() as vserd:
        vserd.set_signals("echo", rts=False)
        assert receive(client, 7) == answer(MODEM, b"\xa1")
        vserd.set_signals("echo", rts=True)
        assert receive(client, 7) == answer(MODEM, b"\xb1")
        exchange(client, com_port(MODEM_MASK, b"\x20"), answer(MODEM_MASK, b"\x20"))
        vserd.set_signals("echo", rts=False)
        vserd.set_signals("echo", dtr=False)
        assert receive(client, 7) == answer(MODEM, b"\0")


def test_a_break_lasts_from_on_to_off(serve):
    served = serve(echo(listener("rfc2217")))
    client, _ = attached(served)

    exchange(client, com_port(CONTROL, b"\x05"), answer(CONTROL, b"\x05"))
    exchange(client, com_port(CONTROL, b"\x04"), answer(CONTROL, b"\x05"))
    exchange(client, com_port(CONTROL, b"\x06"), answer(CONTROL, b"\x06"))

    with served.client() as vserd:
        def breaks():
            return [item.what.seconds for item in vserd.read("echo") if isinstance(item, vser.Event) and isinstance(item.what, vser.BreakSent)]
        until(lambda: len(breaks()) == 1)
        assert 0 < breaks()[0] < 5


def test_a_suspended_client_gets_answers_and_then_its_bytes(serve):
    served = serve(echo(listener("rfc2217")))
    client, _ = attached(served)

    client.sendall(com_port(SUSPEND) + b"later")
    exchange(client, com_port(SIZE, b"\0"), answer(SIZE, b"\x08"))
    with served.client() as vserd:
        until(lambda: vserd.port("echo").next_offset == 5)
    exchange(client, com_port(PARITY, b"\0"), answer(PARITY, b"\x01"))

    exchange(client, com_port(RESUME), b"later")


def test_purged_bytes_are_gone_for_this_client_only(serve):
    served = serve(echo(listener("rfc2217"), listener("raw")))
    client, _ = attached(served)
    other = served.attached("raw")
    receive(client, 6)
    client.sendall(com_port(SUSPEND))
    exchange(client, com_port(SIZE, b"\0"), answer(SIZE, b"\x08"))
    exchange(other, b"old")

    exchange(client, com_port(PURGE, b"\x01") + com_port(RESUME), answer(PURGE, b"\x01"))
    exchange(other, b"new")

    assert receive(client, 3) == b"new"


def test_purging_what_was_sent_empties_the_ports_queue(serve):
    served = serve(echo(listener("rfc2217"), device="sim:echo", more="baud = 300"))
    client, _ = attached(served)
    client.sendall(com_port(SUSPEND) + bytes(40000))  # the device takes about 12 kB of it at once
    with served.client() as vserd:
        until(lambda: vserd.port("echo").tx_offset == 40000)

    exchange(client, com_port(PURGE, b"\x02"), answer(PURGE, b"\x02"))

    with served.client() as vserd:
        discarded = [item.what.bytes for item in vserd.read("echo") if isinstance(item, vser.Event) and isinstance(item.what, vser.Flushed)]
    assert len(discarded) == 1 and discarded[0] > 20000


def test_a_read_only_client_gets_answers_and_changes_nothing(serve):
    served = serve(echo(listener("rfc2217", more='mode = "read-only"')))
    client, _ = attached(served)

    for code, asked, in_force in ((BAUD, b"\0\0\x25\x80", b"\0\1\xc2\0"), (CONTROL, b"\x09", b"\x08"), (CONTROL, b"\x05", b"\x06"),
                                  (PURGE, b"\x02", b"\x02")):
        exchange(client, com_port(code, asked), answer(code, in_force))
    with served.client() as vserd:
        assert vserd.baud("echo") == 115200
        assert vserd.signals("echo").dtr


def test_a_client_that_may_not_write_now_gets_what_is_in_force(serve):
    served = serve(echo(listener("rfc2217")))
    client, _ = attached(served)
    with served.client() as vserd:
        console = vserd.attach("echo", mode=vser.Mode.EXCLUSIVE)
        next(iter(console))
        exchange(client, com_port(BAUD, b"\0\0\x25\x80"), answer(BAUD, b"\0\1\xc2\0"))
        exchange(client, com_port(CONTROL, b"\x09"), answer(CONTROL, b"\x08"))
        client.sendall(b"bytes")
        assert is_closed(client)
        console.close()


def test_pyserial_controls_the_line(serve):
    served = serve(echo(listener("rfc2217")))
    port = pyserial(served, baudrate=9600, bytesize=7, parity="E", stopbits=2)
    with served.client() as vserd:
        assert (vserd.baud("echo"), str(vserd.format("echo"))) == (9600, "7E2")
        port.bytesize, port.parity, port.stopbits, port.baudrate = 8, "N", 1, 115200
        assert (vserd.baud("echo"), str(vserd.format("echo"))) == (115200, "8N1")
        port.rts, port.dtr = False, False
        until(lambda: not (port.cts or port.dsr or port.cd))
        signals = vserd.signals("echo")
        assert (signals.dtr, signals.rts) == (False, False)
    data = bytes(range(256)) * 16
    port.write(data)
    assert port.read(len(data)) == data
    port.close()


def test_pyserial_opens_a_device_without_modem_lines(serve, wire):
    served = serve(port_table("line", wire.path) + listener("rfc2217"))
    with served.client() as vserd:
        until(lambda: vserd.port("line").state is vser.State.ONLINE)
        assert not vserd.port("line").capabilities.modem_signals

    port = pyserial(served)
    wire.send(b"\xff\r\0\xff")
    assert port.read(4) == b"\xff\r\0\xff"
    port.dtr = False
    assert not port.cts
    port.close()


def test_many_requests_at_once_are_all_answered(serve):
    served = serve(echo(listener("rfc2217")))
    client, _ = attached(served)
    requests = [com_port(BAUD, (9600 + i).to_bytes(4, "big")) for i in range(500)]

    client.sendall(b"".join(requests))

    for i in range(500):
        assert receive(client, 10 + answer(BAUD, (9600 + i).to_bytes(4, "big")).count(b"\xff\xff")) == \
            answer(BAUD, (9600 + i).to_bytes(4, "big"))


def test_a_missing_client_agreement_does_not_keep_commands_from_being_answered(serve):
    served = serve(echo(listener("rfc2217")))
    client = served.connect("rfc2217")
    receive(client, 18)
    exchange(client, bytes([IAC, DO, COM_PORT]), bytes([IAC, WILL, COM_PORT]))
    assert receive(client, 7)[:4] == bytes([IAC, 250, COM_PORT, 107])
    exchange(client, com_port(SIZE, b"\0"), answer(SIZE, b"\x08"))


def test_microcom_can_use_it(serve):
    served = serve(echo(listener("rfc2217"), device="sim:echo"))
    host, port = served.address("rfc2217")
    master, slave = pty.openpty()
    program = subprocess.Popen(["microcom", "-t", f"{host}:{port}", "-s", "9600"], stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)

    shown_until(master, b"to get to the prompt.\r\n")
    os.write(master, b"typed")
    shown_until(master, b"typed")
    with served.client() as vserd:
        assert vserd.baud("echo") == 9600
        os.write(master, b"\x1c")
        shown_until(master, b"-> ")
        os.write(master, b"speed 19200\r")
        until(lambda: vserd.baud("echo") == 19200)
    shown_until(master, b"-> ")
    os.write(master, b"quit\r")

    assert program.wait(PATIENCE_SECONDS) == 0
    os.close(master)


def shown_until(terminal, text):
    shown, deadline = b"", time.monotonic() + PATIENCE_SECONDS
    while text not in shown:
        assert select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0], shown
        shown += os.read(terminal, 4096)
