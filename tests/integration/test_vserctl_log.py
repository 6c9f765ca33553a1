"""vserctl log: lines of several ports by time, searched on the server, as text, JSON and asciicast."""
import json
import random
import re
import subprocess
import threading
import time

import pytest
from test_search import send, wait_until
from vserctl_terminal import VSERCTL, Terminal, vserctl
from vserd_process import PATIENCE_SECONDS, Daemon

import vser

PORTS = """
[[port]]
name = "a"
labels = { rack = "3", kind = "sim" }
device = "sim:echo?unpaced=1"
[[port]]
name = "board"
labels = { rack = "4", kind = "sim" }
device = "sim:echo?unpaced=1"
"""
ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"


@pytest.fixture
def daemon(tmp_path):
    started = Daemon(tmp_path, PORTS, history='[history]\nbytes_per_port = "256KiB"')
    yield started
    if started.process.poll() is None:
        started.stop()


@pytest.fixture
def client(daemon):
    with vser.connect(daemon.address) as connected:
        yield connected


@pytest.fixture
def log(daemon, client):
    """Two ports that received lines in turn. Runs vserctl log; returns its lines."""
    for port, text in (("a", "one\r\ntwo foo\r\n"), ("board", "\x1b[31mred\x1b[0m foo\r\n"),
                       ("a", "three\r\n\r\nfoo foo\r\nlogin: ")):
        send(client, text, port)
        time.sleep(0.02)

    def run(*words, status=0):
        done = vserctl(daemon.address, "log", *words)
        assert done.returncode == status, done.stderr
        return (done.stdout if status == 0 else done.stderr).decode().splitlines()

    return run


def test_lines_are_printed_without_what_ends_them(log):
    assert log("a") == ["one", "two foo", "three", "", "foo foo", "login: "]


def test_lines_of_several_ports_are_merged_by_time(log):
    assert log("a", "board", "--grep", "foo") == ["a:     two foo", "board: \x1b[31mred\x1b[0m foo", "a:     foo foo"]


def test_ports_are_chosen_by_their_labels(log, daemon, client):
    def names(*words):
        return [port["name"] for port in json.loads(vserctl(daemon.address, "ports", "--json", *words).stdout)["ports"]]

    assert log("-l", "rack=3", "--grep", "foo") == ["two foo", "foo foo"]
    assert log("-l", "kind=sim", "--grep", "red|three") == log("a", "board", "--grep", "red|three")
    assert log("-l", "rack=9", status=1)[-1].endswith("no port has these labels")
    assert [names("-l", labels) for labels in ("rack=4", "kind", "!kind", "rack!=4,kind")] == [["board"], ["a", "board"], [], ["a"]]
    assert names("board", "-l", "rack=3") == []
    assert b"kind=sim,rack=3" in vserctl(daemon.address, "ports").stdout
    assert [port.name for port in client.ports({"rack": "4", "kind": None})] == ["board"]
    assert client.ports({"row": None}) == [] and client.port("a").labels == {"rack": "3", "kind": "sim"}


def test_lines_around_a_match_are_printed_once_and_separated(log):
    assert log("a", "--grep", "two|login", "--before", "1") == ["one", "two foo", "--", "foo foo", "login: "]
    assert log("a", "--grep", "one|foo", "--after", "1") == ["one", "two foo", "three", "--", "foo foo", "login: "]


def test_times_are_absolute_or_those_between_lines(log):
    lines = log("a", "--timestamps")
    assert all(re.fullmatch(rf"{ISO} .*", line) for line in lines)
    assert lines == sorted(lines, key=lambda line: line[:27])
    deltas = [float(line.split()[0]) for line in log("a", "--timestamps=delta")]
    assert deltas[0] == 0 and deltas[1] == 0 and 0.03 < deltas[2] < PATIENCE_SECONDS


def test_a_period_is_printed(log, client):
    times = [item.receive_time for item in client.read("a", match="two|three")]
    start, end = (time.strftime("%Y-%m-%dT%H:%M:%S.%fZ") for time in times)

    assert log("a", "--until", end) == ["one", "two foo"]
    assert log("a", "--since", start, "--until", end) == ["one", "two foo"]
    assert log("a", "--since", "1h", "--until", "1h") == []
    assert log("a", "--from", "5", "--until", "9") == ["two "]


def test_json_has_a_line_in_each_object(log):
    objects = [json.loads(line) for line in log("a", "board", "--grep", "foo", "--format", "json")]

    assert [(each["port"], each["offset"], each["text"]) for each in objects] == [
        ("a", 5, "two foo\r\n"), ("board", 0, "\x1b[31mred\x1b[0m foo\r\n"), ("a", 23, "foo foo\r\n")]
    assert all(re.fullmatch(ISO, each["receive_time"]) for each in objects)
    assert log("--json", "a", "--grep", "one") == log("a", "--grep", "one", "--format", "json")


