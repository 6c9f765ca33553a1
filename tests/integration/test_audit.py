"""The audit trail: who did what, in a file of JSON lines, without what was typed."""
import json
import os
import signal

import grpc
import pytest
from restarts import until
from tcp_clients import echo, exchange, listener, serve

import vser

SECRET = b"correct horse battery staple"


def table(path, rules, more=""):
    text = f'[access]\naudit = "{path}"\n{more}\n'
    for role in rules:
        text += f'[[access.rule]]\nwho = ["uid:{os.getuid()}"]\nports = ["*"]\nrole = "{role}"\n'
    return text


class Trail:
    """A daemon with a trail, and its records."""

    def __init__(self, serve, folder, rules=("admin",), path=None, more="", listeners=(listener("raw", more='role = "write"'),)):
        self.path = path or folder / "audit.jsonl"
        self.served = serve(echo(*listeners), history=table(self.path, rules, more), listen=f"unix:{folder}/vserd.sock",
                            metrics="127.0.0.1:0")

    def client(self):
        return self.served.client()

    def records(self, event=None):
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        records = [json.loads(line) for line in lines]
        return [record for record in records if event in (None, record["event"])]

    def wait_for(self, event, count=1):
        until(lambda: len(self.records(event)) >= count)
        return self.records(event)


@pytest.fixture
def trail(serve, tmp_path):
    return Trail(serve, tmp_path)


def test_a_console_is_recorded_from_its_begin_to_its_end_with_the_offsets_of_its_bytes(trail):
    with trail.client() as client:
        client.write("echo", b"before")
        with client.attach("echo", mode=vser.Mode.EXCLUSIVE, name="ann") as console:
            console.write(SECRET)
            until(lambda: client.port("echo").next_offset == 6 + len(SECRET))
        session = trail.wait_for("close")[0]

    opened, written = trail.records("open")[0], trail.records("write")[0]
    assert opened["identity"] == session["identity"] == f"uid:{os.getuid()}"
    assert (opened["client"], opened["port"], opened["via"], opened["role"]) == ("ann", "echo", "grpc", "admin")
    assert opened["detail"] == "exclusive"
    assert opened["session"] == session["session"]
    assert (session["tx_from"], session["tx_to"]) == (6, 6 + len(SECRET))
    assert (written["tx_from"], written["tx_to"]) == (0, 6)
    assert "session" not in written


def test_what_was_typed_is_nowhere_in_the_trail(trail):
    raw = trail.served.connect("raw")
    exchange(raw, SECRET)
    with trail.client() as client:
        client.write("echo", SECRET)
        client.notice("echo", SECRET.decode())
        with client.attach("echo") as console:
            console.write(SECRET)
            until(lambda: client.port("echo").next_offset == 3 * len(SECRET))
    raw.close()
    trail.wait_for("close", 2)

    text = trail.path.read_bytes()
    assert not [word for word in SECRET.split() if word in text]


def test_changes_of_the_line_are_recorded_with_their_results(trail):
    with trail.client() as client:
        client.set_baud("echo", 9600)
        client.set_signals("echo", dtr=True, rts=False)
        client.send_break("echo", 0.01)
        client.flush("echo")
        with pytest.raises(vser.VserError):
            client.set_baud("echo", 0)
        trail.wait_for("settings", 2)

    changed, rejected = trail.records("settings")
    assert (changed["outcome"], changed["detail"]) == ("ok", "9600 8N1")
    assert rejected["outcome"] == "failed" and "baud" in rejected["detail"]
    assert trail.records("modem_lines")[0]["detail"] == "dtr on, rts off"
    assert trail.records("break")[0]["detail"] == "10 ms"
    assert trail.records("flush")[0]["detail"] == "both, 0 bytes discarded"


def test_refusals_are_recorded_a_few_times_and_then_counted(serve, tmp_path):
    trail = Trail(serve, tmp_path, rules=("read",))
    with trail.client() as client:
        for _ in range(30):
            with pytest.raises(vser.VserError) as error:
                client.write("echo", SECRET)
            assert error.value.reason == "ROLE_TOO_LOW"
        refused = trail.wait_for("refused", 11)

    assert len(refused) == 11
    assert {record["outcome"] for record in refused} == {"role too low"}
    assert refused[-1]["detail"].startswith("20 more refusals in 10 s")


def test_a_token_that_proves_nothing_is_a_refusal(trail):
    with grpc.insecure_channel(trail.served.daemon.address) as channel:
        ports = channel.unary_unary("/vser.v1.PortService/ListPorts")
        with pytest.raises(grpc.RpcError) as error:
            ports(b"", metadata=(("authorization", "Bearer wrong"),))
        assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED
        refused = trail.wait_for("refused")[0]

    assert refused["outcome"] == "not authenticated"
    assert "wrong" not in trail.path.read_text()


def test_an_ended_session_is_recorded_with_who_ended_it(trail):
    with trail.client() as client, client.attach("echo", name="ann"):
        session = client.sessions()[0].id
        client.end_session(session, "release", name="bob")
        ended = trail.wait_for("end_session")[0]

    assert (ended["session"], ended["port"], ended["detail"]) == (session, "echo", "release")
    assert trail.records("close")[0]["session"] == session


def test_a_reload_is_recorded(trail):
    trail.served.daemon.process.send_signal(signal.SIGHUP)
    assert trail.wait_for("reload")[0]["outcome"] == "ok"


def test_a_rotated_file_is_left_alone_after_sigusr1(trail):
    trail.wait_for("started")
    old = trail.path.with_suffix(".1")
    trail.path.rename(old)
    trail.served.daemon.process.send_signal(signal.SIGUSR1)
    with trail.client() as client:
        client.write("echo", b"x")
        trail.wait_for("write")

    assert "write" not in old.read_text()
    assert [record["event"] for record in trail.records()] == ["write"]


def test_a_full_disk_is_counted_and_does_not_stop_anybody(serve, tmp_path):
    trail = Trail(serve, tmp_path, path="/dev/full")
    until(lambda: trail.served.metric("vserd_audit_errors_total") > 0)
    with trail.client() as client:
        client.write("echo", b"x")


def test_a_required_trail_that_cannot_be_written_forbids_changes_until_it_can(serve, tmp_path):
    folder = tmp_path / "missing"
    trail = Trail(serve, tmp_path, path=folder / "audit.jsonl", more="audit_required = true")
    until(lambda: trail.served.metric("vserd_audit_errors_total") > 0)
    with trail.client() as client:
        for change in (lambda: client.write("echo", b"x"), lambda: client.set_baud("echo", 9600), lambda: client.send_break("echo")):
            with pytest.raises(vser.VserError) as error:
                change()
            assert error.value.reason == "AUDIT_UNAVAILABLE"
        assert list(client.read("echo")) is not None

        folder.mkdir()
        trail.served.daemon.process.send_signal(signal.SIGUSR1)
        trail.wait_for("started")
        until(lambda: writes(client))


def writes(client):
    try:
        client.write("echo", b"x")
    except vser.VserError as error:
        assert error.reason == "AUDIT_UNAVAILABLE"
        return False
    return True
