"""Leases with real clients: vserctl, grpcurl and the Python client."""
import json
import os
import shutil
import signal
import subprocess
from datetime import datetime, timedelta, timezone

import pytest
from restarts import Wire, online, port_table, start, until
from vserd_process import BIN, PATIENCE_SECONDS, Daemon

import vser

PORTS = port_table("echo", "sim:echo?unpaced=1") + port_table("other", "sim:echo?unpaced=1")


class Bench:
    def __init__(self, daemon):
        self.daemon = daemon
        self.client = vser.connect(daemon.address)
        self.children = []

    def vserctl(self, *arguments, lease="", **popen):
        environment = {**os.environ, "VSERD_LEASE": lease}
        child = subprocess.Popen([BIN / "vserctl", "-s", self.daemon.address, *arguments], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **popen)
        self.children.append(child)
        return child

    def run(self, *arguments, **more):
        child = self.vserctl(*arguments, **more)
        out, errors = child.communicate(timeout=PATIENCE_SECONDS)
        return child.returncode, out, errors

    def close(self):
        for child in self.children:
            child.kill()
            child.communicate()
        self.client.close()


@pytest.fixture
def bench(start):
    made = Bench(start(PORTS))
    yield made
    made.close()


@pytest.fixture
def tcp_daemon(tmp_path):
    daemon = Daemon(tmp_path, PORTS)
    yield daemon
    daemon.stop()


def refusal(call):
    with pytest.raises(vser.VserError) as raised:
        call()
    return raised.value


def answers(client):
    """Whether the client has connected to the new process."""
    try:
        return bool(client.info())
    except vser.Unreachable:
        return False


def test_a_command_runs_with_the_lease_and_nobody_else_writes_meanwhile(bench):
    command = 'echo "$VSERD_LEASE"; read line; vserctl=$0; "$vserctl" write echo inside && "$vserctl" baud echo 9600; exit 5'
    child = bench.vserctl("lease", "echo", "--reason", "flashing", "--", "sh", "-c", command, BIN / "vserctl")
    port, _, number = child.stdout.readline().strip().rpartition(":")
    assert port == "echo" and int(number) > 0

    error = refusal(lambda: bench.client.write("echo", "outside"))
    assert error.reason == "PORT_HELD"
    assert error.metadata["reason"] == "flashing" and error.metadata["via"] == "grpc"
    assert error.metadata["holder"].startswith("vserctl@")
    assert refusal(lambda: bench.client.set_baud("echo", 300)).reason == "PORT_HELD"
    assert bench.client.port("echo").writer == error.metadata["holder"]
    out, errors = child.communicate("go\n", timeout=PATIENCE_SECONDS)

    assert (child.returncode, out) == (5, "9600\n"), errors
    bench.client.write("echo", "after")
    until(lambda: b"".join(i.data for i in bench.client.read("echo") if isinstance(i, vser.Data)) == b"insideafter")


def test_a_takeover_ends_the_command_at_once_and_says_who(bench):
    child = bench.vserctl("lease", "echo", "--ttl", "1h", "--", "sh", "-c", "echo runs; exec sleep 600")
    assert child.stdout.readline() == "runs\n"

    status, out, errors = bench.run("lease", "echo", "--takeover", "--reason", "incident 42", "--json")

    assert status == 0, errors
    assert json.loads(out)["lease"]["reason"] == "incident 42"
    _, errors = child.communicate(timeout=PATIENCE_SECONDS)
    assert child.returncode == 143
    assert "the lease was lost" in errors and "incident 42" in errors


def test_a_script_holds_renews_and_releases_a_port(bench):
    status, out, errors = bench.run("lease", "echo", "--ttl", "10min")
    assert status == 0, errors
    lease = out.strip()

    assert bench.run("write", "echo", "hello", lease=lease)[0] == 0
    assert bench.run("write", "echo", "hello")[0] == 1
    assert bench.run("write", "other", "hello", lease=lease)[0] == 0
    assert bench.run("lease", "echo", "--renew", "--ttl", "1h", lease=lease)[1].strip() == lease
    listed = bench.run("lease", "--list")[1]
    assert "echo" in listed and "holds" in listed and "other" not in listed
    assert bench.run("lease", "echo", "--release")[0] == 2
    assert bench.run("lease", "echo", "--release", lease=lease)[0] == 0
    status, _, errors = bench.run("write", "echo", "late", lease=lease)
    assert status == 1 and "has ended" in errors


