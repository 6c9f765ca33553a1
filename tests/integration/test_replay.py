"""A port's archive in both directions, exported to a file, and played back by another daemon."""
import base64
import json
import pathlib
import random
import subprocess
import time

import pytest
from archives import archived
from restarts import until
from vserctl_terminal import VSERCTL
from vserd_process import Daemon

import vser

LINES = 20


def port(name, device, more=""):
    return f'[[port]]\nname = "{name}"\ndevice = "{device}"\n{more}\n'


def export(directory, *options):
    done = subprocess.run([VSERCTL, "archive", "export", directory, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def records_of(capture):
    lines = [json.loads(line) for line in capture.splitlines()]
    assert lines[0]["vserd_capture"] == 1
    assert lines[-1]["end"]["records"] == len(lines) - 2
    return lines[1:-1]


def bytes_of(records, direction):
    return b"".join(base64.b64decode(record[direction]) for record in records if direction in record)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A dialogue with an echo, whose archive has it in both directions. The device is unplugged in between."""
    folder = tmp_path_factory.mktemp("recorded")
    served = archived(folder, port("board", "sim:echo?unpaced=1&unplug_after_bytes=130&unplug_for=50ms", "record_tx = true"))
    chance = random.Random(15)
    dialogue = [b"%02d " % number + chance.randbytes(9) + b"\n" for number in range(LINES)]
    with served.client() as client, client.attach("board") as console:
        for number, text in enumerate(dialogue):
            before = client.port("board").next_offset
            console.write(text)
            until(lambda before=before, text=text: client.port("board").next_offset == before + len(text))
            if number == LINES // 2 - 1:
                assert any("Offline" in str(item) for item in console) and any("Online" in str(item) for item in console)
            time.sleep(0.005)  # the archive keeps the order of what is at least a millisecond apart
    served.daemon.stop()
    return folder / "archive" / "board", b"".join(dialogue)


@pytest.fixture
def capture(recorded, tmp_path):
    file = tmp_path / "board.capture"
    told = export(recorded[0], "-o", file)
    assert f"{len(recorded[1])} bytes received, {len(recorded[1])} bytes sent" in told
    return file


def serve(folder, capture, more="", **others):
    return Daemon(folder, port("again", f"sim:replay?file={capture}{more}"), **others)


def played(address, size):
    with vser.connect(address) as client:
        return list(client.read("again", start="oldest", follow=True, max_bytes=size))


def test_the_capture_has_both_directions_in_order_with_events(recorded, capture):
    directory, dialogue = recorded
    records = records_of(capture.read_text())

    assert bytes_of(records, "rx") == bytes_of(records, "tx") == dialogue
    assert {record.get("event") for record in records} >= {"online", "offline"}
    spoken = heard = 0
    for record in records:
        spoken += len(base64.b64decode(record.get("tx", "")))
        heard += len(base64.b64decode(record.get("rx", "")))
        assert heard <= spoken, f"the echo comes before what was typed: {record}"
    turns = [next(iter({"rx", "tx"} & record.keys())) for record in records if {"rx", "tx"} & record.keys()]
    assert sum(one != two for one, two in zip(turns, turns[1:])) >= 2 * LINES - 1, "what was typed is not between the echoes"
    assert [record["t"] for record in records] == sorted(record["t"] for record in records)
    assert capture.stat().st_mode & 0o777 == 0o600
    assert export(directory) == capture.read_text(), "stdout gets the same"


def test_a_part_can_be_exported(recorded, capture):
    directory, dialogue = recorded
    records = records_of(capture.read_text())
    middle = [record["t"] for record in records if "tx" in record][LINES // 2]

    first = records_of(export(directory, "--until", middle[:19] + "Z"))
    rest = records_of(export(directory, "--since", middle[:19] + "Z"))

    assert len(bytes_of(first, "rx")) < len(dialogue) or len(bytes_of(rest, "rx")) == len(dialogue)
    assert bytes_of(rest, "rx").endswith(dialogue[-30:])
    assert dialogue.startswith(bytes_of(first, "rx"))


def test_a_replay_has_the_same_bytes_and_is_unplugged_too(recorded, capture, tmp_path):
    dialogue = recorded[1]
    daemon = serve(tmp_path, capture)
    try:
        items = played(daemon.address, len(dialogue))
    finally:
        daemon.stop()
    assert b"".join(item.data for item in items if isinstance(item, vser.Data)) == dialogue
    assert sum("unplugged" in str(item) or "Offline" in str(item) for item in items) == 1


def test_a_replay_keeps_the_time_between_bytes(tmp_path):
    """A second passes in the capture; at twice the speed half of it."""
    lines = [{"vserd_capture": 1, "port": "board"}] + [
        {"t": f"2026-01-01T00:00:0{second}Z", "at": second, "rx": base64.b64encode(b"x").decode()} for second in (0, 1, 2)
    ] + [{"end": {"records": 3, "rx_bytes": 3, "tx_bytes": 0}}]
    file = tmp_path / "made.capture"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for speed, least in (("1", 1.0), ("2", 0.5)):
        daemon = serve(tmp_path, file, f"&speed={speed}")
        times = [item.receive_time for item in played(daemon.address, 3) if isinstance(item, vser.Data)]
        daemon.stop()
        pauses = [(two - one).total_seconds() for one, two in zip(times, times[1:])]
        assert min(pauses) >= least - 0.1, "sooner than in the capture"


def test_a_recording_of_a_replay_is_the_same_again(recorded, capture, tmp_path):
    dialogue = recorded[1]
    served = archived(tmp_path, port("again", f"sim:replay?file={capture}&speed=max", "record_tx = true"))
    with served.client() as client:
        until(lambda: client.port("again").next_offset == len(dialogue) and client.port("again").state is vser.State.ONLINE)
        client.write("again", b"ignored")
        until(lambda: pathlib.Path(tmp_path, "archive", "again", "@tx").exists())
    served.daemon.stop()
    records = records_of(export(tmp_path / "archive" / "again"))
    assert bytes_of(records, "rx") == dialogue
    assert bytes_of(records, "tx") == b"ignored"


def test_a_loop_goes_on(recorded, capture, tmp_path):
    dialogue = recorded[1]
    daemon = serve(tmp_path, capture, "&speed=max&loop=1")
    try:
        items = played(daemon.address, 3 * len(dialogue))
    finally:
        daemon.stop()
    assert b"".join(item.data for item in items if isinstance(item, vser.Data)) == 3 * dialogue


def test_a_bad_file_is_an_offline_port_that_says_why(capture, tmp_path):
    lines = capture.read_text().splitlines(keepends=True)
    for content, why in ((["login:\n"], ":1: is not the first line of a capture"),
                         (lines[:-1], "the file ends before its last line"),
                         (lines[:2] + lines[3:], "export or copy")):
        file = tmp_path / "bad.capture"
        file.write_text("".join(content))
        daemon = serve(tmp_path, file, "&speed=max")
        with vser.connect(daemon.address) as client:
            until(lambda: why in client.port("again").offline_reason)  # noqa: B023
            assert str(file) in client.port("again").offline_reason
        daemon.stop()


def test_a_directory_without_an_archive_is_named(tmp_path):
    done = subprocess.run([VSERCTL, "archive", "export", tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no port's archive is here" in done.stderr
    out = tmp_path / "out"
    done = subprocess.run([VSERCTL, "archive", "export", tmp_path, "-o", out], capture_output=True, text=True, check=False)
    assert (done.returncode, out.exists()) == (1, False)
    done = subprocess.run([VSERCTL, "archive", "export", tmp_path, "--since", "12"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "'12' is not a time" in done.stderr


def test_a_full_disk_fails_the_export(recorded):
    full = pathlib.Path("/dev/full")
    done = subprocess.run([VSERCTL, "archive", "export", recorded[0], "-o", full], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "cannot be written" in done.stderr
    assert full.exists()
