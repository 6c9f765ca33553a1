"""Clients of the web face: plain HTTP, Connect's JSON, and WebSockets by websockets 10."""
import asyncio
import contextlib
import http.client
import json
import re
import socket
import ssl

import websockets
from vserd_process import PATIENCE_SECONDS, Daemon

from vser.v1 import console_service_pb2 as console
from vser.v1 import port_service_pb2 as ports

SUBPROTOCOL = "vser.v1"
JSON = {"Content-Type": "application/json"}


class Reply:
    """A response of HTTP."""

    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    @property
    def json(self):
        assert self.headers["Content-Type"] == "application/json", (self.status, self.headers["Content-Type"], self.body)
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode()


class WebDaemon(Daemon):
    """A vserd with a web face. `web`: more lines of [web]; `more`: more tables."""

    def __init__(self, folder, ports_text, web="", more="", web_listen="127.0.0.1:0", trust=None, **rest):
        self.context = ssl.create_default_context(cafile=trust) if trust else None
        super().__init__(folder, ports_text, history=f'[web]\nlisten = ["{web_listen}"]\n{web}\n{more}', **rest)

    def start(self):
        address = super().start()
        found = re.search(r"web (https?)://([^/]+)/", self.line)
        assert found, self.line
        self.scheme, self.host = found.groups()
        return address

    @property
    def origin(self):
        return f"{self.scheme}://{self.host}"

    def connect(self):
        name, port = self.host.rsplit(":", 1)
        connected = socket.create_connection((name, int(port)), PATIENCE_SECONDS)
        return self.context.wrap_socket(connected, server_hostname=name) if self.context else connected

    def http(self):
        if self.context:
            return http.client.HTTPSConnection(self.host, timeout=PATIENCE_SECONDS, context=self.context)
        return http.client.HTTPConnection(self.host, timeout=PATIENCE_SECONDS)

    def request(self, method, path, body=None, headers=None):
        with contextlib.closing(self.http()) as connection:
            connection.request(method, path, body, headers or {})
            return Reply(connection.getresponse())

    def get(self, path, **headers):
        return self.request("GET", path, None, {name.replace("_", "-"): value for name, value in headers.items()})

    def call(self, method, message=None, token=None, **headers):
        """Calls "PortService/GetPort" with JSON."""
        sent = {**JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        return self.request("POST", f"/vser.v1.{method}", json.dumps(message or {}), sent)

    def raw(self, text):
        """Sends these bytes and returns all that comes until the server closes."""
        with self.connect() as connection:
            connection.sendall(text)
            received = b""
            with contextlib.suppress(ConnectionResetError):
                while data := connection.recv(65536):
                    received += data
            return received

    def ticket(self, token=None):
        reply = self.request("POST", "/ticket", headers={"Authorization": f"Bearer {token}"} if token else {})
        assert reply.status == 200, reply.text
        return reply.json["ticket"]

    def socket(self, path, subprotocols=(SUBPROTOCOL,), **more):
        scheme = "wss" if self.context else "ws"
        return websockets.connect(f"{scheme}://{self.host}{path}", subprotocols=subprotocols, open_timeout=PATIENCE_SECONDS,
                                  close_timeout=PATIENCE_SECONDS, max_size=None, ssl=self.context, compression=None, **more)


def run(coroutine):
    """Runs a test's coroutine, at most for PATIENCE_SECONDS."""
    return asyncio.run(asyncio.wait_for(coroutine, PATIENCE_SECONDS))


def open_request(port, mode="MODE_READ_WRITE", **start):
    request = console.AttachRequest(open=console.Open(port=port, mode=console.Mode.Value(mode), client="test"))
    for name, value in start.items():
        setattr(getattr(request.open, "from"), name, value)
    return request.SerializeToString()


def data_request(data):
    return console.AttachRequest(data=data).SerializeToString()


def acknowledgement(offset):
    return console.AttachRequest(acknowledged=offset).SerializeToString()


async def next_item(attached):
    return console.AttachResponse.FromString(await attached.recv())


async def read_bytes(attached, size, acknowledge=True):
    """The next bytes of a console: (offset of the first one, bytes). Fails at a gap."""
    begin, got = None, bytearray()
    while len(got) < size:
        item = await next_item(attached)
        assert item.WhichOneof("item") != "gap", item
        if item.WhichOneof("item") != "data":
            continue
        begin = item.data.offset if begin is None else begin
        assert item.data.offset == begin + len(got)
        got += item.data.bytes
        if acknowledge:
            await attached.send(acknowledgement(begin + len(got)))
    return begin, bytes(got)


async def closed(attached):
    """(code, reason) of the close, after what still comes."""
    try:
        while True:
            await attached.recv()
    except websockets.ConnectionClosed as end:
        received = end.rcvd
        return (received.code, received.reason) if received else (None, "")


def watch_request(*names):
    return ports.WatchPortsRequest(ports=names).SerializeToString()
