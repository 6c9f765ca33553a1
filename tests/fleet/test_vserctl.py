"""vserctl in a fleet: real vserds in a real etcd, and servers that want its token."""
import hashlib
import json
import socket
import subprocess
import threading

import etcd_process
import pytest
from certificates import Authority
from etcd_process import eventually
from fleet_bridge import PREFIX, Bridge
from vserctl_terminal import PLAIN, VSERCTL
from vserd_process import PATIENCE_SECONDS

import vser

pytestmark = pytest.mark.skipif(bool(etcd_process.missing()), reason=str(etcd_process.missing()))


def run(*words, status=0, env=None, **more):
    """Standard output; as JSON with --json."""
    done = subprocess.run([VSERCTL, *words], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
                          env=PLAIN | (env or {}), **{"stdin": subprocess.DEVNULL, **more})
    assert done.returncode == status, done
    if status:
        return done.stderr
    return json.loads(done.stdout) if "--json" in words and words[-1] != "lines" else done.stdout


def test_ports_of_all_bridges_are_listed(bridges):
    entry = ("--fleet", bridges[0].address)
    text = run(*entry, "ports")
    assert [line.split()[:3] for line in text.splitlines()] == [
        ["NAME", "BRIDGE", "STATE"], ["board-1", "lab1", "online"], ["board-17", "lab2", "online"], ["board-2", "lab2", "online"]]
    found = run(*entry, "ports", "-l", "rack=3", "--json")
    assert [port["name"] for port in found["ports"]] == ["board-1", "board-2"] and found["stale"] is False
    assert [port["labels"] for port in run(*entry, "ports", "board-17", "--json")["ports"]] == [{}]
    assert 'did you mean "board-17"' in run(*entry, "ports", "bord-17", status=1)


def test_a_port_is_used_by_name_alone(bridges, tmp_path):
    for entry in (bridges[0].address, bridges[1].address, f"127.0.0.1:1,{bridges[0].address}"):
        assert run("--fleet", entry, "baud", "board-17").strip() == "115200"
    env = {"VSERD_FLEET": bridges[0].address}
    run("write", "board-17", "-e", "hello\\r\\n", env=env)
    eventually(lambda: run("read", "board-17", env=env).startswith("hello"))
    assert "hello" in run("attach", "board-17", "--from", "oldest", "--wait", "200ms", env=env)
    assert 'did you mean "board-17"' in run("baud", "bord-17", env=env, status=1)
    assert "exclude each other" in run("-s", bridges[0].address, "ports", env=env, status=2)
    assert "asks one vserd" in run("info", env=env, status=1)


