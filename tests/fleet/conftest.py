"""What several of the fleet's tests use."""
import pytest
from certificates import Authority
from etcd_process import Etcd, eventually
from fleet_bridge import Bridge, sim

import vser

RACK3 = 'labels = { rack = "3" }'


@pytest.fixture(scope="module")
def etcd():
    """Shared by the tests of a file. Files whose tests harm it make their own."""
    with Etcd() as made:
        yield made


@pytest.fixture(scope="module")
def bridges(tmp_path_factory, etcd):
    """Two bridges: lab1 with board-1, lab2 with board-2 and board-17. The first two boards are in rack 3."""
    folder = tmp_path_factory.mktemp("bridges")
    started = [Bridge(folder / "lab1", etcd, "lab1", sim("board-1", more=RACK3)),
               Bridge(folder / "lab2", etcd, "lab2", sim("board-2", more=RACK3 + "\n") + sim("board-17"))]
    for bridge in started:
        bridge.wait_registered()
    with vser.fleet(started[0].address) as fleet:
        eventually(lambda: len([port for port in fleet.ports() if port.online]) == 3)
    yield started
    for bridge in started:
        bridge.stop()


@pytest.fixture
def authority(tmp_path):
    """The folder of a CA that has signed a server, the user root and the bridge lab7."""
    folder = tmp_path / "pki"
    folder.mkdir()
    made = Authority(folder)
    for name in ("server", "root", "lab7"):
        made.sign(name)
    return folder
