"""A restart and a kill lose nothing: the next process goes on with the logs and with the open devices.

The devices are pseudo terminals that somebody writes to at the pace of a line, whether it is read or not. With
VSERD_RESTART_ROUNDS=20 (./dev bench restart) there are as many restarts and kills, and a table of what was lost."""
import os
import pty
import re
import signal
import subprocess
import threading
import time
import tty

import pytest
from fd_store import KeptDaemon
from vserd_process import BIN, PATIENCE_SECONDS, Daemon

import vser

ROUNDS = int(os.environ.get("VSERD_RESTART_ROUNDS", "3"))
ROUND_SECONDS = 0.25  # between one end of the daemon and the next
RECORD = 16
KERNEL_BYTES = 8192  # what a pseudo terminal holds at least while nobody reads
NAMES = ["device-0", "log-0"]


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
    return [type(item.what) for item in items if isinstance(item, vser.Event)]


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
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(bytes_of(self.items)) < size and time.monotonic() < deadline:
            time.sleep(0.01)

    def close(self):
        self.console.close()
        self._thread.join()
        self.client.close()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["restart", "kill"])
@pytest.mark.parametrize("baud", [115200, 1000000])
def test_a_stream_goes_on_through(start, how, baud, record_property):
    wire = Wire(baud // 10)
    daemon = start(port_table("line", wire.path), history='[history]\nbytes_per_port = "64MiB"')
    before = online(daemon)
    follower = Follower(daemon)
    wire.start()
    gaps = []
    for _ in range(ROUNDS):
        time.sleep(ROUND_SECONDS)
        gaps.append(daemon.again(how))
        daemon.store.wait_for(NAMES)
    wire.stop()
    with vser.connect(daemon.address) as client:
        size, settled = -1, time.monotonic() + 0.2  # the last bytes are on their way through the kernel
        while size != client.port("line").next_offset or time.monotonic() < settled:
            size = client.port("line").next_offset
            time.sleep(0.02)
    follower.wait_for(size)
    follower.close()
    log = log_of(daemon)
    got = bytes_of(log)
    lost = len(wire.taken) - len(got)
    print(f"| {baud} | {len(gaps)} {'restarts' if how == signal.SIGTERM else 'kills'} | {len(wire.taken)} | {lost} | "
          f"{wire.refused} | {1000 * sum(gaps) / len(gaps):.0f} ms | {1000 * max(gaps):.0f} ms |")

    if how == signal.SIGTERM:
        assert got == bytes(wire.taken), f"{lost} bytes are lost"
    else:  # what a kill met between the device and the log is nowhere: one read at most
        assert len(holes(bytes(wire.taken), got)) <= ROUNDS
    if max(gaps) * baud / 10 < KERNEL_BYTES:
        assert wire.refused == 0
    after = online(daemon)
    assert (after.log_id, after.next_offset) == (before.log_id, len(got))
    assert after.stats.reopens == 0 and after.signals == before.signals
    assert events_of(log) == [vser.Online]  # to the log, the device never was away
    assert bytes_of(follower.items) == got
    assert not [item for item in follower.items if isinstance(item, (vser.Gap, vser.LogRestarted))]
    assert daemon.errors().count("which was never closed") == ROUNDS
    wire.close()


def test_what_was_set_at_run_time_stays_until_the_configuration_asks_for_something_else(start, wire):
    daemon = start(port_table("line", wire.path, "baud = 9600"))
    online(daemon)
    with vser.connect(daemon.address) as client:
        assert client.set_baud("line", 19200) == 19200
    daemon.again(signal.SIGKILL)
    assert online(daemon).baud == 19200

    daemon.rewrite(port_table("line", wire.path, "baud = 2400"))
    daemon.again(signal.SIGTERM)
    assert online(daemon).baud == 2400
    log = log_of(daemon)
    assert events_of(log) == [vser.Online, vser.SettingsChanged, vser.SettingsChanged]
    assert log[-1].what.baud == 2400


def test_tx_offsets_go_on_and_bytes_reach_the_device(start, wire):
    daemon = start(port_table("line", wire.path))
    online(daemon)
    for number in range(3):
        with vser.connect(daemon.address) as client:
            assert client.write("line", b"hello").tx_offset == 5 * (number + 1)
        deadline, got = time.monotonic() + PATIENCE_SECONDS, b""
        while len(got) < 5 and time.monotonic() < deadline:
            try:
                got += os.read(wire.master, 64)
            except BlockingIOError:
                time.sleep(0.002)
        assert got == b"hello"
        daemon.again(signal.SIGTERM if number % 2 else signal.SIGKILL)


def test_a_removed_port_and_a_changed_path_are_let_go(start, wire):
    other = Wire(1)
    daemon = start(port_table("line", wire.path) + port_table("gone", other.path))
    before = online(daemon)
    daemon.store.wait_for(["device-0", "device-1", "log-0", "log-1"])
    daemon.rewrite(port_table("line", other.path))
    daemon.again(signal.SIGTERM)

    after = online(daemon)
    assert after.log_id != before.log_id
    daemon.store.wait_for(NAMES)
    assert "port line: the stored log is that of another device; a new one begins" in daemon.errors()
    assert "the stored log of port gone, which is not configured any more, was dropped" in daemon.errors()
    other.close()


def test_another_history_size_makes_another_log_and_leaves_the_device_open(start, wire):
    daemon = start(port_table("line", wire.path))
    before = online(daemon)
    daemon.store.wait_for(NAMES)
    daemon.write(port_table("line", wire.path), daemon._server, '[history]\nbytes_per_port = "2MiB"')
    daemon.again(signal.SIGTERM)

    after = online(daemon)
    assert after.log_id != before.log_id
    assert events_of(log_of(daemon)) == [vser.Online]
    assert "which was never closed" in daemon.errors()
    daemon.store.wait_for(NAMES)
    daemon.again(signal.SIGKILL)
    assert online(daemon).log_id == after.log_id


def test_a_reload_that_removes_a_port_takes_it_out_of_the_store(start, wire):
    other = Wire(1)
    daemon = start(port_table("line", wire.path) + port_table("gone", other.path))
    online(daemon)
    online(daemon, "gone")
    daemon.rewrite(port_table("line", wire.path))
    daemon.process.send_signal(signal.SIGHUP)
    daemon.store.wait_for(NAMES)
    other.close()


def test_a_reload_keeps_what_a_restart_keeps(start, wire):
    daemon = start(port_table("line", wire.path))
    before = online(daemon)
    follower = Follower(daemon)
    wire.send(b"before,")
    follower.wait_for(7)
    with vser.connect(daemon.address) as client:
        changes = client.watch("line")
        next(changes)
        client.write("line", b"accepted")
        daemon.rewrite(port_table("line", wire.path, 'description = "new"\nbaud = 9600\ntx_queue_bytes = "8KiB"'))
        daemon.process.send_signal(signal.SIGHUP)
        while (port := next(changes).port).baud != 9600:
            pass
        assert (port.description, port.log_id, port.stats.reopens) == ("new", before.log_id, 0)
        assert client.port("line").description == "new"
    wire.send(b"after")
    follower.wait_for(12)
    follower.close()
    daemon.store.wait_for(NAMES)
    assert bytes_of(follower.items) == b"before,after"
    assert events_of(log_of(daemon)) == [vser.Online, vser.SettingsChanged]

    daemon.again(signal.SIGKILL)  # what the reload set is what the next process finds configured
    assert online(daemon).baud == 9600
    assert events_of(log_of(daemon)) == [vser.Online, vser.SettingsChanged]
    assert "dropped" not in daemon.errors()


def test_what_a_reload_or_an_end_drops_is_said(start, wire):
    daemon = start(port_table("line", wire.path))
    online(daemon)
    wire.send(b"history")
    while bytes_of(log_of(daemon)) != b"history":
        time.sleep(0.01)
    with vser.connect(daemon.address) as client:
        client.write("line", bytes(100_000))  # the pseudo terminal takes a few of them
    daemon.rewrite(port_table("other", wire.path))
    daemon.process.send_signal(signal.SIGHUP)
    daemon.store.wait_for(NAMES)
    online(daemon, "other")
    removed = re.search(r"port line: removed; dropped with it: (\d+) accepted bytes that were not written, 7 bytes of history",
                        daemon.errors())
    assert 50_000 < int(removed[1]) < 100_000
    assert "is in use" not in daemon.errors()

    with vser.connect(daemon.address) as client:
        client.write("other", bytes(100_000))
    daemon.stop(signal.SIGTERM)
    dropped = re.search(r"port other: (\d+) accepted bytes were not written and are dropped", daemon.errors())
    assert 50_000 < int(dropped[1]) <= 100_000


def test_a_device_that_hangs_up_leaves_the_store_and_comes_back_to_it(start, wire):
    daemon = start(port_table("line", wire.path))
    before = online(daemon)
    daemon.store.wait_for(NAMES)
    daemon.stop(signal.SIGKILL)
    os.close(wire.master)
    wire.master = os.open("/dev/null", os.O_RDONLY)
    daemon.start()

    daemon.store.wait_for(["log-0"])
    with vser.connect(daemon.address) as client:
        port = client.port("line")
    assert port.log_id == before.log_id and port.state is vser.State.OFFLINE


@pytest.mark.parametrize("where", [0, 8, 64, 520], ids=["magic", "version", "header", "block"])
def test_a_damaged_log_is_refused_and_a_new_one_begins(start, wire, where):
    daemon = start(port_table("line", wire.path))
    before = online(daemon)
    wire.send(b"before the damage")
    follower = Follower(daemon)
    follower.wait_for(17)
    log = daemon.store.fd("log-0")
    old = os.pread(log, 1, where)
    daemon.stop(signal.SIGKILL)
    os.pwrite(log, bytes([old[0] ^ 0x55]), where)
    daemon.start()

    after = online(daemon)
    assert after.log_id != before.log_id
    daemon.store.wait_for(NAMES)
    assert "the stored log" in daemon.errors()
    wire.send(b"after it")
    follower.wait_for(25)
    follower.close()
    assert [item.expected_offset for item in follower.items if isinstance(item, vser.LogRestarted)] == [17]
    assert bytes_of(follower.items) == b"before the damageafter it"


def test_attach_carries_on_and_says_so_in_a_line(start, wire):
    daemon = start(port_table("line", wire.path))
    online(daemon)
    attach = subprocess.Popen([BIN / "vserctl", "-s", daemon.address, "attach", "line", "--read-only"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with vser.connect(daemon.address) as client:
        while client.port("line").readers == 0:
            time.sleep(0.01)
    wire.send(b"one")
    assert attach.stdout.read(3) == b"one"
    for how, word in ((signal.SIGTERM, b"two"), (signal.SIGKILL, b"six")):
        daemon.again(how)
        wire.send(word)
        assert attach.stdout.read(3) == word
    attach.terminate()
    said = attach.communicate(timeout=PATIENCE_SECONDS)[1].decode()
    assert said.count("going on at offset") == 2 and "is lost" not in said, said


def test_without_a_supervisor_a_folder_keeps_the_log(tmp_path, wire):
    daemon = Daemon(tmp_path, port_table("line", wire.path), server=f'state_dir = "{tmp_path}/state"')
    before = online(daemon)
    for number, how in enumerate((signal.SIGKILL, signal.SIGTERM)):
        wire.send(b"life %d." % number)
        while len(bytes_of(log_of(daemon))) < 7 * (number + 1):
            time.sleep(0.01)
        daemon.stop(how)
        daemon.start()
        after = online(daemon)
        assert (after.log_id, after.next_offset) == (before.log_id, 7 * (number + 1))
    log = log_of(daemon)
    assert bytes_of(log) == b"life 0.life 1."
    assert events_of(log) == [vser.Online, vser.Offline, vser.Online, vser.Offline, vser.Online]
    assert log[2].what.reason == "vserd was not running; what the device sent meanwhile is lost"

    daemon.rewrite(port_table("another", wire.path))
    daemon.stop(signal.SIGKILL)
    daemon.start()
    online(daemon, "another")
    assert [file.name for file in (tmp_path / "state").glob("*.vserlog")] == ["another.vserlog"]
    daemon.stop()


def test_a_folder_is_of_one_vserd_and_a_reboot_after_a_stop_keeps_its_logs(tmp_path, wire):
    state = f'state_dir = "{tmp_path}/state"'
    errors = open(tmp_path / "errors", "wb")
    environment = dict(os.environ, VSERD_BOOT_ID="one")
    daemon = Daemon(tmp_path, port_table("line", wire.path), server=state, stderr=errors, env=environment)
    before = online(daemon)
    (tmp_path / "two.toml").write_text(f'[server]\nlisten = ["127.0.0.1:0"]\nmetrics = ""\n{state}\n')
    second = subprocess.run([BIN / "vserd", "--config", tmp_path / "two.toml"], capture_output=True, text=True)
    assert second.returncode == 1
    assert f"state is in use by another vserd, that of {daemon.config}; give each" in second.stderr

    for boot, how in (("two", signal.SIGKILL), ("three", None)):
        daemon.stop()
        environment["VSERD_BOOT_ID"] = boot
        daemon.start()
        assert online(daemon).log_id == before.log_id
        if how is None:
            break
        daemon.stop(how)
        environment["VSERD_BOOT_ID"] = "crashed"
        daemon.start()
        after = online(daemon)
        assert after.log_id != before.log_id
        before = after
    daemon.stop()
    assert (tmp_path / "errors").read_text().count("by a machine that went down without a stop") == 1


def test_what_was_lost_meanwhile_is_said_of_a_busy_port_too(tmp_path, wire):
    daemon = Daemon(tmp_path, port_table("line", wire.path), server=f'state_dir = "{tmp_path}/state"',
                    history='[history]\nbytes_per_port = "4KiB"')
    online(daemon)
    client = vser.connect(daemon.address)
    held = client.attach("line", mode=vser.Mode.EXCLUSIVE, name="holder")
    next(iter(held))
    wire.send(bytes(2048))
    while len(bytes_of(log_of(daemon))) < 2048:
        time.sleep(0.01)
    for _ in range(3):
        size = client.port("line").next_offset
        wire.send(bytes(2048))
        while client.port("line").next_offset < size + 2048:
            time.sleep(0.01)
    assert events_of(log_of(daemon)) == []
    daemon.stop(signal.SIGKILL)
    held.close()
    client.close()
    daemon.start()

    online(daemon)
    assert events_of(log_of(daemon)) == [vser.WriterChanged, vser.Offline, vser.Online]
    daemon.stop()


def test_a_folder_that_cannot_be_used_is_said_and_the_port_works_without(tmp_path, wire):
    (tmp_path / "state").write_text("in the way")
    with open(tmp_path / "errors", "wb") as errors:
        daemon = Daemon(tmp_path, port_table("line", wire.path), server=f'state_dir = "{tmp_path}/state"', stderr=errors)
    online(daemon)
    wire.send(b"works")
    while bytes_of(log_of(daemon)) != b"works":
        time.sleep(0.01)
    daemon.stop()
    assert "port line: the log is not kept: state_dir: " in (tmp_path / "errors").read_text()


def test_a_folder_that_is_named_later_takes_the_logs_over(start, wire, tmp_path):
    daemon = start(port_table("line", wire.path))
    before = online(daemon)
    wire.send(b"in memory, ")
    while bytes_of(log_of(daemon)) != b"in memory, ":
        time.sleep(0.01)
    state = f'state_dir = "{tmp_path}/state"'
    daemon.write(port_table("line", wire.path), daemon._server + state)
    daemon.again(signal.SIGKILL)

    after = online(daemon)
    assert after.log_id == before.log_id and after.stats.reopens == 0
    file = os.stat(tmp_path / "state" / "line.vserlog")
    daemon.store.wait_for(NAMES)
    assert os.fstat(daemon.store.fd("log-0")).st_ino == file.st_ino
    wire.send(b"on the disk")
    daemon.again(signal.SIGKILL)
    online(daemon)
    while bytes_of(log_of(daemon)) != b"in memory, on the disk":
        time.sleep(0.01)

    daemon.write(port_table("line", wire.path), daemon._server, '[history]\nbytes_per_port = "2MiB"')
    for _ in range(2):
        daemon.again(signal.SIGTERM)
        online(daemon)
    assert daemon.errors().count("the stored log is of another bytes_per_port; a new one begins") == 1
    assert "is in use" not in daemon.errors()
    daemon.rewrite(port_table("another", wire.path))
    daemon.again(signal.SIGTERM)
    online(daemon, "another")
    assert [file.name for file in (tmp_path / "state").glob("*.vserlog")] == ["another.vserlog"]
