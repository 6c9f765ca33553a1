#!/usr/bin/env python3
"""Suite p: pyserial's own suite over RFC 2217 on a looped port of the driver fails where its client has limits, and nowhere else.

The suite gives an echo 50 ms. An emulated machine keeps that only on a quiet host, so this is not part of the default run.
"""
import os
import pathlib
import sys
import tempfile

os.environ["VSERD_BUILD_DIR"] = str(pathlib.Path(os.environ["VSERD_BIN"]).parent)
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from pyserial_suite import LIMITS_OF_THE_CLIENT, SUITE, failures  # noqa: E402
from vserd_process import Daemon  # noqa: E402

PORT = """[[port]]
name = "line"
device = "/dev/vser1"
[[port.listen]]
address = "127.0.0.1:7001"
protocol = "rfc2217"
"""

with tempfile.TemporaryDirectory() as folder:
    daemon = Daemon(pathlib.Path(folder), PORT)
    try:
        failed, output = failures(SUITE / "run_all_tests.py", "rfc2217://127.0.0.1:7001")
    finally:
        daemon.stop()
if failed != LIMITS_OF_THE_CLIENT:
    sys.exit(f"fails besides: {sorted(failed - LIMITS_OF_THE_CLIENT)}; passes besides: {sorted(LIMITS_OF_THE_CLIENT - failed)}\n{output}")
