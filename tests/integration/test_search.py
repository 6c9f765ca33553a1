"""Search on the server: Read with `until`, `match` and `exact_times`, and WaitFor, with simulated and real terminals."""
import datetime
import os
import pty
import threading
import time
import tty

import grpc
import pytest
from tcp_clients import serve  # noqa: F401 a fixture
from vserd_process import PATIENCE_SECONDS, Daemon, free_port

import vser
from vser.v1 import console_service_pb2 as console_pb2

PORTS = """
[[port]]
name = "echo"
device = "sim:echo?unpaced=1"
[[port]]
name = "other"
device = "sim:echo?unpaced=1"
[[port]]
name = "console"
device = "sim:console"
"""
HISTORY = '[history]\nbytes_per_port = "256KiB"'


@pytest.fixture
def client(serve):  # noqa: F811
    with serve(PORTS, history=HISTORY).client() as connected:
        yield connected


def send(client, text, port="echo"):
    """Returns the offset of the first byte, when all of them are in the log."""
    data = text.encode() if isinstance(text, str) else text
    start = client.port(port).next_offset
    client.write(port, data)
    wait_until(lambda: client.port(port).next_offset == start + len(data))
    return start


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def is_online(client, port="echo"):
    try:
        return client.port(port).state is vser.State.ONLINE
    except vser.Unreachable:
        return False


def lines(items):
    return [(item.offset, item.data) for item in items if isinstance(item, vser.Data)]


def refused(call, code, field=None):
    with pytest.raises(vser.VserError) as error:
        call()
    assert error.value.code is code
    if field:
        assert error.value.reason == "INVALID_FIELD" and error.value.metadata["field"] == field
    return error.value


# WaitFor


def test_a_line_that_is_in_the_log_is_found_with_its_place(client):
    send(client, "one\r\nversion 1.23 ready\r\nthree\r\n")

    found = client.wait_for("echo", "nothing", r"version (\d+)\.(\d+)(x)?", start="oldest")

    assert (found.pattern, found.offset, found.next_offset) == (1, 5, 17)
    assert (found.text, found.line) == ("version 1.23", "version 1.23 ready")
    assert found.groups == ("1", "23", "")
    assert found.bytes_lost == 0 and found.log_id == client.port("echo").log_id
    assert abs(time.time() - found.receive_time_ns / 1e9) < PATIENCE_SECONDS


def test_a_line_that_comes_later_is_waited_for(client):
    writer = threading.Timer(0.3, client.write, ["echo", "ready\n"])
    writer.start()

    assert client.wait_for("echo", "^ready$", timeout=PATIENCE_SECONDS).text == "ready"
    writer.join()


def test_a_prompt_is_found_when_the_port_is_silent(client):
    send(client, "Debian 12\r\n\r\nlogin: ")
    start = time.monotonic()

    assert client.wait_for("echo", "login: $", start="oldest").offset == 13

    assert time.monotonic() - start < 5
    found = client.wait_for("console", r"^sim> $", start="oldest", timeout=PATIENCE_SECONDS)
    client.write("console", "help\r")
    assert client.wait_for("console", r"^sim> $", start=found.next_offset, timeout=PATIENCE_SECONDS).offset > found.offset


def test_from_one_match_to_the_next_nothing_is_missed_or_found_twice(client):
    count = 300
    writer = threading.Thread(target=lambda: [client.write("echo", f"n={i} n={i}\r\n") for i in range(count)])
    writer.start()
    place, got = 0, []
    while len(got) < 2 * count:
        found = client.wait_for("echo", r"n=(\d+)", start=place, timeout=PATIENCE_SECONDS)
        place = found.next_offset
        got.append(int(found.groups[0]))
    writer.join()

    assert got == [i for n in range(count) for i in (n, n)]


def test_a_search_that_times_out_says_where_to_continue(client):
    send(client, "one\ntwo\nthr")
    with pytest.raises(vser.WaitTimeout) as timeout:
        client.wait_for("echo", "three", start="oldest", timeout=0.2)
    assert timeout.value.next_offset == 8
    send(client, "ee\n")

    assert client.wait_for("echo", "three", start=timeout.value.next_offset).offset == 8


def test_without_time_only_what_was_received_is_searched(client):
    send(client, "one\nlogin: ")
    start = time.monotonic()

    assert client.wait_for("echo", "login", start="oldest", timeout=0).offset == 4
    with pytest.raises(vser.WaitTimeout) as timeout:
        client.wait_for("echo", "nothing", start="oldest", timeout=0)

    assert timeout.value.next_offset == 4
    assert time.monotonic() - start < 5


