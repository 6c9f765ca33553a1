"""The archive of the real daemon: everything that a device sent can be read, and what is lost is a gap."""
import contextlib
import datetime
import hashlib
import os
import pathlib
import random
import shutil
import signal
import subprocess
import threading
import time

import grpc
import pytest
from archives import MEMORY, archived, check_order, history, line, line_table, pieces  # noqa: F401 line is a fixture
from restarts import NAMES, KeptDaemon, bytes_of, events_of, online, port_table, until
from shims import Clock, Disk
from tcp_clients import listener, receive
from vserd_process import BIN, PATIENCE_SECONDS

import vser

SIZE = 512 << 10  # eight times the memory, in eight segments
KILLS = int(os.environ.get("VSERD_ARCHIVE_KILLS", "20"))
STEP = 64 << 20  # offsets are reserved in steps of this
SECRET = {role: f"vserd_test-token-with-the-role-{role}" for role in ("list", "read")}


@pytest.fixture
def begin(tmp_path):
    """Starts daemons with an archive in tmp_path; ends them after the test."""
    started = []

    def start(ports, more="", **others):
        started.append(archived(tmp_path, ports, more, **others))
        return started[-1]

    yield start
    for served in started:
        if served.daemon.process.poll() is None:
            served.daemon.stop()


def is_whole(served, size, name="line"):
    with served.client() as client:
        until(lambda: client.port(name).next_offset >= size)


def whole(items):
    """The bytes of items that have no gap, and where they begin."""
    assert not [item for item in items if isinstance(item, vser.Gap)]
    [(offset, data)] = pieces(items)
    return offset, data


def taken(stream, size, data_of=lambda item: item):
    """Items of an endless stream, up to that many bytes."""
    items, got = [], 0
    for item in stream:
        items.append(data_of(item))
        got += len(items[-1].data) if isinstance(items[-1], vser.Data) else 0
        if got >= size:
            return items
    raise AssertionError("the stream ended")


# Reading


