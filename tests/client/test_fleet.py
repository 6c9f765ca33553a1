"""A fleet: real vserds own the ports, and a directory says where they are."""
import contextlib
import socket
import threading
import time

import pytest
from certificates import Authority
from fleet_directory import Directory
from vserd_process import PATIENCE_SECONDS, Daemon

import vser

SIM = "sim:echo?unpaced=1"
PI = {"board": "rpi4"}


def table(name, labels=""):
    return f'[[port]]\nname = "{name}"\ndevice = "{SIM}&id={name}"\nlabels = {{ {labels} }}\n'


class Site:
    """Two bridges and a directory."""

    def __init__(self, folder):
        self.folder = folder
        self.directory = Directory()
        self.daemons = []
        for number in (1, 2):
            daemon = self.bridge(number, table(f"pi-{number}", 'board = "rpi4"') + table(f"pc-{number}"))
            self.own(number, daemon, f"pi-{number}", PI)
            self.own(number, daemon, f"pc-{number}", {})

    def bridge(self, number, ports, **more):
        place = self.folder / f"{number}-{len(self.daemons)}"
        place.mkdir()
        self.daemons.append(Daemon(place, ports, **more))
        return self.daemons[-1]

    def own(self, number, daemon, name, labels=None):
        self.directory.add(name, daemon.address, bridge=f"b{number}", labels=labels or {})

    def close(self):
        for daemon in self.daemons:
            if daemon.process.returncode is None:
                daemon.stop()
        self.directory.stop()


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path)
    yield made
    made.close()


@pytest.fixture
def fleet(site):
    with vser.fleet(site.directory.address) as made:
        yield made


def receive(console, wanted):
    """The items until this item or these bytes have come."""
    items, data = [], b""
    while True:
        item = console.next(PATIENCE_SECONDS)
        assert item is not None, f"{wanted} did not come: {items}"
        items.append(item)
        data += item.data if isinstance(item, vser.Data) else b""
        if wanted in data if isinstance(wanted, bytes) else isinstance(item, wanted):
            return items


def test_ports_of_all_bridges_over_several_pages(site, fleet):
    assert [port.name for port in fleet.ports()] == ["pc-1", "pc-2", "pi-1", "pi-2"]
    assert [(port.name, port.bridge, port.labels["board"]) for port in fleet.ports(PI)] == [("pi-1", "b1", "rpi4"), ("pi-2", "b2", "rpi4")]
    assert fleet.ports({"board": "none"}) == []
    assert [(bridge.id, bridge.address) for bridge in fleet.bridges()] == [("b1", site.daemons[0].address), ("b2", site.daemons[1].address)]


def test_a_port_is_used_at_its_owner(site, fleet):
    assert fleet.resolve("pi-2").address == site.daemons[1].address
    fleet.client("pi-2").set_baud("pi-2", 9600)
    with vser.connect(site.daemons[1].address) as direct:
        assert direct.baud("pi-2") == 9600
    assert fleet.client("pi-2") is fleet.client("pc-2") is not fleet.client("pi-1")
    with pytest.raises(vser.VserError, match="pi-9"):
        fleet.client("pi-9")


def test_old_answers_are_marked(site, fleet):
    assert not fleet.stale and not fleet.status().stale
    site.directory.stale = True
    assert fleet.resolve("pi-1").bridge == "b1" and fleet.stale
    assert fleet.status().problem == "etcd is away"
    site.directory.stale = False
    assert fleet.ports() and not fleet.stale


def test_another_entry_is_asked_when_one_does_not_answer(site):
    other = Directory()
    other.ports, other.bridges = site.directory.ports, site.directory.bridges
    with vser.fleet("127.0.0.1:1", other.address, site.directory.address) as fleet:
        assert fleet.resolve("pi-1").bridge == "b1"
        other.stop()
        assert fleet.resolve("pi-1").bridge == "b1"
        assert site.directory.calls


def test_any_port_of_any_bridge_is_leased(site, fleet):
    with fleet.lease(PI) as first, fleet.lease(PI) as second:
        assert {first.port, second.port} == {"pi-1", "pi-2"}
        first.client.set_baud(first.port, 9600)
        got = []

        def wait():
            with fleet.lease(PI, wait=60) as third:
                got.append(third.port)
                third.client.set_baud(third.port, 19200)

        waiting = threading.Thread(target=wait)
        with vser.fleet(site.directory.address) as other:
            with pytest.raises(vser.VserError, match="none of 2 ports"), other.lease(PI):
                pass
        waiting.start()
    waiting.join(PATIENCE_SECONDS)
    assert len(got) == 1
    with fleet.lease("pc-1") as named:
        assert named.port == "pc-1"
    with pytest.raises(vser.VserError, match="there are: board=rpi4"), fleet.lease({"board": "none"}):
        pass
    assert fleet.client("pi-1").leases() == fleet.client("pi-2").leases() == []


def test_a_bridge_that_is_dead_does_not_keep_from_leasing_at_others(site, fleet):
    site.daemons[0].stop()
    with fleet.lease(PI) as held:
        assert held.port == "pi-2"


def test_a_console_follows_its_port_to_another_bridge(site, fleet):
    with fleet.attach("pi-1") as console:
        console.write("one")
        receive(console, b"one")
        second = site.bridge(2, table("pi-1"))
        del site.directory.ports["pi-1"]  # the first bridge is gone, and the second one has not claimed the name yet
        site.daemons[0].stop()
        receive(console, vser.Disconnected)
        site.own(2, second, "pi-1")
        items = receive(console, vser.LogRestarted)
        assert any(isinstance(item, vser.Reconnected) for item in items)
        console.write("two")
        receive(console, b"two")


