"""A restart and a kill lose nothing: the next process goes on with the logs and with the open devices.

The devices are pseudo terminals that somebody writes to at the pace of a line, whether it is read or not. With
VSERD_RESTART_ROUNDS=20 (./dev bench restart) there are as many restarts and kills, and a table of what was lost."""
import os
import re
import signal
import subprocess
import time

import pytest
from restarts import NAMES, Follower, Wire, bytes_of, events_of, holes, log_of, online, port_table, start, until, wire
from vserd_process import BIN, PATIENCE_SECONDS

import vser

ROUNDS = int(os.environ.get("VSERD_RESTART_ROUNDS", "3"))
ROUND_SECONDS = 0.25  # between one end of the daemon and the next
KERNEL_BYTES = 8192  # what a pseudo terminal holds at least while nobody reads


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

    assert got == bytes(wire.taken), f"{lost} bytes are lost: {holes(bytes(wire.taken), got)}"
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
    assert [item.what.baud for item in log if isinstance(item, vser.Event) and isinstance(item.what, vser.SettingsChanged)][-1] == 2400


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
    assert "port line: the stored log belongs to another device; starting a new log" in daemon.errors()
    assert "discarded the stored log of port gone, which is no longer configured" in daemon.errors()
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
    daemon = start(port_table("line", wire.path) + port_table("gone", other.path), server='removed_ports_keep = "0s"')
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
    daemon = start(port_table("line", wire.path), server='removed_ports_keep = "0s"')
    online(daemon)
    wire.send(b"history")
    until(lambda: bytes_of(log_of(daemon)) == b"history")
    with vser.connect(daemon.address) as client:
        client.write("line", bytes(100_000))  # the pseudo terminal takes a few of them
    daemon.rewrite(port_table("other", wire.path))
    with daemon.store.slow():  # its duplicate of the device must not lock out the new port
        daemon.process.send_signal(signal.SIGHUP)
        online(daemon, "other")
    daemon.store.wait_for(NAMES)
    removed = re.search(r"port line: removed; discarded: (\d+) accepted bytes that were not written, 7 bytes of history",
                        daemon.errors())
    assert 50_000 < int(removed[1]) < 100_000
    assert "is in use" not in daemon.errors()

    with vser.connect(daemon.address) as client:
        client.write("other", bytes(100_000))
    daemon.stop(signal.SIGTERM)
    dropped = re.search(r"port other: (\d+) accepted bytes were not written and are discarded", daemon.errors())
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


@pytest.mark.parametrize("where", [0, 8, 64, 1544], ids=["magic", "version", "header", "block"])
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
        until(lambda: client.port("line").readers != 0)
    wire.send(b"one")
    assert attach.stdout.read(3) == b"one"
    for how, word in ((signal.SIGTERM, b"two"), (signal.SIGKILL, b"six")):
        daemon.again(how)
        wire.send(word)
        assert attach.stdout.read(3) == word
    attach.terminate()
    said = attach.communicate(timeout=PATIENCE_SECONDS)[1].decode()
    assert said.count("resuming at offset") == 2 and "is lost" not in said, said
