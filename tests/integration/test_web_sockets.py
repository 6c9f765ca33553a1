"""WebSockets of the web face: consoles, history, the live list, and clients that misbehave."""
import asyncio
import contextlib
import os
import re
import signal
import socket
import struct

import pytest
import websockets
from restarts import port_table, until
from web_client import (WebDaemon, acknowledgement, closed, data_request, next_item, open_request, read_bytes, run, watch_request)

import vser
from vser.v1 import console_service_pb2 as console
from vser.v1 import port_service_pb2 as ports
from vser.v1 import types_pb2 as types

ECHO = port_table("echo", "sim:echo?unpaced=1") + port_table("other", "sim:echo?unpaced=1")
WINDOW_BYTES = 512 << 10
INVALID_ARGUMENT, NOT_FOUND, ABORTED, UNAVAILABLE = 4003, 4005, 4010, 4014
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


@pytest.fixture
def daemon(tmp_path):
    started = WebDaemon(tmp_path, ECHO, more='[history]\nbytes_per_port = "4MiB"\n')
    yield started
    started.stop()


def fill(daemon, size, port="echo"):
    """Lets the echo send back this many bytes, and returns them."""
    data = os.urandom(size)
    with vser.connect(daemon.address) as client:
        for begin in range(0, size, 1 << 19):
            client.write(port, data[begin:begin + (1 << 19)])
        until(lambda: client.port(port).next_offset >= size)
    return data


def test_a_console_sends_and_receives(daemon):
    async def chat():
        async with daemon.socket("/attach") as attached:
            assert attached.subprotocol == "vser.v1"
            await attached.send(open_request("echo"))
            opened = await next_item(attached)
            assert opened.opened.port.name == "echo"
            await attached.send(data_request(b"hello \0\xff"))
            assert (await read_bytes(attached, 8)) == (0, b"hello \0\xff")
            with vser.connect(daemon.address) as client:
                session, = client.sessions("echo")
            assert session.via == "web" and session.peer.startswith("127.0.0.1:"), session
    run(chat())


def test_a_console_resumes_by_offset_without_a_hole(daemon):
    sent = fill(daemon, 3_000_000)

    async def read_in_parts():
        got = bytearray()
        while len(got) < len(sent):
            async with daemon.socket("/attach") as attached:
                await attached.send(open_request("echo", "MODE_READ_ONLY", offset=len(got)))
                begin, data = await read_bytes(attached, min(700_000, len(sent) - len(got)))
                assert begin == len(got)
                got += data  # what was on its way is lost with the connection
                attached.transport.abort()
        return bytes(got[:len(sent)])

    assert run(read_in_parts()) == sent


def test_all_viewers_see_the_same(daemon):
    async def view():
        async with contextlib.AsyncExitStack() as stack:
            viewers = [await stack.enter_async_context(daemon.socket("/attach")) for _ in range(5)]
            for viewer in viewers:
                await viewer.send(open_request("echo", oldest=True))
                await next_item(viewer)
            await viewers[0].send(data_request(b"seen by all"))
            return [await read_bytes(viewer, 11) for viewer in viewers]
    assert run(view()) == [(0, b"seen by all")] * 5


def test_history_is_read_and_ends(daemon):
    sent = fill(daemon, 100_000)

    async def read():
        async with daemon.socket("/read") as history:
            await history.send(console.ReadRequest(port="echo", **{"from": types.StartPoint(oldest=True)}).SerializeToString())
            got = bytearray()
            with contextlib.suppress(websockets.ConnectionClosed):
                while True:
                    got += console.ReadResponse.FromString(await history.recv()).data.bytes
            return bytes(got), history.close_code
    assert run(read()) == (sent, 1000)


def test_the_list_of_ports_is_live(daemon):
    async def watch():
        async with daemon.socket("/watch") as watching:
            await watching.send(watch_request())
            names = [ports.WatchPortsResponse.FromString(await watching.recv()).event.port.name for _ in range(2)]
            with vser.connect(daemon.address) as client:
                client.set_baud("other", 9600)
            while True:
                event = ports.WatchPortsResponse.FromString(await watching.recv()).event
                if event.port.baud == 9600:
                    return names, event.port.name
    assert run(watch()) == (["echo", "other"], "other")


