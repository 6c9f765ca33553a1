"""Listeners of ports: limits, crowds, TLS, reloads, and what `vserd check` says of them."""
import contextlib
import os
import pathlib
import select
import shutil
import socket
import ssl
import subprocess
import threading

import pytest
from certificates import certify, server_tls
from restarts import port_table, until
from tcp_clients import echo, exchange, is_closed, listener, receive, receive_until, serve
from vserd_process import BIN, PATIENCE_SECONDS, Daemon, free_port

import vser

CLIENTS = 'vserd_tcp_clients{port="echo",protocol="%s"}'


def test_one_more_client_than_the_limit_is_turned_away_and_counted(serve):
    served = serve(echo(listener("raw", more="clients_max = 2"), listener("telnet")), metrics="127.0.0.1:0")
    first, second = served.attached("raw"), served.attached("raw")
    assert served.metric(CLIENTS % "raw") == 2
    assert served.metric(CLIENTS % "telnet") == 0

    assert is_closed(served.connect("raw"))
    assert served.metric('vserd_refused_total{via="tcp",reason="clients_max"}') == 1
    second.close()
    until(lambda: served.metric(CLIENTS % "raw") <= 1 or served.client().port("echo").readers < 2)

    receive(first, 6)  # what the second sent
    served.attached("raw").close()


def test_a_client_that_only_waits_for_a_reply_makes_way(serve):
    served = serve(echo(listener("raw", more="clients_max = 1")))
    for _ in range(5):
        client = served.connect("raw")
        client.sendall(b"x")
        client.shutdown(socket.SHUT_WR)
        assert receive(client, 1) == b"x"


