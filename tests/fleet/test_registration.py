"""How a bridge registers in a real etcd, and gives it up again."""
import json
import signal

import etcd_process
import pytest
from etcd_process import Etcd, eventually
from fleet_bridge import PREFIX, Bridge, owner, port_of, sim

pytestmark = pytest.mark.skipif(etcd_process.missing() is not None, reason=str(etcd_process.missing()))


@pytest.fixture
def etcd():
    with Etcd() as started:
        yield started


def test_a_bridge_registers_itself_and_its_ports_under_one_lease_and_takes_them_back_when_it_stops(etcd, tmp_path):
    bridge = Bridge(tmp_path, etcd, "lab7", sim("b1", more='description = "board 1"\nlabels = { rack = "3" }\n') + sim("b2"))
    bridge.wait_registered()

    items = etcd.items(PREFIX)
    assert set(items) == {f"{PREFIX}/bridge/lab7", f"{PREFIX}/port/b1", f"{PREFIX}/port/b2"}
    assert len({entry["lease"] for entry in items.values()}) == 1
    eventually(lambda: port_of(etcd, "b1").get("state") == "STATE_ONLINE")
    entry = port_of(etcd, "b1")
    assert entry.pop("log_id")
    assert entry == {"name": "b1", "bridge": "lab7", "address": bridge.address, "description": "board 1", "state": "STATE_ONLINE",
                     "labels": {"rack": "3"}}
    registered = json.loads(items[f"{PREFIX}/bridge/lab7"]["value"])
    assert (registered["id"], registered["address"]) == ("lab7", bridge.address)
    assert registered["version"] and registered["started"]
    assert bridge.wait_line("fleet: registered as lab7 with 2 ports")

    bridge.stop()

    assert etcd.get(PREFIX) == {}
    assert etcd.leases() == []


def test_kill_and_restart_registers_at_once(etcd, tmp_path):
    bridge = Bridge(tmp_path, etcd, "lab7", ["b1"], ttl="60s")
    bridge.wait_registered()
    first = etcd.items(f"{PREFIX}/port/b1")[f"{PREFIX}/port/b1"]["lease"]

    bridge.stop(signal.SIGKILL)
    bridge.start()
    bridge.wait_registered()

    assert owner(etcd, "b1") == "lab7"
    assert first not in etcd.leases()
    bridge.stop()
