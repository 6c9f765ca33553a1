"""Ports with listeners, and plain sockets that use them: for tests of raw TCP, telnet and RFC 2217."""
import pathlib
import re
import signal
import socket
import urllib.request

import pytest
from restarts import port_table, until
from vserd_process import PATIENCE_SECONDS, Daemon

import vser

IAC, SE, BRK, AYT, SB, WILL, WONT, DO, DONT = 255, 240, 243, 246, 250, 251, 252, 253, 254
BINARY, ECHO, SGA, COM_PORT = 0, 1, 3, 44
BINARY_BOTH_WAYS = bytes([IAC, WILL, BINARY, IAC, DO, BINARY])
GREETING = bytes([IAC, WILL, BINARY, IAC, WILL, ECHO, IAC, WILL, SGA, IAC, DO, BINARY, IAC, DO, SGA])


def listener(protocol, address="127.0.0.1:0", more=""):
    return f'[[port.listen]]\naddress = "{address}"\nprotocol = "{protocol}"\n{more}\n'


class Served:
    """A daemon with listeners and its standard error in a file."""

    def __init__(self, folder, ports, **more):
        self.log = pathlib.Path(folder) / "errors"
        with open(self.log, "wb") as errors:
            self.daemon = Daemon(folder, ports, stderr=errors, **more)
        self.line = self.daemon.line

    def address(self, protocol, number=0):
        """Of the listener with that number among those of the protocol."""
        address = re.findall(rf" {protocol} ([^,;\s]+)", self.line)[number]
        if address.startswith("unix:"):
            return address.removeprefix("unix:")
        host, port = address.rsplit(":", 1)
        return host.strip("[]"), int(port)

    def connect(self, protocol, number=0, receive_buffer=None):
        address = self.address(protocol, number)
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        made = socket.socket(family)
        if receive_buffer:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        made.settimeout(PATIENCE_SECONDS)
        made.connect(address)
        return made

    def attached(self, protocol, **more):
        """A raw client whose bytes already come back: it is attached to the port."""
        made = self.connect(protocol, **more)
        exchange(made, b"ready?")
        return made

    def telnet(self, protocol="telnet", **more):
        """A telnet client that has agreed to what it was asked for."""
        made = self.connect(protocol, **more)
        greeting = GREETING + (bytes([IAC, DO, COM_PORT]) if protocol == "rfc2217" else b"")
        assert receive(made, len(greeting)) == greeting
        made.sendall(BINARY_BOTH_WAYS)
        return made

    def client(self):
        return vser.connect(self.daemon.address)

    def reload(self, ports):
        self.daemon.rewrite(ports)
        self.daemon.process.send_signal(signal.SIGHUP)

    def wait_for(self, text, times=1):
        until(lambda: self.log.read_text().count(text) >= times)

    def metric(self, name):
        with urllib.request.urlopen(f"http://{self.daemon.metrics}/metrics", timeout=PATIENCE_SECONDS) as reply:
            text = reply.read().decode()
        return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE).group(1))

    def resident_bytes(self):
        status = pathlib.Path(f"/proc/{self.daemon.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) * 1024


def receive(client, size):
    """That many bytes; fails when the connection ends before."""
    got = b""
    while len(got) < size:
        piece = client.recv(size - len(got))
        assert piece, f"the connection ended after {got[-200:]!r}"
        got += piece
    return got


def receive_until(client, end):
    """What comes up to `end`, which nothing may follow."""
    got = bytearray()
    while not got.endswith(end):
        piece = client.recv(1 << 20)
        assert piece, f"the connection ended after {got[-200:]!r}"
        got += piece
    return bytes(got)


def is_closed(client):
    """Whether the server ended the connection; waits for it."""
    try:
        while client.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def exchange(client, data, expected=None):
    expected = data if expected is None else expected
    client.sendall(data)
    got = receive(client, len(expected))
    assert got == expected, f"{got!r}, not {expected!r}"


def com_port(code, value=b""):
    return bytes([IAC, SB, COM_PORT, code]) + value.replace(b"\xff", b"\xff\xff") + bytes([IAC, SE])


@pytest.fixture
def serve(tmp_path):
    """Starts a daemon with these ports; ends it after the test."""
    started = []

    def begin(ports, **more):
        started.append(Served(tmp_path, ports, **more))
        return started[-1]

    yield begin
    for each in started:
        each.daemon.stop()


def echo(*listeners, device="sim:echo?unpaced=1", more="", name="echo"):
    return port_table(name, device, more) + "".join(listeners)
