"""Bridges as child processes, and what they answer about the fleet."""
import signal

import grpc
from vserd_process import Daemon, steady_port

from vser.v1 import fleet_service_pb2 as fleet

PREFIX = "/vserd/v1"
TTL_SECONDS = 5
PORTS_OF_EACH = 4
# name -> which bridges configure it
SHARED = {"shared-0": (2, 3, 4), "shared-1": (4, 5), "shared-2": (0, 6, 7, 8), "shared-3": (1, 9)}
ASK_SECONDS = 3
PAGE_SIZE = 20  # so that several are needed


def own_ports(index):
    return [f"b{index}-{number}" for number in range(PORTS_OF_EACH)]


def ports_of(index):
    """What this bridge configures."""
    return own_ports(index) + [name for name, bridges in SHARED.items() if index in bridges]


class View:
    """What one bridge answers: {port: (bridge, address, claim)}, {bridge: address}, {port in conflict: its owner}."""

    def __init__(self, ports, bridges, status):
        self.ports = {port.name: (port.bridge, port.address, port.claim) for port in ports}
        self.bridges = {bridge.id: bridge.address for bridge in bridges}
        self.conflicts = {conflict.port: conflict.owner for conflict in status.conflicts}
        self.is_stale, self.problem = status.stale, status.problem


class Bridge:
    """One vserd, which reaches etcd by proxies of its own."""

    def __init__(self, folder, index, network, members):
        self.index, self.name = index, f"b{index}"
        self.proxies = [network.proxy(member.port) for member in members.members]
        self.address = f"127.0.0.1:{steady_port()}"
        self.paused = False
        folder.mkdir()
        self.journal = folder / "journal"
        self._log = open(self.journal, "ab")  # noqa: SIM115 - closed by close()
        urls = ", ".join(f'"http://127.0.0.1:{proxy.port}"' for proxy in self.proxies)
        table = (f'[fleet]\netcd = [{urls}]\nprefix = "{PREFIX}"\nbridge = "{self.name}"\nadvertise = "{self.address}"\n'
                 f'ttl = "{TTL_SECONDS}s"\n')
        ports = "".join(f'[[port]]\nname = "{name}"\ndevice = "sim:echo?unpaced=1"\n' for name in ports_of(index))
        self._daemon = Daemon(folder, ports, history=table, listen=self.address, stderr=self._log)
        self.running = True
        self._open()

    def _open(self):
        """A channel of its own for each life of the bridge, so that no back-off of gRPC delays the answer."""
        self._channel = grpc.insecure_channel(self.address, [("grpc.use_local_subchannel_pool", 1)])

    @property
    def answers(self):
        return self.running and not self.paused

    def start(self):
        self._daemon.start()
        self.running = True
        self._open()

    def stop(self, how=signal.SIGKILL):
        self._channel.close()
        self._daemon.stop(how)
        self.running = False

    def pause(self):
        self._daemon.process.send_signal(signal.SIGSTOP)
        self.paused = True

    def resume(self):
        self._daemon.process.send_signal(signal.SIGCONT)
        self.paused = False

    def cut(self, is_cut):
        """Its connection to all of etcd."""
        for proxy in self.proxies:
            proxy.is_cut = is_cut

    def _call(self, method, request, reply):
        call = self._channel.unary_unary(f"/vser.v1.FleetService/{method}", type(request).SerializeToString, reply.FromString)
        return call(request, timeout=ASK_SECONDS, wait_for_ready=True)

    def look_up(self):
        """What it knows of the fleet, or None: it does not answer."""
        ports, token = [], ""
        try:
            while True:
                page = self._call("ListFleetPorts", fleet.ListFleetPortsRequest(page_size=PAGE_SIZE, page_token=token),
                                  fleet.ListFleetPortsResponse)
                ports += page.ports
                token = page.next_page_token
                if not token:
                    break
            listed = self._call("ListBridges", fleet.ListBridgesRequest(), fleet.ListBridgesResponse)
        except grpc.RpcError:
            return None
        return View(ports, listed.bridges, listed.status)

    def owner_of(self, port):
        """(bridge, address) as Resolve answers; None: it knows no such port."""
        try:
            found = self._call("Resolve", fleet.ResolveRequest(port=port), fleet.ResolveResponse)
        except grpc.RpcError:
            return None
        return found.bridge, found.address

    def close(self):
        self._channel.close()
        if self.paused:
            self.resume()
        if self.running:
            self._daemon.process.kill()
            self._daemon.process.wait()
            self._daemon.process.stdout.close()
        self._log.close()