def test_the_fleet_is_in_the_configuration(bridges, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(f'[fleet]\nentry = ["127.0.0.1:1", "{bridges[1].address}"]\n')
    assert len(run("--config", config, "ports", "--json")["ports"]) == 3
    assert run("--config", config, "-s", bridges[0].address, "ports", "--json")["ports"][0]["device"] == "sim:echo"
    config.write_text('[fleet]\nentry = ["127.0.0.1:1"]\nhosts = ["*.lab.example"]\n')
    assert "hosts" in run("--config", config, "--fleet", bridges[0].address, "baud", "board-1", status=1)
    config.write_text('[fleet]\nentry = "lab7"\naddress = "lab7"\n')
    assert f"{config}:3:1: 'address' is not a key of [fleet]" in run("--config", config, "ports", status=2)
    assert "no fleet is named" in run("fleet", status=2)


def test_bridges_and_targets_of_prometheus(bridges, tmp_path):
    entry = ("--fleet", bridges[0].address)
    assert [line.split()[:2] for line in run(*entry, "fleet").splitlines()[1:]] == [
        ["lab1", bridges[0].address], ["lab2", bridges[1].address]]
    assert run(*entry, "fleet", "resolve", "board-2") == f"lab2 {bridges[1].address}\n"
    targets = tmp_path / "targets.json"
    run(*entry, "fleet", "sd", "-o", targets)
    assert json.loads(targets.read_text()) == json.loads(run(*entry, "fleet", "sd"))
    assert "cannot write" in run(*entry, "fleet", "sd", "-o", tmp_path / "none" / "targets.json", status=1)
    assert "NAME is required" in run(*entry, "fleet", "resolve", status=2)


def test_logs_of_several_bridges_are_one(bridges):
    env = {"VSERD_FLEET": bridges[0].address}
    for name in ("board-1", "board-2", "board-1"):
        run("write", name, "-e", f"from {name}\\r\\n", env=env)
        eventually(lambda name=name: f"from {name}" in run("log", name, env=env))
    lines = [line for line in run("log", "-l", "rack=3", "--grep", "from", env=env).splitlines() if "from" in line]
    assert [line.split()[-1] for line in lines] == ["board-1", "board-2", "board-1"]


def test_any_port_of_the_fleet_is_leased(bridges):
    env = {"VSERD_FLEET": bridges[0].address}
    words = [VSERCTL, "lease", "-l", "rack=3", "--wait", "10s", "--", "cat"]
    first = subprocess.Popen(words, env=PLAIN | env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    second = subprocess.Popen(words, env=PLAIN | env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def holders():
        leases = []
        for bridge in bridges:
            with vser.connect(bridge.address) as client:
                leases += [lease.port for lease in client.leases()]
        return sorted(leases)

    try:
        eventually(lambda: holders() == ["board-1", "board-2"], lambda: str(holders()))
    finally:
        for each in (first, second):
            each.communicate(b"", timeout=PATIENCE_SECONDS)
        assert [first.returncode, second.returncode] == [0, 0]


def test_a_command_under_a_lease_finds_its_port_without_the_fleet(bridges):
    env = {"VSERD_FLEET": bridges[0].address}
    for choice in (["board-17"], ["-l", "rack=3"]):
        out = run("lease", *choice, "--", "sh", "-c", f'{VSERCTL} baud "${{VSERD_LEASE%:*}}"', env=env)
        assert "115200" in out


@pytest.mark.parametrize("command", ["read", "log"])
def test_a_reader_follows_its_port_to_another_bridge(bridges, etcd, tmp_path, command):
    old = Bridge(tmp_path / "old", etcd, "old", ["mover"])
    old.wait_registered()
    eventually(lambda: "mover" in run("--fleet", bridges[0].address, "ports"))
    reader = subprocess.Popen([VSERCTL, "--fleet", bridges[0].address, command, "mover", "--follow"], env=PLAIN,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    new = None
    try:
        run("-s", old.address, "write", "mover", "-e", "one\\n")
        assert reader.stdout.readline() == b"one\n"
        old.stop()
        new = Bridge(tmp_path / "new", etcd, "new", ["mover"])
        new.wait_registered()
        run("-s", new.address, "write", "mover", "-e", "two\\n")
        assert reader.stdout.readline() == b"two\n"
    finally:
        reader.terminate()
        reader.communicate()
        for bridge in (old, new):
            if bridge is not None and bridge.process.poll() is None:
                bridge.stop()


class Rogue:
    """Takes connections and remembers what it gets."""

    def __init__(self):
        self.received = b""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            client.settimeout(2)
            try:
                while got := client.recv(65536):
                    self.received += got
            except OSError:
                pass
            client.close()

    def close(self):
        self._socket.close()


@pytest.mark.parametrize("says_tls", [False, True])
def test_a_poisoned_entry_gets_no_token(etcd, tmp_path, says_tls):
    authority = Authority(tmp_path)
    authority.sign("lab8")
    token = "a-token-that-nobody-else-may-see"
    (tmp_path / "tokens").write_text(f"ann {hashlib.sha256(token.encode()).hexdigest()}\n")
    server = (f'[server.tls]\ncertificate = "{tmp_path}/lab8.crt"\nkey = "{tmp_path}/lab8.key"\n'
              f'[access]\ntokens = "{tmp_path}/tokens"\n[[access.rule]]\nwho = ["token:ann"]\nports = ["*"]\nrole = "admin"\n')
    bridge = Bridge(tmp_path / "lab8", etcd, "lab8", ["board-8"], server)
    rogue = Rogue()
    try:
        bridge.wait_registered()
        entry = {"name": "evil", "bridge": "lab8", "address": rogue.address, "tls": says_tls, "state": "STATE_ONLINE"}
        etcd.put(f"{PREFIX}/port/evil", json.dumps(entry))
        access = ("--fleet", bridge.address, "--tls-ca", tmp_path / "ca.crt")
        env = {"VSERD_TOKEN": token}
        eventually(lambda: "evil" in run(*access, "ports", env=env))
        assert run(*access, "baud", "board-8", env=env).strip() == "115200"
        assert rogue.address in run(*access, "--timeout", "2s", "baud", "evil", env=env, status=3)
        assert token.encode() not in rogue.received and not rogue.received.startswith(b"PRI")
        assert "token is not sent" in run("--fleet", bridge.address, "ports", env=env, status=2)
    finally:
        rogue.close()
        bridge.stop()
