"""pyserial's own suite, which ./dev setup fetches, over RFC 2217, raw TCP and vser://: it fails where no server can help, and nowhere else."""
import contextlib
import os
import threading
import tty

import pytest
from pyserial_suite import LIMITS_OF_THE_CLIENT, SUITE, failures
from tcp_clients import echo, listener, serve

# A pty has no modem lines.
LIMITS_OF_A_PTY = {
    "test1_RTS (test.Test0_DataWires.test1_RTS)",
    "test2_DTR (test.Test0_DataWires.test2_DTR)",
}
# pyserial's socket client cannot cancel a call, has no modem lines and no write timeout, and its in_waiting is 1 at most. A plain TCP
# echo server fails the same tests.
LIMITS_OF_A_SOCKET = LIMITS_OF_A_PTY | {
    "test2_Loopback (test.Test2_Forever.test2_Loopback)",
    "test2_Loopback (test.Test3_Timeout.test2_Loopback)",
    "test2_Loopback (test.Test4_Nonblocking.test2_Loopback)",
    "test_WriteTimeout (test.Test_MoreTimeouts.test_WriteTimeout)",
    "test_cancel_once (test_cancel.TestCancelRead.test_cancel_once)",
    "test_cancel_once (test_cancel.TestCancelWrite.test_cancel_once)",
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


def test_over_rfc_2217_it_fails_where_its_client_has_limits(serve):
    host, port = serve(echo(listener("rfc2217"), device="sim:echo")).address("rfc2217")

    failed, output = failures(SUITE / "run_all_tests.py", f"rfc2217://{host}:{port}")

    assert failed == LIMITS_OF_THE_CLIENT, output


@pytest.fixture
def looped_pty():
    """A pty whose far end sends back what it receives."""
    master, slave = os.openpty()
    tty.setraw(slave)

    def loop():
        with contextlib.suppress(OSError):  # closed
            while data := os.read(master, 4096):
                os.write(master, data)

    threading.Thread(target=loop, daemon=True).start()
    yield os.ttyname(slave)
    os.close(slave)


def test_over_rfc_2217_on_a_looped_pty_it_also_misses_the_modem_lines(serve, looped_pty):
    host, port = serve(echo(listener("rfc2217"), device=looped_pty)).address("rfc2217")

    failed, output = failures(SUITE / "run_all_tests.py", f"rfc2217://{host}:{port}")

    assert failed == LIMITS_OF_THE_CLIENT | LIMITS_OF_A_PTY, output


def test_over_raw_tcp_it_fails_where_its_client_has_limits(serve):
    host, port = serve(echo(listener("raw"), device="sim:echo?unpaced=1")).address("raw")

    failed, output = failures(SUITE / "run_all_tests.py", f"socket://{host}:{port}")

    assert failed == LIMITS_OF_A_SOCKET, output


def test_over_vser_it_fails_where_the_device_has_limits(serve):
    url = f"vser://{serve(echo()).daemon.address}/echo"

    failed, output = failures("-c", RUN_WITH_VSER, url)

    assert failed == LIMITS_OF_THE_DEVICE, output
