"""What a bridge does when etcd, or the bridge itself, fails for a while."""
import signal
import socket
import time

import etcd_process
import pytest
from etcd_process import Etcd, eventually
from fleet_bridge import PREFIX, TTL_SECONDS, Bridge, owner, port_of
from vserd_process import PATIENCE_SECONDS

import vser

pytestmark = pytest.mark.skipif(etcd_process.missing() is not None, reason=str(etcd_process.missing()))


@pytest.fixture
def etcd():
    with Etcd() as started:
        yield started


@pytest.fixture
def three():
    with Etcd(3) as started:
        yield started


def create_revision(etcd, name):
    return etcd.items(f"{PREFIX}/port/{name}")[f"{PREFIX}/port/{name}"]["create_revision"]


def listed_ports(bridge):
    """What a client sees, with a deadline: the consoles do not wait for etcd."""
    with vser.connect(bridge.address) as server:
        return [port.name for port in server.ports()]


def test_a_lease_that_is_revoked_is_replaced_and_everything_is_claimed_again(etcd, tmp_path):
    bridge = Bridge(tmp_path, etcd, "lab7", ["b1", "b2"])
    bridge.wait_registered()
    lease = etcd.leases()[0]

    etcd.revoke(lease)

    eventually(lambda: bridge.metric("vserd_fleet_lease_losses_total") == 1)
    bridge.wait_registered()
    assert owner(etcd, "b1") == owner(etcd, "b2") == "lab7"
    assert lease not in etcd.leases()
    bridge.stop()


def test_etcd_that_is_killed_and_comes_back(etcd, tmp_path):
    bridge = Bridge(tmp_path, etcd, "lab7", ["b1"])
    bridge.wait_registered()
    bridge.wait_metric('vserd_fleet_entries{kind="port"}', 1)

    etcd.kill()
    bridge.wait_metric("vserd_fleet_up", 0)
    bridge.wait_line("fleet: etcd cannot be reached at http://127.0.0.1")
    assert bridge.metric('vserd_fleet_entries{kind="port"}') == 1  # the last known map serves look-ups
    assert listed_ports(bridge) == ["b1"]
    etcd.start()

    bridge.wait_registered()
    assert owner(etcd, "b1") == "lab7"
    assert len(bridge.lines("etcd cannot be reached")) == 1
    bridge.wait_line("the problems are over")
    etcd.put(f"{PREFIX}/port/later", '{"name": "later", "bridge": "lab9", "address": "lab9.example:50051"}')
    bridge.wait_metric('vserd_fleet_entries{kind="port"}', 2)
    bridge.stop()


def test_etcd_that_has_lost_its_data(etcd, tmp_path):
    for number in range(20):
        etcd.put("/elsewhere", str(number))  # so that the new one's revisions are behind
    first = Bridge(tmp_path / "1", etcd, "lab1", ["shared"])
    first.wait_registered()
    second = Bridge(tmp_path / "2", etcd, "lab2", ["shared", "b2"])
    second.wait_registered()

    etcd.wipe()
    etcd.start()
    etcd.wait_healthy()

    eventually(lambda: owner(etcd, "shared") and owner(etcd, "b2") == "lab2")
    for bridge in (first, second):
        bridge.wait_registered()
        bridge.wait_metric('vserd_fleet_entries{kind="port"}', 2)
    first.stop()
    eventually(lambda: owner(etcd, "shared") == "lab2")
    second.stop()


def test_changes_that_etcd_has_forgotten_meanwhile_are_listed(etcd, tmp_path):
    bridge = Bridge(tmp_path, etcd, "lab7", ["b1"], ttl="60s")
    bridge.wait_registered()
    etcd.put(f"{PREFIX}/port/early", '{"name": "early", "bridge": "lab9", "address": "lab9.example:50051"}')
    bridge.wait_metric('vserd_fleet_entries{kind="port"}', 2)
    assert bridge.metric("vserd_fleet_relists_total") == 1

    bridge.process.send_signal(signal.SIGSTOP)
    etcd.restart()
    etcd.delete(f"{PREFIX}/port/early")
    for name in ("late1", "late2"):
        etcd.put(f"{PREFIX}/port/{name}", f'{{"name": "{name}", "bridge": "lab9", "address": "lab9.example:50051"}}')
    etcd.compact()
    bridge.process.send_signal(signal.SIGCONT)

    bridge.wait_metric('vserd_fleet_entries{kind="port"}', 3)
    assert bridge.metric("vserd_fleet_relists_total") == 2
    bridge.wait_registered()
    bridge.stop()


