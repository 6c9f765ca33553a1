"""A vserd that is registered in an etcd, and what etcd and its metrics say about it."""
import json
import re
import threading
import urllib.request

from etcd_process import eventually
from vserd_process import Daemon, free_port

TTL_SECONDS = 5
PREFIX = "/vserd/v1"


def sim(*names, more=""):
    """[[port]] tables of simulated devices."""
    return "\n".join(f'[[port]]\nname = "{name}"\ndevice = "sim:echo"\n{more}' for name in names)


class Bridge(Daemon):
    """Serves `ports` (names, or [[port]] tables) on a port of its own, and is the bridge `name` in the fleet. `keys`: of [fleet];
    None leaves one out. Its journal is in `journal`, line by line."""

    def __init__(self, folder, etcd, name, ports=(), server="", **keys):
        self.name, self.port, self.journal = name, free_port(), []
        self.fleet = {"etcd": etcd.endpoints if hasattr(etcd, "endpoints") else etcd, "bridge": name, "ttl": f"{TTL_SECONDS}s",
                      "advertise": f"127.0.0.1:{self.port}", **keys}
        folder.mkdir(exist_ok=True)
        super().__init__(folder, self._tables(ports), server, listen=f"127.0.0.1:{self.port}", metrics="127.0.0.1:0")

    def _tables(self, ports):
        lines = [f"{key} = {json.dumps(value)}" for key, value in self.fleet.items() if value is not None]
        tables = ports if isinstance(ports, str) else sim(*ports)
        return "\n".join(["[fleet]", *lines, tables])

    def start(self):
        self._popen["stderr"] = -1  # a pipe
        address = super().start()
        self.journal.clear()
        self._reader = threading.Thread(target=self._read, args=(self.process.stderr,), daemon=True)
        self._reader.start()
        return address

    def _read(self, pipe):
        with pipe:
            for line in pipe:
                self.journal.append(line)

    def rewrite(self, ports):
        super().rewrite(self._tables(ports))

    def lines(self, pattern):
        """Those of the journal."""
        return [line for line in list(self.journal) if re.search(pattern, line)]

    def wait_line(self, pattern):
        return eventually(lambda: self.lines(pattern), lambda: f"no line {pattern!r} in {''.join(self.journal)}")

    def metric(self, name):
        """The value of a sample, such as 'vserd_fleet_ports{state="owned"}'; None: there is none."""
        with urllib.request.urlopen(f"http://{self.metrics}/metrics", timeout=10) as reply:
            for line in reply.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.rsplit(" ", 1)[1])
        return None

    def wait_metric(self, name, value):
        eventually(lambda: self.metric(name) == value, lambda: f"{name} is {self.metric(name)}, not {value}: {''.join(self.journal)}")

    def wait_registered(self):
        self.wait_metric("vserd_fleet_up", 1)
        self.wait_metric('vserd_fleet_ports{state="pending"}', 0)


def port_of(etcd, name, prefix=PREFIX):
    """The entry of a port in etcd, or None."""
    value = etcd.get(f"{prefix}/port/{name}").get(f"{prefix}/port/{name}")
    return None if value is None else json.loads(value)


def owner(etcd, name):
    entry = port_of(etcd, name)
    return entry["bridge"] if entry else None
