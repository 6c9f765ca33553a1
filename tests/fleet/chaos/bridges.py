"""Bridges as child processes, and what they answer about the fleet."""
import http.client
import json
import re
import signal
import urllib.request

from vserd_process import Daemon, free_port

PREFIX = "/vserd/v1"
TTL_SECONDS = 5
PORTS_OF_EACH = 4
# name -> which bridges configure it
SHARED = {"shared-0": (2, 3, 4), "shared-1": (4, 5), "shared-2": (0, 6, 7, 8), "shared-3": (1, 9)}
ASK_SECONDS = 3
FLEET_METRIC = re.compile(r'^vserd_fleet_(up|(?:ports|entries)\{\w+="\w+"\}) (\d+)$', re.MULTILINE)


def own_ports(index):
    return [f"b{index}-{number}" for number in range(PORTS_OF_EACH)]


def ports_of(index):
    """What this bridge configures."""
    return own_ports(index) + [name for name, bridges in SHARED.items() if index in bridges]


class View:
    """What one bridge knows: {bridge: address}, and its metrics of the fleet."""

    def __init__(self, bridges, metrics):
        self.bridges = bridges
        self.is_up = metrics["up"] == "1"
        self.ports = int(metrics['entries{kind="port"}'])
        self.owned, self.conflicts, self.pending = (int(metrics[f'ports{{state="{state}"}}'])
                                                    for state in ("owned", "conflict", "pending"))


class Bridge:
    """One vserd, which reaches etcd by proxies of its own."""

    def __init__(self, folder, index, network, members):
        self.index, self.name = index, f"b{index}"
        self.proxies = [network.proxy(member.port) for member in members.members]
        self.address, self.web = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self.paused = False
        folder.mkdir()
        self.journal = folder / "journal"
        self._log = open(self.journal, "ab")  # noqa: SIM115 - closed by close()
        urls = ", ".join(f'"http://127.0.0.1:{proxy.port}"' for proxy in self.proxies)
        table = (f'[fleet]\netcd = [{urls}]\nprefix = "{PREFIX}"\nbridge = "{self.name}"\nadvertise = "{self.address}"\n'
                 f'ttl = "{TTL_SECONDS}s"\n')
        table += f'[web]\nlisten = ["{self.web}"]\n'
        ports = "".join(f'[[port]]\nname = "{name}"\ndevice = "sim:echo?unpaced=1"\n' for name in ports_of(index))
        self._daemon = Daemon(folder, ports, history=table, listen=self.address, metrics=f"127.0.0.1:{free_port()}", stderr=self._log)
        self.running = True

    @property
    def answers(self):
        return self.running and not self.paused

    def start(self):
        self._daemon.start()
        self.running = True

    def stop(self, how=signal.SIGKILL):
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

    def _get(self, address, path):
        with urllib.request.urlopen(f"http://{address}{path}", timeout=ASK_SECONDS) as reply:
            return reply.read().decode()

    def look_up(self):
        """What it knows of the fleet, or None: it does not answer."""
        try:
            listed = json.loads(self._get(self.web, "/sd/prometheus"))
            metrics = self._get(self._daemon.metrics, "/metrics")
        except (OSError, http.client.HTTPException):
            return None
        bridges = {entry["labels"]["__meta_vserd_bridge"]: entry["labels"]["__meta_vserd_address"] for entry in listed}
        return View(bridges, dict(FLEET_METRIC.findall(metrics)))

    def close(self):
        if self.paused:
            self.resume()
        if self.running:
            self._daemon.process.kill()
            self._daemon.process.wait()
            self._daemon.process.stdout.close()
        self._log.close()
