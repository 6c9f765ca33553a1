"""A real sshd with the files of deploy/ssh, on a free port of the loopback interface.

It sees users of its own in a mount namespace, so the machine's stay as they are. Its files are not below /tmp, because sshd
trusts no key in a directory that others can write to.
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

from debian import ROOT
from vserd_process import BIN, PATIENCE_SECONDS, free_port

FILES = ROOT / "deploy" / "ssh"
SSHD = "/usr/sbin/sshd"
USER_FILES = ("passwd", "group", "shadow")
START = """
set -e
for name in {users}; do mount --bind "{folder}/accounts/etc/$name" "/etc/$name"; done
exec "{python}" -B "{support}/unit_sandbox.py" "{unit}" {sshd} -D -e -f "{folder}/sshd_config"
"""


def missing():
    """Why it cannot run here, or None."""
    if os.geteuid() != 0:
        return "sshd changes users, which takes root"
    for program in (SSHD, "ssh", "ssh-keygen", "systemd-sysusers", "systemd-analyze", "usermod", "setpriv"):
        if shutil.which(program) is None:
            return f"there is no {program}; ./dev setup installs it"
    if subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        return "no mount namespaces here"
    return None


def new_key(path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", path], check=True)


def replaced(text, *pairs):
    """The text with every line of a keyword replaced. Each must be there, so that the test follows the shipped file."""
    for keyword, line in pairs:
        text, count = re.subn(rf"^{keyword} .*(?:\n{keyword} .*)*$", line.replace("\\", r"\\"), text, flags=re.MULTILINE)
        assert count == 1, keyword
    return text


class Sshd:
    """`folder` belongs to root, and everybody can read it. `key` may log in, `stranger` only with a certificate of `ca`."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vserd-ssh-", dir="/var/lib"))
        self.folder.chmod(0o755)
        self.vserd_socket = self.folder / "vserd.sock"
        self.key, self.stranger, self.ca, self.host_key = (self.folder / name for name in ("key", "stranger", "ca", "host_key"))
        for key in (self.key, self.stranger, self.ca, self.host_key):
            new_key(key)
        shutil.copy(self.folder / "key.pub", self.folder / "authorized_keys")
        shutil.copy(BIN / "vserctl", self.folder / "vserctl")
        self._make_account()
        self._start()

    def _make_account(self):
        """As the package's postinst does, in copies of the machine's files."""
        etc = self.folder / "accounts" / "etc"
        etc.mkdir(parents=True)
        for name in USER_FILES:
            shutil.copy(f"/etc/{name}", etc)
        subprocess.run(["systemd-sysusers", f"--root={self.folder}/accounts", ROOT / "deploy/systemd/vserd.sysusers",
                        FILES / "vserd-ssh.sysusers"], check=True, stderr=subprocess.DEVNULL)
        self.locked_by_sysusers = re.search(r"^console:(.*?):", (etc / "shadow").read_text(), re.MULTILINE)[1]
        subprocess.run(["usermod", "--prefix", self.folder / "accounts", "--password", "*", "console"], check=True)
        self.group = int(re.search(r"^vserd:[^:]*:(\d+):", (etc / "group").read_text(), re.MULTILINE)[1])
        self.user = int(re.search(r"^console:[^:]*:(\d+):", (etc / "passwd").read_text(), re.MULTILINE)[1])

    def _start(self):
        pathlib.Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self.port = free_port()
        shipped = (FILES / "sshd_config").read_text(encoding="utf-8")
        assert "ForceCommand /usr/bin/vserctl --server unix:/run/vserd/vserd.sock ssh\n" in shipped
        (self.folder / "sshd_config").write_text(replaced(
            shipped, ("Port", f"Port {self.port}\nListenAddress 127.0.0.1"), ("HostKey", f"HostKey {self.host_key}"),
            ("#TrustedUserCAKeys", f"TrustedUserCAKeys {self.ca}.pub"),
            ("AuthorizedKeysFile", f"AuthorizedKeysFile {self.folder}/authorized_keys"),
            ("ForceCommand", f"ForceCommand {self.folder}/vserctl --server unix:{self.vserd_socket} ssh")))
        script = START.format(users=" ".join(USER_FILES), folder=self.folder, python=sys.executable, sshd=SSHD,
                              support=pathlib.Path(__file__).parent, unit=FILES / "vserd-ssh.service")
        self.process = subprocess.Popen(["unshare", "-m", "sh", "-c", script], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        text=True, errors="replace")
        self.log, self._grown = [], threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait_log(f"Server listening on 127.0.0.1 port {self.port}")

    def _read(self):
        for line in self.process.stderr:
            with self._grown:
                self.log.append(line)
                self._grown.notify_all()

    def wait_log(self, text, after=0):
        """Waits for a line of sshd's log; `after`: not counting so many lines at the beginning."""
        with self._grown:
            found = self._grown.wait_for(lambda: any(text in line for line in self.log[after:]), PATIENCE_SECONDS)
        assert found, f"sshd did not report {text!r}: {''.join(self.log)}"

    def options(self, key=None, config="/dev/null"):
        """Of ssh, scp and sftp."""
        known = self.folder / "known_hosts"
        known.write_text(f"[127.0.0.1]:{self.port} {(self.folder / 'host_key.pub').read_text()}")
        options = (f"Port={self.port}", f"UserKnownHostsFile={known}", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes",
                   "BatchMode=yes", "LogLevel=ERROR")
        return ["-F", config, "-i", key or self.key, *(word for option in options for word in ("-o", option))]

    def ssh(self, *words, options=(), account="console", **keys):
        """The command line of an ssh that asks for `words`."""
        return ["ssh", *options, *self.options(**keys), f"{account}@127.0.0.1", *words]

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        self.process.stderr.close()
        shutil.rmtree(self.folder)