def test_many_ports_are_collected(daemon):
    async def collect():
        async with daemon.socket("/collect") as collecting:
            request = console.CollectRequest(sources=[{"port": "echo"}, {"port": "other"}])
            await collecting.send(request.SerializeToString())
            with vser.connect(daemon.address) as client:
                got = {}
                while len(got) < 2:
                    for name in ("echo", "other"):
                        client.write(name, f"to {name};")
                    for record in console.CollectResponse.FromString(await collecting.recv()).records:
                        if record.data:
                            got[record.port] = record.data
            return got
    got = run(collect())
    assert got["echo"].startswith(b"to echo;") and got["other"].startswith(b"to other;")


@pytest.mark.parametrize("request_bytes, code, hint", [
    (open_request("ehco"), NOT_FOUND, 'did you mean "echo"'), (data_request(b"x"), INVALID_ARGUMENT, "`open`"),
    (b"\xff\xff", INVALID_ARGUMENT, "AttachRequest"), (b"", INVALID_ARGUMENT, "`open`"),
    (open_request("x" * 1000), NOT_FOUND, "xxx")])
def test_an_error_ends_the_socket_with_its_code_and_reason(daemon, request_bytes, code, hint):
    async def fail():
        async with daemon.socket("/attach") as attached:
            await attached.send(request_bytes)
            return await closed(attached)
    got, reason = run(fail())
    assert got == code and hint in reason and len(reason.encode()) <= 123


def test_text_frames_are_refused(daemon):
    async def fail():
        async with daemon.socket("/attach") as attached:
            await attached.send("text")
            return await closed(attached)
    code, reason = run(fail())
    assert code == INVALID_ARGUMENT and "binary" in reason


def test_a_second_request_on_a_read_is_refused(daemon):
    async def fail():
        async with daemon.socket("/watch") as watching:
            await watching.send(watch_request())
            await watching.send(watch_request())
            return await closed(watching)
    assert run(fail())[0] == INVALID_ARGUMENT


def test_a_client_that_does_not_acknowledge_is_sent_a_window_and_then_a_gap(daemon):
    async def lag():
        async with daemon.socket("/attach") as attached:
            await attached.send(open_request("echo", oldest=True))
            await next_item(attached)
            await asyncio.get_running_loop().run_in_executor(None, fill, daemon, 3 << 20)
            got = 0
            with contextlib.suppress(asyncio.TimeoutError):
                while True:
                    item = console.AttachResponse.FromString(await asyncio.wait_for(attached.recv(), 1 if got >= WINDOW_BYTES else 20))
                    got += len(item.data.bytes)
            ahead = got
            await asyncio.get_running_loop().run_in_executor(None, fill_more, daemon, 6 << 20)
            await attached.send(acknowledgement(got))
            while True:
                item = await next_item(attached)
                got += len(item.data.bytes)
                await attached.send(acknowledgement(got))
                if item.WhichOneof("item") == "gap":
                    return ahead, got, getattr(item.gap, "from"), item.gap.to
    ahead, got, begin, end = run(lag())
    assert WINDOW_BYTES <= ahead < WINDOW_BYTES + 2 * (64 << 10)
    assert begin == got and end > begin


def fill_more(daemon, size):
    with vser.connect(daemon.address) as client:
        before = client.port("echo").next_offset
        for _ in range(size >> 19):
            client.write("echo", bytes(1 << 19))
        until(lambda: client.port("echo").next_offset >= before + size)


def test_an_acknowledgement_from_the_future_opens_nothing(daemon):
    async def lie():
        async with daemon.socket("/attach") as attached:
            await attached.send(open_request("echo", oldest=True))
            await next_item(attached)
            await attached.send(acknowledgement((1 << 64) - 1))
            await asyncio.get_running_loop().run_in_executor(None, fill, daemon, 2 << 20)
            got = 0
            with contextlib.suppress(asyncio.TimeoutError):
                while True:
                    item = console.AttachResponse.FromString(await asyncio.wait_for(attached.recv(), 1 if got >= WINDOW_BYTES else 20))
                    got += len(item.data.bytes)
            return got
    assert run(lie()) < WINDOW_BYTES + 2 * (64 << 10)


def test_a_browser_that_stops_reading_stops_nobody_else(daemon):
    async def stop_reading():
        async with daemon.socket("/attach") as stuck, daemon.socket("/attach") as lively:
            for each in (stuck, lively):
                await each.send(open_request("echo"))
                await next_item(each)
            stuck.transport.pause_reading()
            for _ in range(20):
                await lively.send(data_request(bytes(1 << 16)))
                await read_bytes(lively, 1 << 16)
            stuck.transport.resume_reading()
    run(stop_reading())


