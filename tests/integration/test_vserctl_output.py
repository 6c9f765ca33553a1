"""What vserctl prints arrives, or the exit status and a message say that it did not."""
import fcntl
import json
import os
import subprocess
import threading

import pytest
from vserctl_terminal import VSERCTL, vserctl
from vserd_process import PATIENCE_SECONDS, Daemon

import vser

PORTS = """
[[port]]
name = "echo"
device = "sim:echo?unpaced=1"
[[port]]
name = "kept"
device = "sim:echo?unpaced=1&id=kept"
[[port]]
name = "slow"
device = "sim:echo?id=slow"
baud = 1200
"""
HISTORY = bytes(range(256)) * 1200

# Every command that prints.
PRINTING = [
    ["ports"], ["ports", "--json"], ["info"], ["health"], ["baud", "echo"], ["format", "echo"], ["signals", "echo"],
    ["watch"], ["watch", "--json"], ["read", "echo"], ["read", "echo", "--json"], ["read", "echo", "--json", "--base64"],
    ["read", "echo", "--follow"], ["read", "echo", "--follow", "--max-bytes", "10"], ["write", "echo", "x", "--json"],
    ["log", "echo"], ["log", "echo", "--json"], ["log", "echo", "--format", "asciicast"],
    ["break", "echo", "--duration", "1ms", "--json"], ["flush", "echo", "--json"], ["attach", "echo", "--from", "oldest"],
    ["attach", "echo", "--from", "oldest", "--json"], ["attach", "echo", "--from", "oldest", "--read-only"], ["--help"],
    ["read", "--help"], ["--version"],
]
NAMES = [" ".join(words) for words in PRINTING]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    started = Daemon(tmp_path_factory.mktemp("vserd"), PORTS)
    with vser.connect(started.address) as client:
        for port in ("echo", "kept"):
            client.write(port, HISTORY)
            for _ in client.read(port, start=0, follow=True, max_bytes=len(HISTORY)):  # all of it is in the log
                pass
    yield started
    started.stop()


@pytest.fixture
def address(daemon):
    return daemon.address


@pytest.mark.parametrize("words", PRINTING, ids=NAMES)
def test_a_full_disk_is_told(address, words):
    with open("/dev/full", "wb") as full:
        done = vserctl(address, *words, stdout=full)

    assert done.returncode == 1
    assert b"cannot write to stdout: No space left on device" in done.stderr
    if "--json" in words:
        assert json.loads(done.stderr.splitlines()[-1])["error"]["message"].startswith("cannot write")


@pytest.mark.parametrize("words", PRINTING, ids=NAMES)
def test_a_closed_pipe_is_told(address, words):
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = vserctl(address, *words, stdout=write_end)
    finally:
        os.close(write_end)

    assert (done.returncode, b"Broken pipe" in done.stderr) == (1, True), done.stderr


@pytest.mark.parametrize("words", [["read", "kept"], ["attach", "kept", "--from", "oldest"]], ids=" ".join)
def test_a_file_that_may_not_grow_is_told(address, tmp_path, words):
    with open(tmp_path / "out", "wb") as out:
        done = vserctl(address, *words, stdout=out, shell='ulimit -f 8 && exec "$@"')  # of 512 bytes

    assert (done.returncode, b"cannot write to stdout: File too large" in done.stderr) == (1, True), done.stderr


def test_messages_that_cannot_be_written_show_in_the_exit_status(address):
    with open("/dev/full", "wb") as full:
        assert vserctl(address, "read", "echo", "--events", stderr=full).returncode == 1
        assert vserctl(address, "read", "echo", stderr=full).returncode == 0  # it has none


@pytest.mark.parametrize("words", [["ports"], ["read", "echo"], ["attach", "echo", "--from", "oldest"]], ids=" ".join)
def test_a_stdout_that_is_not_open_is_told(address, words):
    done = vserctl(address, *words, shell='exec "$@" >&-')

    assert (done.returncode, b"cannot write to stdout" in done.stderr) == (1, True), done.stderr


@pytest.mark.parametrize("words", [["read", "kept"], ["read", "kept", "--follow", "--max-bytes", str(len(HISTORY))],
                                   ["attach", "kept", "-q", "--from", "oldest", "--wait", "300ms"]], ids=" ".join)
def test_a_pipe_that_another_process_made_nonblocking_loses_nothing(address, words):
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(write_end, False)
    seen = []

    def read():
        with os.fdopen(read_end, "rb") as pipe:
            seen.append(pipe.read())

    reader = threading.Thread(target=read)
    reader.start()
    try:
        done = vserctl(address, *words, stdout=write_end)
    finally:
        os.close(write_end)
        reader.join(PATIENCE_SECONDS)

    assert (done.returncode, done.stderr) == (0, b"")
    assert seen[0] == HISTORY


@pytest.mark.parametrize("words", [["write", "slow", "-"], ["attach", "slow", "--wait", "10ms"]], ids=" ".join)
def test_a_nonblocking_stdin_is_waited_for(address, words):
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    with subprocess.Popen([VSERCTL, "-s", address, *words], stdin=read_end, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        os.close(read_end)
        with vser.connect(address) as client:
            before = client.port("slow").tx_offset
            for piece in (b"first ", b"second"):
                os.write(write_end, piece)
                wanted = before = before + len(piece)
                for _ in iter(lambda: client.port("slow").tx_offset >= wanted, True):
                    pass
        os.close(write_end)
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)

    assert (process.returncode, errors) == (0, b"")


@pytest.mark.parametrize("words", [["write", "echo", "-"], ["attach", "echo"]], ids=" ".join)
def test_a_stdin_that_cannot_be_read_is_told(address, tmp_path, words):
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        done = vserctl(address, *words, stdin=folder)
    finally:
        os.close(folder)

    assert (done.returncode, b"cannot read stdin: Is a directory" in done.stderr) == (1, True), done.stderr


@pytest.mark.parametrize("variable", ["http_proxy", "https_proxy", "grpc_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("words", [["health"], ["read", "echo", "--max-bytes", "1"], ["attach", "echo", "--wait", "1ms"]], ids=" ".join)
def test_a_proxy_of_the_environment_is_not_used(address, variable, words):
    done = vserctl(address, *words, env={**os.environ, variable: "http://127.0.0.1:9"})

    assert done.returncode == 0, done.stderr


def test_names_of_other_clients_are_shown_as_text(address):
    with vser.connect(address) as client, client.attach("echo", mode=vser.Mode.EXCLUSIVE, name="a\u202eb2J\u2066"):
        refused = vserctl(address, "write", "echo", "x")

    assert refused.returncode == 1
    assert "a\\u202eb2J\\u2066" in refused.stderr.decode()


def test_a_usage_error_is_json_where_json_was_asked_for(address):
    done = vserctl(address, "baud", "echo", "fast", "--json")

    assert done.returncode == 2
    assert json.loads(done.stderr)["error"]["reason"] == "USAGE"