def test_the_deadline_of_the_call_ends_the_search_with_an_answer(client):
    request = console_pb2.WaitForRequest(port="echo", patterns=["never"])

    reply = client._connection.call("ConsoleService/WaitFor", request, console_pb2.WaitForResponse, 2)

    assert reply.timed_out and reply.next_offset == 0 and reply.log_id


def test_bytes_that_are_no_longer_in_the_log_are_counted(client):
    size = 600_000
    for _ in range(6):
        send(client, b"x" * 99_999 + b"\n")
    send(client, "here\n")

    found = client.wait_for("echo", "here", start=0)

    assert found.offset == size
    assert found.bytes_lost == client.port("echo").oldest_offset >= size - 256 * 1024 - 65536


# Mark


def test_a_mark_finds_what_came_between_its_calls(client):
    send(client, "old login: \r\n")
    mark = client.mark("echo")
    send(client, "login: root\r\nready\r\nlogin: ")

    assert mark.expect("login: (.*)").groups == ("root",)
    assert mark.expect("failed", "ready").pattern == 1
    assert mark.expect("login: $").offset == client.port("echo").next_offset - len("login: ")


def test_a_mark_stays_where_it_was_after_a_timeout(client):
    mark = client.mark("echo", start="oldest")
    send(client, "one\r\nlog")
    with pytest.raises(vser.WaitTimeout):
        mark.expect("login", timeout=0.2)
    assert mark.place == 5

    send(client, "in\r\n")

    assert mark.expect("login", timeout=PATIENCE_SECONDS).offset == 5


def test_a_mark_tells_what_it_could_not_search_and_goes_on_behind_it(client):
    mark = client.mark("echo", start=0)
    for _ in range(6):
        send(client, b"x" * 99_999 + b"\n")
    send(client, "here\n")

    with pytest.raises(vser.BytesLost) as error:
        mark.expect("here")
    oldest = client.port("echo").oldest_offset
    assert error.value.item == vser.Gap(0, oldest) and mark.place == oldest
    assert mark.expect("here").offset == 600_000


def test_a_mark_tells_that_the_log_is_another_one(tmp_path):
    daemon = Daemon(tmp_path, PORTS, history=HISTORY, listen=f"127.0.0.1:{free_port()}")
    with vser.connect(daemon.address) as client:
        send(client, "before\r\n")
        mark = client.mark("echo")
        daemon.stop()
        daemon.start()
        wait_until(lambda: is_online(client))
        send(client, "x\r\n")

        with pytest.raises(vser.BytesLost) as error:
            mark.expect("x")
        assert isinstance(error.value.item, vser.LogRestarted)
        assert mark.expect("x").offset == 0
    daemon.stop()


def test_bad_requests_name_the_field_and_the_reason(client):
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    assert "missing )" in str(refused(lambda: client.wait_for("echo", "a", "(b"), invalid, "patterns[1]"))
    refused(lambda: client.wait_for("echo"), invalid, "patterns")
    refused(lambda: client.wait_for("echo", *["a"] * 17), invalid, "patterns")
    refused(lambda: client.wait_for("echo", "a" * 1025), invalid, "patterns[0]")
    refused(lambda: client.wait_for("echo", ""), invalid, "patterns[0]")
    refused(lambda: client.wait_for("echo", "a", timeout=-1), invalid, "timeout")
    refused(lambda: client.wait_for("eco", "a"), grpc.StatusCode.NOT_FOUND)
    ahead = refused(lambda: client.wait_for("echo", "a", start=99), grpc.StatusCode.OUT_OF_RANGE)
    assert ahead.reason == "OFFSET_NOT_REACHED" and ahead.metadata["head"] == "0"
    read = client.read
    refused(lambda: list(read("echo", match="(")), invalid, "match")
    refused(lambda: list(read("echo", match="a", lines_before=101)), invalid, "lines_before")
    refused(lambda: list(read("echo", match="a", lines_after=101)), invalid, "lines_after")
    refused(lambda: list(read("echo", lines_after=1)), invalid, "lines_after")