def asked_for_upgrade(daemon, path, more=""):
    """A raw connection, and the head of the answer."""
    connection = daemon.connect()
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {daemon.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                       f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Protocol: vser.v1\r\n{more}\r\n".encode())
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(1000)
    return connection, received


def handshake(daemon, path="/attach", more=""):
    """A raw connection that is a WebSocket now."""
    connection, head = asked_for_upgrade(daemon, path, more)
    assert head.startswith(b"HTTP/1.1 101"), head
    return connection


def frame(opcode, payload, final=True, masked=True, size=None):
    """One frame of a client. `size`: another one than that of the payload."""
    size = len(payload) if size is None else size
    head = bytes([(0x80 if final else 0) | opcode])
    mask = 0x80 if masked else 0
    if size < 126:
        head += bytes([mask | size])
    elif size < 65536:
        head += bytes([mask | 126]) + struct.pack(">H", size)
    else:
        head += bytes([mask | 127]) + struct.pack(">Q", size)
    return head + (bytes(4) if masked else b"") + payload


def close_code(connection):
    """The code of the close frame, or None if the connection just ended."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while data := connection.recv(65536):
            received += data
    connection.close()
    found = re.search(rb"\x88[\x02-\x7d](..)", received, re.DOTALL)
    return struct.unpack(">H", found.group(1))[0] if found else None


@pytest.mark.parametrize("frames, code", [
    ([frame(2, b"", size=(1 << 20) + 5000)], 1009),
    ([frame(2, b"", size=(1 << 63) - 1)], 1009),
    ([frame(2, bytes(1 << 19), final=False), frame(0, bytes(1 << 19), final=False), frame(0, bytes(8192), final=True)], 1009),
    ([frame(2, b"x", masked=False)], 1002),
    ([frame(0, b"x")], 1002),
    ([frame(2, b"x", final=False), frame(2, b"x")], 1002),
    ([frame(9, bytes(126))], 1002),
    ([frame(9, b"x", final=False)], 1002),
    ([frame(3, b"x")], 1002),
    ([bytes([0xC2]) + frame(2, b"x")[1:]], 1002),
    ([frame(8, b"\x03")], 1002),
    ([frame(8, struct.pack(">H", 1005))], 1002),
])
def test_frames_that_no_websocket_may_send_end_it(daemon, frames, code):
    connection = handshake(daemon)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for each in frames:
            connection.sendall(each)
    assert close_code(connection) == code
    assert daemon.get("/healthz").status == 200


def test_a_message_in_many_fragments_is_one_request(daemon):
    connection = handshake(daemon)
    request = open_request("echo")
    for number, byte in enumerate(request):
        connection.sendall(frame(2 if number == 0 else 0, bytes([byte]), final=False) + frame(9, b"ping"))
    connection.sendall(frame(0, b""))
    received = b""
    while b"\x82" not in received or b"echo" not in received:
        received += connection.recv(65536)
    connection.close()


def test_messages_before_the_answer_are_refused(daemon):
    head = (f"GET /attach HTTP/1.1\r\nHost: {daemon.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Protocol: vser.v1\r\n\r\n")
    assert daemon.raw(head.encode() + frame(2, open_request("echo"))).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("path", ["/", "/healthz", "/assets/none.js", "/nothing"])
def test_an_upgrade_of_what_is_no_websocket_is_not_made(daemon, path):
    connection, head = asked_for_upgrade(daemon, path)
    with contextlib.closing(connection):
        assert re.match(rb"HTTP/1.1 (200|404) ", head), head
        connection.sendall(frame(2, b"x"))
    assert status_of(daemon) == 200


def test_a_page_of_another_origin_gets_no_upgrade_of_the_page_either(daemon):
    connection, head = asked_for_upgrade(daemon, "/", "Origin: http://evil.example\r\n")
    connection.close()
    assert head.startswith(b"HTTP/1.1 403 "), head


def test_a_websocket_needs_the_subprotocol(daemon):
    async def open_without():
        with pytest.raises(websockets.InvalidStatusCode) as refused:
            await daemon.socket("/attach", subprotocols=None)
        return refused.value.status_code
    assert run(open_without()) == 400


def test_the_end_of_a_session_says_who_ended_it(daemon):
    async def be_ended():
        async with daemon.socket("/attach") as attached:
            await attached.send(open_request("echo"))
            await next_item(attached)
            with vser.connect(daemon.address) as client:
                client.end_session(client.sessions("echo")[0].id, "lunch", "ann")
            return await closed(attached)
    code, reason = run(be_ended())
    assert code == ABORTED and "ann" in reason and "lunch" in reason


def test_a_client_that_vanishes_is_no_session_any_more(daemon):
    async def vanish():
        attached = await daemon.socket("/attach")
        await attached.send(open_request("echo"))
        await next_item(attached)
        attached.transport.abort()
    run(vanish())
    with vser.connect(daemon.address) as client:
        until(lambda: not client.sessions("echo"))


def test_takeover_and_refusal_are_events(daemon):
    async def hold():
        async with daemon.socket("/attach") as holder, daemon.socket("/attach") as other:
            await holder.send(open_request("echo", "MODE_EXCLUSIVE"))
            await next_item(holder)
            await other.send(open_request("echo"))
            await next_item(other)
            await other.send(data_request(b"refused"))
            while True:
                item = await next_item(other)
                if item.event.writer.refused_bytes:
                    return item.event.writer.refused_bytes, item.event.writer.client
    assert run(hold()) == (7, "test")


def test_a_stop_says_so_to_every_socket(tmp_path):
    daemon = WebDaemon(tmp_path, ECHO)

    async def be_stopped():
        async with daemon.socket("/attach") as attached, daemon.socket("/watch") as watching:
            await attached.send(open_request("echo"))
            await next_item(attached)
            await watching.send(watch_request())
            await watching.recv()
            await asyncio.get_running_loop().run_in_executor(None, daemon.stop)
            return (await closed(attached))[0], (await closed(watching))[0]
    assert run(be_stopped()) == (UNAVAILABLE, UNAVAILABLE)


def test_a_reload_removes_a_port_under_a_console(daemon):
    async def lose():
        async with daemon.socket("/attach") as attached, daemon.socket("/attach") as kept:
            await attached.send(open_request("other"))
            await next_item(attached)
            await kept.send(open_request("echo"))
            await next_item(kept)
            daemon.rewrite(port_table("echo", "sim:echo?unpaced=1"))
            daemon.process.send_signal(signal.SIGHUP)
            code = (await closed(attached))[0]
            await kept.send(data_request(b"still here"))
            return code, await read_bytes(kept, 10)
    assert run(lose()) == (UNAVAILABLE, (0, b"still here"))


def test_a_hundred_consoles_on_sim_echo(daemon):
    async def crowd():
        async with contextlib.AsyncExitStack() as stack:
            all_of_them = [await stack.enter_async_context(daemon.socket("/attach")) for _ in range(100)]
            for each in all_of_them:
                await each.send(open_request("echo", oldest=True))
                await next_item(each)
            await all_of_them[0].send(data_request(b"x" * 10_000))
            got = await asyncio.gather(*(read_bytes(each, 10_000) for each in all_of_them))
            assert set(got) == {(0, b"x" * 10_000)}
    run(crowd())


def test_a_thousand_idle_websockets_and_their_end(daemon):
    def resident():
        with open(f"/proc/{daemon.process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before = resident()
    request = open_request("echo")
    connections = []
    for _ in range(1000):
        connections.append(handshake(daemon))
        connections[-1].sendall(frame(2, request))
    with vser.connect(daemon.address) as client:
        until(lambda: len(client.sessions("echo")) == 1000)
        assert resident() - before < 160 << 20  # a sixth of it is the sanitizer's or the debug build's
        assert daemon.call("PortService/GetBaud", {"port": "echo"}).status == 200
        for each in connections:
            each.close()
        until(lambda: not client.sessions("echo"))


def test_too_many_connections_are_refused_but_waiting_ones_make_room(tmp_path):
    daemon = WebDaemon(tmp_path, ECHO, web="connections_max = 8")
    idle = [daemon.connect() for _ in range(8)]
    assert daemon.get("/healthz").status == 200  # the oldest idle one has made room
    assert idle[0].recv(1) == b""
    sockets = [handshake(daemon) for _ in range(8)]
    with pytest.raises((ConnectionError, socket.timeout, OSError)):
        daemon.get("/healthz")
    for each in [*sockets, *idle]:
        each.close()
    until(lambda: status_of(daemon) == 200)
    daemon.stop()


def status_of(daemon):
    try:
        return daemon.get("/healthz").status
    except OSError:
        return None
