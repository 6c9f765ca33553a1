"""The keys of `vserctl attach` that hold a port, take it over and release it."""
import pytest
from vserctl_terminal import Device, Terminal, vserctl
from vserd_process import Daemon

import vser

ESCAPE = b"\x1d"  # Ctrl-]


@pytest.fixture
def device():
    made = Device()
    yield made
    made.close()


@pytest.fixture
def daemon(tmp_path, device):
    started = Daemon(tmp_path, f'[[port]]\nname = "board"\ndevice = "{device.path}"\n')
    yield started
    started.stop()


@pytest.fixture
def attached(daemon):
    """Two people on the port."""
    terminals = [Terminal(daemon.address, "attach", "board") for _ in range(2)]
    for terminal in terminals:
        terminal.wait(b"for help")
    yield terminals
    for terminal in terminals:
        terminal.close()


def test_a_key_holds_the_port_and_another_releases_it(daemon, device, attached):
    holder, other = attached
    holder.type(ESCAPE + b"t")
    holder.wait(b"you hold the port")
    other.wait(b"nobody else may write")

    other.type(b"refused")
    other.wait(b"of yours were not sent")
    holder.type(b"mine")
    assert device.receive(b"mine") == b"mine"
    with vser.connect(daemon.address) as client:
        assert client.port("board").writer.startswith("vserctl@")

    holder.type(ESCAPE + b"r")
    other.wait(b"exclusive access released")
    other.type(b"now")
    assert device.receive(b"now") == b"now"


def test_the_second_press_takes_the_port_over_and_the_other_sees_one_line(device, attached):
    holder, taker = attached
    holder.type(ESCAPE + b"t")
    holder.wait(b"you hold the port")

    taker.type(ESCAPE + b"t")
    taker.wait(b"within 10 s takes the port over")
    assert b"took over" not in holder.out
    taker.type(ESCAPE + b"t")

    taker.wait(b"you hold the port")
    holder.wait(b"took over the port from")
    holder.type(b"late")
    holder.wait(b"of yours were not sent")
    taker.type(b"mine")
    assert device.receive(b"mine") == b"mine"


def test_a_console_that_leaves_releases_the_port(daemon, attached):
    holder, other = attached
    holder.type(ESCAPE + b"t")
    holder.wait(b"you hold the port")

    holder.type(ESCAPE + b".")

    other.wait(b"exclusive access released")
    assert vserctl(daemon.address, "lease", "board", "--ttl", "1s").returncode == 0