def test_a_gap_is_told(log, client, daemon):
    for _ in range(6):
        send(client, b"x" * 60_000 + b"\n", "a")
    send(client, "here\n", "a")

    done = vserctl(daemon.address, "log", "a", "--from", "0", "--grep", "here")

    assert done.stdout == b"here\n" and b"bytes are lost" in done.stderr
    gap, here = (json.loads(line) for line in log("a", "--from", "0", "--grep", "here", "--format", "json"))
    assert gap["gap"]["from"] == 0 and gap["port"] == "a" and here["text"] == "here\n"


def test_an_asciicast_has_the_bytes_with_their_times(log):
    header, *events = map(json.loads, log("a", "--format", "asciicast"))

    assert header["version"] == 3 and header["term"] == {"cols": 80, "rows": 24} and header["title"] == "a"
    assert abs(header["timestamp"] - time.time()) < 60
    assert events[0][1] == "m" and "connected" in events[0][2]
    output = [(interval, text) for interval, code, text in events if code == "o"]
    assert [text for _, text in output] == ["one\r\ntwo foo\r\n", "three\r\n\r\nfoo foo\r\nlogin: "]
    assert output[1][0] > 0.03


def test_on_a_terminal_matches_are_highlighted_and_control_characters_are_not_sent(log, daemon):
    with Terminal(daemon.address, "log", "board", "a", "--grep", "foo") as terminal:
        terminal.ends()
        out = terminal.out

    assert b"\\u001b[31mred\\u001b[0m \x1b[31mfoo\x1b[0m" in out
    assert b"\x1b[32ma:     \x1b[0m\x1b[31mfoo\x1b[0m \x1b[31mfoo\x1b[0m" in out


def test_a_long_search_says_on_a_terminal_how_far_it_is(tmp_path):
    daemon = Daemon(tmp_path, PORTS, history='[history]\nbytes_per_port = "48MiB"')
    lines = b"".join(b"%060d\n" % int(bin(random.Random(number).getrandbits(60))[2:]) for number in range(1 << 14))
    with vser.connect(daemon.address) as client:
        for _ in range(48):
            client.write("board", lines)
        wait_until(lambda: client.port("board").next_offset == 48 * len(lines))

    slow = "(0|1)*1(0|1){14}2"  # a state for each of the last 14 characters
    with Terminal(daemon.address, "log", "board", "--grep", slow) as terminal:
        terminal.wait(b" left")
        assert re.search(rb"\r\x1b\[Ksearched up to \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ, [\d.]+ \w+ left", terminal.out), terminal.out
        terminal.process.terminate()
        terminal.ends()
    daemon.stop()


def test_it_follows_all_ports_across_a_restart_of_the_server(log, client, daemon, tmp_path):
    command = [VSERCTL, "-s", daemon.address, "log", "a", "board", "--follow", "--from", "live"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as following:
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(iter(following.stdout.readline, b"")))
        reader.start()
        wait_until(lambda: len(client.sessions()) == 2)
        client.write("a", "first\n")
        client.write("board", "prompt> ")
        wait_until(lambda: len(lines) == 1)
        client.write("board", "typed\r\n")
        wait_until(lambda: len(lines) == 2)
        daemon.config.write_text(daemon.config.read_text().replace("127.0.0.1:0", daemon.address))
        daemon.stop()
        daemon.start()
        with vser.connect(daemon.address) as again:
            wait_until(lambda: len(again.sessions()) == 2)
            again.write("board", "after\n")
            wait_until(lambda: len(lines) == 3)
        following.terminate()
        reader.join(PATIENCE_SECONDS)
        errors = following.stderr.read()

    assert lines == [b"a:     first\n", b"board: prompt> typed\n", b"board: after\n"]
    assert b"reconnecting" in errors and b"new log" in errors


def test_following_ends_at_a_time(log):
    assert log("a", "--follow", "--from", "live", "--until", "+1s") == []


@pytest.mark.parametrize(("words", "status", "message"), [
    (["nobody"], 1, "no port"),
    (["a", "--grep", "("], 1, "missing )"),
    (["a", "--before", "1"], 2, "--grep"),
    (["a", "--grep", "x", "--after", "101"], 2, "100"),
    (["a", "--since", "yesterday"], 2, "neither a time"),
    (["a", "--until", "tomorrow"], 2, "--until: 'tomorrow'"),
    (["a", "--since", "1h", "--from", "0"], 2, "excludes"),
    (["a", "a"], 2, "twice"),
    (["a", "--timestamps=local"], 2, "write iso or delta"),
    (["a", "--timestamps", "--format", "json"], 2, "for --format text"),
    (["a", "--format", "yaml"], 2, "yaml"),
    (["a", "board", "--format", "asciicast"], 2, "one port"),
    (["a", "--grep", "x", "--format", "asciicast"], 2, "leave out --grep"),
    (["-l", "rack in (3)"], 2, "does not select labels"),
    ([], 2, "name a PORT, or choose ports by --labels"),
])
def test_mistakes_are_explained(log, words, status, message):
    assert message in "\n".join(log(*words, status=status))
