"""A real etcd as child processes, one member or several, on free ports of the loopback interface.

Its data are in memory, so that a slow disk does not fail elections. Members are named by their index.
"""
import base64
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from debian import CACHE
from vserd_process import PATIENCE_SECONDS, steady_port

MEMORY = "/dev/shm"


def tool(name):
    """The path of etcd or etcdctl: ./dev setup unpacks Debian's packages into the cache, or they are installed. None: neither."""
    return shutil.which(name, path=f"{CACHE}/etcd/usr/bin:{os.environ['PATH']}")


def missing():
    """Why it cannot run here, or None."""
    if tool("etcd") and tool("etcdctl"):
        return None
    return "there is no etcd; ./dev setup fetches it where Debian's packages are reached"


def eventually(holds, why="it did not happen in time"):
    """Waits until `holds()` is true, and returns that."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := holds()):
        assert time.monotonic() < deadline, why() if callable(why) else why
        time.sleep(0.05)
    return found


class Member:
    """One process, its ports and its data."""

    def __init__(self, folder, index, peer_port):
        self.name, self.folder, self.log = f"m{index}", folder / f"m{index}", folder / f"m{index}.log"
        self.port, listens = steady_port(), steady_port()
        self.peer_listens, self.peer = f"http://127.0.0.1:{listens}", f"http://127.0.0.1:{peer_port(listens)}"
        self.state, self.process = "new", None


class Etcd:
    """Returns when every member serves. `tls`: the folder of a certificates.Authority that has signed "server": clients use TLS.
    With `client_certificates` they need a certificate of the authority themselves; "root" is ours then.
    `peer_port` makes the port by which other members reach a member of the port on which it listens: that of a proxy."""

    def __init__(self, members=1, tls=None, client_certificates=False, peer_port=lambda port: port):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vserd-etcd-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
        self._tls, self._client_certificates, self._user = tls, client_certificates, None
        self.members = [Member(self.folder, index, peer_port) for index in range(members)]
        for index in range(members):
            self.start(index)
        for index in range(members):
            self.wait_healthy(index)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # Members

    def url(self, index=0):
        member = self.members[index]
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{member.port}"

    @property
    def endpoints(self):
        return [self.url(index) for index in range(len(self.members))]

    def start(self, index=0):
        """Starts it, and does not wait until it serves: of three members one alone cannot."""
        member = self.members[index]
        cluster = ",".join(f"{other.name}={other.peer}" for other in self.members)
        command = [tool("etcd"), "--name", member.name, "--data-dir", member.folder, "--logger", "zap", "--log-outputs", "stderr",
                   "--listen-client-urls", self.url(index), "--advertise-client-urls", self.url(index),
                   "--listen-peer-urls", member.peer_listens, "--initial-advertise-peer-urls", member.peer,
                   "--initial-cluster", cluster, "--initial-cluster-state", member.state,
                   "--initial-cluster-token", str(self.folder)]
        if self._tls:
            command += ["--cert-file", self._tls / "server.crt", "--key-file", self._tls / "server.key"]
        if self._client_certificates:
            command += ["--client-cert-auth", "--trusted-ca-file", self._tls / "ca.crt"]
        with open(member.log, "ab") as log:
            member.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def wait_healthy(self, index=0):
        """Waits until it serves; for that, most members must run."""
        member = self.members[index]
        eventually(lambda: self._healthy(index), lambda: f"etcd does not serve: {member.log.read_text(errors='replace')[-2000:]}")

    def _healthy(self, index):
        assert self.members[index].process.poll() is None, self.members[index].log.read_text(errors="replace")[-2000:]
        return self._ctl("endpoint", "health", endpoints=[self.url(index)], fails=True).returncode == 0

    def kill(self, index=0):
        """As a crash: no connection is closed by etcd itself."""
        process = self.members[index].process
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE_SECONDS)

    def restart(self, index=0):
        """Kills it and waits until it serves again, with its data."""
        self.kill(index)
        self.start(index)
        self.wait_healthy(index)

    def pause(self, index=0):
        """It keeps its connections and answers nothing."""
        self.members[index].process.send_signal(signal.SIGSTOP)

    def resume(self, index=0):
        self.members[index].process.send_signal(signal.SIGCONT)

    def wipe(self, index=0):
        """Kills it and loses its data; one of several joins the others again, as the manual says. Start it afterwards."""
        member = self.members[index]
        self.kill(index)
        shutil.rmtree(member.folder)
        if len(self.members) == 1:
            return
        others = [self.url(other) for other in range(len(self.members)) if other != index]
        # Again until it has worked: they may elect a leader first.
        eventually(lambda: self._removed(member, others), f"{member.name} is still a member")
        add = ("member", "add", member.name, f"--peer-urls={member.peer}")
        eventually(lambda: self._ctl(*add, endpoints=others, fails=True).returncode == 0)
        member.state = "existing"

    def _removed(self, member, others):
        listed = self._ctl("member", "list", "-w", "json", endpoints=others, fails=True)
        if listed.returncode != 0:
            return False
        numbers = [entry["ID"] for entry in json.loads(listed.stdout)["members"] if entry.get("name") == member.name]
        for number in numbers:
            self._ctl("member", "remove", f"{number:x}", endpoints=others, fails=True)
        return not numbers

    def leader(self):
        """The index of the member that leads."""
        def find():
            for index in range(len(self.members)):
                done = self._ctl("endpoint", "status", "-w", "json", endpoints=[self.url(index)], fails=True)
                status = json.loads(done.stdout)[0]["Status"] if done.returncode == 0 and done.stdout.strip() else {}
                if status and status.get("leader") == status["header"]["member_id"]:
                    return [index]
            return None
        return eventually(find, "no member leads")[0]

    def close(self):
        for member in self.members:
            if member.process and member.process.poll() is None:
                member.process.kill()
                member.process.wait(PATIENCE_SECONDS)
        shutil.rmtree(self.folder)

    # Keys

    def items(self, prefix):
        """{key: entry} with value, lease and create_revision."""
        found = json.loads(self.ctl("get", "--prefix", prefix, "-w", "json")).get("kvs", [])
        return {base64.b64decode(entry["key"]).decode():
                {**entry, "value": base64.b64decode(entry.get("value", "")).decode(errors="replace")} for entry in found}

    def get(self, prefix):
        """{key: value}"""
        return {key: entry["value"] for key, entry in self.items(prefix).items()}

    def put(self, key, value, *options):
        self.ctl("put", *options, "--", key, value)

    def delete(self, key, *options):
        self.ctl("del", *options, "--", key)

    def revision(self):
        return json.loads(self.ctl("get", "-w", "json", "--", "no such key"))["header"]["revision"]

    def compact(self, revision=None):
        """Forgets the history before this revision, or all of it."""
        self.ctl("compact", str(revision or self.revision()))

    # Leases

    def leases(self):
        return [int(entry["id"]) for entry in json.loads(self.ctl("lease", "list", "-w", "json")).get("leases") or []]

    def grant(self, ttl):
        """A lease that nobody renews."""
        return int(json.loads(self.ctl("lease", "grant", str(ttl), "-w", "json"))["ID"])

    def revoke(self, lease):
        self.ctl("lease", "revoke", f"{lease:x}")

    # Users

    def enable_auth(self, users, root="root-password"):
        """users: {name: (password, prefix)}; each may read and write its prefix and nothing else."""
        self.ctl("user", "add", f"root:{root}")
        self.ctl("user", "grant-role", "root", "root")
        for name, (password, prefix) in users.items():
            self.ctl("role", "add", name)
            self.ctl("role", "grant-permission", name, "--prefix=true", "readwrite", prefix)
            self.ctl("user", "add", f"{name}:{password}")
            self.ctl("user", "grant-role", name, name)
        self.ctl("auth", "enable")
        self._user = f"root:{root}"

    def change_password(self, user, password):
        self.ctl("user", "passwd", user, "--interactive=false", given=password + "\n")

    # etcdctl

    def ctl(self, *arguments, given=""):
        """What etcdctl prints, with root's rights."""
        return self._ctl(*arguments, given=given).stdout

    def _ctl(self, *arguments, endpoints=None, fails=False, given=""):
        command = [tool("etcdctl"), f"--endpoints={','.join(endpoints or self.endpoints)}"]
        if self._tls:
            command += [f"--cacert={self._tls / 'ca.crt'}"]
        if self._client_certificates:
            command += [f"--cert={self._tls / 'root.crt'}", f"--key={self._tls / 'root.key'}"]
        if self._user:
            command += [f"--user={self._user}"]
        done = subprocess.run([*command, *arguments], input=given, text=True, capture_output=True, check=False,
                              timeout=PATIENCE_SECONDS, env={"ETCDCTL_API": "3", "PATH": os.environ["PATH"]})
        assert fails or done.returncode == 0, f"etcdctl {' '.join(map(str, arguments))}: {done.stderr}"
        return done
