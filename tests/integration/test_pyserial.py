"""pyserial's own suite, which ./dev setup fetches, over RFC 2217: it fails where no server can help, and nowhere else."""
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


@pytest.mark.skipif(not SUITE.exists(), reason="no pyserial archive; ./dev setup fetches it from PyPI")
def test_its_suite_fails_where_its_client_has_limits_and_nowhere_else(serve):
    host, port = serve(echo(listener("rfc2217"), device="sim:echo")).address("rfc2217")

    done = subprocess.run(["/usr/bin/python3", "-B", SUITE / "run_all_tests.py", f"rfc2217://{host}:{port}"], cwd=SUITE, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=8 * PATIENCE_SECONDS, check=False)

    assert int(re.search(r"^Ran (\d+) tests", done.stdout, re.MULTILINE).group(1)) >= 60, done.stdout
    assert set(re.findall(r"^(?:ERROR|FAIL): (.*)$", done.stdout, re.MULTILINE)) == LIMITS_OF_THE_CLIENT, done.stdout
