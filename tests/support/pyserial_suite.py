"""pyserial's own suite, which ./dev setup fetches, as a client of vserd."""
import os
import pathlib
import re
import subprocess

from vserd_process import PATIENCE_SECONDS

CACHE = pathlib.Path(os.environ.get("VSERD_CACHE") or pathlib.Path.home() / ".cache/vserd")
SUITE = CACHE / "pyserial-3.5" / "test"
# Limits of pyserial's RFC 2217 client: it cannot cancel a call, and knows neither a write timeout nor non-blocking reads.
LIMITS_OF_THE_CLIENT = {
    "test_cancel_once (test_cancel.TestCancelRead.test_cancel_once)",
    "test_cancel_once (test_cancel.TestCancelWrite.test_cancel_once)",
    "test_WriteTimeout (test.Test_MoreTimeouts.test_WriteTimeout)",
    "test2_Loopback (test.Test4_Nonblocking.test2_Loopback)",
    "test2_LoopbackTimeout (test.Test4_Nonblocking.test2_LoopbackTimeout)",
}


def failures(*command):
    """The tests of the suite that fail, and what it printed."""
    done = subprocess.run(["/usr/bin/python3", "-B", *command], cwd=SUITE, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=8 * PATIENCE_SECONDS, check=False)
    assert int(re.search(r"^Ran (\d+) tests", done.stdout, re.MULTILINE).group(1)) >= 60, done.stdout
    return set(re.findall(r"^(?:ERROR|FAIL): (.*)$", done.stdout, re.MULTILINE)), done.stdout
