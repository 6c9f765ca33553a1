"""`vserctl yield`: a program gets the device of a port, and vserd takes it back whatever happens."""
import fcntl
import os
import re
import signal
import subprocess
import termios

import pytest
from restarts import Wire, port_table, until
from vserd_process import BIN, PATIENCE_SECONDS, Daemon

import vser

# What stands for a flasher: says that it runs, and ends when its standard input does.
WAITS = ("sh", "-c", 'echo "got $1"; read line; exit 7', "sh", "{device}")


class Bench:
    """A daemon with a port on a pseudo terminal and a simulated one, and a client that reads the first."""

    def __init__(self, folder):
        self.wire = Wire(0)
        self.daemon = Daemon(folder, port_table("line", self.wire.path) + port_table("sim", "sim:echo"))
        self.client = vser.connect(self.daemon.address)
        self.reader = self.client.attach("line")
        self.reader.wait_open()
        self.children = []
        self.wait_state(vser.State.ONLINE)

    def close(self):
        for child in self.children:
            child.kill()
            child.communicate()
        self.reader.close()
        self.client.close()
        if self.daemon.process.poll() is None:
            self.daemon.stop()
        self.wire.close()

    def vserctl(self, *arguments, **popen):
        command = [BIN / "vserctl", "-s", self.daemon.address, *arguments]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **popen)
        self.children.append(child)
        return child

    def yielded(self, port="line"):
        """A vserctl whose command has the device."""
        child = self.vserctl("yield", port, "--", *WAITS)
        assert child.stdout.readline() == f"got {self.wire.path}\n"
        return child

    def run(self, *arguments):
        child = self.vserctl(*arguments)
        out, errors = child.communicate(timeout=PATIENCE_SECONDS)
        return child.returncode, out, errors

    def wait_state(self, state):
        until(lambda: self.client.port("line").state is state)

    def reason(self):
        return self.client.port("line").offline_reason

    def daemon_has_device(self):
        folder = f"/proc/{self.daemon.process.pid}/fd"
        links = []
        for fd in os.listdir(folder):
            try:
                links.append(os.readlink(f"{folder}/{fd}"))
            except FileNotFoundError:
                continue
        return self.wire.path in links

    def next_event(self, kind):
        """The reader's next event of that kind."""
        while True:
            item = self.reader.next(PATIENCE_SECONDS)
            assert item is not None, "the event did not come"
            if isinstance(item, vser.Event) and isinstance(item.what, kind):
                return item.what


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.close()


def test_the_command_has_the_device_for_itself_and_readers_see_both_moments(bench):
    child = bench.yielded()

    assert not bench.daemon_has_device()
    device = os.open(bench.wire.path, os.O_RDWR | os.O_NOCTTY)
    fcntl.ioctl(device, termios.TIOCEXCL)
    fcntl.ioctl(device, termios.TIOCNXCL)
    os.close(device)
    told = bench.next_event(vser.Offline)
    assert re.fullmatch("yielded to vserctl@[^:]*: sh", told.reason)
    assert bench.reason() == told.reason

    out, errors = child.communicate("\n", timeout=PATIENCE_SECONDS)

    assert (child.returncode, out, errors) == (7, "", "")
    assert bench.client.port("line").online, "vserctl returns when the device is open again"
    assert bench.next_event(vser.Online).device == bench.wire.path
    bench.wire.send(b"after")
    while (item := bench.reader.next(PATIENCE_SECONDS)) is not None and not isinstance(item, vser.Data):
        pass
    assert item.data == b"after"


@pytest.mark.parametrize(("options", "shown"), [((), "env"), (("--reason", "new firmware"), "new firmware")])
def test_other_clients_see_the_program_or_the_given_reason_and_no_arguments(bench, options, shown):
    status, _, _ = bench.run("yield", *options, "line", "--", "/usr/bin/env", "TOKEN=secret", "true")

    assert status == 0
    assert bench.next_event(vser.Offline).reason.endswith(f": {shown}")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["kill", "stop"])
def test_the_device_comes_back_when_vserctl_is_killed(bench, how):
    child = bench.yielded()
    if how == signal.SIGSTOP:
        child.send_signal(how)  # a vserctl that does nothing still has the device
        assert bench.reason().startswith("yielded")
    child.kill()

    bench.wait_state(vser.State.ONLINE)


