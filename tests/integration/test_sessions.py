"""Who is connected: SessionService, `vserctl who`, `end` and `notice`, and what the clients see of it."""
import json
import os
import pathlib
import shutil
import subprocess

import grpc
import pytest
from restarts import until
from tcp_clients import echo, is_closed, listener, receive_until, serve
from vserctl_terminal import Terminal, vserctl
from vserd_process import PATIENCE_SECONDS

import vser

ESCAPE = b"\x1d"  # Ctrl-]
GRPCURL = shutil.which("grpcurl", path=f"{os.environ['PATH']}:{pathlib.Path.home()}/.cache/vserd/bin")


@pytest.fixture
def served(serve):
    """A daemon with a port "echo" and listeners, and another port."""
    return serve(echo(listener("telnet"), listener("raw"), listener("rfc2217")) + echo(name="other"), metrics="127.0.0.1:0")


@pytest.fixture
def client(served):
    with served.client() as connected:
        yield connected


def only(sessions):
    assert len(sessions) == 1, sessions
    return sessions[0]


def test_a_console_is_listed_with_what_it_has_read_and_written(client):
    assert client.sessions() == []
    with client.attach("echo", mode=vser.Mode.EXCLUSIVE, name="ann") as console:
        console.write(b"hello")
        until(lambda: only(client.sessions("echo")).read_bytes == 5)

        session = only(client.sessions())

        assert (session.client, session.via, session.port, session.mode) == ("ann", "grpc", "echo", vser.SessionMode.EXCLUSIVE)
        assert (session.written_bytes, session.lag_bytes) == (5, 0)
        assert "127.0.0.1" in session.peer
        assert client.sessions("other") == []
    until(lambda: client.sessions() == [])


def test_connections_of_all_faces_are_sessions_and_counted(served, client):
    connections = {"raw": served.attached("raw"), "telnet": served.telnet(), "rfc2217": served.telnet("rfc2217")}
    until(lambda: {session.via for session in client.sessions("echo")} == set(connections))

    assert {session.mode for session in client.sessions("echo")} == {vser.SessionMode.READ_WRITE}
    assert [served.metric(f'vserd_sessions{{via="{via}"}}') for via in connections] == [1, 1, 1]
    ids = [session.id for session in client.sessions("echo")]
    assert len(set(ids)) == 3 and len({id.split("-")[0] for id in ids}) == 1

    connections["raw"].close()
    until(lambda: served.metric('vserd_sessions{via="raw"}') == 0)


def test_a_reader_that_does_not_read_is_behind(client):
    with client.attach("echo", name="slow") as console:
        client.write("echo", b"x" * 1000)
        stalled = client.read("echo", "oldest", follow=True)
        next(stalled)

        def is_behind():
            client.write("echo", bytes(512 << 10))  # again and again: the connection holds some megabytes
            return any(session.lag_bytes > 0 for session in client.sessions("echo"))

        until(is_behind)
        assert console


def test_an_ended_console_reports_why_and_does_not_come_back(client):
    with client.attach("echo", name="ann") as console:
        session = only(client.sessions())

        client.end_session(session.id, "the board is needed", name="bob")

        with pytest.raises(vser.VserError) as error:
            while console.next(PATIENCE_SECONDS):
                pass
            console.write(b"x")
        assert error.value.code is grpc.StatusCode.ABORTED
        assert error.value.reason == "SESSION_ENDED"
        assert error.value.metadata["by"].startswith("bob")
        assert "the board is needed" in error.value.message
    assert client.sessions() == []


def test_an_id_that_is_not_known_is_rejected(client):
    for session in ("", "zzzz-1", "x", "-"):
        with pytest.raises(vser.VserError) as error:
            client.end_session(session)
        assert error.value.reason == ("SESSION_NOT_FOUND" if session else "INVALID_FIELD")


def test_vserctl_attach_says_who_ended_it_and_exits(served, client):
    with Terminal(served.daemon.address, "attach", "echo") as terminal:
        terminal.wait(b"attached to echo")
        session = only(client.sessions())

        ended = vserctl(served.daemon.address, "end", session.id, "--reason", "release")

        assert ended.returncode == 0, ended.stderr
        assert terminal.ends() == 1
        assert terminal.out.count(b"was ended by vserctl@") == 1 and b": release]" in terminal.out
        assert b"reconnect" not in terminal.out


