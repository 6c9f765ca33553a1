"""What one user of the web face may hold, and what a slow or odd client of HTTP still gets."""
import contextlib
import re
import socket
import struct
import subprocess
import threading
import time

import pytest
from restarts import port_table, until
from test_web_sockets import frame, handshake
from vserd_process import PATIENCE_SECONDS, free_port
from web_client import WebDaemon


ECHO = port_table("echo", "sim:echo?unpaced=1") + port_table("slow", "sim:echo", 'baud = 300\ntx_queue_bytes = "1KiB"')
MEBIBYTE = 1 << 20
CALLS_MAX = 1152
GET_BAUD = "/vser.v1.PortService/GetBaud"
WRITE = "/vser.v1.ConsoleService/Write"


@pytest.fixture
def small(tmp_path):
    """All clients together hold at most 8 MiB, one user 4 MiB."""
    daemon = WebDaemon(tmp_path, ECHO, server='memory_max = "16MiB"')
    yield daemon
    daemon.stop()


@pytest.fixture
def daemon(tmp_path):
    started = WebDaemon(tmp_path, ECHO)
    yield started
    started.stop()


def head(daemon, path, more="", source=None):
    """A raw connection that has sent the head of a POST."""
    connection = daemon.connect() if source is None else connect_from(daemon, source)
    connection.sendall(f"POST {path} HTTP/1.1\r\nHost: {daemon.host}\r\nContent-Type: application/json\r\n{more}\r\n".encode())
    return connection


def connect_from(daemon, source):
    name, port = daemon.host.rsplit(":", 1)
    return socket.create_connection((name, int(port)), PATIENCE_SECONDS, source_address=(source, 0))