@pytest.mark.parametrize(("words", "status"), [
    (("true",), 0), (("false",), 1), (("sh", "-c", "exit 42"), 42), (("sh", "-c", "kill -9 $$"), 137),
    (("no-such-command-at-all",), 127), (("/etc/passwd",), 126), (("sh", "-c", "exit 5", "--json", "-s", "x"), 5)])
def test_the_exit_status_is_the_commands_and_the_device_comes_back(bench, words, status):
    done, _, errors = bench.run("yield", "line", "--", *words)

    assert done == status
    assert (words[0] in errors) == (status in (126, 127))
    assert bench.client.port("line").online


def test_the_path_replaces_every_mark_and_nothing_is_evaluated(bench):
    status, out, _ = bench.run("yield", "line", "--", "printf", "%s\n", "{device}", "a={device},{device}", "$HOME;`id`")

    assert status == 0
    path = bench.wire.path
    assert out.splitlines() == [path, f"a={path},{path}", "$HOME;`id`"]


def test_signals_reach_the_command(bench):
    child = bench.vserctl("yield", "line", "--", "sh", "-c", 'trap "echo term; exit 9" TERM; echo ready; while :; do read x; done')
    assert child.stdout.readline() == "ready\n"

    child.send_signal(signal.SIGTERM)
    child.stdin.write("\n")
    child.stdin.flush()

    assert child.stdout.readline() == "term\n"
    assert child.wait(PATIENCE_SECONDS) == 9
    assert bench.client.port("line").online


def test_a_second_yield_is_refused_and_names_the_holder(bench):
    first = bench.yielded()

    status, out, errors = bench.run("yield", "line", "--", "echo", "ran")

    assert (status, out) == (1, "")
    assert "yielded to vserctl@" in errors
    assert first.poll() is None and bench.reason().startswith("yielded")


def test_an_exclusive_holder_keeps_the_port(bench):
    with bench.client.attach("line", mode=vser.Mode.EXCLUSIVE) as holder:
        holder.wait_open()
        status, out, errors = bench.run("yield", "line", "--", "echo", "ran")
    assert (status, out) == (1, "") and "held exclusively" in errors


@pytest.mark.parametrize(("port", "told"), [("sim", "simulated"), ("lime", "line")])
def test_a_port_without_a_device_is_refused(bench, port, told):
    status, out, errors = bench.run("yield", port, "--", "echo", "ran")
    assert (status, out) == (1, "") and told in errors


def test_without_a_server_the_command_does_not_run(bench):
    bench.daemon.stop()
    status, out, errors = bench.run("--timeout", "1s", "yield", "line", "--", "echo", "ran")
    assert (status, out) == (3, "") and "cannot connect" in errors


def test_after_a_restart_of_the_daemon_vserctl_asks_again(bench):
    bench.daemon.config.write_text(bench.daemon.config.read_text().replace("127.0.0.1:0", bench.daemon.address))
    child = bench.yielded()

    bench.daemon.stop()
    bench.daemon.start()

    until(lambda: bench.reason().startswith("yielded"))
    assert not bench.daemon_has_device()
    _, errors = child.communicate("\n", timeout=PATIENCE_SECONDS)
    assert child.returncode == 7 and "asking for the device again" in errors
    assert bench.client.port("line").online


def test_a_reload_that_removes_the_port_ends_it(bench):
    child = bench.yielded()
    bench.daemon.rewrite(port_table("sim", "sim:echo"))
    bench.daemon.process.send_signal(signal.SIGHUP)
    until(lambda: [port.name for port in bench.client.ports()] == ["sim"])

    bench.daemon.rewrite(port_table("line", bench.wire.path) + port_table("sim", "sim:echo"))
    bench.daemon.process.send_signal(signal.SIGHUP)

    until(lambda: "line" in [port.name for port in bench.client.ports()] and bench.reason().startswith("yielded"))
    child.communicate("\n", timeout=PATIENCE_SECONDS)
    assert child.returncode == 7


def test_from_python(bench):
    with bench.client.yielded("line", "a test") as device:
        assert device == bench.wire.path
        assert not bench.daemon_has_device()
        assert bench.reason().endswith(": a test")
        with pytest.raises(vser.VserError, match="a test"), bench.client.yielded("line"):
            pass
    bench.wait_state(vser.State.ONLINE)
