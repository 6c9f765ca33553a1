"""esptool against sim:esp: it resets the chip over RFC 2217 and vser:// with DTR and RTS, and detects it."""
import re
import subprocess
import sys

import pytest
from conftest import take_until
from vserd_process import PATIENCE_SECONDS, Daemon

pytest.importorskip("esptool", reason="no esptool; ./dev setup fetches it from PyPI")

PORTS = """
[[port]]
name = "esp"
device = "sim:esp?id=esp"
[[port.listen]]
address = "127.0.0.1:0"
protocol = "rfc2217"
[[port]]
name = "patient"
device = "sim:esp?id=patient&en_rise=110ms"
[[port.listen]]
address = "127.0.0.1:0"
protocol = "rfc2217"
"""
# Over RFC 2217 pyserial looks for the answer to a changed line every 50 ms, so DTR and RTS change 50 ms apart. The capacitor of
# the board must be large enough for that.
PORT_FOR = {"rfc2217": "patient", "vser": "esp"}
MAC = "02:76:73:65:72:64"
ESPTOOL = [sys.executable, "-m", "esptool"]
ESPTOOL_WITH_VSER = [sys.executable, "-m", "vser.urlhandler", "esptool"]
KINDS = sorted(PORT_FOR)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    started = Daemon(tmp_path_factory.mktemp("vserd"), PORTS)
    yield started
    started.stop()


def run(daemon, kind, *arguments, port=None):
    """esptool on the port for that kind of URL: its exit status and what it printed."""
    port = port or PORT_FOR[kind]
    if kind == "rfc2217":
        addresses = re.findall(r" rfc2217 ([^,;\s]+)", daemon.line)
        command, url = ESPTOOL, "rfc2217://" + addresses[["esp", "patient"].index(port)]
    else:
        command, url = ESPTOOL_WITH_VSER, f"vser://{daemon.address}/{port}"
    done = subprocess.run([*command, "--port", url, "--no-stub", *arguments], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=4 * PATIENCE_SECONDS, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_it_detects_the_chip_and_reads_its_mac(daemon, client, kind):
    start = client.port(PORT_FOR[kind]).next_offset

    status, output = run(daemon, kind, "read-mac")

    assert status == 0, output
    assert re.search(r"Detecting chip type\S* ESP32\n", output), output
    assert re.search(r"Chip type: +ESP32-D0WD-V3 \(revision v3\.0\)\n", output), output
    assert re.search(r"Crystal frequency: +40MHz\n", output), output
    assert re.search(rf"MAC: +{MAC}\n", output), output
    with client.attach(PORT_FOR[kind], start) as console:
        take_until(console, b"waiting for download")
        take_until(console, b"SPI_FAST_FLASH_BOOT")  # the hard reset at the end


@pytest.mark.parametrize("kind", KINDS)
def test_a_higher_speed_is_agreed_on(daemon, kind):
    status, output = run(daemon, kind, "--chip", "esp32", "--baud", "921600", "chip-id")

    assert status == 0, output
    assert "921600" in output
    assert MAC in output


@pytest.mark.parametrize("kind", KINDS)
def test_it_does_not_reach_a_chip_that_it_may_not_reset(daemon, client, kind):
    client.set_signals(PORT_FOR[kind], dtr=False, rts=True)
    client.set_signals(PORT_FOR[kind], dtr=False, rts=False)

    status, output = run(daemon, kind, "--before", "no-reset", "--connect-attempts", "1", "chip-id")

    assert status != 0
    assert "Failed to connect" in output


def test_reset_lines_in_another_order_boot_the_application(daemon, client):
    with client.attach("esp", "live") as console:
        client.set_signals("esp", dtr=False, rts=True)  # EN low
        client.set_signals("esp", dtr=False, rts=False)  # EN rises while IO0 is high
        take_until(console, b"SPI_FAST_FLASH_BOOT")
        client.set_signals("esp", dtr=True, rts=False)  # IO0 low, too late

    status, output = run(daemon, "vser", "--before", "no-reset", "--connect-attempts", "1", "chip-id")
    assert status != 0, output


def test_both_lines_changed_at_once_need_no_capacitor(client):
    with client.attach("esp", "live") as console:
        client.set_signals("esp", dtr=False, rts=True)
        client.set_signals("esp", dtr=True, rts=False)
        take_until(console, b"waiting for download")


def test_over_rfc_2217_it_is_too_slow_for_a_small_capacitor(daemon):
    """No server can help: pyserial waits for the first answer before it changes the second line."""
    status, output = run(daemon, "rfc2217", "--connect-attempts", "1", "chip-id", port="esp")

    assert status != 0
    assert "Wrong boot mode detected (0x13)" in output