def answer(connection):
    """All that comes until the server closes."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while data := connection.recv(65536):
            received += data
    connection.close()
    return received


def test_bodies_on_their_way_count_and_one_user_cannot_take_all(small):
    waiting = [head(small, GET_BAUD, f"Content-Length: {MEBIBYTE}\r\n") for _ in range(8)]
    last = head(small, GET_BAUD, f"Content-Length: {MEBIBYTE}\r\n")
    text = answer(last)
    assert text.startswith(b"HTTP/1.1 429 ") and b'"resource_exhausted"' in text and b'"limit":"memory_max"' in text, text
    # Another machine is another user.
    other = head(small, GET_BAUD, "Content-Length: 15\r\n", source="127.0.0.2")
    other.sendall(b'{"port":"echo"}')
    assert other.recv(1000).startswith(b"HTTP/1.1 200 ")
    big = head(small, GET_BAUD, f"Content-Length: {MEBIBYTE}\r\nExpect: 100-continue\r\n", source="127.0.0.2")
    assert big.recv(1000).startswith(b"HTTP/1.1 100 ")
    for each in [*waiting, other, big]:
        each.close()
    until(lambda: small.call("PortService/GetBaud", {"port": "echo"}).status == 200)
    until(lambda: status_of_big(small) == 400)  # it is all given back


def status_of_big(daemon):
    return daemon.request("POST", GET_BAUD, b" " * MEBIBYTE, {"Content-Type": "application/json"}).status


def test_chunked_bodies_count_as_they_arrive(small):
    chunk = b"40000\r\n" + b" " * (1 << 18) + b"\r\n"
    connections = [head(small, GET_BAUD, "Transfer-Encoding: chunked\r\n") for _ in range(6)]
    for each in connections:
        with contextlib.suppress(ConnectionError):
            for _ in range(3):
                each.sendall(chunk)
    answers = [each for each in connections if is_answered(each)]
    assert answers and all(each.recv(1000).startswith(b"HTTP/1.1 429 ") for each in answers)
    assert len(answers) < len(connections)
    for each in connections:
        each.close()


def is_answered(connection):
    connection.settimeout(1)
    with contextlib.suppress(socket.timeout, ConnectionError):
        return bool(connection.recv(1, socket.MSG_PEEK))
    return False


def test_messages_in_fragments_count_too(small):
    connections = [handshake(small) for _ in range(6)]
    codes = []
    for each in connections:
        each.sendall(frame(2, bytes(MEBIBYTE - 4096), final=False))
    for each in connections:
        each.settimeout(2)
        with contextlib.suppress(socket.timeout, ConnectionError):
            data = each.recv(1000)
            codes.append(struct.unpack(">H", data[2:4])[0])
        each.close()
    assert codes and len(codes) < 6 and set(codes) == {4008}


def test_answers_count(tmp_path):
    address = f"127.0.0.1:{free_port()}"
    daemon = WebDaemon(tmp_path, ECHO, server='memory_max = "16MiB"', metrics=address, web_listen=address)
    waiting = [head(daemon, GET_BAUD, f"Content-Length: {MEBIBYTE}\r\n") for _ in range(4)]
    waiting.append(head(daemon, GET_BAUD, f"Content-Length: {4 * 4096}\r\n"))  # each holds 4 KiB less than announced
    assert daemon.get("/healthz").status == 200
    until(lambda: daemon.get("/metrics").status == 429)
    with contextlib.closing(connect_from(daemon, "127.0.0.2")) as other:
        other.sendall(f"GET /metrics HTTP/1.1\r\nHost: {daemon.host}\r\nConnection: close\r\n\r\n".encode())
        text = answer(other).decode()
    assert text.startswith("HTTP/1.1 200 ")
    assert int(re.search(r'vserd_refused_total{via="web",reason="memory_max"} (\d+)', text)[1]) >= 1
    for each in waiting:
        each.close()
    until(lambda: daemon.get("/metrics").status == 200)
    daemon.stop()


def test_requests_and_websockets_of_one_user_have_a_limit(daemon):
    sockets = [handshake(daemon) for _ in range(CALLS_MAX)]
    reply = daemon.call("PortService/GetBaud", {"port": "echo"})
    assert (reply.status, reply.json["code"]) == (429, "resource_exhausted")
    assert reply.json["details"][0]["debug"] == {"reason": "LIMIT_REACHED", "domain": "vserd", "metadata": {"limit": "calls_per_user_max"}}
    assert str(CALLS_MAX) in reply.json["message"]
    assert daemon.get("/healthz").status == 200 and daemon.get("/").status == 200
    other = head(daemon, GET_BAUD, "Content-Length: 15\r\nConnection: close\r\n", source="127.0.0.2")
    other.sendall(b'{"port":"echo"}')
    assert answer(other).startswith(b"HTTP/1.1 200 ")
    for each in sockets:
        each.close()
    until(lambda: daemon.call("PortService/GetBaud", {"port": "echo"}).status == 200)


@pytest.mark.parametrize("request_text", [
    "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    f'POST {GET_BAUD} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{{"port":"echo"}}',
])
def test_a_client_that_has_ended_its_side_gets_its_answer(daemon, request_text):
    for _ in range(20):
        with daemon.connect() as connection:
            connection.sendall(request_text.encode())
            connection.shutdown(socket.SHUT_WR)
            assert answer(connection).startswith(b"HTTP/1.1 200 ")


def test_nc_gets_its_answer(daemon):
    name, port = daemon.host.rsplit(":", 1)
    text = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    done = subprocess.run(["nc", "-N", name, port], input=text, capture_output=True, timeout=PATIENCE_SECONDS, check=True)
    assert done.stdout.startswith(b"HTTP/1.1 200 ") and done.stdout.endswith(b"ok\n")


def test_the_close_code_of_a_bad_frame_arrives_whatever_follows(daemon):
    """Unread bytes at the close would reset the connection, and the code would be lost."""
    for _ in range(10):
        connection = handshake(daemon)
        with contextlib.suppress(ConnectionError):
            connection.sendall(frame(3, b"x") + bytes(1 << 18))
        received = b""
        while data := connection.recv(65536):  # a reset would raise
            received += data
        connection.close()
        assert received == b"\x88\x02\x03\xea"


def test_a_slow_upload_is_taken_if_it_is_steady_and_ended_if_not(daemon):
    """64 KiB in 70 s are taken. A client that sends nothing is not waited for any longer than 60 s."""
    body = b'{"port":"echo"}' + b" " * (65536 - 15)
    steady = head(daemon, GET_BAUD, f"Content-Length: {len(body)}\r\nConnection: close\r\n")
    silent = head(daemon, GET_BAUD, "Content-Length: 15\r\n")
    ended = []

    def wait_for_the_end():
        silent.settimeout(60 + PATIENCE_SECONDS)
        began = time.monotonic()
        ended.append((answer(silent), time.monotonic() - began))

    thread = threading.Thread(target=wait_for_the_end)
    thread.start()
    for begin in range(0, len(body), 4096):
        time.sleep(70 / 16)
        steady.sendall(body[begin:begin + 4096])
    assert answer(steady).startswith(b"HTTP/1.1 200 ")
    thread.join()
    assert ended[0][0] == b"" and ended[0][1] > 50
