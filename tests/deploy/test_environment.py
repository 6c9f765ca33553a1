"""A machine in a bad way: what vserd still does on it, and what it says of the rest."""
import os
import re
import subprocess

import pytest
from vserd_process import BIN, PATIENCE_SECONDS, Daemon, Process

import vser

ECHO = '[[port]]\nname = "echo"\ndevice = "sim:echo?unpaced=1"\n'
NOBODY = 65534


def port(name, device):
    return f'[[port]]\nname = "{name}"\ndevice = "{device}"\n'


def works(daemon):
    """Whether it serves bytes both ways."""
    with vser.connect(daemon.address) as client, client.attach("echo") as console:
        console.write(b"hello")
        got = b""
        while len(got) < 5 and (item := console.next(timeout=PATIENCE_SECONDS)) is not None:
            if isinstance(item, vser.Data):
                got += item.data
        return got == b"hello"


def in_mounts_of_its_own(script):
    """A program that runs the one given after it with the mounts changed by `script`."""
    return ["unshare", "--mount", "sh", "-ec", f'{script}; exec "$0" "$@"']


@pytest.fixture
def as_root():
    if os.geteuid() != 0:
        pytest.skip("mounts and other users are root's")


def wrapper(folder, command):
    """A file that runs vserd by that command, for Daemon(program=...)."""
    file = folder / "run"
    words = " ".join("'" + word.replace("'", "'\\''") + "'" for word in command)
    file.write_text(f'#!/bin/sh\nexec {words} {BIN / "vserd"} "$@"\n')
    file.chmod(0o755)
    return file


@pytest.mark.usefixtures("as_root")
def test_it_needs_no_writable_file_system(tmp_path):
    script = "for place in / /tmp /run /var; do mount --bind $place $place; mount -o remount,ro,bind $place; done; ! touch /tmp/x 2>/dev/null"
    read_only = in_mounts_of_its_own(script)
    daemon = Daemon(tmp_path, ECHO, program=wrapper(tmp_path, read_only), metrics="127.0.0.1:0")

    assert works(daemon)
    daemon.stop()


@pytest.mark.usefixtures("as_root")
def test_a_full_disk_stops_no_byte_and_a_socket_that_has_no_room_says_so(tmp_path):
    with open("/dev/full", "w", encoding="ascii") as full:
        daemon = Daemon(tmp_path, ECHO + port("away", "/dev/vserd-test-no-such-device"), stderr=full)
        assert works(daemon)
        daemon.stop()

    place = tmp_path / "full"
    place.mkdir()
    script = f"mount -t tmpfs -o size=4k,nr_inodes=1 none {place}"
    done = subprocess.run([*in_mounts_of_its_own(script), BIN / "vserd", "--demo", "--metrics", "", "--listen", f"unix:{place}/vserd.sock"],
                          text=True, stderr=subprocess.PIPE, stdout=subprocess.PIPE, check=False, timeout=PATIENCE_SECONDS)

    assert done.returncode == 1
    assert "No space left on device" in done.stderr and f"{place}/vserd.sock" in done.stderr


def test_a_device_that_is_not_there_leaves_the_others_alone_and_says_what_is_missing(tmp_path):
    daemon = Daemon(tmp_path, ECHO + port("away", "/dev/vser999"), stderr=subprocess.PIPE)
    assert works(daemon)
    with vser.connect(daemon.address) as client:
        away = client.port("away")
        assert not away.online
        assert "/dev/vser999: no such device; is it plugged in?" in away.offline_reason
    daemon.stop()
    assert "away" in daemon.process.stderr.read()


@pytest.mark.usefixtures("as_root")
def test_a_device_that_may_not_be_used_says_which_group_to_join(tmp_path):
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent.name.startswith("pytest"):
            parent.chmod(0o755)
    node = tmp_path / "ttyTest"
    leader, follower = os.openpty()
    os.symlink(os.ttyname(follower), node)
    os.chown(os.ttyname(follower), 0, 20)
    os.chmod(os.ttyname(follower), 0o660)
    as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    if subprocess.run([*as_nobody, "test", "-x", BIN / "vserd"], check=False).returncode != 0:
        pytest.skip("another user cannot reach the program under test")

    daemon = Daemon(tmp_path, ECHO + port("mine", node), program=wrapper(tmp_path, as_nobody))
    with vser.connect(daemon.address) as client:
        assert re.search("permission denied; it belongs to group dialout: add user nobody", client.port("mine").offline_reason)
    assert works(daemon)
    daemon.stop()
    os.close(leader)
    os.close(follower)


TAKEN = "setpriv --pdeathsig KILL nc -lk 127.0.0.1 7002 >/dev/null </dev/null & until nc -z 127.0.0.1 7002; do :; done"


def in_a_network_of_its_own(script):
    return ["unshare", "--net", "sh", "-ec", f'ip link set lo up; {script}; exec "$0" "$@"']


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("script, telnet", [(":", True), (TAKEN, False)], ids=["free", "taken"])
def test_the_demo_has_a_telnet_console_unless_its_port_is_taken(tmp_path, script, telnet):
    with open(tmp_path / "errors", "w", encoding="utf-8") as errors:
        demo = Process("--demo", "--metrics", "", program=wrapper(tmp_path, in_a_network_of_its_own(script)), stderr=errors)
        demo.stop()

    assert ("127.0.0.1:7002" in demo.line) == telnet
    assert ("cannot listen on 127.0.0.1:7002" in (tmp_path / "errors").read_text()) != telnet