def test_a_console_goes_on_at_its_offset_with_the_same_log(site, fleet):
    with socket.create_server(("127.0.0.1", 0)) as free:
        pass
    state = f'state_dir = "{site.folder}/state"\n'
    bridge = site.bridge(3, table("disk"), server=state)
    site.own(3, bridge, "disk")
    with fleet.attach("disk") as console:
        console.write("one")
        receive(console, b"one")
        bridge.stop()
        receive(console, vser.Disconnected)
        moved = site.bridge(3, table("disk"), server=state)
        site.own(3, moved, "disk")
        items = receive(console, vser.Reconnected)
        assert moved.address != bridge.address
        console.write("two")
        items += receive(console, b"two")
    assert not [item for item in items if isinstance(item, vser.LogRestarted)]
    assert next(item.offset for item in items if isinstance(item, vser.Data)) == 3


def test_a_port_that_the_new_owner_does_not_have_yet_is_waited_for(site, fleet):
    with fleet.attach("pi-1") as console:
        site.own(2, site.daemons[1], "pi-1")  # it does not serve the port
        site.daemons[0].stop()
        receive(console, vser.Disconnected)
        asked = len(site.directory.calls)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(site.directory.calls) < asked + 3:  # it has tried there, and looks the port up again
            assert time.monotonic() < deadline
            time.sleep(0.01)
        second = site.bridge(2, table("pi-1"))
        site.own(2, second, "pi-1")
        receive(console, vser.Reconnected)


@pytest.fixture
def secure(tmp_path):
    """A CA, a directory with a certificate of it, and a token."""
    Authority(tmp_path).sign("server")
    pair = ((tmp_path / "server.key").read_bytes(), (tmp_path / "server.crt").read_bytes())
    directory = Directory(pair)
    yield directory, tmp_path, vser.Tls(ca=tmp_path / "ca.crt")
    directory.stop()


def test_the_token_goes_to_owners_whose_certificate_names_the_host(secure):
    directory, folder, tls = secure
    owner = Directory(((folder / "server.key").read_bytes(), (folder / "server.crt").read_bytes()))
    try:
        directory.add("board", owner.address, tls=False)  # the entry lies, and TLS is used all the same
        with vser.fleet(directory.address, tls=tls, token="secret") as fleet:
            with pytest.raises(vser.VserError, match="UNIMPLEMENTED"):  # the answer of an owner that got our call
                fleet.client("board")
            assert {token for _, token in directory.calls} == {"Bearer secret"}
            for name, host in (("other", "localhost.localdomain"), ("v6", "[::1]")):
                directory.add(name, host + ":" + owner.address.rpartition(":")[2])
                with pytest.raises(vser.Unreachable):
                    fleet.client(name)
    finally:
        owner.stop()


def test_a_poisoned_entry_gets_neither_a_connection_nor_a_token(secure):
    directory, folder, tls = secure
    heard = socket.create_server(("127.0.0.1", 0))
    heard.settimeout(0.2)
    directory.add("plain", "127.0.0.1:%d" % heard.getsockname()[1], tls=False)
    directory.add("socket", f"unix:{folder}/evil")
    directory.add("scheme", "dns://127.0.0.1/evil:1")
    directory.add("elsewhere", "evil.example:50051", tls=True)
    with vser.fleet(directory.address, tls=tls, token="secret", hosts=["127.*"]) as fleet:
        for name in ("socket", "scheme", "elsewhere"):
            with pytest.raises(vser.VserError) as raised:
                fleet.client(name)
            assert raised.value.reason == "OWNER_REFUSED" and name in raised.value.message
        sent = []
        listener = threading.Thread(target=lambda: sent.append(first_bytes(heard)))
        heard.settimeout(PATIENCE_SECONDS)
        listener.start()
        with pytest.raises(vser.Unreachable):
            fleet.client("plain")
        listener.join()
        assert sent[0][:1] == b"\x16"  # a TLS handshake, and nothing that can be read
    heard.close()


def first_bytes(listener):
    with contextlib.closing(listener.accept()[0]) as connection:
        return connection.recv(4096)


def test_mistakes_are_explained(site, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="`hosts` or a CA"):
        vser.fleet("127.0.0.1:1", tls=True, token="secret")
    with pytest.raises(ValueError, match="without encryption"):
        vser.fleet("127.0.0.1:1", token="secret")
    with pytest.raises(vser.Unreachable):
        vser.fleet("127.0.0.1:1")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(ValueError, match="name a bridge"):
        vser.fleet()
    (tmp_path / "vserctl").mkdir()
    for text, words in (("entry = 3", "text or a list"), ("", "needs 'entry'"), ("entry = 'a'\nkey = 'k'", "both 'cert' and 'key'"),
                        ("entry = 'a'\nhost = 'b'", "'host' is not a key"), ("entry = 'a'\ntls = 'b'", "true or false")):
        (tmp_path / "vserctl/config.toml").write_text(f"[fleet]\n{text}\n")
        with pytest.raises(ValueError, match=words):
            vser.fleet()


def test_the_configuration_names_the_fleet(secure, monkeypatch):
    directory, folder, _ = secure
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    (folder / "vserctl").mkdir()
    (folder / "vserctl/config.toml").write_text(
        f'[fleet]\nentry = ["{directory.address}"]\nhosts = ["127.0.0.1"]\nca = "../ca.crt"\ntoken_file = "../token"\n')
    (folder / "token").write_text("secret\n")
    with vser.fleet() as fleet:
        assert fleet.bridges() == []
    assert {token for _, token in directory.calls} == {"Bearer secret"}
