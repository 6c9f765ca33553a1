"""The Python client in a fleet as it is in production: a real etcd, and vserds that register in it and answer from their copies."""
import json

import etcd_process
import pytest
from etcd_process import eventually
from fleet_bridge import PREFIX, Bridge, owner, sim
from vserd_process import PATIENCE_SECONDS

import vser

pytestmark = pytest.mark.skipif(bool(etcd_process.missing()), reason=str(etcd_process.missing()))
PI = {"board": "rpi4"}
LABELS = 'labels = { board = "rpi4" }'


@pytest.fixture
def bridge(tmp_path, etcd):
    """Starts a bridge, which is stopped at the end."""
    running = []

    def start(name, ports):
        running.append(Bridge(tmp_path / name, etcd, name, ports))
        running[-1].wait_registered()
        return running[-1]

    yield start
    for each in running:
        if each.process.returncode is None:
            each.stop()


def known(fleet, *names):
    """Waits until the entry knows these ports, and their devices are open."""
    eventually(lambda: {port.name for port in fleet.ports() if port.online} >= set(names))


def test_ports_are_found_and_any_one_is_leased(bridge):
    first, second = bridge("lab1", sim("pi-1", more=LABELS)), bridge("lab2", sim("pi-2", more=LABELS + "\n") + sim("other"))
    with vser.fleet(first.address) as fleet:
        known(fleet, "pi-1", "pi-2", "other")
        assert not fleet.stale and {"lab1", "lab2"} <= {each.id for each in fleet.bridges()}
        assert fleet.resolve("other").address == second.address
        assert [port.name for port in fleet.ports(PI)] == ["pi-1", "pi-2"]
        with fleet.lease(PI) as one, fleet.lease(PI) as two:
            assert {one.port, two.port} == {"pi-1", "pi-2"}
            assert one.client.set_baud(one.port, 9600) == 9600
            with pytest.raises(vser.VserError, match="none of 2 ports"), fleet.lease(PI, wait=0.2):
                pass
        with pytest.raises(vser.VserError, match="there are: .*board=rpi4"), fleet.lease({"board": "none"}):
            pass
        with pytest.raises(vser.VserError) as raised:
            fleet.client("pi-9")
        assert raised.value.reason == "PORT_NOT_FOUND"


@pytest.mark.parametrize("how", [15, 9], ids=["stopped", "killed"])
def test_a_console_follows_a_port_that_another_bridge_takes_over(bridge, etcd, how):
    first, second = bridge(f"old{how}", sim("board")), bridge(f"new{how}", sim("board"))
    with vser.fleet(first.address, second.address) as fleet:
        known(fleet, "board")
        with fleet.attach("board") as console:
            assert console.port.log_id == fleet.resolve("board").log_id
            console.write("one")
            console.expect("one")
            first.stop(how)
            eventually(lambda: owner(etcd, "board") == second.name)
            while not isinstance(item := console.next(2 * PATIENCE_SECONDS), vser.LogRestarted):
                assert item is not None, "the console did not find its port again"
            console.write("two")
            console.expect("two")
        assert fleet.resolve("board").address == second.address


def test_answers_are_marked_stale_while_etcd_is_away(bridge, etcd):
    served = bridge("lab4", sim("alone"))
    with vser.fleet(served.address) as fleet:
        known(fleet, "alone")
        etcd.pause()
        try:
            eventually(lambda: fleet.status().stale)
            assert fleet.resolve("alone").bridge == "lab4" and fleet.stale
            assert fleet.client("alone").set_baud("alone", 9600) == 9600
        finally:
            etcd.resume()
        eventually(lambda: not fleet.status().stale)


def test_a_poisoned_entry_leads_nowhere(bridge, etcd):
    with vser.fleet(bridge("lab5", sim("good")).address, hosts=["127.*"]) as fleet:
        evil = {"name": "evil", "bridge": "lab5", "address": "evil.example:50051", "tls": True, "state": "STATE_ONLINE"}
        etcd.put(f"{PREFIX}/port/evil", json.dumps(evil))

        def refused():
            with pytest.raises(vser.VserError) as raised:
                fleet.client("evil")
            return raised.value.reason == "OWNER_REFUSED"  # at first the bridge does not know the port

        eventually(refused)
        etcd.delete(f"{PREFIX}/port/evil")
