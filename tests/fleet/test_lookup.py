"""FleetService: two bridges in a real etcd, asked by the Python client's own calls, by curl's protocol and by grpcurl."""
import json
import os
import pathlib
import shutil
import subprocess
import threading

import grpc
import pytest
from etcd_process import Etcd, eventually
from fleet_bridge import Bridge
from vserd_process import PATIENCE_SECONDS, Daemon

import vser
from vser.v1 import fleet_service_pb2 as fleet_pb2

GRPCURL = shutil.which("grpcurl", path=f"{os.environ['PATH']}:{pathlib.Path.home()}/.cache/vserd/bin")
LABELLED = '[[port]]\nname = "board-17"\ndevice = "sim:echo"\ndescription = "the 17th"\nlabels = { rack = "3" }\n'


@pytest.fixture
def etcd():
    with Etcd() as started:
        yield started


@pytest.fixture
def bridges(etcd, tmp_path):
    started = [Bridge(tmp_path / "lab1", etcd, "lab1", ["board-1", "board-2"]), Bridge(tmp_path / "lab2", etcd, "lab2", LABELLED)]
    for bridge in started:
        bridge.wait_registered()
    for bridge in started:
        eventually(lambda bridge=bridge: len(listed(bridge.address)) == 3, lambda: "a bridge does not see all ports")
    yield started
    for bridge in started:
        if bridge.process.poll() is None:
            bridge.stop()


def call(address, method, request, reply):
    with vser.connect(address) as client:
        return client._connection.call(f"FleetService/{method}", request, reply)


def listed(address, size=0):
    """All ports, page by page."""
    ports, token = [], ""
    while True:
        reply = call(address, "ListFleetPorts", fleet_pb2.ListFleetPortsRequest(page_size=size, page_token=token),
                     fleet_pb2.ListFleetPortsResponse)
        ports += reply.ports
        token = reply.next_page_token
        if not token:
            return ports


def resolve(address, port):
    return call(address, "Resolve", fleet_pb2.ResolveRequest(port=port), fleet_pb2.ResolveResponse)


@pytest.mark.parametrize("size", [0, 1, 2, 3])
def test_every_bridge_lists_the_ports_of_all(bridges, size):
    for bridge in bridges:
        ports = listed(bridge.address, size)
        assert [(port.name, port.bridge) for port in ports] == [("board-1", "lab1"), ("board-17", "lab2"), ("board-2", "lab1")]
        assert (ports[1].address, ports[1].description, dict(ports[1].labels)) == (bridges[1].address, "the 17th", {"rack": "3"})


def test_a_port_is_found_with_its_bridge_and_a_misspelt_name_with_a_suggestion(bridges):
    found = resolve(bridges[0].address, "board-17")
    assert (found.address, found.bridge, found.stale) == (bridges[1].address, "lab2", False)
    with vser.connect(found.address) as owner:
        assert owner.port("board-17").log_id == found.port.log_id
    with pytest.raises(vser.VserError, match='no bridge of the fleet has a port "bord-17"; did you mean "board-17"') as error:
        resolve(bridges[0].address, "bord-17")
    assert (error.value.code, error.value.reason) == (grpc.StatusCode.NOT_FOUND, "PORT_NOT_FOUND")
    with pytest.raises(vser.VserError, match="port is empty"):
        resolve(bridges[0].address, "")


def test_bridges_are_listed_with_their_ports_and_the_status(bridges):
    reply = call(bridges[0].address, "ListBridges", fleet_pb2.ListBridgesRequest(), fleet_pb2.ListBridgesResponse)

    assert [(bridge.id, bridge.address, bridge.ports) for bridge in reply.bridges] == [
        ("lab1", bridges[0].address, 2), ("lab2", bridges[1].address, 1)]
    assert all(bridge.version and bridge.started.seconds for bridge in reply.bridges)
    assert (reply.status.bridge, reply.status.stale, reply.status.problem) == ("lab1", False, "")


def test_a_watch_shows_everything_and_then_what_comes_and_goes(bridges, etcd, tmp_path):
    changes = []

    def follow():
        with vser.connect(bridges[0].address) as client:
            try:
                for change in client._connection.stream("FleetService/WatchFleet", fleet_pb2.WatchFleetRequest(),
                                                        fleet_pb2.WatchFleetResponse):
                    changes.append(change)
            except grpc.RpcError:
                pass

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    eventually(lambda: changes and changes[-1].HasField("status"), lambda: str(changes))
    kinds = [change.WhichOneof("change") for change in changes]
    assert kinds == ["bridge", "bridge", "port", "port", "port", "status"]

    third = Bridge(tmp_path / "lab3", etcd, "lab3", ["board-9"])
    eventually(lambda: any(change.port.name == "board-9" for change in changes), lambda: str(changes[6:]))
    third.stop()
    eventually(lambda: any(change.port_removed == "board-9" for change in changes), lambda: str(changes[6:]))
    eventually(lambda: any(change.bridge_removed == "lab3" for change in changes), lambda: str(changes[6:]))
    bridges[0].stop()
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def test_a_copy_is_marked_stale_while_etcd_is_away_and_still_answers(bridges, etcd):
    etcd.kill()
    eventually(lambda: resolve(bridges[0].address, "board-17").stale, lambda: "never stale")

    reply = call(bridges[0].address, "ListBridges", fleet_pb2.ListBridgesRequest(), fleet_pb2.ListBridgesResponse)
    assert len(reply.bridges) == 2 and reply.status.stale and reply.status.problem
    with pytest.raises(vser.VserError, match="may be old"):
        resolve(bridges[0].address, "other")


def test_grpcurl_needs_no_proto(bridges):
    asked = [GRPCURL, "-plaintext", "-d", '{"port": "board-17"}', bridges[0].address, "vser.v1.FleetService/Resolve"]
    reply = json.loads(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)
    assert (reply["address"], reply["port"]["labels"]) == (bridges[1].address, {"rack": "3"})


def test_without_a_fleet_it_says_what_to_configure(tmp_path, etcd):
    daemon = Daemon(tmp_path, '[[port]]\nname = "echo"\ndevice = "sim:echo"\n')
    try:
        for ask in (lambda: listed(daemon.address), lambda: resolve(daemon.address, "echo")):
            with pytest.raises(vser.VserError, match=r"in no fleet; ask one that is, or configure \[fleet\]") as error:
                ask()
            assert (error.value.reason, error.value.metadata["capability"]) == ("UNSUPPORTED", "fleet")
    finally:
        daemon.stop()