def test_a_paused_bridge_loses_its_name_and_does_not_claim_it_a_second_time(etcd, tmp_path):
    first = Bridge(tmp_path / "1", etcd, "lab1", ["shared"])
    first.wait_registered()
    second = Bridge(tmp_path / "2", etcd, "lab2", ["shared"])
    second.wait_registered()

    first.process.send_signal(signal.SIGSTOP)
    eventually(lambda: owner(etcd, "shared") == "lab2")
    revision = create_revision(etcd, "shared")
    first.process.send_signal(signal.SIGCONT)

    first.wait_metric("vserd_fleet_lease_losses_total", 1)
    first.wait_registered()
    first.wait_metric('vserd_fleet_ports{state="conflict"}', 1)
    assert (owner(etcd, "shared"), create_revision(etcd, "shared")) == ("lab2", revision)
    first.stop()
    second.stop()


def test_etcd_that_cannot_be_reached_at_the_start(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as nobody:  # accepts, and answers nothing
        begin = time.monotonic()
        silent = Bridge(tmp_path / "silent", [f"http://127.0.0.1:{nobody.getsockname()[1]}"], "lab1", ["b1"])
        assert listed_ports(silent) == ["b1"]
        silent.wait_line("does not answer in time|cannot be reached")
        assert silent.metric("vserd_fleet_up") == 0
        assert silent.metric('vserd_fleet_errors_total{op="range"}') >= 1
        silent.stop()
        assert time.monotonic() - begin < PATIENCE_SECONDS
        assert not silent.lines("did not finish in time")


def test_etcd_that_appears_after_the_start(tmp_path):
    etcd = Etcd()
    try:
        etcd.kill()
        bridge = Bridge(tmp_path, etcd, "lab7", ["b1"])
        assert listed_ports(bridge) == ["b1"]
        bridge.wait_line("etcd cannot be reached")

        etcd.start()

        bridge.wait_registered()
        bridge.stop()
        assert etcd.get(PREFIX) == {}
    finally:
        etcd.close()


def test_vserd_stops_in_time_while_etcd_is_paused(etcd, tmp_path):
    bridge = Bridge(tmp_path, etcd, "lab7", ["b1"])
    bridge.wait_registered()
    etcd.pause()
    bridge.wait_metric("vserd_fleet_up", 0)
    assert listed_ports(bridge) == ["b1"]

    bridge.stop()

    assert not bridge.lines("did not finish in time")
    etcd.resume()
    eventually(lambda: port_of(etcd, "b1") is None)  # by the lease


@pytest.mark.parametrize("how", ["pause", "kill"])
def test_each_member_of_three_fails_in_turn(three, tmp_path, how):
    bridge = Bridge(tmp_path, three, "lab7", ["b1"])
    bridge.wait_registered()
    revision = create_revision(three, "b1")

    for index in range(3):
        getattr(three, how)(index)
        alive = (index + 1) % 3
        name = f"from{index}"
        value = f'{{"name": "{name}", "bridge": "lab9", "address": "lab9.example:50051"}}'
        eventually(lambda to=[three.url(alive)], words=("put", "--", f"{PREFIX}/port/{name}", value):
                   three._ctl(*words, endpoints=to, fails=True).returncode == 0)
        bridge.wait_metric('vserd_fleet_entries{kind="port"}', 2 + index)
        bridge.wait_metric("vserd_fleet_up", 1)
        if how == "pause":
            three.resume(index)
        else:
            three.start(index)
        three.wait_healthy(index)

    assert create_revision(three, "b1") == revision  # the lease has lived through all of it
    assert bridge.metric("vserd_fleet_lease_losses_total") == 0
    bridge.stop()


def test_a_member_without_the_others_is_left(three, tmp_path):
    """It serves connections, and knows nothing new."""
    bridge = Bridge(tmp_path, three, "lab7", ["b1"])
    bridge.wait_registered()
    three.kill(1)
    three.kill(2)
    bridge.wait_metric("vserd_fleet_up", 0)
    assert listed_ports(bridge) == ["b1"]

    three.start(1)
    three.start(2)

    bridge.wait_registered()
    eventually(lambda: owner(three, "b1") == "lab7")
    bridge.stop()


def test_a_dead_bridge_is_gone_after_its_ttl(etcd, tmp_path):
    dead = Bridge(tmp_path / "1", etcd, "lab1", ["b1"])
    dead.wait_registered()
    observer = Bridge(tmp_path / "2", etcd, "lab2", ["b2"])
    observer.wait_registered()
    observer.wait_metric('vserd_fleet_entries{kind="bridge"}', 2)

    dead.stop(signal.SIGKILL)
    begin = time.monotonic()
    observer.wait_metric('vserd_fleet_entries{kind="bridge"}', 1)

    assert time.monotonic() - begin < TTL_SECONDS + 2 + 5  # and 5 s for a busy machine
    observer.wait_metric('vserd_fleet_entries{kind="port"}', 1)
    observer.stop()
