"""What the daemon and systemd say to each other: notify messages, watchdog, reload, inherited sockets, the journal's fields."""
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time

import pytest
from vserd_process import BIN, PATIENCE_SECONDS, Daemon

import vser

PORT = '[[port]]\nname = "echo"\ndevice = "sim:echo?unpaced=1"\n'
AWAY = '[[port]]\nname = "away"\ndevice = "/dev/vserd-test-no-such-device"\n'
FIRST_FD = 3  # as sd_listen_fds(3) says


class ServiceManager:
    """The socket on which systemd listens to its services."""

    def __init__(self, folder):
        self.path = str(folder / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        self._socket.settimeout(PATIENCE_SECONDS)

    def environment(self, **more):
        return dict(os.environ, NOTIFY_SOCKET=self.path, **more)

    def next(self, timeout=PATIENCE_SECONDS):
        """The next message as {key: value}."""
        self._socket.settimeout(timeout)
        return dict(line.split("=", 1) for line in self._socket.recv(65536).decode().splitlines())

    def wait_for(self, key, pattern="", timeout=PATIENCE_SECONDS):
        """The next message with such a value; what comes before it is dropped."""
        deadline = time.monotonic() + timeout
        while True:
            message = self.next(max(0.001, deadline - time.monotonic()))
            if key in message and re.search(pattern, message[key]):
                return message

    def close(self):
        self._socket.close()


@pytest.fixture
def manager(tmp_path):
    made = ServiceManager(tmp_path)
    yield made
    made.close()


def test_ready_comes_with_a_status_and_the_status_follows_ports_and_readers(manager, tmp_path):
    daemon = Daemon(tmp_path, PORT + AWAY, env=manager.environment())
    ready = manager.wait_for("READY", "1")["STATUS"]
    assert "of 2 ports up" in ready
    if not ready.startswith("1 of 2 ports up"):  # its device was opened meanwhile, perhaps
        manager.wait_for("STATUS", "^1 of 2 ports up")

    with vser.connect(daemon.address) as client, client.attach("echo"):
        manager.wait_for("STATUS", "^1 of 2 ports up, 1 reader$")
    manager.wait_for("STATUS", "^1 of 2 ports up, 0 readers$")

    daemon.stop()
    assert manager.wait_for("STOPPING", "1")["STATUS"] == "writing accepted bytes"


def test_a_reload_is_announced_and_adds_a_port_without_touching_the_others(manager, tmp_path):
    daemon = Daemon(tmp_path, PORT, env=manager.environment())
    manager.wait_for("READY")
    with vser.connect(daemon.address) as client, client.attach("echo") as console:
        daemon.rewrite(PORT + AWAY)
        before = time.monotonic_ns() // 1000
        daemon.process.send_signal(signal.SIGHUP)

        assert before <= int(manager.wait_for("RELOADING", "1")["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
        assert "of 2 ports up" in manager.wait_for("READY", "1")["STATUS"]
        assert [port.name for port in client.ports()] == ["away", "echo"]
        console.write(b"still here")
        while not isinstance(console.next(PATIENCE_SECONDS), vser.Data):
            pass
    daemon.stop()


def test_a_configuration_that_fails_on_reload_leaves_the_old_one_in_force_and_the_status_says_why(manager, tmp_path):
    daemon = Daemon(tmp_path, PORT, env=manager.environment())
    if not manager.wait_for("READY")["STATUS"].startswith("1 of 1 ports up"):
        manager.wait_for("STATUS", "^1 of 1 ports up")

    daemon.rewrite(PORT + "[[port]]\nname = 7\n")
    daemon.process.send_signal(signal.SIGHUP)
    manager.wait_for("RELOADING")
    told = manager.wait_for("READY")["STATUS"]
    assert re.search(r"1 of 1 ports up.*the previous configuration is still in force: .*vserd.toml:\d+:\d+: ", told)
    with vser.connect(daemon.address) as client:
        assert [port.name for port in client.ports()] == ["echo"]
        with client.attach("echo"):
            assert "reload failed" in manager.wait_for("STATUS", "1 reader")["STATUS"]  # until a reload works

    daemon.rewrite(PORT)
    daemon.process.send_signal(signal.SIGHUP)
    assert "failed" not in manager.wait_for("READY")["STATUS"]
    daemon.stop()


def test_the_watchdog_is_fed_while_the_loop_turns_and_not_by_a_stopped_process(manager, tmp_path):
    daemon = Daemon(tmp_path, PORT, env=manager.environment(WATCHDOG_USEC="300000"))
    for _ in range(3):
        manager.wait_for("WATCHDOG", "1", timeout=5)

    daemon.process.send_signal(signal.SIGSTOP)
    with pytest.raises(TimeoutError):  # what was sent before may still be there
        while True:
            manager.wait_for("WATCHDOG", timeout=1)
    daemon.process.send_signal(signal.SIGCONT)
    manager.wait_for("WATCHDOG", timeout=5)
    daemon.stop()


def test_without_a_watchdog_nobody_feeds_one(manager, tmp_path):
    daemon = Daemon(tmp_path, PORT, env=manager.environment())
    manager.wait_for("READY")
    daemon.stop()
    with pytest.raises(TimeoutError):
        while True:
            assert "WATCHDOG" not in manager.next(timeout=0.2)


def activate(folder, sockets, listen, **options):
    """Starts a daemon with these sockets as systemd would: at descriptor 3 and up, LISTEN_PID its own."""
    # The helper that sets LISTEN_PID becomes the daemon.
    wrapper = folder / "vserd"
    wrapper.write_text(f"#!/bin/sh\nexport LISTEN_PID=$$\nexec {BIN}/vserd \"$@\"\n")
    wrapper.chmod(0o755)

    def place():
        copies = [os.dup(each.fileno()) for each in sockets]
        for index, copy in enumerate(copies):
            os.dup2(copy, FIRST_FD + index)
    ours = range(FIRST_FD, FIRST_FD + len(sockets))
    environment = dict(os.environ, LISTEN_FDS=str(len(sockets)), LISTEN_FDNAMES="grpc:" * (len(sockets) - 1) + "grpc")
    return Daemon(folder, PORT, listen=listen, program=wrapper, env=environment, preexec_fn=place, pass_fds=tuple(ours), **options)


def test_sockets_of_systemd_are_served_and_stay_when_the_daemon_goes(tmp_path):
    tcp = socket.create_server(("127.0.0.1", 0))
    unix = socket.socket(socket.AF_UNIX)
    path = tmp_path / "vserd.sock"
    unix.bind(str(path))
    unix.listen()
    address = "127.0.0.1:%d" % tcp.getsockname()[1]

    for _ in range(2):  # the second one takes them over from the first
        daemon = activate(tmp_path, [tcp, unix], listen=address)
        for where in (address, f"unix:{path}"):
            with vser.connect(where) as client:
                assert [port.name for port in client.ports()] == ["echo"]
        daemon.stop()
        assert stat.S_ISSOCK(path.stat().st_mode)

    # While no daemon runs, connections wait in the queue instead of being refused.
    waiting = socket.create_connection(tcp.getsockname())
    waiting.close()
    tcp.close()
    unix.close()


def test_an_address_that_systemd_does_not_have_is_opened_besides(tmp_path):
    tcp = socket.create_server(("127.0.0.1", 0))
    daemon = activate(tmp_path, [tcp], listen="127.0.0.1:0")
    for where in (daemon.address, "127.0.0.1:%d" % tcp.getsockname()[1]):
        with vser.connect(where) as client:
            assert client.info().ports_total == 1
    daemon.stop()
    tcp.close()


@pytest.mark.parametrize(("kind", "told"), [(socket.SOCK_DGRAM, "not a listening socket"), (socket.SOCK_STREAM, "not a listening socket")])
def test_a_socket_that_does_not_listen_is_refused_with_advice(tmp_path, kind, told):
    wrong = socket.socket(socket.AF_INET, kind)
    wrong.bind(("127.0.0.1", 0))
    with pytest.raises(AssertionError, match="did not start"):
        activate(tmp_path, [wrong], listen="127.0.0.1:0", stderr=open(tmp_path / "log", "w"))  # noqa: SIM115
    log = (tmp_path / "log").read_text()
    assert told in log and "ListenStream=" in log
    wrong.close()


def test_an_inherited_socket_that_others_reach_needs_tls(tmp_path):
    everywhere = socket.create_server(("0.0.0.0", 0))
    with pytest.raises(AssertionError, match="did not start"):
        activate(tmp_path, [everywhere], listen="127.0.0.1:0", stderr=open(tmp_path / "log", "w"))  # noqa: SIM115
    assert "without TLS" in (tmp_path / "log").read_text()
    everywhere.close()


JOURNAL = """
import os, socket, sys
os.makedirs("/run/systemd/journal")
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.bind("/run/systemd/journal/socket")
stderr = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
status = os.fstat(stderr)
os.environ["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
os.dup2(stderr, 2)
print("ready", flush=True)
import subprocess, threading
daemon = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL)
def forward():
    while True:
        print(repr(journal.recv(65536)), flush=True)
threading.Thread(target=forward, daemon=True).start()
sys.stdin.read()
daemon.terminate()
sys.exit(daemon.wait())
"""


def test_the_journal_gets_port_and_session_as_fields(tmp_path):
    """In a mount namespace of its own with an empty /run, where this test is the journal."""
    daemon = Daemon.__new__(Daemon)
    daemon.config = tmp_path / "vserd.toml"
    daemon.write(PORT + AWAY, f'listen = ["unix:{tmp_path}/vserd.sock"]\nmetrics = ""\ndrain_limit = "200ms"')
    command = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs run /run && exec "$@"', "sh", sys.executable, "-c", JOURNAL,
               tmp_path / "stderr", BIN / "vserd", "--config", daemon.config]
    journal = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    lines = []  # a port may be online before the daemon serves, so all that came is looked through

    def entry(*wanted):
        seen = 0
        enough = threading.Timer(PATIENCE_SECONDS, journal.stdin.close)  # upon which the journal ends
        enough.start()
        while not any(all(field in line for field in wanted) for line in lines[seen:]):
            seen = len(lines)
            lines.append(journal.stdout.readline())
            assert lines[-1], f"no entry with {wanted} in {lines}: {(tmp_path / 'stderr').read_text()}"
        enough.cancel()

    entry("serving")
    entry("MESSAGE=port echo: online", "PRIORITY=6", "SYSLOG_IDENTIFIER=vserd", "PORT=echo")
    with vser.connect(f"unix:{tmp_path}/vserd.sock") as client, client.attach("echo", mode=vser.Mode.EXCLUSIVE, name="anna"):
        entry("MESSAGE=port echo: held by anna", "PORT=echo", "SESSION=anna")
    journal.stdin.close()
    assert journal.wait(PATIENCE_SECONDS) == 0
    journal.stdout.close()
    assert (tmp_path / "stderr").read_text() == ""
