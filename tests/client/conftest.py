"""A real vserd for each test module, on free ports, and a network that can fail between it and the client."""
import contextlib
import socket
import threading

import pytest
from vserd_process import PATIENCE_SECONDS, Daemon

import vser

PORTS = """
[[port]]
name = "console"
device = "sim:console?id=console"
[[port]]
name = "echo"
device = "sim:echo?unpaced=1"
[[port]]
name = "slow"
device = "sim:echo?id=slow"
baud = 300
[[port]]
name = "away"
device = "/dev/vserd-test-no-such-device"
"""


class Relay:
    """Passes connections on to another address, and can cut them and refuse new ones."""

    def __init__(self, target):
        self.target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets = []
        self._lock = threading.Lock()
        self.refusing = False
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                with self._lock:
                    far = None if self.refusing else self._connect()
                    if far is None:
                        near.close()
                        continue
                    self._sockets += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _connect(self):
        host, port = self.target.rsplit(":", 1)
        with contextlib.suppress(ConnectionRefusedError):
            return socket.create_connection((host, int(port)))
        return None

    @staticmethod
    def _pass(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self, refuse=False):
        """Breaks every connection, in the middle of whatever it was doing."""
        with self._lock:
            self.refusing = refuse
            for end in self._sockets:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            self._sockets.clear()

    def close(self):
        self.cut(refuse=True)
        self._listener.close()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    started = Daemon(tmp_path_factory.mktemp("vserd"), PORTS)
    yield started
    started.stop()


@pytest.fixture
def client(daemon):
    with vser.connect(daemon.address) as connected:
        yield connected


def take_until(console, wanted):
    """Everything up to and with the first Data after which the bytes hold `wanted`."""
    items, seen = [], b""
    while wanted not in seen:
        item = console.next(PATIENCE_SECONDS)
        assert item is not None, f"never saw {wanted!r} in {seen!r}"
        items.append(item)
        if isinstance(item, vser.Data):
            seen += item.data
    return items


def take_kind(console, kind):
    """The next item of this kind; what comes before it is dropped."""
    while True:
        item = console.next(PATIENCE_SECONDS)
        assert item is not None, f"no {kind.__name__} came"
        if isinstance(item, kind):
            return item


def bytes_of(items):
    return b"".join(item.data for item in items if isinstance(item, vser.Data))
