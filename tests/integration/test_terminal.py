"""A port on a pseudo terminal by its number: devpts gives the number of a closed one to whoever asks next."""
import os
import pty
import re
import signal
import urllib.request

import pytest
from restarts import Wire, online, port_table, start, until  # noqa: F401  start is a fixture

import vser

TRIES = 64


def terminal_with(path):
    """Somebody's new terminal that got the number; the ends of it, and of others on the way there."""
    ends = []
    for _ in range(TRIES):
        ends += pty.openpty()
        if os.ttyname(ends[-1]) == path:
            return ends
    for end in ends:
        os.close(end)
    return pytest.skip("somebody else on this machine got the number")


def offline(daemon):
    """Waits until the port is, and returns the reason."""
    with vser.connect(daemon.address) as client:
        until(lambda: client.port("line").state is vser.State.OFFLINE and "is closed" in client.port("line").offline_reason)
        return client.port("line").offline_reason


def open_errors(daemon):
    with urllib.request.urlopen(f"http://{daemon.metrics}/metrics") as page:
        return int(re.search(r'vserd_port_io_errors_total{port="line",op="open"} (\d+)', page.read().decode())[1])


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["restart", "kill"])
@pytest.mark.parametrize("closed", ["before", "between"])
def test_no_process_takes_a_strangers_terminal_after_a_restart(start, how, closed):  # noqa: F811
    wire = Wire(1)
    daemon = start(port_table("line", wire.path), metrics="127.0.0.1:0")
    online(daemon)
    if closed == "before":
        wire.close()
        offline(daemon)
        daemon.stop(how)
    else:
        daemon.stop(how)
        wire.close()
    daemon.start()
    offline(daemon)

    ends = terminal_with(wire.path)
    daemon.again(how)
    until(lambda: open_errors(daemon) >= 2)  # it looked, and looked again
    reason = offline(daemon)

    assert f"the terminal {wire.path} is closed" in reason and "reopen_pts = true" in reason
    for end in ends:
        os.close(end)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["restart", "kill"])
def test_a_number_taken_between_two_processes_is_not_opened(start, how):  # noqa: F811
    wire = Wire(1)
    daemon = start(port_table("line", wire.path))
    online(daemon)
    wire.close()
    offline(daemon)
    daemon.stop(how)

    ends = terminal_with(wire.path)
    daemon.start()

    assert f"the terminal {wire.path} is closed" in offline(daemon)
    for end in ends:
        os.close(end)