@pytest.fixture
def full(begin, line, tmp_path):  # noqa: F811
    """A daemon whose archive has much more than its memory."""
    served = begin(line_table(line, more="".join(listener(face, more='replay = "256KiB"') for face in ("raw", "telnet"))))
    online(served.daemon)
    line.send(SIZE // 2, tmp_path)
    served.middle = datetime.datetime.now(datetime.timezone.utc)
    time.sleep(1.1)  # spans in the archive are of a second at most
    line.send(SIZE // 2, tmp_path)
    is_whole(served, SIZE)
    return served


def test_everything_is_read_from_any_start(full, line):  # noqa: F811
    sent = bytes(line.sent)
    with full.client() as client:
        assert client.port("line").next_offset == SIZE
        for start, offset in (("oldest", 0), (0, 0), (1, 1), (SIZE // 3, SIZE // 3), (vser.Tail(SIZE // 2 + 5), SIZE // 2 - 5),
                              (vser.Tail(SIZE * 2), 0), (SIZE - MEMORY, SIZE - MEMORY), (SIZE - 10, SIZE - 10)):
            assert whole(list(client.read("line", start))) == (offset, sent[offset:]), start
        for start in (full.middle, datetime.datetime.now(datetime.timezone.utc) - full.middle):
            offset, data = whole(list(client.read("line", start)))
            assert SIZE // 2 - (64 << 10) <= offset <= SIZE // 2 and data == sent[offset:]
        assert whole(list(client.read("line", 0, until=SIZE // 4))) == (0, sent[:SIZE // 4])
        assert whole(list(client.read("line", 100, max_bytes=70000))) == (100, sent[100:70100])
        assert events_of(list(client.read("line"))) == [vser.Online]
        assert events_of(list(client.read("line", 1))) == []


def test_a_reader_goes_from_the_archive_to_live_without_a_seam(full, line, tmp_path):  # noqa: F811
    with full.client() as client, full.client() as other:
        consoles = [client.attach("line", start=start) for start in (0, "oldest", 1000, vser.Tail(SIZE - 1000), full.middle)]
        assert [console.next_offset for console in consoles[:4]] == [0, 0, 1000, 1000]
        collected, followed = [], []
        threads = [threading.Thread(target=lambda: collected.extend(
                       taken(other.collect({"line": 17}), SIZE * 3 // 2 - 17, lambda record: record.item))),
                   threading.Thread(target=lambda: followed.extend(taken(other.read("line", 5, follow=True), SIZE * 3 // 2 - 5)))]
        for thread in threads:
            thread.start()
        line.send(SIZE // 2, tmp_path)
        for thread in threads:
            thread.join()
        sent = bytes(line.sent)
        assert whole(collected) == (17, sent[17:]) and whole(followed) == (5, sent[5:])
        for console in consoles:
            items = []
            while not items or not isinstance(items[-1], vser.Data) or items[-1].end < len(sent):
                items.append(console.next(PATIENCE_SECONDS))
                assert items[-1] is not None
            offset, data = whole(items)
            assert data == sent[offset:]
            console.close()


def test_the_oldest_offset_of_the_port_is_that_of_the_archive(full):
    with full.client() as client:
        until(lambda: client.port("line").oldest_offset == 0)


def test_the_search_finds_what_is_in_the_archive(full):
    with full.client() as client:
        found = client.wait_for("line", r"0000(012)3\d", start=0)
        assert (found.offset, found.groups) == (1230 * 16 + 6, ("012",))
        lines = [item for item in client.read("line", match=r"77$") if isinstance(item, vser.Data)]
        assert [item.offset for item in lines] == [16 * n for n in range(77, SIZE // 16, 100)]
        assert not [item for item in client.read("line", match="nothing") if isinstance(item, vser.Gap)]
    done = subprocess.run([BIN / "vserctl", "-s", full.daemon.address, "log", "line", "--grep", "12345$"],
                          capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert (done.stdout, done.returncode) == ("000000000012345\n", 0), done.stderr


def test_plain_clients_get_a_replay_that_is_larger_than_the_memory(full, line):  # noqa: F811
    assert receive(full.connect("raw"), 256 << 10) == line.sent[-(256 << 10):]
    telnet = full.telnet()
    assert receive(telnet, 256 << 10) == line.sent[-(256 << 10):]


def test_a_reader_that_stops_reading_goes_on_in_the_archive(full, line, tmp_path):  # noqa: F811
    raw = full.connect("raw", receive_buffer=4096)
    begin = receive(raw, 1024)
    with full.client() as client:
        reader = client.read("line", SIZE, follow=True)
        line.send(16, tmp_path)
        first = next(reader)
        line.send(2 << 20, tmp_path)  # into the buffers of sockets, and far beyond the memory
        is_whole(full, len(line.sent))
        size = len(line.sent) - SIZE
        assert whole([first, *taken(reader, size - len(first.data))]) == (SIZE, bytes(line.sent[SIZE:]))
        rest = (256 << 10) + size - 1024
        assert begin + receive(raw, rest) == line.sent[SIZE - (256 << 10):]
        assert client.port("line").stats.gap_bytes == 0


def test_readers_of_the_archive_count_as_memory_of_clients(begin, line, tmp_path):  # noqa: F811
    served = begin(line_table(line), server='memory_max = "16MiB"')
    online(served.daemon)
    much = 4 << 20  # more than is on its way to a client that does not read
    line.send(much, tmp_path)
    is_whole(served, much)
    with served.client() as client, contextlib.ExitStack() as streams:
        def crowd(start):
            for _ in range(32):
                next(streams.enter_context(contextlib.closing(client.read("line", start, follow=True))))

        crowd(much - 1000)  # in memory
        for begin_one in (lambda: crowd(0), lambda: next(client.collect({"line": 0}))):
            with pytest.raises(vser.VserError) as refused:
                begin_one()
            assert (refused.value.code, refused.value.metadata["limit"]) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "memory_max")
        assert whole(taken(client.read("line", much - 100, follow=True), 100)) == (much - 100, bytes(line.sent[-100:]))


# Restarts


def restart(served, how, port="line", meanwhile=lambda: None):
    served.daemon.stop(how)
    meanwhile()
    with open(served.log, "ab") as errors:
        served.daemon._popen["stderr"] = errors
        served.daemon.start()
    return online(served.daemon, port)


@pytest.mark.parametrize("state", [False, True], ids=["archive", "state_dir"])
def test_after_a_stop_everything_goes_on(begin, line, tmp_path, state):  # noqa: F811
    served = begin(line_table(line), server=f'state_dir = "{tmp_path}/state"' if state else "")
    before = online(served.daemon)
    for round in range(3):
        line.send((100 + 50 * round) << 10, tmp_path)
        is_whole(served, len(line.sent))
        after = restart(served, signal.SIGTERM)
        assert (after.log_id, after.next_offset) == (before.log_id, len(line.sent))
        with served.client() as client:
            items = list(client.read("line"))
            assert whole(items) == (0, bytes(line.sent))
            assert events_of(items) == [vser.Online] + [vser.Offline, vser.Online] * (round + 1)
    assert "archive" not in served.log.read_text()


def test_after_a_kill_offsets_go_on_past_a_gap(begin, line, tmp_path):  # noqa: F811
    served = begin(line_table(line))
    before = online(served.daemon)
    line.send(200 << 10, tmp_path)
    is_whole(served, len(line.sent))
    with served.client() as client:
        first = list(client.read("line"))
    after = restart(served, signal.SIGKILL)
    assert after.log_id == before.log_id
    assert after.next_offset % STEP == 0 and after.next_offset >= len(line.sent)
    line.send(80 << 10, tmp_path)
    is_whole(served, after.next_offset + (80 << 10))
    with served.client() as client:
        for start in ("oldest", 5, vser.Tail(after.next_offset)):
            items = list(client.read("line", start))
            gaps = [item for item in items if isinstance(item, vser.Gap)]
            assert [gap.end for gap in gaps] == [after.next_offset]
            old, new = pieces(items)
            assert gaps[0].start == old[0] + len(old[1]) <= len(line.sent)
            assert whole(first)[1][old[0]:].startswith(old[1])
            assert new == (after.next_offset, bytes(line.sent[-(80 << 10):]))
        [[gap]] = [[item for item in client.read("line", after.next_offset - 5) if isinstance(item, vser.Gap)]]
        assert gap.end == after.next_offset
    again = restart(served, signal.SIGTERM)
    assert again.next_offset == after.next_offset + (80 << 10)


def test_with_a_state_dir_a_kill_loses_nothing(begin, line, tmp_path):  # noqa: F811
    served = begin(line_table(line), server=f'state_dir = "{tmp_path}/state"')
    before = online(served.daemon)
    for _ in range(4):
        line.send(100 << 10, tmp_path)
        is_whole(served, len(line.sent))
        after = restart(served, signal.SIGKILL)
        assert (after.log_id, after.next_offset) == (before.log_id, len(line.sent))
        with served.client() as client:
            assert whole(list(client.read("line"))) == (0, bytes(line.sent))


def test_with_a_descriptor_store_a_kill_loses_nothing(line, tmp_path):  # noqa: F811
    daemon = KeptDaemon(tmp_path, line_table(line), history=history(tmp_path))
    before = online(daemon)
    for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        line.send(100 << 10, tmp_path)
        daemon.store.wait_for(NAMES)
        with vser.connect(daemon.address) as client:
            until(lambda: client.port("line").next_offset == len(line.sent))
        daemon.again(how)
        after = online(daemon)
        assert (after.log_id, after.next_offset) == (before.log_id, len(line.sent))
        with vser.connect(daemon.address) as client:
            items = list(client.read("line"))
        assert whole(items) == (0, bytes(line.sent)) and events_of(items) == [vser.Online]
    daemon.close()


def test_kills_at_random_moments_never_show_a_wrong_byte(begin, line, tmp_path):  # noqa: F811
    served = begin(line_table(line))
    log_id = online(served.daemon).log_id
    ends = threading.Event()

    def send():
        while not ends.is_set():
            line.send(4096)
            time.sleep(0.002)

    sender = threading.Thread(target=send)
    sender.start()
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    moments = random.Random(seed)
    seen = {}  # what was shown at an offset must stay there
    for _ in range(KILLS):
        time.sleep(moments.uniform(0.0, 0.4))
        head = online(served.daemon).next_offset
        with served.client() as client:
            read = pieces(list(client.read("line", max(0, head - 1000), max_bytes=2000)))
        assert restart(served, signal.SIGKILL).log_id == log_id
        with served.client() as client:
            assert client.port("line").next_offset >= max([head] + [offset + len(data) for offset, data in read])
        seen.update((offset, data) for offset, data in read)
    ends.set()
    sender.join()
    with served.client() as client:
        items = list(client.read("line", "oldest"))
    assert check_order(bytes(line.sent), items) > 0
    kept = pieces(items)
    for offset, data in seen.items():
        for begin_, bytes_ in kept:
            low, high = max(begin_, offset), min(begin_ + len(bytes_), offset + len(data))
            if low < high:
                assert data[low - offset:high - offset] == bytes_[low - begin_:high - begin_]
    assert "archive" not in served.log.read_text()


# A disk in trouble


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a file system")
def test_a_full_disk_costs_a_gap_and_nothing_else(begin, line, tmp_path):  # noqa: F811
    (tmp_path / "archive").mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path / "archive"], capture_output=True).returncode:
        pytest.skip("this machine mounts nothing")
    try:
        served = begin(line_table(line))
        online(served.daemon)
        line.send(64 << 10, tmp_path)
        filler = tmp_path / "archive" / "filler"
        with open(filler, "wb", buffering=0) as file, pytest.raises(OSError):
            while True:
                file.write(bytes(4096))
        for _ in range(16):  # nothing waits for the disk
            line.send(16 << 10)
            time.sleep(0.01)
        with served.client() as client:
            console = client.attach("line", vser.Tail(100))
            line.send(1600)
            assert bytes_of(taken(console, 1700)) == line.sent[-1700:]
            console.close()
        until(lambda: served.metric('vserd_archive_errors_total{op="write"}') > 1)
        text = served.log.read_text()
        again = text.count("port line: archive: works again")  # a little may fit in between
        assert text.count("No space left") == again + 1 and "the console keeps working" in text
        filler.unlink()
        until(lambda: served.log.read_text().count("port line: archive: works again") > again)
        until(lambda: served.metric('vserd_archive_unsynced_bytes{port="line"}') == 0)
        line.send(128 << 10, tmp_path)
        is_whole(served, len(line.sent))
        with served.client() as client:
            items = list(client.read("line"))
        gaps = [item for item in items if isinstance(item, vser.Gap)]
        lost = sum(gap.end - gap.start for gap in gaps)
        assert 0 < lost <= 256 << 10
        sent = bytes(line.sent)
        assert all(sent[offset:offset + len(data)] == data for offset, data in pieces(items))
        assert served.metric('vserd_archive_gap_bytes_total{port="line"}') == lost
        served.daemon.stop()
    finally:
        subprocess.run(["umount", "-l", tmp_path / "archive"], check=True)


def test_an_archive_that_is_removed_under_the_daemon_begins_anew(begin, line, tmp_path):  # noqa: F811
    served = begin(line_table(line))
    before = online(served.daemon)
    line.send(200 << 10, tmp_path)
    is_whole(served, len(line.sent))
    shutil.rmtree(tmp_path / "archive")

    def begins_anew():
        line.send(16)
        return pathlib.Path(tmp_path, "archive", "line", "state").exists()

    until(begins_anew)
    line.send(192 << 10, tmp_path)
    is_whole(served, len(line.sent))
    sent = bytes(line.sent)
    with served.client() as client:
        items = list(client.read("line", 0))
        assert items[0] == vser.Gap(0, items[0].end, items[0].events_lost)
        assert [sent[offset:offset + len(data)] == data for offset, data in pieces(items)] == [True] * len(pieces(items))
        assert pieces(items)[-1][0] + len(pieces(items)[-1][1]) == len(sent)
        assert len(pieces(items)[-1][1]) >= 192 << 10
    after = restart(served, signal.SIGTERM)
    assert (after.log_id, after.next_offset) == (before.log_id, len(sent))


def test_a_directory_that_cannot_be_written_is_said_and_the_console_works(begin, line, tmp_path):  # noqa: F811
    (tmp_path / "archive").write_text("a file, which root cannot write into either")
    served = begin(line_table(line))
    online(served.daemon)
    line.send(4096)
    is_whole(served, 4096)
    with served.client() as client:
        assert whole(list(client.read("line"))) == (0, bytes(line.sent))
    text = served.log.read_text()
    assert text.count("port line: archive: ") == 1 and f"{tmp_path}/archive" in text and "the console keeps working" in text
    assert served.metric('vserd_archive_errors_total{op="open"}') == 1


def test_a_disk_that_hangs_at_start_does_not_keep_the_console_down(begin, line, tmp_path):  # noqa: F811
    disk = Disk(tmp_path)
    disk.stop()
    served = begin(line_table(line), env={**os.environ, **disk.environment})
    online(served.daemon)
    line.send(4096)
    is_whole(served, 4096)
    text = served.log.read_text()
    assert "port line: archive: the disk has not answered for 10 s" in text and "the console keeps working" in text
    served.daemon.stop()


# Reloads and rights


def test_a_reload_archives_a_new_port_and_goes_on_with_one_that_returns(begin, line, tmp_path):  # noqa: F811
    other = port_table("other", "sim:echo")
    served = begin(other, server='removed_ports_keep = "0s"')
    log_id = ""
    for times in range(3):
        served.reload(other + line_table(line))
        with served.client() as client:
            until(lambda: len(client.ports()) == 2)
            after = online(served.daemon)
            assert (after.log_id, after.next_offset) == (log_id or after.log_id, len(line.sent))
            log_id = after.log_id
            items = list(client.read("line"))
            assert bytes_of(items) == line.sent and not [item for item in items if isinstance(item, vser.Gap)]
            assert events_of(items) == [vser.Online, vser.Offline] * times + [vser.Online]
            line.send(150 << 10, tmp_path)
            is_whole(served, len(line.sent))
            served.reload(other)
            until(lambda: len(client.ports()) == 1)


def test_a_port_that_is_removed_when_vserd_stops_goes_on_exactly(begin, line, tmp_path):  # noqa: F811
    other = port_table("other", "sim:echo")
    served = begin(other + line_table(line))
    before = online(served.daemon)
    line.send(150 << 10, tmp_path)
    is_whole(served, len(line.sent))
    served.reload(other)
    with served.client() as client:
        until(lambda: len(client.ports()) == 1)
    restart(served, signal.SIGTERM, port="other")
    served.reload(other + line_table(line))
    with served.client() as client:
        until(lambda: len(client.ports()) == 2)
        after = online(served.daemon)
        assert (after.log_id, after.next_offset) == (before.log_id, len(line.sent))
        assert whole(list(client.read("line"))) == (0, bytes(line.sent))


def test_the_archive_is_read_with_the_right_to_read_and_by_nobody_else(begin, line, tmp_path):  # noqa: F811
    (tmp_path / "tokens").write_text("".join(f"{role} {hashlib.sha256(SECRET[role].encode()).hexdigest()}\n" for role in SECRET))
    (tmp_path / "tokens").chmod(0o600)
    rules = "".join(f'[[access.rule]]\nwho = ["token:{role}"]\nports = ["*"]\nrole = "{role}"\n' for role in SECRET)
    served = begin(f'[access]\ntokens = "{tmp_path}/tokens"\n{rules}' + line_table(line), listen=f"unix:{tmp_path}/vserd.sock")
    readers = {role: vser.connect(served.daemon.address, token=secret) for role, secret in SECRET.items()}
    line.send(128 << 10, tmp_path)
    until(lambda: readers["list"].port("line").next_offset == len(line.sent))
    assert whole(list(readers["read"].read("line", 0))) == (0, bytes(line.sent))
    for call in (lambda: list(readers["list"].read("line", 0)), lambda: readers["list"].wait_for("line", "1", start=0),
                 lambda: next(iter(readers["list"].collect({"line": 0})))):
        with pytest.raises(vser.VserError) as error:
            call()
        assert error.value.code is grpc.StatusCode.PERMISSION_DENIED
    for reader in readers.values():
        reader.close()


# The clock


def segments(folder):
    return sorted(index.stem for index in pathlib.Path(folder, "archive", "line").glob("*.idx"))


def test_a_clock_that_jumps_removes_nothing_until_it_is_trusted(begin, line, tmp_path):  # noqa: F811
    clock = Clock(tmp_path)
    served = begin(line_table(line), "keep_days = 30\n", env=dict(os.environ, **clock.environment))
    trusted = tmp_path / "archive" / ".clock"
    online(served.daemon)
    line.send(SIZE // 2, tmp_path)
    is_whole(served, SIZE // 2)
    until(trusted.exists)  # it has been looked after
    before = segments(tmp_path)
    assert len(before) == 4

    def looked_after():
        return served.metric('vserd_archive_oldest_timestamp_seconds{port="line"}') > 0

    for days in (60, -60):
        # While it is stopped: gRPC's limit for the last calls is a time of this clock.
        restart(served, signal.SIGTERM, meanwhile=lambda: clock.set(days * 24 * 3600))  # noqa: B023 called at once
        until(looked_after)
        assert segments(tmp_path)[:4] == before, days
        with served.client() as client:
            assert whole(list(client.read("line"))) == (0, bytes(line.sent))

    def forget_the_jump():
        clock.set(60 * 24 * 3600)
        trusted.unlink()  # nothing knows of a jump then, so the same time removes them

    restart(served, signal.SIGTERM, meanwhile=forget_the_jump)
    until(lambda: not set(before) & set(segments(tmp_path)[:-1]))
    with served.client() as client:
        assert isinstance(next(iter(client.read("line", 0))), vser.Gap)
