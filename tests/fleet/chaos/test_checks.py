"""The checks of the chaos test find what they are for."""
import base64
import json
import socket
import threading

import consoles
import pytest
from history import History, Wrong
from network import Network


def change(key, created, modified, lease=7, **value):
    """An event of etcd's gateway."""
    return {"kv": {"key": base64.b64encode(f"/vserd/v1/{key}".encode()).decode(), "create_revision": str(created),
                   "mod_revision": str(modified), "lease": str(lease), "value": base64.b64encode(json.dumps(value).encode()).decode()}}


def deletion(key, modified):
    return {"type": "DELETE", "kv": {"key": base64.b64encode(f"/vserd/v1/{key}".encode()).decode(), "mod_revision": str(modified)}}


@pytest.fixture
def history():
    made = History("/vserd/v1", {"a": ["b1", "b2"]})
    made.take(change("port/a", 3, 3, bridge="b1"))
    return made


def test_a_name_that_is_given_up_may_be_claimed(history):
    history.take(change("port/a", 3, 4, bridge="b1"))
    history.take(deletion("port/a", 5))
    history.take(change("port/a", 6, 6, lease=8, bridge="b2"))
    assert (history.owners(), history.claims) == ({"a": ("b2", 6)}, 2)


@pytest.mark.parametrize("wrong, why", [
    (change("port/a", 3, 4, lease=8, bridge="b2"), "claimed by b1 at 3, and by b2"),
    (change("port/a", 4, 4, bridge="b1"), "while that claim lasted"),
    (change("port/a", 3, 4, lease=0, bridge="b1"), "no lease"),
    (change("port/b", 4, 4, lease=8, bridge="b2"), "which it does not have"),
    (change("bridge/b2", 4, 4, lease=7, id="b2"), "the lease 7 is that of b1"),
    (change("bridge/b2", 4, 4, lease=8, id="b3"), "says that it is b3"),
    (change("else/b2", 4, 4), "does not use")])
def test_what_must_not_be_in_etcd_is_found(history, wrong, why):
    with pytest.raises(Wrong, match=why):
        history.take(wrong)


def test_a_cut_proxy_passes_nothing_until_it_is_mended():
    network = Network()
    with socket.create_server(("127.0.0.1", 0)) as server:
        proxy = network.proxy(server.getsockname()[1])
        with socket.create_connection(("127.0.0.1", proxy.port), 10) as near:
            near.sendall(b"GET / HTTP/1.1\r\nX-Server-From: 1f\r\n\r\n")
            far = server.accept()[0]
            far.settimeout(10)
            assert far.recv(100).startswith(b"GET")
            proxy.cut_senders.add("1f")
            near.sendall(b"later")
            far.settimeout(0.3)
            with pytest.raises(TimeoutError):
                far.recv(100)
            far.settimeout(10)
            proxy.cut_senders.clear()
            assert far.recv(100) == b"later"
            far.close()
    network.close()


class Recorded(consoles.Console):
    """A console without a bridge: what it reads is given."""

    def __init__(self, items):
        threading.Thread.__init__(self)
        self.port, self.echoes, self.bytes, self.fault = "p", [], 0, None
        self._console = type("Given", (), {"write": lambda _, line: None, "next": lambda _, limit: items.pop(0)})()


def data(offset, text):
    return consoles.vser.Data(offset=offset, data=text, receive_time_ns=0)


@pytest.mark.parametrize("items, why", [
    ([data(0, b"ab"), data(3, b"c")], "offset 3"), ([data(0, b"axc")], "came back"), ([None], "did not come back"),
    ([consoles.vser.Gap(0, 5)], "was told")])
def test_a_person_at_a_console_notices_what_is_wrong(items, why):
    with pytest.raises(AssertionError, match=why):
        Recorded(items)._echo(b"abc")


def test_echoes_belong_to_the_time_in_which_they_began():
    times = consoles.Times()
    times._spans = [(0, True), (10, False), (20, True)]
    assert times.split([(1, 0.1), (12, 0.2), (19, 0.3), (25, 0.4)]) == ([0.1, 0.4], [0.2, 0.3])
