"""Telnet: options, commands, and the lines that tell people what happens to the port."""
import os
import pty
import re
import select
import subprocess
import time

from restarts import port_table, until, wire
from tcp_clients import (AYT, BRK, COM_PORT, DO, DONT, ECHO, GREETING, IAC, SB, SE, WILL, WONT, echo, exchange, is_closed, listener, receive,
                         receive_until, serve)
from vserd_process import PATIENCE_SECONDS

import vser


def events(served, kind, port="echo"):
    with served.client() as client:
        return [item.what for item in client.read(port) if isinstance(item, vser.Event) and isinstance(item.what, kind)]


def test_options_are_negotiated_and_unknown_ones_refused(serve):
    client = serve(echo(listener("telnet"))).connect("telnet")
    assert receive(client, len(GREETING)) == GREETING

    exchange(client, bytes([IAC, DO, ECHO, IAC, DO, 31, IAC, WILL, 24, IAC, WILL, COM_PORT]),
             bytes([IAC, WONT, 31, IAC, DONT, 24, IAC, DONT, COM_PORT]))


def test_a_terminal_types_carriage_returns_and_binary_bytes_pass_unchanged(serve):
    served = serve(echo(listener("telnet"), listener("raw")))
    terminal, raw = served.connect("telnet"), served.connect("raw")
    receive(terminal, len(GREETING))
    exchange(raw, b"|")
    receive(terminal, 1)

    exchange(terminal, b"ls\r\0", b"ls\r")
    assert receive(raw, 3) == b"ls\r"

    binary = served.telnet()
    data = bytes(range(255)) + b"\xff\xff"
    exchange(binary, data)
    assert receive(raw, 256) == bytes(range(256))


def test_break_is_sent_and_are_you_there_is_answered(serve):
    served = serve(echo(listener("telnet")))
    client = served.telnet()

    client.sendall(bytes([IAC, BRK, IAC, AYT]))

    answer = receive_until(client, b"]\r\n").decode()
    assert re.search(r"\[vserd \S+: port echo, 115200 baud 8N1, device connected\]", answer)
    until(lambda: [what.seconds for what in events(served, vser.BreakSent)] == [0.25])


def test_people_are_told_of_the_device_and_what_they_missed(serve, tmp_path, wire):
    node = tmp_path / "node"
    served = serve(port_table("line", node) + listener("telnet"))
    client = served.telnet()
    assert b"[device disconnected: " in receive_until(client, b"]\r\n")

    os.symlink(wire.path, node)
    assert receive_until(client, b"]\r\n") == b"\r\n[device connected]\r\n"
    wire.send(b"hello")
    assert receive(client, 5) == b"hello"

    os.unlink(node)
    os.close(wire.master)
    assert b"[device disconnected: " in receive_until(client, b"]\r\n")
    wire.master = os.open("/dev/null", os.O_RDWR)  # for the fixture to close


def test_a_slow_reader_is_told_how_many_bytes_are_missing(serve):
    served = serve(echo(listener("telnet"), listener("raw")), history='[history]\nbytes_per_port = "64KiB"')
    slow = served.connect("telnet", receive_buffer=4096)
    receive(slow, len(GREETING))
    slow.sendall(bytes([IAC, DO, 0, IAC, WILL, 0]))
    raw = served.attached("raw")
    block = b"x" * (1 << 16)

    for _ in range(320):
        exchange(raw, block)
    exchange(raw, b"END")
    got = receive_until(slow, b"END")

    notices = [int(lost) for lost in re.findall(rb"\r\n\[(\d+) bytes are missing: [^\]]*\]\r\n", got)]
    assert notices
    data = re.sub(rb"\r\n\[[^\]]*\]\r\n", b"", got)
    assert len(data) + sum(notices) == len(b"ready?END") + 320 * len(block)


def test_who_cannot_write_is_told_once_why(serve):
    served = serve(echo(listener("telnet")))
    client = served.telnet()
    with served.client() as vserd:
        console = vserd.attach("echo", mode=vser.Mode.EXCLUSIVE, name="the holder")
        next(iter(console))
        client.sendall(b"a")
        told = receive_until(client, b"]\r\n")
        assert b'is held exclusively by "the holder"' in told
        client.sendall(b"b")
        console.write(b"mine")
        assert receive(client, 4) == b"mine"
        console.close()
    until(lambda: events(served, vser.WriterChanged)[-1].client == "")

    exchange(client, b"now")


def test_an_endless_subnegotiation_costs_nothing(serve):
    served = serve(echo(listener("telnet"), listener("rfc2217")))
    before = served.resident_bytes()
    for protocol, filler in (("telnet", b"x"), ("rfc2217", bytes([IAC, IAC]))):
        client = served.telnet(protocol)
        client.sendall(bytes([IAC, SB, COM_PORT]))
        for _ in range(64):
            client.sendall(filler * (1 << 18))
        client.sendall(bytes([IAC, SE]) + b"after")
        assert receive(client, 5) == b"after"
        client.close()

    assert served.resident_bytes() - before < 4 << 20


def test_questions_without_reading_the_answers_cost_nothing(serve):
    served = serve(echo(listener("telnet")))
    client, other = served.telnet(), served.telnet()
    before = served.resident_bytes()
    client.setblocking(False)
    sent, questions = 0, bytes([IAC, AYT]) * (1 << 15)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and select.select([], [client], [], 0.5)[1]:
        sent += client.send(questions)

    assert sent < 1 << 27, "the server takes questions for ever"
    assert served.resident_bytes() - before < 4 << 20
    exchange(other, b"still there")


def test_the_telnet_program_can_use_it(serve):
    served = serve(echo(listener("telnet")))
    host, port = served.address("telnet")
    master, slave = pty.openpty()
    program = subprocess.Popen(["telnet", host, str(port)], stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    shown = b""

    def wait_for(text):
        nonlocal shown
        deadline = time.monotonic() + PATIENCE_SECONDS
        while text not in shown:
            assert select.select([master], [], [], max(0, deadline - time.monotonic()))[0], shown
            shown += os.read(master, 4096)

    wait_for(b"Escape character")
    until(lambda: served.client().port("echo").readers == 1)
    os.write(master, b"typed")
    wait_for(b"typed")
    os.write(master, b"\x1d")
    wait_for(b"telnet>")
    os.write(master, b"send brk\r")
    until(lambda: len(events(served, vser.BreakSent)) == 1)
    shown = b""
    os.write(master, b"\x1d")
    wait_for(b"telnet>")
    os.write(master, b"quit\r")
    assert program.wait(PATIENCE_SECONDS) is not None
    os.close(master)


def test_people_are_told_when_vserd_stops(serve, tmp_path):
    from tcp_clients import Served

    served = Served(tmp_path, echo(listener("telnet")))
    client = served.telnet()
    exchange(client, b"ready?")
    served.daemon.stop()

    assert receive_until(client, b"]\r\n") == b"\r\n[vserd is shutting down]\r\n"
    assert is_closed(client)
