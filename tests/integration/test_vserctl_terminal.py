"""What vserctl leaves on a terminal, and how one gets out of it."""
import json
import pathlib
import signal
import subprocess
import time

import pytest
from vserctl_terminal import Device, Terminal, vserctl
from vserd_process import PATIENCE_SECONDS, Daemon

import vser

ESCAPE = b"\x1d"  # Ctrl-]
PORT = '[[port]]\nname = "board"\ndevice = "{}"\n[[port]]\nname = "echo"\ndevice = "sim:echo?id=paste"\nbaud = 9600\n'
DIRTY = b"\x1b(0\x0e\x1b[5;10r\x1b[4h\x1b[>1u\x1b[>4;2m\x1b[?1049h\x1b[?25l\x1b[31m"
CLEAN = (b"\x0f", b"\x1b(B", b"\x1b[r", b"\x1b[4l", b"\x1b[<u", b"\x1b[>4m", b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[0m")


@pytest.fixture
def device():
    made = Device()
    yield made
    made.close()


@pytest.fixture
def daemon(tmp_path, device):
    started = Daemon(tmp_path, PORT.format(device.path))
    yield started
    if started.process.poll() is None:
        started.stop()


def made_dirty(address, device, *words, **options):
    """A terminal on which the device has changed all that it can."""
    terminal = Terminal(address, *words, **options)
    if "attach" in words:
        terminal.wait(b"attached to board")
    device.send(DIRTY + b"!")
    terminal.wait(b"!")
    return terminal


def assert_clean(shown):
    at = shown.rindex(b"!")
    assert [sequence for sequence in CLEAN if sequence not in shown[at:]] == []


def test_leaving_by_the_key_undoes_what_the_device_switched_on(daemon, device):
    with made_dirty(daemon.address, device, "attach", "board") as terminal:
        terminal.type(ESCAPE + b".")
        assert terminal.ends() == 0
        assert_clean(terminal.out)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGABRT, signal.SIGSEGV,
                                    signal.SIGUSR1])
@pytest.mark.parametrize("words", [("attach", "board"), ("attach", "board", "--read-only"), ("read", "board", "--follow")], ids=" ".join)
def test_a_signal_does_so_too(daemon, device, number, words):
    with made_dirty(daemon.address, device, *words) as terminal:
        terminal.process.send_signal(number)
        assert terminal.ends() == -number
        assert_clean(terminal.out)


def test_a_pipe_into_attach_does_so_too(daemon, device):
    with Terminal(daemon.address, "attach", "board", "--wait", "1s", stdin=subprocess.DEVNULL) as terminal:
        with vser.connect(daemon.address) as client:
            while client.port("board").readers == 0:
                pass
        device.send(DIRTY + b"!")
        assert terminal.ends() == 0
        assert_clean(terminal.out)


def test_a_read_of_the_history_does_so_too(daemon, device):
    device.send(DIRTY + b"!")
    with vser.connect(daemon.address) as client:
        while client.port("board").next_offset < len(DIRTY) + 1:
            pass
    with Terminal(daemon.address, "read", "board") as terminal:
        assert terminal.ends() == 0
        assert_clean(terminal.out)


def wait_until_stopped(pid):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "T":
        assert time.monotonic() < deadline, "the process did not stop"


def test_a_stop_does_so_too(daemon, device):
    with made_dirty(daemon.address, device, "attach", "board") as terminal:
        terminal.process.send_signal(signal.SIGTSTP)
        terminal.wait(b"\x1b[0m", after=terminal.out.rindex(b"!"))
        assert_clean(terminal.out)
        wait_until_stopped(terminal.process.pid)  # a SIGCONT before that would be lost
        terminal.process.send_signal(signal.SIGCONT)
        terminal.type(ESCAPE + b".")
        assert terminal.ends() == 0


def test_a_sequence_that_the_device_did_not_finish_swallows_nothing(daemon, device):
    with Terminal(daemon.address, "attach", "board") as terminal:
        terminal.wait(b"attached to board")
        device.send(b"!\x1b]0;half a title")
        terminal.wait(b"half a title")
        terminal.type(ESCAPE + b".")
        assert terminal.ends() == 0
        assert b"half a title\x18\x1b\\" in terminal.out


