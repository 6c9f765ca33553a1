"""Calls with one reply, streams of the log, and what goes wrong with them."""
import datetime

import grpc
import pytest
from vserd_process import PATIENCE_SECONDS

import vser


def test_ports_are_listed_by_name_with_their_settings(client):
    ports = {port.name: port for port in client.ports()}

    assert list(ports) == ["away", "console", "echo", "slow"]
    assert ports["slow"].baud == 300
    assert ports["slow"].kind is vser.Kind.SIMULATED
    assert ports["slow"].online
    assert str(ports["slow"].format) == "8N1"
    assert ports["slow"].capabilities.modem_signals
    assert ports["away"].state is vser.State.OFFLINE
    assert "no-such-device" in ports["away"].offline_reason or ports["away"].offline_reason


def test_info_tells_version_and_engine(client):
    info = client.info()

    assert info.version == vser.__version__
    assert info.engine in ("io_uring", "sigio", "epoll", "aio")
    assert info.ports_total == 4
    assert info.uptime_seconds > 0


def test_baud_is_set_and_told(client):
    assert client.set_baud("echo", 57600) == 57600
    assert client.baud("echo") == 57600


def test_format_is_set_by_text_and_by_value(client):
    assert client.set_format("slow", "7E2") == vser.Format.parse("7E2/none")
    assert client.set_format("slow", vser.Format(parity=vser.Parity.ODD)) == client.format("slow")
    assert str(client.format("slow")) == "7O2"


def test_a_text_that_is_no_format_says_how_to_write_one(client):
    with pytest.raises(ValueError, match="for example 8N1"):
        client.set_format("echo", "8X1")


def test_signals_change_in_one_step_and_keep_what_is_not_named(client):
    client.set_signals("slow", dtr=True, rts=True)

    signals = client.set_signals("slow", rts=False)

    assert signals.dtr and not signals.rts
    assert client.signals("slow") == signals


def test_break_and_flush_return(client):
    client.send_break("slow", 0.01)
    client.write("slow", bytes(100_000))  # an hour at 300 baud, and more than the device holds
    assert client.flush("slow") > 0


def test_write_is_read_back_by_offset(client):
    head = client.port("echo").next_offset
    written = client.write("echo", "héllo")
    assert written.bytes_written == 6

    items = client.read("echo", start=head, follow=True, max_bytes=6)
    assert b"".join(item.data for item in items if isinstance(item, vser.Data)) == "héllo".encode()


def test_read_starts_at_a_tail_a_time_and_the_oldest(client):
    began = datetime.datetime.now(datetime.timezone.utc)
    head = client.port("echo").next_offset
    client.write("echo", b"0123456789")
    for item in client.read("echo", start=head, follow=True, max_bytes=10):
        if isinstance(item, vser.Data):
            assert item.offset >= head and item.receive_time >= began

    def read(start):
        return b"".join(item.data for item in client.read("echo", start) if isinstance(item, vser.Data))

    assert read(vser.Tail(4)) == b"6789"
    assert read(datetime.timedelta(hours=1)).endswith(b"0123456789")
    assert read(datetime.timedelta(0)) == b""
    assert read(began) == b"0123456789"
    assert read("oldest").endswith(b"0123456789")
    assert read("live") == b""


def test_events_come_in_the_stream(client):
    head = client.port("echo").next_offset
    client.set_baud("echo", 4800)

    events = [item.what for item in client.read("echo", start=head) if isinstance(item, vser.Event)]

    assert vser.SettingsChanged(4800, client.format("echo")) in events


def test_watch_tells_how_it_stands_and_then_changes(client):
    changes = client.watch("console")
    first = next(changes)
    assert (first.port.name, first.event) == ("console", None)

    client.set_baud("console", 9600)

    change = next(changes)
    assert isinstance(change.event.what, vser.SettingsChanged)
    assert change.port.baud == change.event.what.baud == 9600
    changes.close()


