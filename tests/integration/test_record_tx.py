"""`record_tx`: what was sent to a device is recorded beside what it sent, and everybody who attaches is told."""
import os
import pathlib
import re
import signal
import stat
import subprocess
import threading

import pytest
from archives import archived, line  # noqa: F401 line is a fixture
from restarts import until
from vserctl_terminal import VSERCTL, Terminal
from vserd_process import BIN

import vser

TYPED = b"root\rsecret\r"


def port(name, device, more="record_tx = true"):
    return f'[[port]]\nname = "{name}"\ndevice = "{device}"\n{more}\n'


def sent_files(folder, name="board"):
    return sorted(pathlib.Path(folder, "archive", name, "@tx").glob("*.log"))


def sent(folder, name="board"):
    return b"".join(path.read_bytes() for path in sent_files(folder, name))


def received(folder, name="board"):
    return b"".join(path.read_bytes() for path in sorted(pathlib.Path(folder, "archive", name).glob("*.log")))


def drain(descriptor):
    """Reads like a device that has waited. Ends with the terminal."""
    try:
        while os.read(descriptor, 4096):
            pass
    except OSError:
        pass


def verified(directory):
    done = subprocess.run([VSERCTL, "archive", "verify", directory], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def begin(tmp_path):
    started = []

    def start(ports, **others):
        started.append(archived(tmp_path, ports, **others))
        return started[-1]

    yield start
    for served in started:
        if served.daemon.process.poll() is None:
            served.daemon.stop()


def test_both_directions_have_files_of_their_own(begin, line, tmp_path):  # noqa: F811
    served = begin(port("board", line.path) + port("other", "sim:echo", ""))
    with served.client() as client:
        client.write("board", TYPED)
        line.send_bytes(b"login: \n")
        client.write("other", TYPED)
        with client.attach("board") as board, client.attach("other") as other:
            assert (board.tx_recorded, other.tx_recorded) == (True, False)
        until(lambda: sent(tmp_path) == TYPED)
        until(lambda: received(tmp_path) == b"login: \n")
    served.daemon.stop()
    assert not sent_files(tmp_path, "other"), "recorded although nobody said so"
    assert stat.S_IMODE((tmp_path / "archive/board/@tx").stat().st_mode) == 0o700, "others could read passwords"
    assert re.search(rf"board@tx: 1 segment, {len(TYPED)} bytes, 0 events: OK", verified(tmp_path / "archive"))


def test_what_is_sent_goes_on_after_a_restart_where_it_ended(begin, tmp_path):
    for text in (b"one ", b"two ", b"three"):
        served = begin(port("board", "sim:echo?unpaced=1"))
        with served.client() as client:
            client.write("board", text)
            until(lambda: client.port("board").tx_offset == len(sent(tmp_path)))
        served.daemon.stop()
    assert sent(tmp_path) == b"one two three"
    assert "gap" not in verified(tmp_path / "archive")


def test_what_is_discarded_is_a_gap(begin, line, tmp_path):  # noqa: F811
    """The first bytes fill the kernel's buffer, and what waits behind them is flushed."""
    served = begin(port("board", line.path))
    with served.client() as client:
        client.write("board", b"x" * 100_000)
        until(lambda: len(sent(tmp_path)) > 0)
        client.flush("board")
        threading.Thread(target=drain, args=(line.master,), daemon=True).start()
        client.write("board", b"last")
        until(lambda: sent(tmp_path).endswith(b"last"))
        assert len(sent(tmp_path)) < 100_004
        assert client.port("board").tx_offset == 100_004
    served.daemon.stop()
    assert re.search(r"board@tx: .* 1 gap of \d+ bytes", verified(tmp_path / "archive"))


def test_people_are_told_when_they_attach_and_when_it_changes(begin, tmp_path):
    served = begin(port("board", "sim:echo"))
    with Terminal(served.daemon.address, "attach", "board") as terminal:
        terminal.wait(b"typed bytes are recorded")
    with served.client() as client, client.attach("board", mode=vser.Mode.READ_ONLY) as console:
        served.daemon.rewrite(port("board", "sim:echo", ""))
        served.daemon.process.send_signal(signal.SIGHUP)
        assert any("not recorded any more" in str(item) for item in console)
        client.write("board", TYPED)
        with client.attach("board") as again:
            assert not again.tx_recorded
    served.daemon.stop()
    assert sent(tmp_path) == b""


def test_without_an_archive_the_configuration_is_wrong(tmp_path):
    config = tmp_path / "vserd.toml"
    config.write_text(port("board", "sim:echo"))
    done = subprocess.run([BIN / "vserd", "check", config], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "'record_tx' in [[port]] needs an archive" in done.stdout + done.stderr
