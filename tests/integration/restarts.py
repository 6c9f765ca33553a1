"""A device that sends on whether it is read or not, and what a daemon made of it: for tests of restarts."""
import os
import pty
import threading
import time
import tty

import pytest
from fd_store import KeptDaemon
from vserd_process import PATIENCE_SECONDS

import vser

RECORD = 16
NAMES = ["device-0", "log-0"]  # of what the first port leaves in the store


class Wire:
    """A device that sends numbered records at a rate, and drops what the kernel does not take, as a wire does."""

    def __init__(self, bytes_per_second):
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.path = os.ttyname(self.slave)
        os.close(self.slave)
        os.set_blocking(self.master, False)
        self.taken = bytearray()  # by the kernel
        self.refused = 0
        self._rate = bytes_per_second
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)

    def send(self, data):
        self.taken += data
        os.write(self.master, data)

    def start(self):
        self._thread.start()

    def _send(self):
        begin, sent, number = time.monotonic(), 0, 0
        while not self._stop.wait(0.005):
            due = int((time.monotonic() - begin) * self._rate) - sent
            records = b"".join(b"%015d\n" % n for n in range(number, number + due // RECORD))
            number += due // RECORD
            sent += len(records)
            taken = 0
            if records:
                try:
                    taken = os.write(self.master, records)
                except BlockingIOError:
                    pass
            self.taken += records[:taken]
            self.refused += len(records) - taken

    def stop(self):
        self._stop.set()
        self._thread.join()

    def close(self):
        os.close(self.master)


def until(condition):
    """Returns when it holds, and fails when it has not in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.01)


def port_table(name, device, more=""):
    return f'[[port]]\nname = "{name}"\ndevice = "{device}"\n{more}\n'


@pytest.fixture
def wire():
    made = Wire(11520)
    yield made
    made.close()


@pytest.fixture
def start(tmp_path):
    """Starts a kept daemon with a [[port]] table; ends it after the test."""
    started = []

    def begin(ports, **more):
        started.append(KeptDaemon(tmp_path, ports, **more))
        return started[0]

    yield begin
    for daemon in started:
        daemon.close()


def online(daemon, name="line"):
    """Waits until the port is, and returns it."""
    with vser.connect(daemon.address) as client:
        for change in client.watch(name):
            if change.port.state is vser.State.ONLINE:
                return change.port
    raise AssertionError("the watch ended")


def log_of(daemon, name="line"):
    with vser.connect(daemon.address) as client:
        return list(client.read(name, start="oldest"))


def bytes_of(items):
    return b"".join(item.data for item in items if isinstance(item, vser.Data))


def events_of(items):
    """But for those that name this process, which has the terminal open too."""
    return [type(item.what) for item in items if isinstance(item, vser.Event) and not isinstance(item.what, vser.ForeignReaders)]


def holes(sent, got):
    """The sizes of what is missing, where each piece that arrived begins with some bytes that are nowhere else."""
    sizes, at = [], 0
    while got:
        whole = os.path.commonprefix([sent[at:], got])
        at, got = at + len(whole), got[len(whole):]
        if got:
            found = sent.find(got[:2 * RECORD], at)
            assert found > at, f"the log has {got[:2 * RECORD]!r}, which was not sent there"
            sizes.append(found - at)
            at = found
    return sizes


class Follower:
    """A console that collects what it gets, over all restarts."""

    def __init__(self, daemon):
        self.client = vser.connect(daemon.address)
        self.console = self.client.attach("line", start="oldest")
        self.items = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        for item in self.console:
            self.items.append(item)

    def wait_for(self, size):
        deadline = time.monotonic() + PATIENCE_SECONDS  # a kill may have lost some, which the caller counts
        while len(bytes_of(self.items)) < size and time.monotonic() < deadline:
            time.sleep(0.01)

    def close(self):
        self.console.close()
        self._thread.join()
        self.client.close()