def test_collect_gathers_ports_and_starts_where_it_is_told(client):
    began = datetime.datetime.now(datetime.timezone.utc)
    head = client.port("echo").next_offset
    client.write("echo", b"collected")

    got = b""
    for record in client.collect({"echo": head}):
        assert record.port == "echo"
        if isinstance(record.item, vser.Data):
            got += record.item.data
            assert began <= record.item.receive_time <= datetime.datetime.now(datetime.timezone.utc)
            assert record.receive_time == record.item.receive_time
        if got == b"collected":
            break
    assert any(record.port == "console" for record in client.collect(start="oldest"))


def test_an_unknown_port_is_an_error_with_reason_and_advice(client):
    with pytest.raises(vser.VserError) as caught:
        client.port("konsole")

    error = caught.value
    assert error.code is grpc.StatusCode.NOT_FOUND
    assert error.reason == "PORT_NOT_FOUND"
    assert error.metadata["port"] == "konsole"
    assert 'did you mean "console"' in error.message
    assert not isinstance(error, vser.Unreachable)


def test_a_device_that_is_away_is_an_error_with_its_reason(client):
    with pytest.raises(vser.VserError) as caught:
        client.write("away", b"x")

    assert (caught.value.reason, caught.value.metadata["port"]) == ("DEVICE_AWAY", "away")
    assert not isinstance(caught.value, vser.Unreachable)


def test_an_offset_that_is_not_reached_names_the_head(client):
    with pytest.raises(vser.VserError) as caught:
        list(client.read("console", start=1 << 40))

    assert caught.value.code is grpc.StatusCode.OUT_OF_RANGE
    assert int(caught.value.metadata["head"]) <= client.port("console").next_offset


def test_a_timeout_tells_what_was_taken(client):
    with pytest.raises(vser.VserError) as caught:
        client.write("slow", bytes(1 << 20), timeout=2)

    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert 0 < int(caught.value.metadata["bytes_taken"]) < 1 << 20
    client.flush("slow")


def test_nobody_at_the_address_is_unreachable():
    with pytest.raises(vser.Unreachable, match="^UNAVAILABLE: cannot connect to 127.0.0.1:1: Connection refused"):
        vser.connect("127.0.0.1:1", timeout=PATIENCE_SECONDS)


def test_a_server_without_tls_is_named(daemon):
    with pytest.raises(vser.Unreachable, match=f"cannot connect to {daemon.address}: the server there does not use TLS"):
        vser.connect(daemon.address, tls=True, timeout=PATIENCE_SECONDS)


@pytest.mark.parametrize("address", ["127.0.0.1:99999", "127.0.0.1:0", "lab7:port", "lab7:", "http://lab7", "[::1", "a b"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ValueError, match="is not an address: write HOST"):
        vser.connect(address)


def test_the_address_comes_from_the_environment(daemon, monkeypatch):
    monkeypatch.setenv("VSERD_ADDRESS", daemon.address)
    with vser.connect() as client:
        assert client.info().ports_total == 4


def test_the_server_waits_for_a_line_from_an_offset_on(client):
    start = client.port("echo").next_offset
    client.write("echo", "one 1\ntwo 2\n")

    found = client.wait_for("echo", "three", r"(\w+) (\d)", start=start)
    assert (found.pattern, found.text, found.groups, found.offset) == (1, "one 1", ("one", "1"), start)
    assert client.wait_for("echo", r"\d", start=found.next_offset).line == "two 2"
    with pytest.raises(vser.WaitTimeout, match="no line matched") as timeout:
        client.wait_for("echo", "three", start=start, timeout=0.1)
    assert timeout.value.next_offset == start + 12


def test_only_lines_that_match_are_read(client):
    start = client.port("echo").next_offset
    client.write("echo", "red\ngreen\nblue\n")
    client.wait_for("echo", "blue", start=start)

    items = list(client.read("echo", start, match="e$", lines_before=1))
    assert [(item.offset - start, item.data) for item in items] == [(4, b"green\n"), (10, b"blue\n")]
    assert b"".join(item.data for item in client.read("echo", start, until=start + 5, exact_times=True)
                    if isinstance(item, vser.Data)) == b"red\ng"
