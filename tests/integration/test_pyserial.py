"""pyserial's own suite, which ./dev setup fetches, over RFC 2217 and vser://: it fails where no server can help, and nowhere else."""
import re
import subprocess

import pytest
from debian import CACHE
from tcp_clients import echo, listener, serve
from vserd_process import PATIENCE_SECONDS

SUITE = CACHE / "pyserial-3.5" / "test"
# Limits of pyserial's RFC 2217 client: it cannot cancel a call, and knows neither a write timeout nor non-blocking reads.
LIMITS_OF_THE_CLIENT = {
    "test_cancel_once (test_cancel.TestCancelRead.test_cancel_once)",
    "test_cancel_once (test_cancel.TestCancelWrite.test_cancel_once)",
    "test_WriteTimeout (test.Test_MoreTimeouts.test_WriteTimeout)",
    "test2_Loopback (test.Test4_Nonblocking.test2_Loopback)",
    "test2_LoopbackTimeout (test.Test4_Nonblocking.test2_LoopbackTimeout)",
}


# The port accepts these writes at once, and the simulator's buffer takes them, so that there is nothing to cancel or wait for.
LIMITS_OF_THE_DEVICE = {
    "test_cancel_once (test_cancel.TestCancelWrite.test_cancel_once)",
    "test_WriteTimeout (test.Test_MoreTimeouts.test_WriteTimeout)",
}
# The suite takes pyserial from its own archive, so the handler is registered after that.
RUN_WITH_VSER = """
import runpy, sys
sys.path[:0] = [".", ".."]
import vser.urlhandler
runpy.run_path("run_all_tests.py", run_name="__main__")
"""

pytestmark = pytest.mark.skipif(not SUITE.exists(), reason="no pyserial archive; ./dev setup fetches it from PyPI")


def failures(*command):
    """The tests of the suite that fail, and what it printed."""
    done = subprocess.run(["/usr/bin/python3", "-B", *command], cwd=SUITE, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=8 * PATIENCE_SECONDS, check=False)
    assert int(re.search(r"^Ran (\d+) tests", done.stdout, re.MULTILINE).group(1)) >= 60, done.stdout
    return set(re.findall(r"^(?:ERROR|FAIL): (.*)$", done.stdout, re.MULTILINE)), done.stdout


def test_over_rfc_2217_it_fails_where_its_client_has_limits(serve):
    host, port = serve(echo(listener("rfc2217"), device="sim:echo")).address("rfc2217")

    failed, output = failures(SUITE / "run_all_tests.py", f"rfc2217://{host}:{port}")

    assert failed == LIMITS_OF_THE_CLIENT, output


def test_over_vser_it_fails_where_the_device_has_limits(serve):
    url = f"vser://{serve(echo()).daemon.address}/echo"

    failed, output = failures("-c", RUN_WITH_VSER, url)

    assert failed == LIMITS_OF_THE_DEVICE, output
