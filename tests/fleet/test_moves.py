"""What vserctl does when a port moves to another bridge, and with bridges that do not answer. The bridges and etcd are real."""
import json
import os
import select
import signal
import subprocess

import etcd_process
import pytest
from etcd_process import eventually
from fleet_bridge import PREFIX, Bridge, sim
from vserctl_terminal import PLAIN, VSERCTL, Terminal
from vserd_process import PATIENCE_SECONDS, free_port

import vser

pytestmark = pytest.mark.skipif(bool(etcd_process.missing()), reason=str(etcd_process.missing()))
ESCAPE = b"\x1d"


@pytest.fixture
def make(etcd, tmp_path):
    """Starts bridges; stops them at the end."""
    started = []

    def start(name, ports=(), **keys):
        bridge = Bridge(tmp_path / name, etcd, name, ports, **keys)
        started.append(bridge)
        bridge.wait_registered()
        return bridge

    yield start
    for bridge in started:
        if bridge.process.poll() is None:
            os.kill(bridge.process.pid, signal.SIGCONT)
            bridge.stop()


def fleet(entry, *words):
    return [VSERCTL, "--fleet", entry.address, *words]


def run(words):
    return subprocess.run(words, env=PLAIN, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=PATIENCE_SECONDS, check=False)


def in_fleet(entry, text, shown_by="ports"):
    """The entry's copy is a moment behind etcd."""
    eventually(lambda: text in run(fleet(entry, shown_by)).stdout)


def leases_of(bridge):
    with vser.connect(bridge.address) as client:
        return client.leases()


def test_the_keys_of_attach_reach_the_bridge_that_owns_the_port_now(make):
    entry, old = make("entry1", ["entry1-board"]), make("old1", ["mover1"])
    in_fleet(entry, "mover1")
    with Terminal("", command=fleet(entry, "attach", "mover1"), env=PLAIN) as terminal:
        terminal.wait(b"attached to mover1")
        terminal.type(ESCAPE + b"i")
        terminal.wait(f"mover1 at {old.address}: online".encode())
        terminal.type(ESCAPE + b"t")
        eventually(lambda: [lease.port for lease in leases_of(old)] == ["mover1"])
        old.stop()
        new = make("new1", ["mover1"])
        terminal.wait(b"you do not hold the port any more")
        terminal.type(ESCAPE + b"i")
        terminal.wait(f"mover1 at {new.address}: online".encode())
        shown = len(terminal.out)
        terminal.type(ESCAPE + b"w")
        terminal.wait(b"read-write, for", after=shown)
        terminal.type(ESCAPE + b"d")
        terminal.wait(b" bytes discarded before they were sent", after=shown)
        terminal.type(ESCAPE + b"t")
        eventually(lambda: [lease.port for lease in leases_of(new)] == ["mover1"])
        terminal.type(ESCAPE + b"r")
        eventually(lambda: leases_of(new) == [])
        terminal.type(ESCAPE + b".")
        assert terminal.ends() == 0


