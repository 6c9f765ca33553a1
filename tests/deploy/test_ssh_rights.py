"""Rights over SSH: the real ssh as an account with each role. tests/integration/test_rights.py has the other faces."""
import os
import re
import subprocess

import pytest
import rights
from sshd_process import Sshd, missing
from vserd_process import PATIENCE_SECONDS, Daemon

PORTS = "".join(f'[[port]]\nname = "{name}"\ndevice = "sim:echo?unpaced=1"\n' for name in ("board", "hidden"))


@pytest.fixture(scope="module")
def sshd():
    reason = missing()
    if reason:
        pytest.skip(reason)
    made = Sshd()
    yield made
    made.close()


@pytest.fixture(params=rights.ROLES)
def role(request, sshd, tmp_path):
    """The account of ssh has this role on the port "board", and none on the other."""
    rule = f'[[access.rule]]\nwho = ["uid:{sshd.user}"]\nports = ["board"]\nrole = "{request.param}"\n' if request.param != "none" else ""
    daemon = Daemon(tmp_path, PORTS, history=f'[access]\naudit = "{tmp_path}/audit"\n{rule}', listen=f"unix:{sshd.vserd_socket}")
    os.chown(sshd.vserd_socket, 0, sshd.group)  # as vserd's own group makes it
    yield request.param
    daemon.stop()


def run(sshd, *words, typed=b""):
    return subprocess.run(sshd.ssh(*words), input=typed, capture_output=True, check=False, timeout=PATIENCE_SECONDS)


def test_the_account_may_do_what_its_rule_grants(sshd, role):
    listed, read, typed = run(sshd), run(sshd, "board", "read"), run(sshd, "board", "attach", typed=b"version\r")

    assert re.findall(rb"^(\w+) +online", listed.stdout, re.MULTILINE) == ([] if role == "none" else [b"board"])
    for done, needed in ((read, "read"), (typed, "write")):
        if rights.allows(role, needed):
            assert (done.returncode, done.stderr) == (0, b"")
        else:
            assert done.returncode != 0
            missing_role = "read" if role == "list" else needed  # the first that is missing
            assert (b"no port" if role == "none" else f'needs the role "{missing_role}"'.encode()) in done.stderr
        assert b"hidden" not in done.stdout + done.stderr
    assert (b"version\r" in typed.stdout) == rights.allows(role, "write")