def test_a_search_is_a_session_and_ends_with_its_port(serve):  # noqa: F811
    served = serve(PORTS)
    with served.client() as client:
        errors = []

        def wait():
            try:
                client.wait_for("echo", "never", timeout=PATIENCE_SECONDS)
            except vser.VserError as error:
                errors.append(error)

        waiter = threading.Thread(target=wait)
        waiter.start()
        wait_until(lambda: [session.port for session in client.sessions()] == ["echo"])
        served.reload(PORTS.replace('name = "echo"', 'name = "renamed"'))
        waiter.join(PATIENCE_SECONDS)

        assert errors and errors[0].reason == "PORT_REMOVED"
        assert client.sessions() == []


def test_a_stop_of_the_server_ends_searches(serve):  # noqa: F811
    served = serve(PORTS)
    with served.client() as client:
        waiter = threading.Thread(target=lambda: refused(lambda: client.wait_for("echo", "never", timeout=60),
                                                         grpc.StatusCode.UNAVAILABLE))
        waiter.start()
        wait_until(lambda: client.sessions())
        start = time.monotonic()
        served.daemon.stop()
        waiter.join(PATIENCE_SECONDS)

        assert time.monotonic() - start < 10


def test_a_cancelled_search_is_gone(client):
    stream = client.read("echo", match="never", follow=True)
    reader = threading.Thread(target=lambda: refused(lambda: next(stream), grpc.StatusCode.CANCELLED))
    reader.start()
    wait_until(lambda: client.sessions())
    with vser.connect(client._connection._address) as other:
        client.close()
        reader.join(PATIENCE_SECONDS)

        wait_until(lambda: not other.sessions())


# Read


def test_only_lines_that_match_are_sent_with_their_context(client):
    send(client, "".join(f"line {i}\r\n" for i in range(100)))

    assert [data for _, data in lines(client.read("echo", match="7$"))] == [f"line {i}\r\n".encode() for i in range(7, 100, 10)]
    around = [data for _, data in lines(client.read("echo", match="line 50", lines_before=2, lines_after=1))]
    assert around == [b"line 48\r\n", b"line 49\r\n", b"line 50\r\n", b"line 51\r\n"]
    assert len(lines(client.read("echo", match="."))) == 100


def test_offsets_are_those_of_the_log(client):
    start = send(client, "a\nb\nxx\nc\nx\n")

    assert lines(client.read("echo", match="x")) == [(start + 4, b"xx\n"), (start + 9, b"x\n")]
    assert lines(client.read("echo", start + 5, match="x")) == [(start + 5, b"x\n"), (start + 9, b"x\n")]
    assert lines(client.read("echo", match="x", max_bytes=4)) == [(start + 4, b"xx\n"), (start + 9, b"x")]
    assert all(isinstance(item, vser.Data) for item in client.read("echo", match="x"))


def test_a_search_that_follows_sends_a_prompt_and_then_the_rest_of_its_line(client):
    send(client, "boot\nlogin: ")
    stream = client.read("echo", match="login", follow=True)

    assert lines([next(stream)]) == [(5, b"login: ")]
    client.write("echo", "root\r\nx\r\nlogin again\r\n")
    assert lines([next(stream), next(stream)]) == [(12, b"root\r\n"), (21, b"login again\r\n")]
    stream.close()


def test_a_gap_is_told_also_when_only_lines_are_sent(client):
    for _ in range(6):
        send(client, b"x" * 99_999 + b"\n")
    send(client, "here\n")

    items = list(client.read("echo", 0, match="here"))

    assert items[0].start == 0 and isinstance(items[0], vser.Gap)
    assert lines(items) == [(600_000, b"here\n")]


def test_text_is_sent_line_by_line_too(client):
    send(client, "caf\u00e9\nbad \xff\nno\n".encode("latin-1") + "caf\u00e9\n".encode())
    request = console_pb2.ReadRequest(port="echo", match="a", encoding="ENCODING_TEXT")
    getattr(request, "from").oldest = True

    texts = [reply.text.text for reply in client._connection.stream("ConsoleService/Read", request, console_pb2.ReadResponse)]

    assert texts == ["caf\ufffd\n", "bad \ufffd\n", "caf\u00e9\n"]
    request.batch_lines = True
    replies = list(client._connection.stream("ConsoleService/Read", request, console_pb2.ReadResponse))
    assert [[line.text for line in reply.lines.text] for reply in replies] == [texts]


