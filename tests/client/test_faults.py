"""Whatever fails under it, a console ends or comes back: nobody waits for a thread that is no more."""
import os
import subprocess
import sys
import threading

import grpc
import pytest
from conftest import Relay, take_kind, take_until
from vserd_process import PATIENCE_SECONDS

import vser
from vser import connection, convert


def ends(console):
    """What the loop of a console raises, on a thread so that a console which hangs fails the test."""
    raised = []

    def loop():
        try:
            for _ in console:
                pass
        except vser.VserError as error:
            raised.append(error)

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive(), "next() waits for ever"
    return raised


def raiser(failure):
    def fail(*_words, **_named):
        raise failure

    return fail


@pytest.fixture
def relay(daemon):
    between = Relay(daemon.address)
    yield between
    between.close()


@pytest.mark.parametrize("failure", [ValueError("odd"), KeyError("odd"), SystemExit()], ids=repr)
def test_a_failure_that_stays_ends_the_console_with_it(client, monkeypatch, failure):
    console = client.attach("echo")
    monkeypatch.setattr(convert, "log_item_of", raiser(failure))
    console.write(b"x")

    raised = ends(console)

    assert [(error.code, error.reason) for error in raised] == [(grpc.StatusCode.INTERNAL, "UNEXPECTED")]
    assert raised[0].__cause__ is failure
    with pytest.raises(vser.VserError):
        console.write(b"more")
    console.close()


@pytest.mark.parametrize("failure", [RuntimeError("can't start new thread"), OSError(24, "too many open files"), MemoryError()], ids=repr)
@pytest.mark.parametrize("where", ["attach", "another", "call"])
def test_a_failure_that_passes_is_survived(relay, monkeypatch, where, failure):
    with vser.connect(relay.address) as client, client.attach("echo") as console:
        failed = threading.Event()
        whole = getattr(connection.Connection, where)

        def fail(*words, **named):
            if not failed.is_set():
                failed.set()
                raise failure
            return whole(*words, **named)

        monkeypatch.setattr(connection.Connection, where, fail)
        relay.cut()
        take_kind(console, vser.Reconnected)
        assert failed.is_set()
        console.write(b"still here")
        take_until(console, b"still here")


def test_a_certificate_that_is_being_renewed_is_waited_for(relay, monkeypatch):
    with vser.connect(relay.address) as client, client.attach("echo") as console:
        renewed = threading.Event()
        missed = threading.Event()
        whole = connection.Connection.another

        def another(self):
            if not renewed.is_set():
                missed.set()
                raise FileNotFoundError(2, "No such file or directory", "me.crt")
            return whole(self)

        monkeypatch.setattr(connection.Connection, "another", another)
        relay.cut()
        take_kind(console, vser.Disconnected)
        assert missed.wait(PATIENCE_SECONDS)
        renewed.set()
        take_kind(console, vser.Reconnected)


def test_closing_the_client_ends_a_console_that_reconnects(relay):
    client = vser.connect(relay.address)
    console = client.attach("echo")
    relay.cut(refuse=True)
    take_kind(console, vser.Disconnected)
    client.close()

    assert ends(console) == []


def test_a_start_that_is_none_is_refused_at_once(client):
    with pytest.raises(ValueError, match="is not a start"):
        client.attach("echo", start="yesterday")


def test_a_large_write_is_sent_in_pieces(client):
    data = os.urandom(3 * 1024 * 1024 + 1)
    before, start = client.port("echo").tx_offset, client.port("echo").next_offset
    written = client.write("echo", data, timeout=PATIENCE_SECONDS)

    assert (written.bytes_written, written.tx_offset) == (len(data), before + len(data))
    while client.port("echo").next_offset < start + len(data):
        pass
    tail = b"".join(item.data for item in client.read("echo", start=vser.Tail(4096)) if isinstance(item, vser.Data))
    assert tail == data[-4096:]


def test_what_a_failed_write_in_pieces_took_is_told(client):
    with pytest.raises(vser.VserError) as caught:
        client.write("slow", bytes(2 << 20), timeout=1)

    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    metadata = caught.value.metadata
    assert 256 * 1024 <= int(metadata.get("bytes_taken") or metadata["bytes_taken_at_least"]) < 2 << 20
    client.flush("slow")


def test_an_empty_write_is_answered_by_the_server(client):
    with pytest.raises(vser.VserError) as caught:
        client.write("echo", b"")
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("variable", ["http_proxy", "https_proxy", "grpc_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_not_used(daemon, variable):
    program = "import sys, vser\nwith vser.connect(sys.argv[1], timeout=20) as client: print(len(client.ports()))"
    done = subprocess.run([sys.executable, "-c", program, daemon.address], env={**os.environ, variable: "http://127.0.0.1:9"},
                          capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert (done.returncode, done.stdout) == (0, "4\n"), done.stderr


@pytest.mark.parametrize(("given", "dialled"), [
    ("lab7", "lab7:50051"), ("lab7:1", "lab7:1"), ("[::1]", "[::1]:50051"), ("[::1]:1", "[::1]:1"), ("192.0.2.1", "192.0.2.1:50051"),
    ("unix:/run/vserd.sock", "unix:/run/vserd.sock"), ("dns:///lab7", "dns:///lab7"),
])
def test_the_port_of_the_server_may_be_left_out(given, dialled):
    assert connection.with_default_port(given) == dialled
