"""Three members of etcd, ten bridges and two people at consoles, and what must hold among them."""
import base64
import json
import random
import time

from bridges import PREFIX, TTL_SECONDS, Bridge, own_ports, ports_of
from consoles import Console, Times
from history import History, Wrong
from members import Members
from network import Network

BRIDGES = 10
STEADY = (0, 1)  # these are neither killed nor paused, so that their consoles can be compared
RIGHT_SECONDS = 5
GONE_SECONDS = TTL_SECONDS + 2
CALM_SECONDS = 120  # for etcd itself to come back
POLL_SECONDS = 0.05


class World:
    """`slack`: seconds that a busy machine may add to each limit."""

    def __init__(self, folder, seed, slack):
        self.random, self.slack = random.Random(seed), slack
        self._samples = random.Random(seed)  # their number depends on the timing, and the faults must not
        self.network = Network()
        self.members = Members(self.network)
        self.bridges, self.consoles = [], []
        for index in range(BRIDGES):
            self.bridges.append(Bridge(folder / f"b{index}", index, self.network, self.members))
        names = {name: [f"b{index}" for index in range(BRIDGES) if name in ports_of(index)]
                 for index in range(BRIDGES) for name in ports_of(index)}
        self.names = set(names)
        self.history = History(PREFIX, names)
        self.times = Times()
        self.worst = {"gone": 0.0, "right": 0.0}

    def open_consoles(self):
        self.consoles = [Console(self.bridges[index], own_ports(index)[0]) for index in STEADY]

    # What etcd and the bridges say.

    def truth(self):
        """{port: (bridge, address, create_revision)} in etcd."""
        ports = {"key": encoded(f"{PREFIX}/port/"), "range_end": encoded(f"{PREFIX}/port0")}
        found = self.members.ask(self._member(), "kv/range", ports)
        owners = {}
        for entry in found.get("kvs", []):
            value = json.loads(base64.b64decode(entry["value"]))
            owners[value["name"]] = (value["bridge"], value["address"], int(entry["create_revision"]))
        return owners

    def _member(self):
        """One that serves."""
        for index in range(len(self.members.members)):
            if self.members.serves(index):
                return index
        raise Wrong("no member of etcd serves")

    def fault_of_lookups(self):
        """What is wrong with the look-ups of any bridge while everything runs, or None."""
        truth = self.truth()
        if set(truth) != self.names:
            return f"etcd lacks {sorted(self.names - set(truth))} and has {sorted(set(truth) - self.names)}"
        for bridge in self.bridges:
            fault = self._fault_of(bridge, truth)
            if fault:
                return f"{bridge.name}: {fault}"
        return None

    def _fault_of(self, bridge, truth):
        view = bridge.look_up()
        if view is None:
            return "does not answer"
        if view.is_stale or view.problem:
            return f"is out of date: {view.is_stale}, problem: {view.problem!r}"
        wrong = sorted(name for name in view.ports.keys() | truth.keys() if view.ports.get(name) != truth.get(name))
        if wrong:
            return f"is wrong about {wrong}, such as {view.ports.get(wrong[0])} for {truth.get(wrong[0])}"
        if view.bridges != {each.name: each.address for each in self.bridges}:
            return f"lists the bridges {view.bridges}"
        conflicts = {name: truth[name][0] for name in ports_of(bridge.index) if truth[name][0] != bridge.name}
        if view.conflicts != conflicts:
            return f"reports the conflicts {view.conflicts}, not {conflicts}"
        port = self._samples.choice(sorted(truth))
        return None if bridge.owner_of(port) == truth[port][:2] else f"resolves {port} as {bridge.owner_of(port)}, not {truth[port]}"

    # What must come true in time.

    def _await(self, limit, fault):
        """Waits until `fault()` is None and returns how long it took."""
        begin = time.monotonic()
        while problem := fault():
            if time.monotonic() - begin > limit + self.slack:
                raise Wrong(f"after {limit + self.slack:.0f} s: {problem}")
            time.sleep(POLL_SECONDS)
        return time.monotonic() - begin

    def await_calm(self):
        """Until every member serves."""
        self._await(CALM_SECONDS, lambda: None if self.members.are_healthy() else "etcd is not healthy")

    def await_right(self, limit=RIGHT_SECONDS):
        """All look-ups are right; every process runs."""
        took = self._await(limit, self.fault_of_lookups)
        self.worst["right"] = max(self.worst["right"], took)
        return took

    def await_gone(self, dead, limit=GONE_SECONDS):
        """Two other bridges know nothing of it any more."""
        observers = self.random.sample([each for each in self.bridges if each is not dead and each.answers], 2)

        def fault():
            for observer in observers:
                view = observer.look_up()
                if view is None:
                    return f"{observer.name} does not answer"
                left = sorted(name for name, (bridge, *_) in view.ports.items() if bridge == dead.name)
                if left or dead.name in view.bridges:
                    return f"{observer.name} still lists {dead.name} with {left}"
            return None
        took = self._await(limit, fault)
        self.worst["gone"] = max(self.worst["gone"], took)
        return took

    def await_stale(self, bridge):
        """A bridge that does not reach etcd says so."""
        def fault():
            view = bridge.look_up()
            return None if view and view.is_stale else f"{bridge.name} does not say that it may be out of date"
        return self._await(GONE_SECONDS, fault)

    def check_history(self):
        self.history.check(self.members, self._member())
        if self.history.owners() != {name: (bridge, created) for name, (bridge, _, created) in self.truth().items()}:
            raise Wrong("etcd's history does not end with what it holds")

    def check_consoles(self):
        for console in self.consoles:
            if console.fault:
                raise Wrong(f"a person at a console noticed: {console.fault}")

    def journal_lines(self):
        """Of the bridge with the most."""
        return max(len(bridge.journal.read_bytes().splitlines()) for bridge in self.bridges)

    def close(self):
        for bridge in self.bridges:
            bridge.close()
        self.members.mend()
        self.members.close()
        self.network.close()


def encoded(text):
    return base64.b64encode(text.encode()).decode()

