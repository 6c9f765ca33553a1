"""The pytest plugin: its fixtures, and the port's log in the reports of tests that fail. Each test runs pytest on a test file."""
import os
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
from vserd_process import PATIENCE_SECONDS


@pytest.fixture
def run(daemon, tmp_path):
    """Runs pytest on this test file; returns its exit status and output."""

    def run_(tests, *options):
        (tmp_path / "test_device.py").write_text(tests)
        command = [sys.executable, "-B", "-m", "pytest", "-p", "vser.pytest_plugin", "-p", "no:cacheprovider", "--strict-markers",
                   "--vserd", daemon.address, *options, "test_device.py"]
        done = subprocess.run(command, cwd=tmp_path, env={**os.environ, "COLUMNS": "120"}, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=2 * PATIENCE_SECONDS, check=False)
        return done.returncode, done.stdout

    return run_


def test_the_log_of_a_failing_test_is_reported_and_that_of_others_is_not(run, client):
    client.write("echo", "before the test")

    status, output = run("""
def test_fails(vser_console):
    vser_console.write("Kernel\\x1b panic\\r\\n")
    vser_console.expect("panic")
    assert vser_console.run("x", "never", timeout=0.1)

def test_passes(vser_console):
    vser_console.write("all is well")
    vser_console.expect("well")
""", "--vser-port", "echo", "--junitxml=report.xml", "-o", "junit_family=xunit1")

    assert status == 1
    assert "1 failed, 1 passed" in output
    section = output.partition("- vserd port echo -")[2]
    assert "Kernel\\x1b panic\n" in section
    assert "before the test" not in section
    assert "all is well" not in section


def test_the_log_is_in_the_junit_file(run, tmp_path):
    run("""
import pytest

@pytest.mark.vser_port("echo")
def test_fails(vser_console):
    vser_console.write("Kernel panic")
    vser_console.expect("panic")
    assert False
""", "--junitxml=report.xml")

    found = ET.parse(tmp_path / "report.xml").findall(".//property[@name='vserd port echo']")
    assert len(found) == 1
    assert "Kernel panic" in found[0].get("value")


def test_several_ports_and_only_the_end_of_a_long_log(run):
    status, output = run("""
def test_fails(vser_attach):
    echo, console = vser_attach("echo"), vser_attach("console", start="oldest")
    echo.write(b"first" + b"x" * 100_000 + b"last")
    echo.expect("last")
    console.expect("sim> ")
    console.run("echo hello", "sim> ")
    assert False
""")

    assert status == 1
    assert ", without the first " in output
    assert "firstx" not in output
    assert "xlast" in output
    assert "- vserd port console -" in output.replace("--", "-")
    assert "\nhello\n" in output.partition("vserd port console")[2]


def test_a_console_of_a_test_has_exclusive_access_until_the_test_ends(run, client):
    status, output = run("""
import pytest
import vser

def test_holds(vser_console, vser_client):
    with pytest.raises(vser.VserError, match="pytest"):
        vser_client.write("echo", b"x")
""", "--vser-port", "echo")

    assert status == 0, output
    client.write("echo", b"x")


def test_without_a_port_the_error_says_how_to_name_one(run):
    status, output = run("def test_none(vser_console):\n    pass\n")

    assert status == 1
    assert "which port?" in output


def test_the_fixtures_are_configured_in_a_file(run, tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\nvser_port = echo\n")

    status, output = run("def test_it(vser_console):\n    assert vser_console.port.name == 'echo'\n")

    assert status == 0, output
