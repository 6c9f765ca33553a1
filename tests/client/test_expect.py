"""expect() and run(): nothing is missed between two calls, and what cannot be found is reported with what was received."""
import re
import threading
import time

import grpc
import pytest
from conftest import Relay, bytes_of, take_until
from vserd_process import PATIENCE_SECONDS, Daemon

import vser

SMALL_LOG = '[[port]]\nname = "echo"\ndevice = "sim:echo?unpaced=1"\n'
PROMPT = "sim> "


@pytest.fixture
def echo(client):
    with client.attach("echo") as console:
        yield console


@pytest.fixture
def shell(client):
    """The simulated console at its prompt."""
    with client.attach("console", start="oldest") as console:
        console.expect(PROMPT, PATIENCE_SECONDS)
        yield console


def test_a_match_has_the_text_before_it_and_absolute_offsets(client, echo):
    began = echo.next_offset
    echo.write("boot 42\r\nlogin: ")

    found = echo.expect(r"log(\w+): ", PATIENCE_SECONDS)

    assert (found.before, found.text, found.group(), found.group(1)) == (b"boot 42\r\n", "boot 42\r\n", b"login: ", b"in")
    assert (found.offset, found.end) == (began + 9, began + 16)
    again = b"".join(item.data for item in client.read("echo", start=found.offset) if isinstance(item, vser.Data))
    assert again == b"login: "


def test_nothing_is_missed_between_two_calls(echo):
    echo.write("one two three four")

    assert echo.expect("one", PATIENCE_SECONDS).before == b""
    assert echo.expect("three", PATIENCE_SECONDS).before == b" two "
    offset = echo.next_offset
    rest = take_until(echo, b" four")
    assert bytes_of(rest) == b" four"
    assert rest[0].offset == offset
    assert rest[0].receive_time_ns > 0


def test_a_match_that_arrives_in_pieces_is_found(echo):
    found = []
    waiting = threading.Thread(target=lambda: found.append(echo.expect(b"\xffabc", PATIENCE_SECONDS)))
    waiting.start()
    for piece in (b"x\xff", b"a", b"b", b"c", b"d"):
        echo.write(piece)
        echo.drain(PATIENCE_SECONDS)
    waiting.join(PATIENCE_SECONDS)

    assert (found[0].before, found[0].group()) == (b"x", b"\xffabc")


def test_a_timeout_shows_the_last_text_and_keeps_it(echo):
    echo.write("Kernel panic")
    take = echo.expect("Kernel", PATIENCE_SECONDS)

    with pytest.raises(vser.ExpectTimeout) as caught:
        echo.expect("login: ", 1)

    assert caught.value.before == b" panic"
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert 'port "echo": b\'login: \' did not appear within 1 s' in str(caught.value)
    assert echo.expect("panic", PATIENCE_SECONDS).before == b" "
    assert take.end < echo.next_offset


def test_a_chatty_port_does_not_postpone_the_timeout(shell):
    shell.write("flood 100000\r")
    with pytest.raises(vser.ExpectTimeout):
        shell.expect("never printed", 0.2)
    shell.run("\x03", PROMPT, PATIENCE_SECONDS)


def test_a_timeout_of_zero_searches_what_was_received(echo):
    echo.write("a" * 5000 + "b")
    echo.expect("a", PATIENCE_SECONDS)
    echo.expect("b", PATIENCE_SECONDS)
    with pytest.raises(vser.ExpectTimeout, match="no byte was received"):
        echo.expect("c", 0)


def test_memory_is_bounded_by_the_window(echo):
    echo.write(b"x" * 200_000 + b"end")

    found = echo.expect("end", PATIENCE_SECONDS, window=1000)

    assert set(found.before) <= {ord("x")}
    assert found.end == echo.next_offset
    assert len(found.before) < 200_000


def test_a_compiled_pattern_and_its_flags_work(echo):
    echo.write("LOGIN: ")

    assert echo.expect(re.compile(b"login", re.IGNORECASE), PATIENCE_SECONDS).group() == b"LOGIN"


def test_run_returns_the_output_without_the_echo(shell):
    assert shell.run("echo hello", PROMPT, PATIENCE_SECONDS).text == "hello\r\n"
    assert shell.run("echo a sim> b", PROMPT, PATIENCE_SECONDS).text == "a "


def test_run_is_not_misled_by_an_old_prompt(client, shell):
    with client.attach("console", start="oldest") as late:
        assert late.run("echo fresh", PROMPT, PATIENCE_SECONDS).text == "fresh\r\n"


def test_a_gap_raises(tmp_path):
    daemon = Daemon(tmp_path, SMALL_LOG, history='[history]\nbytes_per_port = "64KiB"\n')
    with vser.connect(daemon.address) as client:
        client.write("echo", b"y" * 1_000_000)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while client.port("echo").oldest_offset == 0:
            assert time.monotonic() < deadline
        with client.attach("echo", start=0) as console, pytest.raises(vser.BytesLost, match="no longer in the log") as caught:
            console.expect("never", PATIENCE_SECONDS)
        assert caught.value.item.end > 0
    daemon.stop()


def test_a_lost_connection_does_not_disturb(daemon):
    relay = Relay(daemon.address)
    with vser.connect(relay.address) as client, client.attach("echo") as console:
        console.write("before ")
        console.expect("bef", PATIENCE_SECONDS)
        relay.cut()
        with vser.connect(daemon.address) as other:
            other.write("echo", "after")
        assert console.expect("after", PATIENCE_SECONDS).before == b"ore "
    relay.close()


def test_a_closed_console_raises_its_error(client):
    console = client.attach("echo")
    console.close()

    with pytest.raises(vser.VserError, match="closed"):
        console.expect("x", PATIENCE_SECONDS)
