"""How a bridge registers in a real etcd, and gives it up again."""
import json
import os
import signal
import time

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
    eventually(lambda: first not in etcd.leases())
    bridge.stop()


def test_the_state_of_a_port_follows_its_device_at_most_about_once_a_second(etcd, tmp_path):
    device = tmp_path / "tty"
    bridge = Bridge(tmp_path / "lab7", etcd, "lab7", f'[[port]]\nname = "b1"\ndevice = "{device}"\n')
    bridge.wait_registered()
    assert port_of(etcd, "b1")["state"] == "STATE_OFFLINE"
    before = etcd.items(f"{PREFIX}/port/b1")[f"{PREFIX}/port/b1"]["version"]

    for _ in range(5):
        master, slave = os.openpty()
        device.symlink_to(os.ttyname(slave))
        eventually(lambda: bridge.metric('vserd_port_up{port="b1"}') == 1)
        device.unlink()
        os.close(slave)
        os.close(master)
        eventually(lambda: bridge.metric('vserd_port_up{port="b1"}') == 0)
    begin = time.monotonic()
    master, slave = os.openpty()
    device.symlink_to(os.ttyname(slave))

    eventually(lambda: port_of(etcd, "b1")["state"] == "STATE_ONLINE")
    entry = etcd.items(f"{PREFIX}/port/b1")[f"{PREFIX}/port/b1"]
    assert entry["create_revision"] < entry["mod_revision"]
    assert entry["version"] - before <= 11 + time.monotonic() - begin
    bridge.stop()
    os.close(slave)
    os.close(master)


def test_a_reload_claims_new_ports_gives_up_removed_ones_and_updates_the_others(etcd, tmp_path):
    bridge = Bridge(tmp_path, etcd, "lab7", ["b1", "b2"])
    bridge.wait_registered()
    lease = etcd.leases()

    bridge.rewrite(sim("b2", more='description = "moved"\nlabels = { rack = "4" }\n') + "\n" + sim("b3"))
    bridge.process.send_signal(signal.SIGHUP)

    eventually(lambda: set(etcd.get(f"{PREFIX}/port/")) == {f"{PREFIX}/port/b2", f"{PREFIX}/port/b3"})
    eventually(lambda: port_of(etcd, "b2").get("description") == "moved")
    assert port_of(etcd, "b2")["labels"] == {"rack": "4"}
    assert etcd.leases() == lease
    bridge.wait_metric('vserd_fleet_ports{state="owned"}', 2)
    bridge.stop()


def test_more_ports_than_fit_in_one_transaction(etcd, tmp_path):
    names = [f"b{number:03}" for number in range(250)]
    bridge = Bridge(tmp_path, etcd, "lab7", names)
    bridge.wait_registered()

    assert set(etcd.get(f"{PREFIX}/port/")) == {f"{PREFIX}/port/{name}" for name in names}
    bridge.wait_metric('vserd_fleet_entries{kind="port"}', 250)
    bridge.stop()


def test_a_name_has_one_owner_and_the_next_one_takes_over_when_it_is_given_up(etcd, tmp_path):
    first = Bridge(tmp_path / "1", etcd, "lab1", ["shared", "own1"])
    first.wait_registered()
    second = Bridge(tmp_path / "2", etcd, "lab2", ["shared", "own2"])
    second.wait_registered()

    assert owner(etcd, "shared") == "lab1"
    second.wait_metric('vserd_fleet_ports{state="conflict"}', 1)
    assert len(second.wait_line("the port shared belongs to the bridge lab1")) == 1
    assert second.metric('vserd_port_up{port="shared"}') == 1  # served to its own clients

    first.rewrite(["own1"])
    first.process.send_signal(signal.SIGHUP)

    eventually(lambda: owner(etcd, "shared") == "lab2")
    second.wait_metric('vserd_fleet_ports{state="conflict"}', 0)
    assert owner(etcd, "own1") == "lab1"
    first.stop()
    second.stop()


def test_a_name_is_taken_over_when_its_owner_dies(etcd, tmp_path):
    first = Bridge(tmp_path / "1", etcd, "lab1", ["shared"])
    first.wait_registered()
    second = Bridge(tmp_path / "2", etcd, "lab2", ["shared"])
    second.wait_registered()

    first.stop(signal.SIGKILL)

    eventually(lambda: owner(etcd, "shared") == "lab2")
    second.stop()


