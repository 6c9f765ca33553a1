"""etcd's three members, whose connections among themselves can be cut, and what etcd itself knows, by its JSON gateway."""
import base64
import http.client
import json

import etcd_process

EVERYTHING = base64.b64encode(b"\0").decode()
LIMIT_SECONDS = 10


class Members(etcd_process.Etcd):
    """A cluster of three. `network`: makes the proxies."""

    def __init__(self, network):
        self._proxies = []

        def advertised(port):
            self._proxies.append(network.proxy(port))
            return self._proxies[-1].port
        super().__init__(3, peer_port=advertised)

    def partition(self, index):
        """Nothing passes between this member and the others; clients reach it."""
        sender = self.identity(index)
        for other, proxy in enumerate(self._proxies):
            if other == index:
                proxy.is_cut = True
            else:
                proxy.cut_senders.add(sender)

    def mend(self):
        for proxy in self._proxies:
            proxy.is_cut = False
            proxy.cut_senders.clear()

    def identity(self, index):
        """The number by which the others know it."""
        listed = json.loads(self.ctl("member", "list", "-w", "json"))["members"]
        return next(f"{entry['ID']:x}" for entry in listed if entry.get("name") == self.members[index].name)

    def are_healthy(self):
        return all(self.serves(index) for index in range(len(self.members)))

    def serves(self, index):
        """Whether it answers a read that needs the majority."""
        try:
            self.ask(index, "kv/range", {"key": base64.b64encode(b"no such key").decode()}, limit=1)
        except (OSError, http.client.HTTPException, AssertionError):
            return False
        return True

    def ask(self, index, what, request, limit=LIMIT_SECONDS):
        """One call of the gateway."""
        connection = http.client.HTTPConnection("127.0.0.1", self.members[index].port, timeout=limit)
        try:
            connection.request("POST", f"/v3/{what}", json.dumps(request))
            response = connection.getresponse()
            body = response.read()
            assert response.status == 200, body
            return json.loads(body)
        finally:
            connection.close()

    def events(self, index, revision, last):
        """All changes from `revision` to `last`, each once, in order."""
        connection = http.client.HTTPConnection("127.0.0.1", self.members[index].port, timeout=LIMIT_SECONDS)
        try:
            wanted = {"create_request": {"key": EVERYTHING, "range_end": EVERYTHING, "start_revision": str(revision)}}
            connection.request("POST", "/v3/watch", json.dumps(wanted))
            response = connection.getresponse()
            while revision <= last:
                result = json.loads(response.readline())["result"]
                assert "compact_revision" not in result, "etcd forgot what was to be checked"
                for event in result.get("events", []):
                    revision = int(event["kv"]["mod_revision"]) + 1
                    yield event
        finally:
            connection.close()