def test_waiting_clients_are_served_in_order(bench):
    with bench.client.lease("echo"):
        waiting = []
        for number in range(3):
            waiting.append(bench.vserctl("lease", "echo", "--wait", "1min", "--", "sh", "-c", f"echo {number}; read line"))
            until(lambda: bench.run("lease", "--list")[1].count("waits") == len(waiting))
    for number, child in enumerate(waiting):
        assert child.stdout.readline() == f"{number}\n"
        child.communicate("go\n", timeout=PATIENCE_SECONDS)
        assert child.returncode == 0


def test_a_killed_client_that_waits_gives_up_its_place(bench):
    with bench.client.lease("echo"):
        killed = bench.vserctl("lease", "echo", "--wait", "1min", "--", "true")
        until(lambda: "waits" in bench.run("lease", "--list")[1])
        killed.kill()
        until(lambda: "waits" not in bench.run("lease", "--list")[1])


def test_an_attached_reader_is_told(bench):
    with bench.client.attach("echo") as console:
        with bench.client.lease("echo", reason="flashing", name="ann"):
            pass
        events = []
        while len(events) < 2:
            item = console.next(PATIENCE_SECONDS)
            assert item is not None, "the event did not come"
            if isinstance(item, vser.Event) and isinstance(item.what, vser.WriterChanged):
                events.append(item.what)
    held, released = events
    assert (held.client, held.reason, held.change) == ("ann", "flashing", vser.LeaseChange.ACQUIRED)
    assert (released.client, released.previous, released.change) == ("", "ann", vser.LeaseChange.RELEASED)


@pytest.mark.skipif(shutil.which("grpcurl") is None, reason="no grpcurl")
@pytest.mark.parametrize("request_, field", [
    ({"port": "echo", "ttl": "0.5s"}, "ttl"), ({"port": "echo", "ttl": "86401s"}, "ttl"), ({"port": "echo", "wait": "-1s"}, "wait"),
    ({"port": "echo", "reason": "x" * 201}, "reason"), ({"port": "echo", "client": "x" * 65}, "client"), ({}, "port")])
def test_a_bad_value_names_its_field(tcp_daemon, request_, field):
    done = subprocess.run(["grpcurl", "-plaintext", "-d", json.dumps(request_), tcp_daemon.address, "vser.v1.LeaseService/Acquire"],
                          capture_output=True, text=True, timeout=PATIENCE_SECONDS)

    assert "InvalidArgument" in done.stderr and field in done.stderr, done.stderr
    with vser.connect(tcp_daemon.address) as client:
        assert client.leases() == []


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["restart", "kill"])
def test_a_lease_survives_and_an_old_one_stays_refused(start, how):
    wire = Wire(0)
    daemon = start(port_table("line", wire.path))
    online(daemon)
    with vser.connect(daemon.address) as client:
        with client.lease("line") as old:
            pass
        with client.lease("line", ttl=600, reason="flashing", name="ann") as held:
            daemon.again(how)
            until(lambda: answers(client) and client.port("line").online)

            client.write("line", "still mine")

            listed, = client.leases("line")
            assert (listed.id, listed.holder, listed.reason, listed.via) == (held.id, "ann", "flashing", "grpc")
            with vser.connect(daemon.address) as other:
                assert refusal(lambda: other.write("line", "no")).reason == "PORT_HELD"
                other._leases["line"] = old.id
                assert refusal(lambda: other.write("line", "no")).reason == "LEASE_LOST"
        assert client.leases("line") == []
        with client.lease("line") as new:
            assert new.id > held.id > old.id
    until(lambda: os.read(wire.master, 100) == b"still mine")
    wire.close()


def test_a_lease_that_expired_meanwhile_ends_with_the_restart(start):
    wire = Wire(0)
    daemon = start(port_table("line", wire.path))
    online(daemon)
    with vser.connect(daemon.address) as client:
        lease = json.loads(subprocess.run([BIN / "vserctl", "-s", daemon.address, "lease", "line", "--ttl", "1s", "--json"],
                                          check=True, capture_output=True, text=True).stdout)["lease"]
        daemon.stop(signal.SIGKILL)
        end = datetime.fromisoformat(lease["expires"][:19] + "+00:00") + timedelta(seconds=1)
        until(lambda: datetime.now(timezone.utc) > end)
        daemon.start()
        until(lambda: answers(client))

        assert client.leases() == []
        client._leases["line"] = int(lease["id"])
        assert refusal(lambda: client.write("line", "late")).reason == "LEASE_LOST"
    wire.close()
