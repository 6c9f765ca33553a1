"""A copied archive of one port, served read-only by another daemon: the same bytes, events, offsets and log id."""
import os
import shutil
import subprocess

import pytest
from archives import SEGMENT, Line, archived, line_table, pieces
from restarts import online, until
from shims import Disk
from vserctl_terminal import VSERCTL
from vserd_process import BIN, Daemon

import vser

SIZE = 5 * SEGMENT


def table(directory, name="copy", more=""):
    return f'[[port]]\nname = "{name}"\ndevice = "archive:{directory}"\n{more}\n'


def events(items):
    return [item for item in items if isinstance(item, vser.Event)]


def tree(directory):
    return {path.relative_to(directory): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
            for path in sorted(directory.rglob("*"))}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """(directory of the port, its items, its log id)"""
    folder = tmp_path_factory.mktemp("recorded")
    board = Line()
    served = archived(folder, line_table(board))
    online(served.daemon)
    with served.client() as client:
        board.send(SIZE // 2, folder)
        client.set_baud("line", 9600)
        board.send(SIZE // 2, folder)
        until(lambda: client.port("line").next_offset == SIZE)
        log_id = client.port("line").log_id
    served.daemon.stop()
    again = archived(folder, line_table(board))
    with again.client() as client:
        items = list(client.read("line", start="oldest", max_bytes=SIZE))
    again.daemon.stop()
    board.close()
    return folder / "archive" / "line", items, log_id


@pytest.fixture
def copy(recorded, tmp_path):
    directory = shutil.copytree(recorded[0], tmp_path / "copy")
    for path in [*directory.rglob("*"), directory]:
        path.chmod(0o500 if path.is_dir() else 0o400)
    yield directory
    directory.chmod(0o700)


@pytest.fixture
def served(copy, tmp_path):
    daemon = Daemon(tmp_path, table(copy))
    yield daemon
    daemon.stop()


def test_every_reader_gets_its_history(recorded, copy, served):
    _, original, log_id = recorded
    before = tree(copy)
    with vser.connect(served.address) as client:
        port = client.port("copy")
        items = list(client.read("copy", start="oldest"))
        middle = list(client.read("copy", start=SIZE // 2 + 7, max_bytes=1000))
        with client.attach("copy", start=0, mode=vser.Mode.READ_ONLY) as console:
            first = next(item for item in console if isinstance(item, vser.Data))
        found = client.wait_for("copy", "000000000012345", start=0)
    whole = pieces(original)
    assert (port.log_id, port.next_offset) == (log_id, SIZE)
    assert port.kind is vser.Kind.ARCHIVE and port.state is vser.State.OFFLINE
    assert f"this is the archive in {copy}, which is served read-only" in port.offline_reason
    assert pieces(items) == whole and sum(len(data) for _, data in whole) == SIZE
    number = len(events(original))
    assert events(items)[:number] == events(original)
    assert pieces(middle) == [(SIZE // 2 + 7, whole[0][1][SIZE // 2 + 7:SIZE // 2 + 1007])]
    assert first.offset == 0 and whole[0][1].startswith(first.data)
    assert found.offset == 12345 * 16
    assert tree(copy) == before, "something was written to the archive"


def test_it_can_be_searched(served):
    done = subprocess.run([VSERCTL, "-s", served.address, "log", "copy", "--grep", "0000000012345"],
                          capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["000000000012345"]


def test_what_writes_or_changes_fails_and_says_why(served):
    with vser.connect(served.address) as client:
        for call in (lambda: client.write("copy", b"x"), lambda: client.set_baud("copy", 9600),
                     lambda: client.flush("copy"), lambda: client.set_signals("copy", dtr=True),
                     lambda: client.lease("copy").__enter__(), lambda: client.notice("copy", "hello")):
            with pytest.raises(vser.VserError, match="this is the archive in .*; nothing can be sent to it or changed") as raised:
                call()
            assert raised.value.code.name == "FAILED_PRECONDITION"
        with pytest.raises(vser.VserError, match="this is the archive in"):
            client.attach("copy", mode=vser.Mode.READ_WRITE)
        assert list(client.read("copy", start="live")) == []


def test_an_archive_that_a_vserd_writes_is_refused(recorded, tmp_path):
    folder = recorded[0].parent.parent
    writer = archived(folder, '[[port]]\nname = "other"\ndevice = "sim:echo"\n')
    daemon = Daemon(tmp_path, table(recorded[0]))
    with vser.connect(daemon.address) as client:
        reason = client.port("copy").offline_reason
        assert "a vserd, or a repair, writes to the archive in" in reason and "serve the copy" in reason
        assert list(client.read("copy", start="oldest")) == []
        with pytest.raises(vser.VserError, match="writes to the archive"):
            client.write("copy", b"x")
    daemon.stop()
    writer.daemon.stop()


def test_while_it_is_served_no_vserd_writes(recorded, tmp_path):
    folder = recorded[0].parent.parent
    daemon = Daemon(tmp_path, table(recorded[0]))
    with vser.connect(daemon.address) as client:
        assert client.port("copy").next_offset >= SIZE
        with pytest.raises(AssertionError, match="did not start"):
            archived(folder, '[[port]]\nname = "other"\ndevice = "sim:echo"\n')
    daemon.stop()


def test_another_directory_is_named(tmp_path):
    daemon = Daemon(tmp_path, table(tmp_path))
    with vser.connect(daemon.address) as client:
        assert "no port's archive is here" in client.port("copy").offline_reason
    daemon.stop()


def test_a_disk_that_hangs_at_start_does_not_keep_the_other_consoles_down(copy, tmp_path):
    disk = Disk(tmp_path)
    disk.stop()
    other = '[[port]]\nname = "other"\ndevice = "sim:echo"\n'
    daemon = Daemon(tmp_path, table(copy) + other, env={**os.environ, **disk.environment})
    with vser.connect(daemon.address) as client:
        until(lambda: client.port("other").state is vser.State.ONLINE)
        assert "the disk has not answered for 10 s" in client.port("copy").offline_reason
    daemon.stop()


def test_a_reload_adds_and_removes_it(recorded, tmp_path):
    directory = shutil.copytree(recorded[0], tmp_path / "copy")
    daemon = Daemon(tmp_path, '[[port]]\nname = "echo"\ndevice = "sim:echo"\n', server='removed_ports_keep = "1min"\n')
    with vser.connect(daemon.address) as client:
        for present in (True, False, True):
            daemon.rewrite('[[port]]\nname = "echo"\ndevice = "sim:echo"\n' + (table(directory) if present else ""))
            daemon.process.send_signal(1)
            until(lambda: ("copy" in [port.name for port in client.ports()]) is present)  # noqa: B023
            if present:
                assert pieces(client.read("copy", start="oldest", max_bytes=SIZE)) == pieces(recorded[1])
    daemon.stop()


def check(config, text):
    config.write_text(text)
    return subprocess.run([BIN / "vserd", "check", config], capture_output=True, text=True, check=False)


def test_the_configuration_says_what_is_wrong(tmp_path):
    config = tmp_path / "vserd.toml"
    for text, why in ((table("relative"), "an archive such as \"archive:/DIR\""),
                      (table("/a", more="record_tx = true"), "nothing is sent to an archive that is served")):
        done = check(config, text)
        assert done.returncode != 0 and why in done.stderr
    for device, why in ((f"archive:{tmp_path}", "no port's archive is here"),
                        (f"sim:replay?file={config}", "is not the first line of a capture"),
                        ("sim:replay?file=/no/such", "cannot be opened")):
        done = check(config, f'[[port]]\nname = "a"\ndevice = "{device}"\n')
        assert done.returncode == 0 and "warning: port a: " in done.stderr and why in done.stderr
