"""`vserctl lease -l LABELS` and client.lease({...}): any free port with these labels, in the order of arrival."""
import contextlib
import os
import re
import signal
import subprocess
import threading

import pytest
from restarts import port_table, start, until
from vserd_process import BIN, PATIENCE_SECONDS

import vser
from vser.convert import duration_of
from vser.v1 import lease_service_pb2 as lease_pb2

SIM = "sim:echo?unpaced=1"
LABELS = 'labels = {{ board = "{}", rack = "3" }}'
PORTS = "".join(port_table(name, SIM, LABELS.format("rpi4")) for name in ("pi-a", "pi-b", "pi-c"))
PORTS += port_table("pc", SIM, LABELS.format("x86")) + port_table("gone", "/dev/not-there", LABELS.format("lost"))
PI = ["pi-a", "pi-b", "pi-c"]
MINUTE = ["--wait", "1m"]


class Bench:
    def __init__(self, daemon):
        self.address = daemon.address
        self.client = vser.connect(daemon.address)
        self.children = []
        until(lambda: all(self.client.port(name).online for name in PI))

    def lease(self, *arguments):
        child = subprocess.Popen([BIN / "vserctl", "-s", self.address, "lease", *arguments], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.children.append(child)
        return child

    def hold(self, *arguments):
        """A command that says which lease it has, and ends when it is told to."""
        return self.lease("-l", "board=rpi4", *arguments, "--", "sh", "-c", 'echo "$VSERD_LEASE"; read line')

    def listed(self):
        return subprocess.run([BIN / "vserctl", "-s", self.address, "lease", "--list"], check=True, capture_output=True,
                              text=True, timeout=PATIENCE_SECONDS).stdout

    def waits(self, port):
        return len(re.findall(rf"^{port} +waits", self.listed(), re.MULTILINE))

    def waits_everywhere(self, count):
        until(lambda: all(self.waits(port) == count for port in PI))

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


def port_of(child):
    return child.stdout.readline().rpartition(":")[0]


def finish(child):
    _, errors = child.communicate("go\n", timeout=PATIENCE_SECONDS)
    assert child.returncode == 0, errors
    return errors


def hold_all(bench, ports=PI):
    """Holds the ports until close() of what is returned; each can be given up earlier."""
    held = {port: contextlib.ExitStack() for port in ports}
    for port, stack in held.items():
        stack.enter_context(bench.client.lease(port))
    return held


def test_the_command_uses_the_port_that_was_chosen(bench):
    command = '"$0" write "${VSERD_LEASE%:*}" inside; "$0" baud "${VSERD_LEASE%:*}" 9600'
    child = bench.lease("-l", "board=x86,rack", "--", "sh", "-c", command, BIN / "vserctl")
    out, errors = child.communicate(timeout=PATIENCE_SECONDS)

    assert (child.returncode, out, errors) == (0, "9600\n", "vserctl: you hold pc\n")
    assert b"".join(item.data for item in bench.client.read("pc") if isinstance(item, vser.Data)) == b"inside"
    assert bench.client.leases() == []


def test_without_a_command_the_lease_is_printed(bench):
    child = bench.lease("--labels", "board=x86", "--ttl", "10min")
    out, errors = child.communicate(timeout=PATIENCE_SECONDS)

    held, = bench.client.leases("pc")
    assert (out, child.returncode) == (f"pc:{held.id}\n", 0), errors


def test_each_takes_another_port_and_only_one(bench):
    children = [bench.hold() for _ in PI]

    assert sorted(map(port_of, children)) == PI
    assert len(bench.client.leases()) == len(PI)
    for child in children:
        finish(child)


def test_the_first_port_that_is_given_up_is_taken_and_the_other_queues_are_left(bench):
    held = hold_all(bench)
    child = bench.hold(*MINUTE)
    bench.waits_everywhere(1)

    held["pi-b"].close()

    assert port_of(child) == "pi-b"
    assert "waits" not in bench.listed()
    assert "waiting for one of 3 ports" in finish(child)
    for stack in held.values():
        stack.close()


def test_nobody_who_came_later_is_served_first(bench):
    held = hold_all(bench)
    children = []
    for number in range(6):
        children.append(bench.hold(*MINUTE))
        bench.waits_everywhere(number + 1)

    for number, (child, port) in enumerate(zip(children, ["pi-c", "pi-a", "pi-b"])):
        held[port].close()
        assert port_of(child) == port
        bench.waits_everywhere(len(children) - number - 1)
    for child, earlier in zip(children[3:], [children[1], children[0], children[2]]):
        finish(earlier)
        assert port_of(child) in PI
    for child in children[3:]:
        finish(child)
    assert bench.client.leases() == []


@pytest.mark.parametrize("how", ["vserctl", "python"])
def test_of_two_grants_at_the_same_moment_one_is_kept(bench, how):
    for _ in range(10):
        held = hold_all(bench)
        with waiting(bench, how) as held_port:
            bench.waits_everywhere(1)
            threads = [threading.Thread(target=stack.close) for stack in held.values()]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            port = held_port()
            until(lambda: [lease.port for lease in bench.client.leases()] == [port])
        until(lambda: bench.client.leases() == [])
    events = [item.what for port in PI for item in bench.client.read(port) if isinstance(item, vser.Event)]
    changes = [event.change for event in events if isinstance(event, vser.WriterChanged)]
    assert changes.count(vser.LeaseChange.ACQUIRED) >= 40  # ours on three ports, and the waiting client's
    assert vser.LeaseChange.EXPIRED not in changes


def test_a_grant_that_does_not_reach_its_client_is_given_back_at_once(bench):
    connection = bench.client._connection
    request = lease_pb2.AcquireRequest(port="pc", client="gone", ttl=duration_of(3600), wait=duration_of(60))
    for _ in range(50):
        with bench.client.lease("pc"):
            call = connection.begin("LeaseService/Acquire", request, lease_pb2.AcquireResponse, 60)
            until(lambda: bench.waits("pc") == 1)
            leaving = threading.Thread(target=call.cancel)
            leaving.start()  # while the lease is released, so that the grant and the cancellation meet
        leaving.join()
        if not call.cancelled():
            connection.call("LeaseService/Release", lease_pb2.ReleaseRequest(port="pc", id=connection.reply_of(call).lease.id),
                            lease_pb2.ReleaseResponse)
        until(lambda: bench.client.leases() == [])


@contextlib.contextmanager
def waiting(bench, how):
    """Waits for any Pi; yields a function that returns which one it got."""
    if how == "vserctl":
        child = bench.hold(*MINUTE)
        yield lambda: port_of(child)
        finish(child)
        return
    got, done = [], threading.Event()
    thread = threading.Thread(target=hold_in_python, args=(bench, got, done))
    thread.start()
    yield lambda: until(lambda: got) or got[0]
    done.set()
    thread.join()


def hold_in_python(bench, got, done):
    with bench.client.lease({"board": "rpi4"}, wait=60) as lease:
        got.append(lease.port)
        done.wait(PATIENCE_SECONDS)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_who_is_ended_while_waiting_leaves_all_queues(bench, how):
    held = hold_all(bench)
    child = bench.hold(*MINUTE)
    bench.waits_everywhere(1)

    child.send_signal(how)

    assert child.wait(PATIENCE_SECONDS) == -how
    until(lambda: "waits" not in bench.listed())
    for stack in held.values():
        stack.close()


@pytest.mark.parametrize("arguments, status, words", [
    (["board=none"], 1, ["no port has these labels", "board=rpi4", "board=x86", "rack=3"]),
    (["board=lost"], 1, ["ports with these labels are all offline"]),
    (["=rpi4"], 2, ["--labels", "=rpi4"]),
    (["board=x86", "pc"], 2, ["PORT or --labels"]),
    (["board=x86", "pc", "--", "true"], 2, ["PORT or --labels"]),
    (["board=x86", "--takeover"], 2, ["--takeover needs a PORT"]),
    (["board=x86", "--list"], 2, ["name the PORT"]),
])
def test_mistakes_are_explained(bench, arguments, status, words):
    child = bench.lease("-l", *arguments)
    _, errors = child.communicate(timeout=PATIENCE_SECONDS)

    assert child.returncode == status, errors
    assert [word for word in words if word not in errors] == [], errors
    assert bench.client.leases() == []


def test_python_takes_any_free_port_and_calls_present_the_lease(bench):
    with bench.client.lease("pi-a"), bench.client.lease("pi-c"), bench.client.lease({"board": "rpi4", "rack": None}) as held:
        assert held.port == "pi-b"
        assert bench.client.set_baud(held.port, 9600) == 9600
        with vser.connect(bench.address) as other:
            with pytest.raises(vser.VserError, match="PORT_HELD|held"):
                other.set_baud("pi-b", 300)
            with pytest.raises(vser.VserError, match="none of 3 ports") as raised, other.lease({"board": "rpi4"}, wait=0.3):
                pass
            assert raised.value.reason == "PORT_HELD"
            with pytest.raises(vser.VserError, match="board=rpi4, .*rack=3"), other.lease({"board": "none"}):
                pass
            with pytest.raises(ValueError, match="takeover"), other.lease({"board": "rpi4"}, takeover=True):
                pass
    assert bench.client.leases() == []
    assert "waits" not in bench.listed()


@pytest.mark.parametrize("wait", [[], ["--wait", "300ms"]])
def test_none_in_time(bench, wait):
    held = hold_all(bench)
    child = bench.lease("-l", "board=rpi4", *wait, "--", "touch", "never")
    _, errors = child.communicate(timeout=PATIENCE_SECONDS)

    assert child.returncode == 1
    assert "none of 3 ports could be had" in errors and "held" in errors, errors
    assert not os.path.exists("never")
    assert "waits" not in bench.listed()
    for stack in held.values():
        stack.close()
