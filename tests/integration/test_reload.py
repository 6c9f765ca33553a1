"""A reload: what it refuses, what of a removed port it keeps, and that no disk stops the daemon."""
import os
import pathlib
import signal

import pytest
from restarts import bytes_of, events_of, log_of, online, port_table, start, until, wire
from shims import Disk
from vserd_process import Daemon

import vser


class Logged:
    """A daemon whose standard error is a file."""

    def __init__(self, folder, ports, **more):
        self._path = pathlib.Path(folder) / "errors"
        with open(self._path, "wb") as errors:
            self.daemon = Daemon(folder, ports, stderr=errors, **more)

    def reload(self, ports):
        self.daemon.rewrite(ports)
        self.daemon.process.send_signal(signal.SIGHUP)

    def wait_for(self, text, times=1):
        until(lambda: self._path.read_text().count(text) >= times)

    def errors(self):
        return self._path.read_text()


def ports_of(daemon):
    with vser.connect(daemon.address) as client:
        return [port.name for port in client.ports()]


def test_an_empty_file_removes_nothing(tmp_path, wire):
    logged = Logged(tmp_path, port_table("line", wire.path))
    before = online(logged.daemon)

    logged.reload("")

    logged.wait_for("has no [[port]], and a reload does not remove all ports")
    assert online(logged.daemon).log_id == before.log_id
    logged.daemon.stop()


@pytest.mark.parametrize("kept_by", ["memory", "store", "folder"])
def test_a_port_that_comes_back_resumes_its_log(start, tmp_path, wire, kept_by):
    server = f'state_dir = "{tmp_path}/state"' if kept_by == "folder" else ""
    if kept_by == "store":
        daemon = start(port_table("line", wire.path) + port_table("other", "sim:echo"))
    else:
        daemon = Daemon(tmp_path, port_table("line", wire.path) + port_table("other", "sim:echo"), server=server)
    before = online(daemon)
    wire.send(b"before,")
    until(lambda: bytes_of(log_of(daemon)) == b"before,")
    for _ in range(2):
        daemon.rewrite(port_table("other", "sim:echo"))
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: ports_of(daemon) == ["other"])
        daemon.rewrite(port_table("line", wire.path) + port_table("other", "sim:echo"))
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: "line" in ports_of(daemon))
        after = online(daemon)
        assert (after.log_id, after.next_offset) == (before.log_id, 7)
    wire.send(b"after")
    until(lambda: bytes_of(log_of(daemon)) == b"before,after")
    assert events_of(log_of(daemon)) == [vser.Online, vser.Offline, vser.Online, vser.Offline, vser.Online]
    if kept_by != "memory":
        again = daemon.again if kept_by == "store" else lambda how: (daemon.stop(how), daemon.start())
        again(signal.SIGKILL)
        assert online(daemon).log_id == before.log_id
        assert bytes_of(log_of(daemon)) == b"before,after"
    if kept_by != "store":
        daemon.stop()


def test_labels_change_in_place(tmp_path, wire):
    logged = Logged(tmp_path, port_table("line", wire.path, more='labels = { rack = "3", usb = "" }'))
    before = online(logged.daemon)
    assert before.labels == {"rack": "3", "usb": ""}

    logged.reload(port_table("line", wire.path, more='labels = { rack = "4" }'))

    with vser.connect(logged.daemon.address) as client:
        until(lambda: client.port("line").labels == {"rack": "4"})
        assert client.port("line").log_id == before.log_id
    logged.daemon.stop()


def test_the_log_of_a_removed_port_goes_when_its_time_is_over(tmp_path, wire):
    logged = Logged(tmp_path, port_table("line", wire.path) + port_table("other", "sim:echo"),
                    server=f'state_dir = "{tmp_path}/state"\nremoved_ports_keep = "1ms"')
    before = online(logged.daemon)

    logged.reload(port_table("other", "sim:echo"))

    file = tmp_path / "state" / "line.vserlog"
    until(lambda: not file.exists())
    logged.reload(port_table("line", wire.path) + port_table("other", "sim:echo"))
    until(lambda: "line" in ports_of(logged.daemon))
    assert online(logged.daemon).log_id != before.log_id
    assert file.exists()
    logged.daemon.stop()


def test_a_disk_that_does_nothing_stops_neither_ports_nor_reloads_asked_for_meanwhile(tmp_path, wire):
    disk = Disk(tmp_path)
    line = port_table("line", wire.path)
    logged = Logged(tmp_path, line + port_table("other", "sim:echo?unpaced=1"), env=dict(os.environ, **disk.environment),
                    server=f'state_dir = "{tmp_path}/state"\nremoved_ports_keep = "0s"')
    online(logged.daemon)
    disk.stop()

    logged.reload(line + port_table("new", "sim:echo?unpaced=1"))
    until(lambda: any(file.name.startswith("new") for file in (tmp_path / "state").iterdir()))  # it has begun
    for _ in range(3):
        logged.daemon.process.send_signal(signal.SIGHUP)
    wire.send(b"received meanwhile")
    until(lambda: bytes_of(log_of(logged.daemon)) == b"received meanwhile")
    assert "new" not in ports_of(logged.daemon)
    disk.go_on()

    logged.wait_for("reloaded", times=2)
    assert sorted(ports_of(logged.daemon)) == ["line", "new"]
    until(lambda: not (tmp_path / "state" / "other.vserlog").exists())
    logged.daemon.stop()
    assert logged.errors().count("reloaded") == 2  # all that were asked for meanwhile are one


def test_an_address_of_the_command_line_is_no_change_of_the_file(tmp_path, wire):
    program = tmp_path / "vserd"
    vserd = pathlib.Path(os.environ["VSERD_BUILD_DIR"]) / "bin" / "vserd"
    program.write_text(f'#!/bin/sh\nexec {vserd} "$@" --listen unix:{tmp_path}/other.sock\n')
    program.chmod(0o755)
    logged = Logged(tmp_path, port_table("line", wire.path), program=program)

    logged.reload(port_table("line", wire.path))

    logged.wait_for("reloaded")
    assert "need a restart" not in logged.errors()
    logged.daemon.stop()
