"""What a folder (`state_dir`) keeps of the logs, beside a service manager that keeps descriptors and without one."""
import os
import signal
import subprocess

import pytest
from restarts import NAMES, bytes_of, events_of, log_of, online, port_table, start, until, wire
from vserd_process import BIN, Daemon

import vser


def test_without_a_supervisor_a_folder_keeps_the_log(tmp_path, wire):
    daemon = Daemon(tmp_path, port_table("line", wire.path), server=f'state_dir = "{tmp_path}/state"')
    before = online(daemon)
    for number, how in enumerate((signal.SIGKILL, signal.SIGTERM)):
        wire.send(b"life %d." % number)
        until(lambda: len(bytes_of(log_of(daemon))) >= 7 * (number + 1))
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
    assert f"state is in use by another vserd (configuration {daemon.config}); give each" in second.stderr

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
    assert (tmp_path / "errors").read_text().count("was not closed before the machine went down") == 1


def test_what_was_lost_meanwhile_is_said_of_a_busy_port_too(tmp_path, wire):
    daemon = Daemon(tmp_path, port_table("line", wire.path), server=f'state_dir = "{tmp_path}/state"',
                    history='[history]\nbytes_per_port = "4KiB"')
    online(daemon)
    client = vser.connect(daemon.address)
    held = client.attach("line", mode=vser.Mode.EXCLUSIVE, name="holder")
    next(iter(held))
    wire.send(bytes(2048))
    until(lambda: len(bytes_of(log_of(daemon))) >= 2048)
    for _ in range(3):
        size = client.port("line").next_offset
        wire.send(bytes(2048))
        until(lambda: client.port("line").next_offset >= size + 2048)
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
    until(lambda: bytes_of(log_of(daemon)) == b"works")
    daemon.stop()
    assert "port line: the log is not kept: state_dir: " in (tmp_path / "errors").read_text()


def test_a_folder_that_is_named_later_takes_the_logs_over(start, wire, tmp_path):
    daemon = start(port_table("line", wire.path))
    before = online(daemon)
    wire.send(b"in memory, ")
    until(lambda: bytes_of(log_of(daemon)) == b"in memory, ")
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
    until(lambda: bytes_of(log_of(daemon)) == b"in memory, on the disk")

    daemon.write(port_table("line", wire.path), daemon._server, '[history]\nbytes_per_port = "2MiB"')
    for _ in range(2):
        daemon.again(signal.SIGTERM)
        online(daemon)
    assert daemon.errors().count("the stored log has another size (bytes_per_port has changed); starting a new log") == 1
    assert "is in use" not in daemon.errors()
    daemon.rewrite(port_table("another", wire.path))
    daemon.again(signal.SIGTERM)
    online(daemon, "another")
    assert [file.name for file in (tmp_path / "state").glob("*.vserlog")] == ["another.vserlog"]


@pytest.mark.parametrize("size", [0, 100_000])
def test_a_log_that_somebody_cuts_short_is_a_gap_and_the_daemon_goes_on(tmp_path, wire, size):
    errors = open(tmp_path / "errors", "wb")
    daemon = Daemon(tmp_path, port_table("line", wire.path), server=f'state_dir = "{tmp_path}/state"', stderr=errors)
    before = online(daemon)
    wire.send(b"x" * 2000)
    until(lambda: len(bytes_of(log_of(daemon))) == 2000)

    os.truncate(tmp_path / "state" / "line.vserlog", size)

    def goes_on():
        wire.send(b"goes on,")  # the read that meets the cut may lose what it read
        return bytes_of(log_of(daemon)).endswith(b"goes on,")

    until(goes_on)
    with vser.connect(daemon.address) as client:
        log = list(client.read("line", start=0))
    assert log[0].start == 0 and 2000 <= log[0].end <= 2064  # and what that read took with it
    assert bytes_of(log).replace(b"goes on,", b"") == b""
    assert online(daemon).log_id == before.log_id
    daemon.stop(signal.SIGKILL)
    daemon.start()
    assert online(daemon).log_id != before.log_id
    wire.send(b"anew")
    until(lambda: bytes_of(log_of(daemon)).endswith(b"anew"))  # behind what the killed one had not read
    daemon.stop()
    assert 1 <= (tmp_path / "errors").read_text().count("truncated its log file") <= 2  # met at one end, then at the other


def test_a_folder_that_every_user_may_write_is_rejected(tmp_path, wire):
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o777)
    config = tmp_path / "vserd.toml"
    config.write_text(f'[server]\nlisten = ["127.0.0.1:0"]\nmetrics = ""\nstate_dir = "{tmp_path}/state"\n' +
                      port_table("line", wire.path))
    for command in (["--config", config], ["check", config]):
        ended = subprocess.run([BIN / "vserd", *command], capture_output=True, text=True)
        assert ended.returncode == 1
        assert "state is world-writable" in ended.stderr
