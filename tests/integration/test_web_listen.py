"""Where the web face listens: Unix sockets for a proxy, and what a reload changes of [web]."""
import contextlib
import pathlib
import signal
import socket
import stat

from restarts import port_table, until
from test_web_access import access, token
from test_web_sockets import KEY, frame
from vserd_process import PATIENCE_SECONDS, Daemon
from web_client import WebDaemon, data_request, open_request

PORT = port_table("p", "sim:echo?unpaced=1")
BODY = '{"port":"p"}'


def over_unix(path, text, until_text=b""):
    """What comes over the Unix socket until that text, or until the server closes."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.settimeout(PATIENCE_SECONDS)
        connection.connect(str(path))
        connection.sendall(text if isinstance(text, bytes) else text.encode())
        received = b""
        while not until_text or until_text not in received:
            data = connection.recv(65536)
            if not data:
                break
            received += data
        return received


def get_baud(host="localhost", more=""):
    return (f"POST /vser.v1.PortService/GetBaud HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nConnection: close\r\n"
            f"{more}Content-Length: {len(BODY)}\r\n\r\n{BODY}")


def test_a_unix_socket_serves_a_proxy(tmp_path):
    path = tmp_path / "web"
    daemon = Daemon(tmp_path, PORT, history=f'[web]\nlisten = ["unix:{path}"]\nhosts = ["https://lab7.example"]\n{access(tmp_path)}')
    assert stat.S_ISSOCK(path.stat().st_mode) and stat.S_IMODE(path.stat().st_mode) == 0o660
    bearer = f"Authorization: Bearer {token('read')}\r\n"
    assert over_unix(path, get_baud("lab7.example", bearer)).startswith(b"HTTP/1.1 200 ")
    assert over_unix(path, get_baud("lab7.example", bearer + "Origin: https://lab7.example\r\n")).startswith(b"HTTP/1.1 200 ")
    assert over_unix(path, get_baud("lab7.example", bearer + "Origin: http://lab7.example\r\n")).startswith(b"HTTP/1.1 403 ")
    assert over_unix(path, get_baud("unix", bearer)).startswith(b"HTTP/1.1 421 ")
    # Its uid, which is that of this test, identifies nobody.
    assert over_unix(path, get_baud("lab7.example")).startswith(b"HTTP/1.1 401 ")
    upgrade = (f"GET /attach HTTP/1.1\r\nHost: lab7.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n{bearer}"
               f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Protocol: vser.v1\r\n\r\n")
    assert over_unix(path, upgrade, b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
    daemon.stop()
    assert not path.exists()


def test_a_console_works_over_a_unix_socket(tmp_path):
    path = tmp_path / "web"
    daemon = Daemon(tmp_path, PORT, history=f'[web]\nlisten = ["unix:{path}"]')
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.settimeout(PATIENCE_SECONDS)
        connection.connect(str(path))
        connection.sendall((f"GET /attach HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                            f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Protocol: vser.v1\r\n\r\n").encode())
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(4096)
        connection.sendall(frame(2, open_request("p")) + frame(2, data_request(b"hello")))
        while b"hello" not in received:
            data = connection.recv(4096)
            assert data, received
            received += data
    daemon.stop()


def test_a_reload_takes_hosts_and_names_what_it_cannot_take(tmp_path):
    errors = tmp_path / "errors"
    with open(errors, "wb") as file:
        daemon = WebDaemon(tmp_path, PORT, web="connections_max = 64", stderr=file)
    config = pathlib.Path(daemon.config)

    def reload(old, new, times):
        text = config.read_text()
        assert text.count(old) == 1
        config.write_text(text.replace(old, new))
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: errors.read_text().count("info reloaded ") == times)

    assert daemon.get("/healthz", Host="lab7.example").status == 421
    reload("connections_max = 64", 'connections_max = 8\nhosts = ["lab7.example"]', 1)
    until(lambda: daemon.get("/healthz", Host="lab7.example").status == 200)
    assert "need a restart" not in errors.read_text()
    idle = [daemon.connect() for _ in range(8)]
    assert daemon.get("/healthz").status == 200
    assert idle[0].recv(1) == b""  # it has made room, because there may be 8
    for each in idle:
        each.close()

    reload('listen = ["127.0.0.1:0"]\nconnections_max', 'listen = ["127.0.0.1:0", "[::1]:0"]\nconnections_max', 2)
    assert "other changes of" in errors.read_text() and "need a restart; of [web]: listen\n" in errors.read_text()
    daemon.stop()
