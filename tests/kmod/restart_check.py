#!/usr/bin/env python3
"""Part of suite c: what the wires and the counters of a device did while no vserd ran is told by the next one."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

bin_dir = pathlib.Path(os.environ["VSERD_BIN"])
os.environ["VSERD_BUILD_DIR"] = str(bin_dir.parent)
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from fd_store import KeptDaemon  # noqa: E402
from vserd_process import PATIENCE_SECONDS  # noqa: E402

FAULTS = pathlib.Path("/sys/class/vser/vser3/faults")


def vserctl(daemon, *words):
    return subprocess.run([bin_dir / "vserctl", "-s", daemon.address, *words], check=True, capture_output=True, text=True).stdout


def events(daemon, kind):
    """Those of the history."""
    lines = vserctl(daemon, "--json", "read", "line", "--from", "oldest", "--events").splitlines()
    return [event[kind] for line in lines if kind in (event := json.loads(line).get("event", {}))]


def wait_for(what, condition):
    deadline = time.monotonic() + 4 * PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


with tempfile.TemporaryDirectory() as folder:
    daemon = KeptDaemon(pathlib.Path(folder), '[[port]]\nname = "line"\ndevice = "/dev/vser3"\n')
    try:
        daemon.store.wait_for(["device-0", "log-0"])
        before = events(daemon, "line_error")
        for how in (signal.SIGTERM, signal.SIGKILL):
            daemon.stop(how)
            (FAULTS / "inject_break").write_text("3")
            (FAULTS / "ring").write_text("1" if how == signal.SIGTERM else "0")
            daemon.start()
            wait_for("the errors", lambda: len(events(daemon, "line_error")) > len(before))
            told = events(daemon, "line_error")
            assert [errors["breaks"] for errors in told[len(before):]] == [3], told
            before = told
            ring = [signals.get("ri", False) for signals in events(daemon, "signals")]
            assert ring[-1:] == [how == signal.SIGTERM], ring
        assert daemon.errors().count("which was never closed") == 2, daemon.errors()
    finally:
        print(daemon.errors(), file=sys.stderr)
        daemon.close()