def unread_bytes(port):
    """What was sent to the connections of the port, and its server has not read."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table][1:]
    return sum(int(row[4].split(":")[1], 16) for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01")


def test_attach_is_left_at_once_while_the_fleet_does_not_answer(make):
    entry, old = make("entry2", ["entry2-board"]), make("old2", ["mover2"])
    in_fleet(entry, "mover2")
    words = ["--timeout", f"{2 * PATIENCE_SECONDS}s", "attach", "mover2"]  # so long a question would wait
    with Terminal("", command=fleet(entry, *words), env=PLAIN) as terminal:
        terminal.wait(b"attached to mover2")
        os.kill(entry.process.pid, signal.SIGSTOP)
        old.stop()
        terminal.wait(b"reconnecting")
        eventually(lambda: unread_bytes(entry.port) > 0)  # the question where the port is
        terminal.type(ESCAPE + b".")
        assert terminal.ends() == 0


@pytest.fixture
def dead_bridge(etcd):
    """A registered bridge that nobody serves."""
    key = f"{PREFIX}/bridge/dead"
    etcd.put(key, json.dumps({"id": "dead", "address": f"127.0.0.1:{free_port()}", "tls": False}))
    yield "dead"
    etcd.delete(key)


def test_who_shows_the_sessions_of_all_bridges(make, dead_bridge):
    one, two = make("who1", ["who-a"]), make("who2", ["who-b"])
    in_fleet(one, "who-b")
    in_fleet(one, dead_bridge, shown_by="fleet")
    with vser.connect(one.address) as client, vser.connect(two.address) as other, client.attach("who-a"), other.attach("who-b"):
        done = run(fleet(one, "who"))
        assert done.returncode == 0, done
        rows = [line.split() for line in done.stdout.splitlines()]
        assert rows[0][:3] == ["BRIDGE", "SESSION", "PORT"]
        assert {(row[0], row[2]) for row in rows[1:]} == {("who1", "who-a"), ("who2", "who-b")}
        assert "bridge dead is left out" in done.stderr
        out = json.loads(run(fleet(one, "--json", "who")).stdout)
        assert {(each["bridge"], each["port"]) for each in out["sessions"]} == {("who1", "who-a"), ("who2", "who-b")}
        assert [each["bridge"] for each in out["failed"]] == ["dead"]
        named = run(fleet(one, "who", "who-b"))
        assert "who2" in named.stdout and "who1" not in named.stdout and named.stderr == ""
        wrong = run(fleet(one, "who", "who-c"))
        assert wrong.returncode == 1 and "did you mean" in wrong.stderr


class Lines:
    """The output of a command that goes on."""

    def __init__(self, words):
        self.process = subprocess.Popen(words, env=PLAIN, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.seen = b""

    def wait(self, *words):
        """For a line with all of them."""
        def holds():
            return any(all(word in line for word in words) for line in self.seen.decode().splitlines())
        while not holds():
            ready = select.select([self.process.stdout], [], [], PATIENCE_SECONDS)[0]
            assert ready, f"no line with {words}: {self.seen.decode()}"
            data = os.read(self.process.stdout.fileno(), 65536)
            assert data, f"it has ended: {self.seen.decode()}"
            self.seen += data

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate()


def test_watch_shows_the_events_of_all_bridges(make, dead_bridge):
    one, two = make("watch1", ["watch-a"]), make("watch2", ["watch-b"])
    in_fleet(one, "watch-b")
    with Lines(fleet(one, "watch")) as watch:
        watch.wait("watch1", "watch-a", "online")
        watch.wait("watch2", "watch-b", "online")
        watch.wait(f"bridge {dead_bridge} is not watched, and tried again")
        joined = make("watch3", ["watch-c"])
        watch.wait("watch3", "watch-c", "online")
        with vser.connect(two.address) as client:
            client.set_baud("watch-b", 9600)
        watch.wait("watch2", "watch-b", "9600")
        joined.stop()
        with vser.connect(one.address) as client:
            client.set_baud("watch-a", 19200)
        watch.wait("watch1", "watch-a", "19200")


def test_watch_follows_a_port(make):
    entry, old = make("entry3", ["entry3-board"]), make("old3", ["mover3"])
    in_fleet(entry, "mover3")
    with Lines(fleet(entry, "watch", "mover3", "--json")) as watch:
        watch.wait('"bridge":"old3"', '"mover3"')
        old.stop()
        make("new3", ["mover3"])
        watch.wait('"bridge":"new3"', '"mover3"')
        assert b"entry3-board" not in watch.seen


def labelled(name, board):
    return sim(name, more=f'labels = {{ board = "{board}" }}')


@pytest.mark.parametrize("how", ["a bridge joins", "a label is added"])
def test_a_port_that_appears_while_a_lease_is_waited_for_is_taken(make, how):
    kind = how.replace(" ", "-")
    entry = make(f"{kind}-entry", labelled(f"{kind}-other", "another"))
    words = ["lease", "-l", f"board={kind}", "--wait", "10m", "--", "sh", "-c", "echo ${VSERD_LEASE%:*}"]
    with Lines(fleet(entry, *words)) as waiting:
        waiting.wait("waiting for one")
        if how == "a bridge joins":
            make(f"{kind}-new", labelled(f"{kind}-board", kind))
            waiting.wait(f"{kind}-board")
        else:
            entry.rewrite(labelled(f"{kind}-other", kind))
            entry.process.send_signal(signal.SIGHUP)
            waiting.wait(f"{kind}-other")
        assert waiting.process.wait(PATIENCE_SECONDS) == 0


def test_a_port_of_a_bridge_that_joins_is_taken_while_the_others_are_held(make):
    entry = make("held-entry", labelled("held-board", "held"))
    with vser.connect(entry.address) as client, client.lease("held-board"):
        in_fleet(entry, "held-board")
        words = ["lease", "-l", "board=held", "--wait", "10m", "--", "sh", "-c", "echo ${VSERD_LEASE%:*}"]
        with Lines(fleet(entry, *words)) as waiting:
            waiting.wait("waiting for one of 1 ports that others hold")
            make("held-new", labelled("held-board-2", "held"))
            waiting.wait("held-board-2")
            assert waiting.process.wait(PATIENCE_SECONDS) == 0
        eventually(lambda: "waits" not in run([VSERCTL, "-s", entry.address, "lease", "--list"]).stdout)