def test_two_bridges_with_one_id_the_second_registers_nothing_until_the_first_is_gone(etcd, tmp_path):
    first = Bridge(tmp_path / "1", etcd, "lab", ["b1"])
    first.wait_registered()
    second = Bridge(tmp_path / "2", etcd, "lab", ["b2"])

    line = second.wait_line("the id lab is in use")
    assert first.address in line[0] and "'bridge'" in line[0]
    assert second.metric("vserd_fleet_up") == 0
    second.wait_metric('vserd_fleet_entries{kind="port"}', 1)  # its copy works
    assert port_of(etcd, "b2") is None

    first.stop()

    second.wait_registered()
    assert owner(etcd, "b2") == "lab"
    assert second.lines("the problems are over")
    second.stop()


def test_keys_of_others_and_invalid_values_are_ignored_with_one_warning_each(etcd, tmp_path):
    for number in range(20):
        etcd.put(f"{PREFIX}/leader/{number}", "of another program")
    valid = {"name": "other", "bridge": "lab9", "address": "lab9.example:50051", "future_field": {"a": [1]}}
    etcd.put(f"{PREFIX}/port/other", json.dumps(valid))
    etcd.put(f"{PREFIX}/port/lies", json.dumps({**valid, "name": "another"}))
    etcd.put(f"{PREFIX}/port/broken", "{")
    etcd.put(f"{PREFIX}/port/binary", "\x01\x02")
    etcd.put(f"{PREFIX}/port/nowhere", json.dumps({**valid, "name": "nowhere", "address": "lab9"}))
    etcd.put(f"{PREFIX}/port/long", json.dumps({**valid, "name": "long", "description": "x" * 100_000}))
    etcd.put(f"{PREFIX}/bridge/evil", json.dumps({"id": "other", "address": "lab9.example:50051"}))
    bridge = Bridge(tmp_path, etcd, "lab7", ["b1", "broken"])
    bridge.wait_metric("vserd_fleet_up", 1)

    bridge.wait_metric('vserd_fleet_entries{kind="port"}', 2)  # "other" and "b1"
    bridge.wait_metric('vserd_fleet_ports{state="conflict"}', 1)  # a name cannot be claimed while its key exists
    assert bridge.metric("vserd_fleet_entries_ignored_total") >= 26
    assert len(bridge.lines("another program uses this prefix")) == 1
    assert len(bridge.lines("ignoring keys")) <= 6

    etcd.put(f"{PREFIX}/port/other", "{")
    bridge.wait_metric('vserd_fleet_entries{kind="port"}', 1)
    etcd.delete(f"{PREFIX}/port/broken")
    eventually(lambda: owner(etcd, "broken") == "lab7")
    bridge.stop()


def test_prefixes_do_not_see_each_other(etcd, tmp_path):
    one = Bridge(tmp_path / "1", etcd, "lab", ["b1"], prefix="/labs/a")
    two = Bridge(tmp_path / "2", etcd, "lab", ["b1"], prefix="/labs/ab")
    for bridge in (one, two):
        bridge.wait_registered()
        bridge.wait_metric('vserd_fleet_entries{kind="port"}', 1)
    assert set(etcd.get("/labs/")) == {"/labs/a/bridge/lab", "/labs/a/port/b1", "/labs/ab/bridge/lab", "/labs/ab/port/b1"}
    one.stop()
    two.stop()


def test_a_key_that_somebody_deletes_is_claimed_again(etcd, tmp_path):
    bridge = Bridge(tmp_path, etcd, "lab7", ["b1"])
    bridge.wait_registered()

    etcd.delete(f"{PREFIX}/port/b1")
    eventually(lambda: owner(etcd, "b1") == "lab7")
    etcd.delete(PREFIX, "--prefix")
    eventually(lambda: owner(etcd, "b1") == "lab7" and f"{PREFIX}/bridge/lab7" in etcd.get(PREFIX))

    bridge.wait_registered()
    bridge.stop()
