"""What etcd's history must show whatever happened: every name has one owner at a time, and nobody writes in another's name."""
import base64
import json


class Wrong(AssertionError):
    """An invariant does not hold."""


class History:
    """Reads the history in pieces. `allowed`: {port: bridges that configure it}."""

    def __init__(self, prefix, allowed):
        self._prefix, self._allowed = prefix, allowed
        self._owners = {}  # port -> (create_revision, bridge)
        self._leases = {}  # lease -> bridge
        self._next = 1
        self.claims = self.changes = 0

    def check(self, members, index):
        """Reads what is new from a healthy member."""
        last = members.revision()
        if last < self._next:
            return
        for event in members.events(index, self._next, last):
            self.take(event)
        self._next = last + 1

    def take(self, event):
        """One change."""
        entry = event["kv"]
        key = base64.b64decode(entry["key"]).decode()
        if not key.startswith(self._prefix + "/"):
            return
        self.changes += 1
        kind, _, name = key.removeprefix(self._prefix + "/").partition("/")
        if event.get("type") == "DELETE":
            self._owners.pop(name if kind == "port" else None, None)
            return
        value = json.loads(base64.b64decode(entry["value"]))
        if kind == "bridge":
            self._bridge(name, value, entry)
        elif kind == "port":
            self._port(name, value, entry)
        else:
            raise Wrong(f"{key}: a key that vserd does not use")

    def _bridge(self, name, value, entry):
        if value["id"] != name:
            raise Wrong(f"bridge/{name} says that it is {value['id']}")
        self._lease(f"bridge/{name}", name, entry)

    def _port(self, name, value, entry):
        bridge, created = value["bridge"], int(entry["create_revision"])
        if bridge not in self._allowed.get(name, ()):
            raise Wrong(f"{bridge} claimed {name}, which it does not have")
        self._lease(f"port/{name}", bridge, entry)
        owner = self._owners.setdefault(name, (created, bridge))
        if owner != (created, bridge):
            raise Wrong(f"{name} was claimed by {owner[1]} at {owner[0]}, and by {bridge} at {created} while that claim lasted")
        if created == int(entry["mod_revision"]):
            self.claims += 1

    def _lease(self, key, bridge, entry):
        lease = int(entry.get("lease", 0))
        if lease == 0:
            raise Wrong(f"{key} has no lease: it would outlive its bridge")
        owner = self._leases.setdefault(lease, bridge)
        if owner != bridge:
            raise Wrong(f"{key}: the lease {lease:x} is that of {owner}, but the value that of {bridge}")

    def owners(self):
        """{port: (bridge, create_revision)} after the last change."""
        return {name: (bridge, created) for name, (created, bridge) in self._owners.items()}

    def leases_of(self, bridge):
        """The leases that this bridge has had."""
        return {lease for lease, owner in self._leases.items() if owner == bridge}