def test_ten_thousand_connections_that_come_and_go_leave_nothing_behind(serve):
    served = serve(echo(*(listener(protocol, more="clients_max = 64") for protocol in ("raw", "telnet", "rfc2217"))),
                   metrics="127.0.0.1:0")
    busy = served.attached("raw")
    descriptors = pathlib.Path(f"/proc/{served.daemon.process.pid}/fd")
    before = len(list(descriptors.iterdir())), served.resident_bytes()

    def knock(protocol):
        address = served.address(protocol)
        for number in range(10_000 // 3):
            client = socket.create_connection(address)
            if number % 3 == 0:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
            if number % 2 == 0:
                try:
                    client.send(b"\xff\xfb\x2c\xff\xfa\x2c")
                except ConnectionError:
                    pass
            client.close()

    threads = [threading.Thread(target=knock, args=[protocol]) for protocol in ("telnet", "rfc2217", "telnet")]
    for thread in threads:
        thread.start()
    count = 0
    while any(thread.is_alive() for thread in threads):
        exchange(busy, b"%08d" % count)
        count += 1
    for thread in threads:
        thread.join()

    assert count > 10
    for protocol in ("telnet", "rfc2217"):
        until(lambda protocol=protocol: served.metric(CLIENTS % protocol) == 0)
    assert len(list(descriptors.iterdir())) <= before[0] + 2
    assert served.resident_bytes() - before[1] < 16 << 20
    exchange(busy, b"still here")


def vanish(client):
    """Ends the connection on this side without a word, as a machine that loses power does."""
    tcp_repair = 19
    try:
        client.setsockopt(socket.IPPROTO_TCP, tcp_repair, 1)
    except OSError as error:
        pytest.skip(f"TCP_REPAIR: {error}")
    client.close()


def test_a_peer_that_vanished_does_not_keep_the_port(serve):
    served = serve(echo(listener("raw", more='mode = "exclusive"'), listener("telnet")))
    holder = served.attached("raw")
    other = served.telnet()

    vanish(holder)

    # Keepalive finds it after 20 s of silence; until then the port is held.
    with served.client() as client:
        assert client.port("echo").readers == 2
        until(lambda: client.port("echo").readers == 1)
    exchange(other, b"free again")


def test_a_reload_adds_changes_and_removes_listeners(serve):
    one, two, three = (f"127.0.0.1:{free_port()}" for _ in range(3))
    served = serve(echo(listener("telnet", one), listener("raw", two)))
    person, program = served.telnet(), served.attached("raw")
    exchange(person, b"", b"ready?")

    served.reload(echo(listener("raw", one), listener("raw", two, more="clients_max = 1"), listener("raw", three)))
    served.wait_for("reloaded")

    assert receive_until(person, b"]\r\n") == b"\r\n[the listener was changed]\r\n"
    assert is_closed(person)
    exchange(program, b"undisturbed")
    for address in (one, three):
        host, port = address.split(":")
        exchange(socket.create_connection((host, int(port)), PATIENCE_SECONDS), b"new")
    assert receive(program, 6) == b"newnew"
    assert is_closed(served.connect("raw"))

    served.reload(echo(listener("raw", one)))
    served.wait_for("reloaded", times=2)
    assert is_closed(program)
    with pytest.raises(ConnectionRefusedError):
        served.connect("raw")


def test_clients_of_a_removed_port_are_told(serve):
    served = serve(port_table("stays", "sim:echo") + echo(listener("telnet"), listener("raw")))
    person, program = served.telnet(), served.attached("raw")
    exchange(person, b"", b"ready?")

    served.reload(port_table("stays", "sim:echo"))

    assert b"was removed" in receive_until(person, b"]\r\n")
    assert is_closed(person) and is_closed(program)


def test_an_address_that_is_taken_stops_a_start_and_is_told_at_a_reload(serve, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        (tmp_path / "other").mkdir()
        with open(tmp_path / "said", "w") as said, pytest.raises(AssertionError, match="did not start"):
            Daemon(tmp_path / "other", echo(listener("raw", address)), stderr=said)
        told = (tmp_path / "said").read_text()
        assert f"cannot listen on {address}" in told and "`address` in [[port.listen]]" in told and 'port "echo"' in told

        served = serve(echo(listener("raw")))
        served.reload(echo(listener("raw"), listener("raw", address)))
        served.wait_for(f"cannot listen on {address}")
        exchange(served.connect("raw"), b"the others are served")


def test_a_unix_sockets_file_goes_with_its_listener(serve, tmp_path):
    served = serve(echo(listener("raw", f"unix:{tmp_path}/raw"), listener("raw")))
    exchange(served.connect("raw"), b"hello")

    served.reload(echo(listener("raw")))

    until(lambda: not os.path.exists(tmp_path / "raw"))


def test_check_names_the_listener_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    for address, wrong in ((f"unix:{tmp_path}/file", "the path is a file that is not a socket"),
                           ("no-such-host.invalid:1", "cannot listen on no-such-host.invalid:1")):
        config = tmp_path / "vserd.toml"
        config.write_text("[server]\nallow_insecure_remote = true\n" + echo(listener("raw", address)))
        checked = subprocess.run([BIN / "vserd", "check", config], text=True, capture_output=True, check=False)
        assert checked.returncode == 1
        assert wrong in checked.stderr and 'port "echo"' in checked.stderr


def tls_client(served, context, number=0, protocol="raw"):
    return context.wrap_socket(served.connect(protocol, number), server_hostname="127.0.0.1")


def echo_over_tls(client, data):
    """Sends and receives at once, in one thread: an SSL object is not for two."""
    client.setblocking(False)
    sent, got = 0, b""
    while len(got) < len(data):
        sending = [client] if sent < len(data) else []
        assert any(select.select([client], sending, [], PATIENCE_SECONDS)), f"nothing came after {len(got)} bytes"
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            if sending:
                sent += client.send(data[sent:sent + (1 << 14)])
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            piece = client.recv(1 << 16)
            assert piece, f"the connection ended after {len(got)} bytes"
            got += piece
    client.settimeout(PATIENCE_SECONDS)
    return got


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")
def test_tls_serves_the_certificate_of_the_server_and_a_reload_renews_it(serve, tmp_path):
    certify(tmp_path, "server")
    served = serve(echo(listener("raw", more="tls = true"), listener("telnet", more="tls = true"), listener("raw")),
                   server=server_tls(tmp_path))
    context = ssl.create_default_context(cafile=tmp_path / "server.crt")
    client = tls_client(served, context)
    data = os.urandom(1 << 18)
    assert echo_over_tls(client, data) == data
    telnet = tls_client(served, context, protocol="telnet")
    exchange(telnet, b"\xff\xfd\x1f", b"\xff\xfb\0\xff\xfb\1\xff\xfb\3\xff\xfd\0\xff\xfd\3\xff\xfc\x1f")

    plain = served.connect("raw")
    plain.sendall(b"no handshake, no port\n")
    assert is_closed(plain)
    exchange(served.connect("raw", 1), b"not every listener has it")

    before = (tmp_path / "server.crt").read_text()
    certify(tmp_path, "server")
    served.daemon.process.send_signal(1)
    served.wait_for("reloaded")
    renewed = ssl.create_default_context(cafile=tmp_path / "server.crt")
    exchange(tls_client(served, renewed), b"new")
    assert (tmp_path / "server.crt").read_text() != before
    assert receive(client, 3 + 25)  # a connection from before goes on: what the others sent


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")
def test_a_tls_client_needs_the_certificate_that_the_server_asks_for(serve, tmp_path):
    certify(tmp_path, "server")
    certify(tmp_path, "person")
    served = serve(echo(listener("raw", more='tls = true\nmode = "exclusive"')),
                   server=server_tls(tmp_path, f'client_ca = "{tmp_path}/person.crt"'))
    context = ssl.create_default_context(cafile=tmp_path / "server.crt")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        exchange(tls_client(served, context), b"x")

    context.load_cert_chain(tmp_path / "person.crt", tmp_path / "person.key")

    exchange(tls_client(served, context), b"the port is free")


def test_a_handshake_without_end_is_given_up(serve, tmp_path):
    certify(tmp_path, "server")
    served = serve(echo(listener("raw", more="tls = true")), server=server_tls(tmp_path))

    assert is_closed(served.connect("raw"))


def test_a_client_over_every_protocol_at_once_gets_the_same_bytes(serve):
    served = serve(echo(*(listener(protocol) for protocol in ("raw", "telnet", "rfc2217"))))
    clients = [served.connect("raw"), served.telnet(), served.telnet("rfc2217")]
    with served.client() as vserd:
        until(lambda: vserd.port("echo").readers == 3)
        data = bytes(range(255)) * 100
        vserd.write("echo", data)
        for client in clients:
            assert receive(client, len(data)) == data
        got = b"".join(item.data for item in vserd.read("echo") if isinstance(item, vser.Data))
        assert got == data
