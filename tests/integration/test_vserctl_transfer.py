"""vserctl send and receive, with the real lrzsz at the other end of a pair of ptys."""
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import threading

import pytest
from restarts import port_table, until
from vserctl_terminal import VSERCTL, Terminal, vserctl
from vserd_process import PATIENCE_SECONDS, Daemon

import vser

PROTOCOLS = {"xmodem": "x", "ymodem": "b", "zmodem": "z"}
DATA = bytes(range(256)) * 64 + random.Random(13).randbytes(128 * 1000) + b"\x18" * 12 + b"\x11\x13\x91\x93\r@\r\xff" * 128 + b"\x1a" * 4 + b"!"
PADDING = b"\x1a"  # XMODEM fills its last block

pytestmark = pytest.mark.skipif(not shutil.which("sz"), reason="lrzsz is not installed")


class Peer:
    """The device: a pty on which lrzsz is started, wired to the one that vserd opens.

    lrzsz gets pipes: on a terminal it discards the output queue when it ends, and with it the last ACK, if nobody has read it yet.
    """

    def __init__(self, folder):
        self.folder = folder
        self.path = folder / "for-vserd"
        end = folder / "for-lrzsz"
        ends = [f"pty,raw,echo=0,link={path}" for path in (self.path, end)]
        self._socat = subprocess.Popen(["socat", *ends])
        until(lambda: self.path.exists() and end.exists())
        self._fd = os.open(end, os.O_RDWR | os.O_NOCTTY)
        self.process = None

    def run(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
                                        cwd=self.folder)
        pipes = [(self._fd, self.process.stdin.fileno()), (self.process.stdout.fileno(), self._fd)]
        self._threads = [threading.Thread(target=self._copy, args=pipe, daemon=True) for pipe in pipes]
        for thread in self._threads:
            thread.start()

    @staticmethod
    def _copy(source, sink):
        with contextlib.suppress(OSError):  # one end is gone
            while piece := os.read(source, 4096):
                while piece:
                    piece = piece[os.write(sink, piece):]

    def ends(self):
        status = self.process.wait(PATIENCE_SECONDS)
        self._threads[1].join(PATIENCE_SECONDS)  # what it wrote at last is on its way
        return status

    def close(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        self._socat.terminate()
        self._socat.wait()
        if self.process:
            for thread in self._threads:
                thread.join(PATIENCE_SECONDS)
            self.process.stdin.close()
            self.process.stdout.close()
        os.close(self._fd)


@pytest.fixture
def peer(tmp_path):
    (tmp_path / "peer").mkdir()
    made = Peer(tmp_path / "peer")
    yield made
    made.close()


@pytest.fixture
def daemon(tmp_path, peer):
    started = Daemon(tmp_path, port_table("board", peer.path))
    with vser.connect(started.address) as client:
        until(lambda: client.port("board").state is vser.State.ONLINE)
    yield started
    started.stop()


def start(daemon, *words):
    return subprocess.Popen([VSERCTL, "-s", daemon.address, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until_attached(daemon):
    """So that the device's first request is not in the past: it repeats it after ten seconds only."""
    with vser.connect(daemon.address) as client:
        until(lambda: client.port("board").readers == 1)


def processes_with(text):
    """Processes that have it in their command line."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            found += [process.name] if text.encode() in (process / "cmdline").read_bytes() else []
        except OSError:
            pass  # it has ended
    return found


def assert_port_is_free(daemon):
    with vser.connect(daemon.address) as client, client.attach("board", mode=vser.Mode.EXCLUSIVE):
        pass


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_file_arrives_at_the_device(daemon, peer, tmp_path, protocol):
    (tmp_path / "sent").write_bytes(DATA)
    sender = start(daemon, "send", "board", tmp_path / "sent", f"--{protocol}")
    until_attached(daemon)
    peer.run("r" + PROTOCOLS[protocol], *(["-c", "sent"] if protocol == "xmodem" else []))

    out, err = sender.communicate(timeout=2 * PATIENCE_SECONDS)

    assert (sender.returncode, peer.ends(), err) == (0, 0, "")
    arrived = (peer.folder / "sent").read_bytes()
    assert arrived == DATA or protocol == "xmodem" and arrived == DATA + PADDING * (-len(DATA) % 128)
    assert out.startswith(f"sent {tmp_path}/sent: {len(DATA)} bytes in ")
    assert_port_is_free(daemon)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_file_arrives_from_the_device(daemon, peer, tmp_path, protocol):
    (peer.folder / "theirs").write_bytes(DATA)
    (tmp_path / "mine").write_text("the one before")
    receiver = start(daemon, "receive", "board", tmp_path / "mine", f"--{protocol}", "--json")
    until_attached(daemon)
    peer.run("s" + PROTOCOLS[protocol], "theirs")

    out, err = receiver.communicate(timeout=2 * PATIENCE_SECONDS)

    assert (receiver.returncode, peer.ends(), err) == (0, 0, "")
    arrived = (tmp_path / "mine").read_bytes()
    assert arrived == DATA or protocol == "xmodem" and arrived == DATA + PADDING * (-len(DATA) % 128)
    last = json.loads(out.splitlines()[-1])["received"]
    assert (last["port"], last["bytes"]) == ("board", len(arrived))
    assert list(tmp_path.glob(".vserctl-*")) == []
    assert_port_is_free(daemon)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_transfer_leaves_nothing_behind(daemon, peer, tmp_path, protocol, number):
    with open(tmp_path / "large", "wb") as file:
        file.truncate(1 << 30)
    sender = start(daemon, "send", "board", tmp_path / "large", f"--{protocol}", "--json")
    until_attached(daemon)
    peer.run("r" + PROTOCOLS[protocol], *(["-c", "large"] if protocol == "xmodem" else []))
    while json.loads(sender.stdout.readline())["progress"]["bytes"] == 0:  # until it is in the middle
        pass

    sender.send_signal(number)

    assert sender.wait(PATIENCE_SECONDS) == -number
    assert peer.ends() != 0  # the cancel sequence reached it
    assert processes_with(str(tmp_path / "large")) == []
    assert_port_is_free(daemon)
    sender.stdout.close()
    sender.stderr.close()


def test_a_cancelled_reception_keeps_the_file_that_was_there(daemon, peer, tmp_path):
    with open(peer.folder / "large", "wb") as file:
        file.truncate(1 << 30)
    (tmp_path / "mine").write_text("the one before")
    peer.run("sz", "-w", "8192", "large")  # the log must hold what is on its way
    receiver = start(daemon, "receive", "board", tmp_path / "mine", "--zmodem", "--json")
    while json.loads(receiver.stdout.readline())["progress"]["bytes"] == 0:
        pass

    receiver.send_signal(signal.SIGINT)

    assert receiver.wait(PATIENCE_SECONDS) == -signal.SIGINT
    assert peer.ends() != 0
    assert (tmp_path / "mine").read_text() == "the one before"
    assert list(tmp_path.glob(".vserctl-*")) == []
    assert_port_is_free(daemon)
    receiver.stdout.close()
    receiver.stderr.close()


@pytest.mark.parametrize("words", [("send", "--zmodem"), ("receive", "--zmodem"), ("send", "--xmodem"), ("receive", "--ymodem")],
                         ids=" ".join)
def test_a_device_that_never_answers_ends_it(daemon, tmp_path, words):
    (tmp_path / "file").write_bytes(DATA)

    done = vserctl(daemon.address, words[0], "board", tmp_path / "file", words[1], "--wait", "1s")

    assert done.returncode == 1 and b"the device was silent for 1.0 s" in done.stderr
    assert (tmp_path / "file").read_bytes() == DATA
    assert_port_is_free(daemon)


def test_a_peer_that_cancels_is_told(daemon, peer, tmp_path):
    with open(tmp_path / "large", "wb") as file:
        file.truncate(1 << 30)
    peer.run("rz")
    sender = start(daemon, "send", "board", tmp_path / "large", "--zmodem", "--json")
    while json.loads(sender.stdout.readline())["progress"]["bytes"] == 0:
        pass
    peer.process.send_signal(signal.SIGINT)

    out, err = sender.communicate(timeout=PATIENCE_SECONDS)

    assert sender.returncode == 1 and "sz failed" in json.loads(err)["error"]["message"]
    assert all("progress" in json.loads(line) for line in out.splitlines())
    assert_port_is_free(daemon)


def test_a_file_that_the_device_skips_is_told(daemon, peer, tmp_path):
    for path in (tmp_path / "file", peer.folder / "file"):
        path.write_bytes(DATA)
    peer.run("rz", "--protect")
    done = vserctl(daemon.address, "send", "board", tmp_path / "file", "--zmodem")
    assert done.returncode == 1 and b"the device skipped the file" in done.stderr


def test_a_port_that_is_held_is_not_taken(daemon, tmp_path):
    (tmp_path / "file").write_bytes(DATA)
    with vser.connect(daemon.address) as client, client.attach("board", mode=vser.Mode.EXCLUSIVE):
        done = vserctl(daemon.address, "send", "board", tmp_path / "file", "--zmodem")
    assert done.returncode == 1 and b"is held exclusively" in done.stderr


def test_a_terminal_shows_a_bar(daemon, peer, tmp_path):
    with open(tmp_path / "large", "wb") as file:
        file.truncate(1 << 30)
    peer.run("rz")
    with Terminal(daemon.address, "send", "board", str(tmp_path / "large"), "--zmodem") as terminal:
        terminal.wait(b"large   0% [")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.ends() == -signal.SIGINT
        assert terminal.is_restored


def test_without_lrzsz_it_says_what_to_install(daemon, tmp_path):
    (tmp_path / "file").write_bytes(DATA)
    done = vserctl(daemon.address, "send", "board", tmp_path / "file", "--zmodem", env={**os.environ, "PATH": str(tmp_path)})
    assert done.returncode == 1 and b"sz is not installed; install the package lrzsz" in done.stderr


@pytest.mark.parametrize("words", [("send", "board", "file"), ("send", "board", "file", "--xmodem", "--zmodem"), ("receive", "board")],
                         ids=" ".join)
def test_one_protocol_and_a_file_are_required(daemon, words):
    assert vserctl(daemon.address, *words).returncode == 2


def test_a_file_that_cannot_be_read_is_told_before_the_port_is_taken(daemon, tmp_path):
    done = vserctl(daemon.address, "send", "board", tmp_path / "none", "--zmodem")
    assert done.returncode == 1 and b"none: not a file that can be sent" in done.stderr
