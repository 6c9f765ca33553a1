"""The labgrid example, with labgrid's own drivers, against a simulated board."""
import importlib.util
import pathlib
import re
import subprocess
import sys

import pytest
from vserd_process import PATIENCE_SECONDS, Daemon

import vser

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "clients" / "python" / "examples" / "labgrid"
PORTS = """
[[port]]
name = "console"
device = "sim:console?id=labgrid"
[[port.listen]]
address = "127.0.0.1:0"
protocol = "rfc2217"
"""

pytestmark = pytest.mark.skipif(importlib.util.find_spec("labgrid") is None, reason="labgrid is not installed")


@pytest.fixture
def board(tmp_path):
    started = Daemon(tmp_path, PORTS)
    with vser.connect(started.address) as client, client.attach("console", start="oldest") as console:
        console.expect("sim> ", PATIENCE_SECONDS)
    yield started
    started.stop()


@pytest.mark.parametrize("environment", ["rfc2217.yaml", "vser.yaml"])
def test_labgrid_uses_a_port_of_vserd(board, tmp_path, environment):
    listener = re.search(r" rfc2217 127\.0\.0\.1:(\d+)", board.line).group(1)
    text = (EXAMPLE / environment).read_text(encoding="utf-8")
    text = text.replace("127.0.0.1:50051", board.address).replace("port: 7002", f"port: {listener}")
    (tmp_path / environment).write_text(text.replace("vser_driver.py", str(EXAMPLE / "vser_driver.py")))

    done = subprocess.run([sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", tmp_path, "--lg-env",
                           tmp_path / environment, EXAMPLE / "test_board.py"], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=3 * PATIENCE_SECONDS, check=False)

    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
