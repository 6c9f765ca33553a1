"""deploy/fleet and deploy/avahi: the guide's commands on a real etcd of three members, its rights, and the files for systemd and mDNS."""
import configparser
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import urllib.request
import xml.etree.ElementTree

import etcd_process
import pytest
import recipes
import yaml
from conftest import DEPLOY
from vserd_process import BIN, PATIENCE_SECONDS, Daemon, free_port

FLEET, AVAHI = DEPLOY / "fleet", DEPLOY / "avahi"
MEMBERS = (1, 2, 3)
EXPOSURE_MAX = 2.0
SLOW_MACHINE = {"ETCDCTL_COMMAND_TIMEOUT": f"{PATIENCE_SECONDS}s", "ETCDCTL_DIAL_TIMEOUT": f"{PATIENCE_SECONDS}s"}

needs_etcd = pytest.mark.skipif(etcd_process.missing() is not None, reason=str(etcd_process.missing()))


def run(*command, **options):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options)
    assert done.returncode == 0, done.stdout
    return done.stdout


class Site:
    """The three machines of the guide and the administrator's, in one folder and on the loopback interface."""

    def __init__(self, folder):
        self.folder, self.admin = folder, folder / "admin"
        self._clients = {number: free_port() for number in MEMBERS}
        self._peers = {number: free_port() for number in MEMBERS}
        shutil.copytree(FLEET, self.admin)
        self._prelude, self._recipes, self._replies = recipes.blocks(FLEET / "README.md")
        self._members = []
        # As in support/etcd_process: a slow disk must not fail elections.
        self._data = pathlib.Path(tempfile.mkdtemp(prefix="vserd-etcd-", dir=etcd_process.MEMORY if os.access(etcd_process.MEMORY, os.W_OK) else None))

    def here(self, text):
        """The text with the addresses and directories of this test."""
        for number in MEMBERS:
            text = text.replace(f"etcd{number}.example:2379", f"localhost:{self._clients[number]}")
            text = text.replace(f"etcd{number}.example:2380", f"localhost:{self._peers[number]}")
            text = text.replace(f"DNS:etcd{number}.example", "DNS:localhost")
        return text.replace("/srv/vserd-etcd", str(self.admin)).replace("/etc/vserd-etcd", str(self.admin / "pki"))

    @property
    def endpoints(self):
        return [f"https://localhost:{port}" for port in self._clients.values()]

    def recipe(self, wanted):
        """Runs a block of the guide as it is written, and compares what the guide says it prints."""
        name, flags, script = next(recipe for recipe in self._recipes if recipe[0] == wanted)
        path = f"{BIN}:{pathlib.Path(etcd_process.tool('etcdctl')).parent}:{os.environ['PATH']}"
        done = subprocess.run(["bash", "-euc", self.here(self._prelude + script)], cwd=self.admin, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, env={**os.environ, **SLOW_MACHINE, "PATH": path})
        replies = {key: self.here(text) for key, text in self._replies.items()}
        fault = recipes.fault_of(name, flags, done.returncode, done.stdout, replies)
        assert fault is None, f"{fault}\n{done.stdout}"

    def settings(self, number):
        """What systemd makes of the two files on this machine."""
        text = (FLEET / "cluster.env").read_text() + (FLEET / "member.env").read_text().replace("etcd1", f"etcd{number}")
        text = text.replace("/var/lib/vserd-etcd", str(self._data / f"etcd{number}"))
        for port, actual in (("2379", self._clients[number]), ("2380", self._peers[number])):
            text = text.replace(f"https://0.0.0.0:{port}", f"https://127.0.0.1:{actual}")
        return dict(line.split("=", 1) for line in self.here(text).splitlines() if line and not line.startswith("#"))

    def start(self):
        for number in MEMBERS:
            with open(self.folder / f"etcd{number}.log", "w") as log:
                self._members.append(subprocess.Popen([etcd_process.tool("etcd")], env={**os.environ, **self.settings(number)},
                                                      stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        etcd_process.eventually(lambda: self.etcdctl("endpoint", "health").returncode == 0,
                                lambda: (self.folder / "etcd1.log").read_text()[-3000:])

    def etcdctl(self, *arguments, user=None):
        """`user`: whose password file the guide has written."""
        environment = {**SLOW_MACHINE, "ETCDCTL_API": "3", "ETCDCTL_ENDPOINTS": ",".join(self.endpoints),
                       "ETCDCTL_CACERT": str(self.admin / "pki/ca.crt")}
        if user:
            environment["ETCDCTL_USER"] = f"{user}:{(self.admin / f'{user}.password').read_text().strip()}"
        return subprocess.run([etcd_process.tool("etcdctl"), *arguments], text=True, capture_output=True, check=False,
                              env=environment)

    def may(self, user, *arguments):
        """Whether etcd does it. Any other failure is none that a test may expect."""
        done = self.etcdctl(*arguments, user=user)
        assert done.returncode == 0 or "permission denied" in done.stderr, done.stderr
        return done.returncode == 0

    def stop(self):
        for member in self._members:
            member.kill()
            member.wait(PATIENCE_SECONDS)
        shutil.rmtree(self._data)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = Site(tmp_path_factory.mktemp("site"))
    made.recipe("certificates")
    try:
        made.start()
        made.recipe("users")
        made.recipe("bridges")
        yield made
    finally:
        made.stop()


@needs_etcd
def test_without_a_password_nobody_reads_or_writes(site):
    for arguments in (("get", "/vserd/v1/port/a"), ("put", "/vserd/v1/port/a", "x")):
        done = site.etcdctl(*arguments)
        assert done.returncode != 0 and "user name is empty" in done.stderr


@needs_etcd
@pytest.mark.parametrize("key, allowed", [
    ("/vserd/v1/bridge/lab7", True), ("/vserd/v1/port/board-1", True), ("/vserd/v1/port/rack8-1", True),
    ("/vserd/v1/bridge/lab8", False), ("/vserd/v1/bridge/lab77", False), ("/vserd/v1/other", False), ("/vserd/v2/port/board-1", False),
    ("/registry/pods/a", False)])
def test_a_bridge_writes_its_own_entry_and_those_of_ports(site, key, allowed):
    assert site.may("lab7", "put", key, "x") == allowed


@needs_etcd
@pytest.mark.parametrize("key, allowed", [
    ("/vserd/v1/bridge/lab8", True), ("/vserd/v1/port/rack8-1", True), ("/vserd/v1/port/board-1", False), ("/vserd/v1/port/rack8", False),
    ("/vserd/v1/bridge/lab7", False)])
def test_a_bridge_of_one_rack_writes_only_ports_of_its_rack(site, key, allowed):
    assert site.may("lab8", "put", key, "x") == allowed
    assert site.may("lab8", "del", key) == allowed


@needs_etcd
def test_every_user_reads_the_fleet_and_nothing_else(site):
    for user in ("lab7", "lab8", "reports"):
        assert site.may(user, "get", "--prefix", "/vserd/v1/")
        assert not site.may(user, "get", "--prefix", "/vserd/")
        assert not site.may(user, "get", "/registry/pods/a")


@needs_etcd
def test_a_reader_writes_nothing(site):
    for key in ("/vserd/v1/bridge/reports", "/vserd/v1/port/board-1"):
        assert not site.may("reports", "put", key, "x")
        assert not site.may("reports", "del", key)


@needs_etcd
def test_nobody_but_root_gives_rights(site):
    for arguments in (("user", "add", "eve:x"), ("role", "grant-permission", "bridge-lab7", "--prefix=true", "readwrite", "/"), ("auth", "disable")):
        assert not site.may("lab7", *arguments)


@needs_etcd
def test_a_bridge_cannot_end_the_registration_of_another(site):
    lease = re.search(r"lease (\w+) granted", site.etcdctl("lease", "grant", "600", user="lab7").stdout)[1]
    assert site.may("lab7", "put", "--lease", lease, "/vserd/v1/bridge/lab7", "{}")
    assert not site.may("lab8", "lease", "revoke", lease)


@needs_etcd
def test_passwords_are_for_their_owner_only(site):
    for name in ("root", "lab7", "lab8", "reports"):
        assert (site.admin / f"{name}.password").stat().st_mode & 0o077 == 0


def bridge_of(site, folder, name, *ports):
    """A vserd with the [fleet] of the guide."""
    table = re.search(r"^```toml\n(\[fleet\]\n.*?)^```$", (FLEET / "README.md").read_text(), re.MULTILINE | re.DOTALL)[1]
    address = f"127.0.0.1:{free_port()}"
    for theirs, ours in (("/etc/vserd/etcd-password", f"{site.admin}/{name}.password"), ("/etc/vserd/etcd-ca.crt", f"{site.admin}/pki/ca.crt"),
                         ("lab7.example:50051", address), ("lab7", name)):
        assert theirs in table
        table = table.replace(theirs, ours)
    journal = open(folder / "journal", "w")  # noqa: SIM115 - closed by the test's process
    tables = "".join(f'[[port]]\nname = "{port}"\ndevice = "sim:echo"\n' for port in ports)
    return Daemon(folder, tables, history=site.here(table), listen=address, metrics="127.0.0.1:0", stderr=journal)


def metric(daemon, sample):
    with urllib.request.urlopen(f"http://{daemon.metrics}/metrics", timeout=PATIENCE_SECONDS) as reply:
        return f"\n{sample}\n" in reply.read().decode()


@needs_etcd
def test_a_bridge_with_the_configuration_of_the_guide_is_registered(site, tmp_path):
    for key in ("bridge/lab7", "port/board-1"):  # what other tests wrote
        site.may("lab7", "del", f"/vserd/v1/{key}")
    daemon = bridge_of(site, tmp_path, "lab7", "board-1", "board-2")
    etcd_process.eventually(lambda: metric(daemon, "vserd_fleet_up 1") and metric(daemon, 'vserd_fleet_ports{state="owned"} 2'),
                            lambda: (tmp_path / "journal").read_text())
    listed = site.etcdctl("get", "--prefix", "--keys-only", "/vserd/v1/", user="reports").stdout.split()
    assert {"/vserd/v1/bridge/lab7", "/vserd/v1/port/board-1", "/vserd/v1/port/board-2"} <= set(listed)
    daemon.stop()
    assert "/vserd/v1/bridge/lab7" not in site.etcdctl("get", "--prefix", "--keys-only", "/vserd/v1/", user="reports").stdout


@needs_etcd
def test_a_port_that_the_bridge_may_not_register_is_reported_once(site, tmp_path):
    site.may("lab8", "del", "/vserd/v1/bridge/lab8")
    site.may("lab8", "del", "/vserd/v1/port/rack8-1")
    daemon = bridge_of(site, tmp_path, "lab8", "rack8-1", "elsewhere")
    etcd_process.eventually(lambda: metric(daemon, 'vserd_fleet_ports{state="pending"} 1') and "elsewhere" in (tmp_path / "journal").read_text(),
                            lambda: (tmp_path / "journal").read_text())
    listed = site.etcdctl("get", "--prefix", "--keys-only", "/vserd/v1/", user="reports").stdout.split()
    assert "/vserd/v1/port/rack8-1" in listed and "/vserd/v1/port/elsewhere" not in listed
    lines = re.findall(r"warning fleet: .*", (tmp_path / "journal").read_text())
    assert len(lines) == 1 and "/vserd/v1/port/elsewhere" in lines[0] and "'lab8'" in lines[0]
    daemon.stop()


@pytest.mark.parametrize("arguments", [[], ["a", "b", "c"], ["root"], ["fleet-reader"], ["a/b"], ["--reader"], [""]])
def test_add_bridge_refuses_what_is_no_bridge(arguments):
    done = subprocess.run([FLEET / "add-bridge", *arguments], text=True, capture_output=True, check=False)
    assert done.returncode == 2 and done.stderr.startswith("add-bridge: ") and done.stdout == ""


# Files for other tools.

def test_verify_has_no_complaint_about_the_service(tmp_path):
    unit = tmp_path / "vserd-etcd.service"
    unit.write_text((FLEET / unit.name).read_text().replace("/usr/bin/etcd", "/bin/true"))  # also where there is no etcd
    assert run("systemd-analyze", "verify", "--man=no", unit) == ""


def test_the_sandbox_of_the_service_is_tight():
    report = run("systemd-analyze", "security", "--offline=yes", "--no-pager", FLEET / "vserd-etcd.service")
    assert float(re.search(r"exposure level for vserd-etcd.service: ([\d.]+)", report)[1]) <= EXPOSURE_MAX


def test_the_playbook_is_one():
    plays = yaml.safe_load((FLEET / "fleet.yml").read_text())
    assert [play["hosts"] for play in plays] == ["etcd", "bridges"]
    for play in plays:
        for task in play["tasks"]:
            assert set(task.get("notify", "").split("\n")) <= {"", *(handler["name"] for handler in play["handlers"])}


@pytest.mark.skipif(shutil.which("ansible-playbook") is None, reason="no ansible-playbook (Debian's ansible-core)")
def test_ansible_accepts_the_playbook(tmp_path):
    (tmp_path / "inventory").write_text("[etcd]\netcd1\netcd2\netcd3\n[bridges]\nlab7\n")
    environment = {**os.environ, "HOME": str(tmp_path), "ANSIBLE_LOCAL_TEMP": str(tmp_path)}
    assert "WARNING" not in run("ansible-playbook", "--syntax-check", "-i", tmp_path / "inventory", FLEET / "fleet.yml", env=environment)


def test_avahi_and_systemd_announce_the_same():
    service = xml.etree.ElementTree.parse(AVAHI / "vserd.service").getroot().find("service")
    dnssd = configparser.ConfigParser(interpolation=None)
    dnssd.optionxform = str
    dnssd.read(AVAHI / "vserd.dnssd")
    records = [record.text for record in service.findall("txt-record")]
    assert service.find("type").text == dnssd["Service"]["Type"] == "_vserd._tcp"
    assert service.find("port").text == dnssd["Service"]["Port"] == "50051"
    assert records == dnssd["Service"]["TxtText"].split()
    assert [record.split("=")[0] for record in records] == ["version", "tls", "bridge"]
    assert records[0].split("=")[1] in run(BIN / "vserd", "--version")