def test_telnet_is_told_in_one_line_and_raw_is_closed(served, client):
    telnet, raw = served.telnet(), served.attached("raw")
    receive_until(telnet, b"ready?")
    for session in client.sessions():
        client.end_session(session.id, "release", name="bob")

    text = receive_until(telnet, b"]\r\n").decode()
    assert text.count("[") == 1 and "was ended by bob" in text and text.endswith(": release]\r\n")
    assert is_closed(telnet) and is_closed(raw)


def test_a_notice_reaches_everybody_who_is_attached_and_not_the_device(served, client):
    telnet, raw = served.telnet(), served.attached("raw")
    receive_until(telnet, b"ready?")
    with client.attach("echo") as console, Terminal(served.daemon.address, "attach", "echo") as terminal:
        terminal.wait(b"attached to echo")

        sent = vserctl(served.daemon.address, "notice", "echo", "reboot at 5\x1b[31m")

        assert (sent.returncode, sent.stdout) == (0, b"4 readers\n"), sent.stderr
        terminal.wait(b"notice from vserctl@")
        terminal.wait("reboot at 5\N{REPLACEMENT CHARACTER}[31m]".encode())
        assert "reboot at 5" in receive_until(telnet, b"]\r\n").decode()
        notice = next(item.what for item in console if isinstance(item, vser.Event) and isinstance(item.what, vser.Notice))
        assert notice.sender.startswith("vserctl@") and notice.text == "reboot at 5\N{REPLACEMENT CHARACTER}[31m"
        raw.sendall(b"!")
        assert raw.recv(100) == b"!"  # and nothing before it
    kinds = [type(item.what) for item in client.read("echo") if isinstance(item, vser.Event)]
    assert kinds.count(vser.Notice) == 1


def test_a_notice_has_limits(client):
    assert client.notice("echo", "x" * 1024) == 0
    for text in ("", "x" * 1025):
        with pytest.raises(vser.VserError) as error:
            client.notice("echo", text)
        assert error.value.metadata["field"] == "text"
    with pytest.raises(vser.VserError) as error:
        client.notice("nowhere", "x")
    assert error.value.reason == "PORT_NOT_FOUND"


def test_the_w_key_shows_who_is_connected(served, client):
    with client.attach("echo", name="ann"), Terminal(served.daemon.address, "attach", "echo") as terminal:
        terminal.wait(b"attached to echo")
        terminal.type(ESCAPE + b"w")
        terminal.wait(b"ann by grpc, read-write")
        terminal.wait(b"vserctl@")
        terminal.type(ESCAPE + b".")
        assert terminal.ends() == 0


def test_who_prints_a_table_and_json(served, client):
    with client.attach("echo", name="ann", mode=vser.Mode.READ_ONLY):
        table = vserctl(served.daemon.address, "who").stdout.decode().splitlines()
        assert len(table) == 2
        assert table[0].split() == ["SESSION", "PORT", "CLIENT", "VIA", "MODE", "FOR", "READ", "WRITTEN", "BEHIND", "IDENTITY", "PEER"]
        assert table[1].split()[1:5] == ["echo", "ann", "grpc", "read-only"]

        document = json.loads(vserctl(served.daemon.address, "who", "echo", "--json").stdout)
        session = only(document["sessions"])
        assert (session["id"], session["mode"]) == (table[1].split()[0], "MODE_READ_ONLY")
    assert vserctl(served.daemon.address, "who", "nowhere").returncode == 1


@pytest.mark.skipif(GRPCURL is None, reason="there is no grpcurl")
def test_grpcurl_lists_and_ends_sessions_without_a_proto_file(served, client):
    def call(method, request):
        command = [GRPCURL, "-plaintext", "-d", json.dumps(request), served.daemon.address, f"vser.v1.SessionService/{method}"]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)

    with client.attach("echo", name="ann") as console:
        listed = call("ListSessions", {"ports": ["echo"]})
        session = only(json.loads(listed.stdout)["sessions"])
        assert (session["client"], session["mode"]) == ("ann", "MODE_READ_WRITE")

        assert call("SendNotice", {"port": "echo", "text": "hello"}).stdout.split() == ["{", '"readers":', "1", "}"]
        assert call("EndSession", {"id": session["id"]}).returncode == 0
        assert "NotFound" in call("EndSession", {"id": session["id"]}).stderr
        with pytest.raises(vser.VserError):
            while console.next(PATIENCE_SECONDS):
                pass
            console.write(b"x")
