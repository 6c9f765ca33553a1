"""./dev fleet: the part after the build, with the programs of this build."""
import contextlib
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.request

import etcd_process
import pytest
from vserd_process import BIN, PATIENCE_SECONDS

ROOT = pathlib.Path(__file__).parents[2]
BRIDGES = 10
USED = [*range(1, 11), *range(21, 31), *range(41, 51), 60]

pytestmark = pytest.mark.skipif(etcd_process.missing() is not None, reason=str(etcd_process.missing()))


def free_range():
    """The first of the TCP ports that ./dev fleet uses, all of them free now, and none given to clients by the kernel."""
    for base in random.sample(range(20_000, 32_000, 100), 50):
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for number in USED:
                stack.enter_context(socket.create_server(("127.0.0.1", base + number)))
            return base
    raise AssertionError("no range of TCP ports is free")


@pytest.fixture
def fleet(tmp_path):
    script = 'set -euo pipefail; for part in ui setup fleet; do . tools/$part.sh; done; serve_fleet "$1"'
    environment = {**os.environ, "VSERD_FLEET_BASE": str(free_range()), "TMPDIR": str(tmp_path)}
    started = subprocess.Popen(["bash", "-c", script, "dev", BIN], cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True)
    yield started
    if started.poll() is None:
        os.killpg(started.pid, signal.SIGKILL)
    started.wait(PATIENCE_SECONDS)
    started.stdout.close()


def instructions(fleet):
    """What it prints until it serves."""
    text = ""
    for line in fleet.stdout:
        text += line
        if "Ctrl-C stops everything" in line:
            assert fleet.stdout.readline() == "\n"
            return text
    raise AssertionError(text)


def listed(url):
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as reply:
            return {entry["labels"]["__meta_vserd_bridge"] for entry in json.load(reply)}
    except urllib.error.HTTPError:
        return set()


def output(command):
    """Of what somebody pastes into a shell."""
    return subprocess.run(command, shell=True, text=True, capture_output=True, check=True).stdout


def test_what_it_prints_works_and_ctrl_c_ends_it_all(fleet, tmp_path):
    text = instructions(fleet)
    url = re.search(r"curl -s (http://\S+/sd/prometheus)", text)[1]
    etcd_process.eventually(lambda: listed(url) == {f"lab{number}" for number in range(1, BRIDGES + 1)})
    keys = re.search(r"^ +(\S*etcdctl .*)$", text, re.MULTILINE)[1]
    etcd_process.eventually(lambda: {"/vserd/v1/port/board-30", "/vserd/v1/port/shared"} <= set(output(keys).split()))
    metrics = re.search(r"curl -s http://\S+/metrics", text)[0]
    etcd_process.eventually(lambda: "vserd_fleet_up 1" in output(metrics).splitlines())

    os.kill(int(re.search(r"kill -9 (\d+)", text)[1]), signal.SIGKILL)
    assert fleet.stdout.readline() == "lab3 has ended (status 137)\n"
    etcd_process.eventually(lambda: "lab3" not in listed(url))

    os.killpg(fleet.pid, signal.SIGINT)
    assert fleet.stdout.read() == "The fleet has ended.\n"
    assert fleet.wait(PATIENCE_SECONDS) == 0
    assert not list(tmp_path.glob("vserd-fleet.*"))
