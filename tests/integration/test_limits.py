"""The figures that vserd names as enough are enough."""
import contextlib
import re

import pytest
from vserd_process import BIN, Daemon

import vser

PORTS = 100
CLIENTS = 20


def limited(folder, descriptors):
    """vserd under that RLIMIT_NOFILE."""
    program = folder / f"vserd-{descriptors}"
    program.write_text(f'#!/bin/sh\nulimit -n {descriptors}\nexec {BIN}/vserd "$@"\n')
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("kept", [False, True], ids=["in memory", "in a folder"])
def test_with_just_the_descriptors_that_it_asks_for_it_serves_its_ports_and_clients(tmp_path, kept):
    ports = "".join(f'[[port]]\nname = "p{number}"\ndevice = "sim:echo?id={number}"\n' for number in range(PORTS))
    more = {"server": f'state_dir = "{tmp_path}/state"' if kept else "", "history": '[history]\nbytes_per_port = "64KiB"'}

    def refusal(descriptors):
        with open(tmp_path / "errors", "w") as errors, pytest.raises(AssertionError, match="did not start"):
            Daemon(tmp_path, ports, program=limited(tmp_path, descriptors), stderr=errors, **more)
        return re.search(rf"RLIMIT_NOFILE allows {descriptors} descriptors and {PORTS} ports need (\d+)",
                         (tmp_path / "errors").read_text())[1]

    enough = int(refusal(128))
    assert int(refusal(enough - 1)) == enough
    daemon = Daemon(tmp_path, ports, program=limited(tmp_path, enough), **more)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(vser.connect(daemon.address)) for _ in range(CLIENTS)]
        consoles = [stack.enter_context(client.attach("p0")) for client in clients]
        waiting = {f"p{number}" for number in range(PORTS)}
        for change in clients[0].watch():
            if change.port.state is vser.State.ONLINE:
                waiting.discard(change.port.name)
            if not waiting:
                break
        assert len(consoles) == CLIENTS
    daemon.stop()
