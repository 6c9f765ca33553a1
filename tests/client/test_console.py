"""The console: bytes both ways, and what it does when the connection or the server goes away."""
import signal

import grpc
import pytest
from conftest import Relay, bytes_of, take_kind, take_until
from vserd_process import PATIENCE_SECONDS, Daemon

import vser

ECHO = '[[port]]\nname = "echo"\ndevice = "sim:echo?unpaced=1"\n'


@pytest.fixture
def relay(daemon):
    between = Relay(daemon.address)
    yield between
    between.close()


def test_a_console_is_typed_at_and_iterated(client):
    with client.attach("console", start="oldest", name="pytest") as console:
        assert console.port.name == "console"
        take_until(console, b"sim>")
        console.write("help\r")

        seen = b""
        for item in console:
            if isinstance(item, vser.Data):
                assert item.end == item.offset + len(item.data) == console.next_offset
                seen += item.data
            if b"fault none" in seen:
                break


def test_writes_and_commands_keep_their_order(client):
    with client.attach("echo") as console:
        for number in range(1000):
            console.write(b"%d " % number)
        console.send_break(0.001)
        console.set_signals(rts=False)
        console.drain(PATIENCE_SECONDS)

        wanted = b"".join(b"%d " % number for number in range(1000))
        items = take_until(console, b"999 ")
        assert bytes_of(items) == wanted
        kinds = [type(item.what) for item in items if isinstance(item, vser.Event)]
        if vser.BreakSent not in kinds:
            while not isinstance(take_kind(console, vser.Event).what, vser.BreakSent):
                pass


def test_next_gives_nothing_when_its_time_is_over(client):
    with client.attach("away") as console:
        assert console.next(timeout=0.01) is None


def test_a_closed_console_ends_its_loop_and_refuses_writes(client):
    console = client.attach("echo")
    console.close()

    assert list(console) == []
    with pytest.raises(vser.VserError, match="closed"):
        console.write(b"x")


def test_closing_the_client_ends_its_consoles(daemon):
    client = vser.connect(daemon.address)
    console = client.attach("echo")
    client.close()

    assert all(isinstance(item, vser.Event) for item in console)


def test_an_exclusive_console_keeps_others_from_writing(client):
    with client.attach("echo", mode=vser.Mode.EXCLUSIVE, name="first"):
        with pytest.raises(vser.VserError) as caught:
            client.write("echo", b"x")
    assert (caught.value.reason, caught.value.metadata["holder"]) == ("PORT_HELD", "first")


def test_attaching_to_an_unknown_port_raises_at_once(client):
    with pytest.raises(vser.VserError) as caught:
        client.attach("konsole")
    assert caught.value.reason == "PORT_NOT_FOUND"


def test_a_lost_connection_comes_back_without_a_byte_twice_or_missing(daemon, client, relay):
    with vser.connect(relay.address) as remote, remote.attach("echo") as console:
        start = console.next_offset
        console.write(b"before ")
        items = take_until(console, b"before ")
        for number in range(5):
            relay.cut(refuse=True)
            lost = take_kind(console, vser.Disconnected)
            assert lost.error.code is grpc.StatusCode.UNAVAILABLE
            client.write("echo", b"meanwhile%d " % number)  # by another way in
            relay.refusing = False
            back = take_kind(console, vser.Reconnected)
            assert back.tx_bytes_lost == 0
            console.write(b"after%d " % number)
            items += take_until(console, b"after%d " % number)

        meanwhile = b"".join(b"meanwhile%d after%d " % (number, number) for number in range(5))
        assert bytes_of(items) == b"before " + meanwhile
        assert console.next_offset == start + len(b"before " + meanwhile)
        assert not [item for item in items if isinstance(item, vser.Gap)]


def test_every_event_comes_once_over_lost_connections(client, relay):
    with vser.connect(relay.address) as remote, remote.attach("echo") as console:
        numbers = []

        def take_event():
            numbers.append(take_kind(console, vser.Event).number)

        for number in range(5):
            client.set_baud("echo", 9600 + 2 * number)
            take_event()
            relay.cut(refuse=True)
            take_kind(console, vser.Disconnected)
            client.set_baud("echo", 9601 + 2 * number)
            relay.refusing = False
            take_kind(console, vser.Reconnected)
            take_event()
    # No bytes came between: the server sends all of them again after each reconnect.
    assert numbers == list(range(numbers[0], numbers[0] + 10))


def test_what_is_written_while_the_connection_is_lost_is_sent_once_it_is_back(relay):
    with vser.connect(relay.address) as remote, remote.attach("echo") as console:
        relay.cut(refuse=True)
        take_kind(console, vser.Disconnected)
        console.write(b"patience")
        relay.refusing = False
        take_kind(console, vser.Reconnected)
        assert bytes_of(take_until(console, b"patience")) == b"patience"


def test_without_reconnect_a_lost_connection_ends_the_console(relay):
    with vser.connect(relay.address) as remote, remote.attach("echo", reconnect=False) as console:
        relay.cut()
        with pytest.raises(vser.VserError) as caught:
            for _ in console:
                pass
        assert caught.value.code is grpc.StatusCode.UNAVAILABLE


def test_a_reader_that_the_log_has_overtaken_is_told_the_gap(tmp_path):
    daemon = Daemon(tmp_path, ports=ECHO, history='[history]\nbytes_per_port = "4KiB"')
    try:
        with vser.connect(daemon.address) as client:
            sent = 0
            while sent < 64 * 1024:
                sent += client.write("echo", bytes(8192)).bytes_written
            follow = client.read("echo", start=0, follow=True)
            first = next(item for item in follow if not isinstance(item, vser.Event))
            assert isinstance(first, vser.Gap)
            assert first.start == 0 < first.end
            assert next(item for item in follow if isinstance(item, vser.Data)).offset >= first.end
            follow.close()
    finally:
        daemon.stop()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_that_lost_its_log_is_told_and_read_from_its_start(tmp_path, how):
    daemon = Daemon(tmp_path, ports=ECHO)
    relay = Relay(daemon.address)
    try:
        with vser.connect(relay.address) as client, client.attach("echo") as console:
            console.write(b"old")
            take_until(console, b"old")

            daemon.stop(how)
            relay.cut(refuse=True)
            relay.target = daemon.start()
            with vser.connect(relay.target) as other:
                other.write("echo", b"new life")
            relay.refusing = False

            back = take_kind(console, vser.Reconnected)
            assert back.tx_bytes_lost is None
            restart = take_kind(console, vser.LogRestarted)
            assert (restart.expected_offset, restart.offset) == (3, 0)
            assert bytes_of(take_until(console, b"new life")) == b"new life"
    finally:
        relay.close()
        daemon.stop()