def test_lines_in_batches_are_the_same_as_one_by_one(client):
    for _ in range(4):
        send(client, "".join(f"line {i}\r\n" for i in range(10_000)))  # more than the log keeps
    request = console_pb2.ReadRequest(port="echo", match="[05]$")
    getattr(request, "from").offset = 0

    def read(batch):
        request.batch_lines = batch
        return list(client._connection.stream("ConsoleService/Read", request, console_pb2.ReadResponse))

    single, batches = read(False), read(True)
    assert single[0].HasField("gap") and batches[0] == single[0]
    assert [data for reply in batches for data in reply.lines.data] == [reply.data for reply in single[1:]]
    assert len(batches) < len(single) / 50


def test_a_read_ends_at_an_offset_or_a_time(client):
    send(client, "first\n")
    time.sleep(0.05)
    middle = datetime.datetime.now(datetime.timezone.utc)
    time.sleep(0.05)
    send(client, "second\n")

    def text(**more):
        return b"".join(data for _, data in lines(client.read("echo", **more)))

    assert text(until=3) == b"fir"
    assert text(until=99) == b"first\nsecond\n"
    assert text(start=4, until=2) == b""
    assert text(until=middle) == b"first\n" == text(until=middle, match=".")
    assert text(start=middle) == b"second\n"
    age = datetime.datetime.now(datetime.timezone.utc) - middle
    assert text(until=age) == b"first\n"
    assert text(until=8, match=".") == b"first\nse"
    with pytest.raises(ValueError, match="negative"):
        list(client.read("echo", until=datetime.timedelta(seconds=-1)))


@pytest.mark.parametrize("match", ["", "x"])
def test_a_read_that_follows_ends_at_a_time_in_the_future(client, match):
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)
    stream = client.read("echo", "live", until=end, follow=True, match=match)
    threading.Timer(0.2, client.write, ["echo", "x1\n"]).start()
    threading.Timer(1.6, client.write, ["echo", "x2\n"]).start()

    assert lines(stream) == [(0, b"x1\n")]

    late = (datetime.datetime.now(datetime.timezone.utc) - end).total_seconds()
    assert 0 <= late < PATIENCE_SECONDS
    time.sleep(1)


@pytest.mark.parametrize("match", ["", "."])
def test_a_read_that_follows_ends_at_an_offset(client, match):
    threading.Timer(0.2, client.write, ["echo", "abc\ndef\n"]).start()

    assert b"".join(data for _, data in lines(client.read("echo", until=6, follow=True, match=match))) == b"abc\nde"


def test_exact_times_separate_what_came_at_different_times(client):
    for text in ("one\n", "two\n", "three\n"):
        send(client, text)
        time.sleep(0.02)

    assert len(lines(client.read("echo"))) == 1
    exact = [item for item in client.read("echo", exact_times=True) if isinstance(item, vser.Data)]
    assert [item.data for item in exact] == [b"one\n", b"two\n", b"three\n"]
    times = [item.receive_time_ns for item in client.read("echo", match=".")]
    assert times == [item.receive_time_ns for item in exact]
    assert times[2] - times[0] >= 40_000_000


def test_lines_of_a_terminal_are_found(serve):  # noqa: F811
    master, slave = pty.openpty()
    tty.setraw(slave)
    ports = f'[[port]]\nname = "tty"\ndevice = "{os.ttyname(slave)}"\n'
    with serve(ports).client() as client:
        wait_until(lambda: client.port("tty").online)
        os.write(master, b"U-Boot 2024.01\r\nHit any key")

        assert client.wait_for("tty", "any key$", start="oldest", timeout=PATIENCE_SECONDS).offset == 20
        assert lines(client.read("tty", match="^U-Boot")) == [(0, b"U-Boot 2024.01\r\n")]
    os.close(master)
    os.close(slave)


def test_searches_do_not_delay_the_ports(client):
    """Patterns that are slow everywhere, over all that the log keeps, again and again."""
    send(client, (b"a" * 3000 + b"\n") * 80)
    stop = threading.Event()

    def search():
        while not stop.is_set():
            assert lines(client.read("echo", match="(a?){300}b")) == []

    searches = [threading.Thread(target=search) for _ in range(4)]
    for thread in searches:
        thread.start()
    delays = []
    with client.attach("other") as console:
        for _ in range(50):
            start = time.monotonic()
            console.write("ping\n")
            console.expect("ping\n", PATIENCE_SECONDS)
            delays.append(time.monotonic() - start)
    stop.set()
    for thread in searches:
        thread.join(PATIENCE_SECONDS)

    assert sorted(delays)[len(delays) // 2] < 0.25
