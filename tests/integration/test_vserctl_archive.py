"""`vserctl archive` looks after a directory without a daemon, says what is damaged, and writes only when asked."""
import json
import shutil
import subprocess
import time

import pytest
from vserctl_terminal import VSERCTL
from vserd_process import PATIENCE_SECONDS, Daemon

import vser

PORTS = """
[[port]]
name = "echo"
device = "sim:echo?unpaced=1"
[[port]]
name = "quiet"
device = "sim:echo?unpaced=1&id=quiet"
"""
TEXT = b"".join(b"line %06d of the board's console\n" % number for number in range(9000))  # several segments
DAMAGED_AT = 70_000


def archive(action, directory, *options):
    return subprocess.run([VSERCTL, "archive", action, directory, *options], text=True, capture_output=True, check=False)


def content(directory):
    return {path.relative_to(directory): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vserd")
    daemon = Daemon(folder, PORTS,
                    history=f'[archive]\ndirectory = "{folder}/archive"\nsegment_bytes = "128KiB"\nkeep_free = "0B"\n')
    with vser.connect(daemon.address) as client:
        for port, text in (("echo", TEXT), ("quiet", b"a few words\n")):
            client.write(port, text)
            for _ in client.read(port, start=0, follow=True, max_bytes=len(text)):
                pass
    daemon.stop()
    return folder / "archive"


@pytest.fixture
def copy(recorded, tmp_path):
    return shutil.copytree(recorded, tmp_path / "copy")


@pytest.fixture
def damaged(copy):
    """One byte is another one."""
    for file in sorted((copy / "echo").glob("*.log")):
        base = int(file.stem)
        if base <= DAMAGED_AT < base + file.stat().st_size:
            data = bytearray(file.read_bytes())
            data[DAMAGED_AT - base] ^= 0x20
            file.write_bytes(data)
            return copy
    raise AssertionError("the byte is in no segment")


def test_stat_shows_each_port(copy):
    shown = archive("stat", copy)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert [line.split()[0] for line in shown.stdout.splitlines()] == ["PORT", "echo", "quiet"]

    echo, quiet = json.loads(archive("stat", copy, "--json").stdout)["ports"]
    assert (echo["port"], echo["oldest_offset"], echo["next_offset"]) == ("echo", 0, len(TEXT))
    assert echo["segments"] > 1 and echo["unreadable_segments"] == 0 and echo["disk_bytes"] > 0
    assert echo["oldest_time"] <= echo["newest_time"]
    assert (quiet["port"], quiet["next_offset"], quiet["segments"]) == ("quiet", 12, 1)


def test_a_right_archive_is_ok_and_stays_as_it_is(copy):
    before = content(copy)
    for action in ("stat", "verify", "repair"):
        done = archive(action, copy)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "echo: " in done.stdout and done.stdout.count(": OK\n") == 2
    assert content(copy) == before


def test_one_port_can_be_named(copy):
    done = archive("verify", f"{copy}/echo/", "--json")
    assert done.returncode == 0
    assert [(port["port"], port["bytes"]) for port in json.loads(done.stdout)["ports"]] == [("echo", len(TEXT))]


def test_damage_is_found_and_nothing_is_written(damaged):
    before = content(damaged)

    done = archive("verify", damaged)
    assert (done.returncode, done.stderr) == (1, "")
    assert ": 1 damaged\n" in done.stdout and "quiet: 1 segment, 12 bytes" in done.stdout
    assert done.stdout.count(": bytes ") == 1

    echo, quiet = json.loads(archive("verify", damaged, "--json").stdout)["ports"]
    [finding] = echo["findings"]
    assert finding["from_offset"] <= DAMAGED_AT < finding["to_offset"] and finding["path"].startswith(str(damaged / "echo"))
    assert echo["bytes"] == len(TEXT) - (finding["to_offset"] - finding["from_offset"])
    assert quiet["findings"] == []
    assert content(damaged) == before


def test_repair_makes_it_right_and_says_what_it_was(damaged):
    reply = archive("repair", damaged, "--json")
    assert reply.returncode == 1
    said = json.loads(reply.stdout)
    [finding] = said["ports"][0]["findings"]
    assert said["repaired"] and finding["from_offset"] <= DAMAGED_AT < finding["to_offset"]

    after = archive("verify", damaged, "--json")
    assert after.returncode == 0, after.stdout
    echo = json.loads(after.stdout)["ports"][0]
    assert echo["gaps"] == 1 and echo["missing_bytes"] == finding["to_offset"] - finding["from_offset"]
    assert "0 repaired" not in archive("repair", damaged).stdout


@pytest.mark.parametrize("action", ["stat", "verify", "repair"])
def test_a_directory_that_is_no_archive_is_refused(tmp_path, action):
    done = archive(action, tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{tmp_path}: no archive is here: name the directory of [archive], or of one port in it" in done.stderr

    (tmp_path / "directory").mkdir()
    assert archive(action, tmp_path).returncode == 1, "as /etc has"

    missing = archive(action, tmp_path / "missing", "--json")
    assert missing.returncode == 1
    assert str(tmp_path / "missing") in json.loads(missing.stderr)["error"]["message"]


def test_usage_errors_and_help():
    assert archive("mend", "/tmp").returncode == 2
    shown = subprocess.run([VSERCTL, "archive", "--help"], text=True, capture_output=True, check=True).stdout
    assert "vserctl archive verify /var/log/vserd --json" in shown and "stop vserd before it" in shown


def test_repair_and_a_second_vserd_keep_away_from_an_archive_in_use(tmp_path, capfd):
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    history = f'[archive]\ndirectory = "{tmp_path}/archive"\n'
    first = Daemon(tmp_path / "first", PORTS, history=history)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not list((tmp_path / "archive").glob("*/*.idx")) and time.monotonic() < deadline:
        time.sleep(0.05)

    reply = archive("repair", tmp_path / "archive")
    assert reply.returncode == 1 and "another vserd, or a repair, uses the archive" in reply.stderr
    with pytest.raises(AssertionError, match="did not start"):
        Daemon(tmp_path / "second", PORTS, history=history)
    assert "another vserd, or a repair, uses the archive" in capfd.readouterr().err
    first.stop()
    assert archive("repair", tmp_path / "archive").returncode == 0
