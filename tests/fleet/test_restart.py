"""What becomes of a bridge's names when it starts again, and when two processes take themselves for one bridge."""
import signal

import etcd_process
import pytest
from etcd_process import Etcd, eventually
from fleet_bridge import PREFIX, Bridge, owner, port_of
from systemd_bus import SystemdBus

pytestmark = pytest.mark.skipif(etcd_process.missing() is not None, reason=str(etcd_process.missing()))

LONG = "60s"  # a lease that does not end by itself during a test


@pytest.fixture
def etcd():
    with Etcd() as started:
        yield started


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    """The bus on which vserd asks about its job; a bridge that is started from now on runs under that systemd."""
    bus = SystemdBus(tmp_path / "bus", "restart")
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    yield bus
    bus.close()


def revisions(etcd):
    """When each key was created: a name that was free for a moment has another one afterwards."""
    return {key: entry["create_revision"] for key, entry in etcd.items(PREFIX).items()}


def leases(etcd):
    return {entry["lease"] for entry in etcd.items(PREFIX).values()}


def in_conflict(folder, etcd):
    """A bridge that waits for the name "shared"."""
    bridge = Bridge(folder, etcd, "lab2", ["shared"], ttl=LONG)
    bridge.wait_registered()
    bridge.wait_metric('vserd_fleet_ports{state="conflict"}', 1)
    return bridge


def test_a_planned_restart_keeps_the_names_and_the_next_process_takes_them_over(etcd, tmp_path, systemd):
    first = Bridge(tmp_path / "1", etcd, "lab1", ["shared", "own"], ttl=LONG)
    first.wait_registered()
    second = in_conflict(tmp_path / "2", etcd)
    before, lease = revisions(etcd), leases(etcd)

    first.stop()
    assert first.lines("vserd restarts, so its names are kept")
    assert revisions(etcd) == before
    first.start()

    first.wait_line("took over the registration")
    first.wait_registered()
    assert revisions(etcd) == before
    former = next(iter(lease - {etcd.items(f"{PREFIX}/bridge/lab2")[f"{PREFIX}/bridge/lab2"]["lease"]}))
    eventually(lambda: former not in etcd.leases())
    assert revisions(etcd) == before  # nothing was left under that lease
    assert second.metric('vserd_fleet_ports{state="conflict"}') == 1
    systemd.job = "stop"
    first.stop()
    second.stop()


@pytest.mark.parametrize("job", ["stop", None])
def test_a_stop_gives_the_names_up_at_once(etcd, tmp_path, systemd, job):
    systemd.job = job
    first = Bridge(tmp_path / "1", etcd, "lab1", ["shared"], ttl=LONG)
    first.wait_registered()
    second = in_conflict(tmp_path / "2", etcd)

    first.stop()

    assert "GetUnitByPID" in systemd.asked
    eventually(lambda: owner(etcd, "shared") == "lab2")
    assert f"{PREFIX}/bridge/lab1" not in etcd.get(PREFIX)
    second.stop()


def test_a_crash_and_restart_keeps_the_names_too(etcd, tmp_path):
    first = Bridge(tmp_path / "1", etcd, "lab1", ["shared", "own"], ttl=LONG)
    first.wait_registered()
    second = in_conflict(tmp_path / "2", etcd)
    before = revisions(etcd)

    first.stop(signal.SIGKILL)
    first.start()
    first.wait_line("took over the registration")
    first.wait_registered()

    assert revisions(etcd) == before
    second.stop()
    first.stop()


def test_a_port_that_is_not_configured_any_more_after_the_restart_is_given_up(etcd, tmp_path):
    first = Bridge(tmp_path / "1", etcd, "lab1", ["shared", "own"], ttl=LONG)
    first.wait_registered()
    second = in_conflict(tmp_path / "2", etcd)

    first.stop(signal.SIGKILL)
    first.rewrite(["own"])
    first.start()

    eventually(lambda: owner(etcd, "shared") == "lab2")
    assert owner(etcd, "own") == "lab1"
    second.stop()
    first.stop()


def test_two_that_live_with_one_id_and_address_do_not_take_turns_and_the_one_that_lost_says_so(etcd, tmp_path):
    first = Bridge(tmp_path / "1", etcd, "lab", ["b1"])
    first.wait_registered()
    second = Bridge(tmp_path / "2", etcd, "lab", ["b2"], advertise=first.address)

    line = first.wait_line("another vserd with the id lab, the same address")
    assert "/etc/machine-id" in line[0] and "'bridge'" in line[0]
    first.wait_metric("vserd_fleet_id_taken", 1)
    first.wait_metric("vserd_fleet_up", 0)
    second.wait_registered()
    second.wait_metric("vserd_fleet_id_taken", 0)
    eventually(lambda: port_of(etcd, "b1") is None)
    lease = leases(etcd)
    losses = first.metric("vserd_fleet_lease_losses_total")
    first.process.send_signal(signal.SIGHUP)  # it goes on, and registers nothing

    second.rewrite(["b2", "b3"])
    second.process.send_signal(signal.SIGHUP)
    eventually(lambda: owner(etcd, "b3") == "lab")

    assert leases(etcd) == lease
    assert first.metric("vserd_fleet_lease_losses_total") == losses
    assert len(second.lines("took over the registration")) == 1
    assert not first.lines("took over the registration")

    second.stop()
    eventually(lambda: owner(etcd, "b1") == "lab")
    first.wait_metric("vserd_fleet_id_taken", 0)
    first.stop()