@pytest.mark.parametrize(("switch", "escape", "quit_key"), [
    (b"\x1b[>1u", b"\x1b[93;5u", b"."),
    (b"\x1b[>15u", b"\x1b[57442;5u\x1b[93;5u\x1b[93;5:3u\x1b[57442;1:3u", b"\x1b[46u"),
    (b"\x1b[>4;2m", b"\x1b[27;5;93~", b"."),
    (b"", ESCAPE, b"."),
], ids=["kitty", "all of kitty", "modifyOtherKeys", "plain"])
def test_the_escape_key_leaves_in_every_encoding(daemon, device, switch, escape, quit_key):
    with Terminal(daemon.address, "attach", "board") as terminal:
        terminal.wait(b"attached to board")
        device.send(switch + b"!")
        terminal.wait(b"!")
        terminal.type(b"sent" + escape)
        device.receive(b"sent")
        terminal.type(quit_key)
        assert terminal.ends() == 0


def test_a_lone_escape_key_reaches_the_device(daemon, device):
    with Terminal(daemon.address, "attach", "board") as terminal:
        terminal.wait(b"attached to board")
        terminal.type(b"\x1b")
        assert device.receive(b"\x1b") == b"\x1b"


def test_json_on_a_terminal_has_the_escape_key(daemon, device):
    with Terminal(daemon.address, "attach", "board", "--json", stdout=subprocess.PIPE) as terminal:
        with vser.connect(daemon.address) as client:
            while client.port("board").readers == 0:
                pass
        terminal.type(b"key")
        device.receive(b"key")
        device.send(b"answer")
        items = map(json.loads, iter(terminal.process.stdout.readline, b""))
        assert next(item for item in items if "text" in item)["text"]["text"] == "answer"  # on a busy machine events come first
        terminal.type(ESCAPE + b"?")
        terminal.wait(b"leaves")
        terminal.type(ESCAPE + b".")
        assert terminal.process.wait(PATIENCE_SECONDS) == 0
        assert terminal.is_restored()
        assert terminal.process.stdout.read() == b""


def test_a_server_that_does_not_answer_keeps_nobody(daemon, device):
    with Terminal(daemon.address, "attach", "board") as terminal:
        terminal.wait(b"attached to board")
        daemon.process.send_signal(signal.SIGSTOP)
        try:
            terminal.type(ESCAPE + b"i" + ESCAPE + b"i")
            terminal.wait(b"the server has not answered yet")
            began = time.monotonic()
            terminal.type(ESCAPE + b".")
            assert terminal.ends() == 0
            assert time.monotonic() - began < 4
        finally:
            daemon.process.send_signal(signal.SIGCONT)


def test_the_info_key_is_answered(daemon, device):
    with Terminal(daemon.address, "attach", "board") as terminal:
        terminal.wait(b"attached to board")
        terminal.type(ESCAPE + b"i")
        terminal.wait(b"1 reader, offset 0, 0 bytes queued for the device")


def queued(address, port):
    with vser.connect(address) as client:
        return client.port(port).stats.tx_queue_bytes


def test_leaving_behind_a_paste_says_what_is_queued_and_how_to_discard_it(daemon):
    with Terminal(daemon.address, "attach", "echo") as terminal:
        terminal.wait(b"attached to echo")
        terminal.type(b"x" * 200_000)
        terminal.type(ESCAPE + b".")
        assert terminal.ends() == 0

    shown = terminal.out.decode()
    words = shown.partition("to discard them: vserctl ")[2].partition("]")[0].split()
    assert "bytes are still queued for the device and will be sent" in shown
    assert queued(daemon.address, "echo") > 0
    assert vserctl(daemon.address, *words[2:]).returncode == 0
    assert (words[:2], queued(daemon.address, "echo")) == (["-s", daemon.address], 0)


def test_discarding_and_leaving_at_once_discards(daemon):
    with Terminal(daemon.address, "attach", "echo") as terminal:
        terminal.wait(b"attached to echo")
        terminal.type(b"x" * 500_000)
        terminal.type(ESCAPE + b"d" + ESCAPE + b".")
        assert terminal.ends() == 0
        assert queued(daemon.address, "echo") == 0


@pytest.mark.parametrize("mode", [[], ["--exclusive"]])
def test_the_discard_key_stops_a_paste_and_attach_continues(daemon, mode):
    with Terminal(daemon.address, "attach", *mode, "echo") as terminal:
        terminal.wait(b"attached to echo")
        terminal.type(b"x" * 1_000_000)
        terminal.type(ESCAPE + b"d")
        terminal.wait(b"bytes discarded before they were sent")
        if mode:
            terminal.wait(b"flushed by")
        assert queued(daemon.address, "echo") == 0
        terminal.type(b"alive")
        terminal.wait(b"alive")
        terminal.type(ESCAPE + b".")
        assert terminal.ends() == 0

    assert b"connection lost" not in terminal.out
    assert b"still queued" not in terminal.out
