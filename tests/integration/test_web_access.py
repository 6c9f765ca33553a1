"""Who may use the web face: origins, hosts, tokens, tickets, certificates, and connections that are slow."""
import gzip
import hashlib
import re
import shutil
import signal
import socket
import time

import grpc
import pytest
import websockets
from certificates import Authority, server_tls
from restarts import port_table, until
from rights import ROLES, allows, rpcs
from vserd_process import PATIENCE_SECONDS, Daemon
from web_client import JSON, WebDaemon, closed, next_item, open_request, run

from vser.v1 import port_service_pb2

ECHO = port_table("p", "sim:echo?unpaced=1") + port_table("hidden", "sim:echo?unpaced=1")
STREAMS = {"Attach", "Read", "Collect", "WatchPorts", "Yield"}
PERMISSION_DENIED = 4007
HEAD_LIMIT_SECONDS = 10

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")


def token(role):
    return f"vserd_test-token-with-the-role-{role}"


def access(folder, roles=ROLES):
    """[access] with a token for each role; the certificates of these tests have the name localhost."""
    tokens = folder / "tokens"
    tokens.write_text("".join(f"{role} {hashlib.sha256(token(role).encode()).hexdigest()}\n" for role in roles))
    tokens.chmod(0o600)
    rules = "".join(f'[[access.rule]]\nwho = ["token:{role}"]\nports = ["p"]\nrole = "{role}"\n' for role in ROLES[1:])
    rules += '[[access.rule]]\nwho = ["cert:localhost"]\nports = ["p"]\nrole = "admin"\n'
    return f'[access]\ntokens = "{tokens}"\naudit = "{folder}/audit"\n{rules}'


@pytest.fixture(scope="module")
def open_daemon(tmp_path_factory):
    started = WebDaemon(tmp_path_factory.mktemp("open"), ECHO,
                        web='hosts = ["lab7.example", "lab8.example:8443", "https://console.example"]')
    yield started
    started.stop()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guarded")
    started = WebDaemon(folder, ECHO, more=access(folder))
    started.folder = folder
    yield started
    started.stop()


def status_of_socket(daemon, subprotocols=("vser.v1",), headers=None, path="/attach"):
    """The HTTP status that refuses a WebSocket; 101: it is open."""
    async def attempt():
        try:
            async with daemon.socket(path, subprotocols, extra_headers=headers or {}):
                return 101
        except websockets.InvalidStatusCode as refused:
            return refused.status_code
    return run(attempt())


# Pages of others.

@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1", "https://{host}", "http://{host}.evil.example", "http://{host}/",
                                    "http://localhost:1", "file://", ""])
def test_a_page_of_another_origin_may_do_nothing(open_daemon, origin):
    origin = origin.format(host=open_daemon.host)
    for method, path in (("POST", "/vser.v1.PortService/ListPorts"), ("POST", "/ticket"), ("GET", "/healthz"), ("OPTIONS", "/ticket")):
        reply = open_daemon.request(method, path, "{}", {**JSON, "Origin": origin})
        assert reply.status == 403 and "own page" in reply.text
        assert "Access-Control-Allow-Origin" not in reply.headers
    assert status_of_socket(open_daemon, headers={"Origin": origin}) == 403


def test_the_own_page_may(open_daemon):
    assert open_daemon.call("PortService/ListPorts", Origin=open_daemon.origin).status == 200
    assert status_of_socket(open_daemon, headers={"Origin": open_daemon.origin}) == 101


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "lab8.example", "lab8.example:80", "localhost.evil.example", "", "x" * 5000,
                                  "127.0.0.2", "[::1]", "lab7.example.", "user@127.0.0.1"])
def test_a_name_that_is_not_ours_is_refused(open_daemon, host):
    """DNS rebinding: the name of the attacker's page points at us, so its origin and host agree."""
    for method, path in (("POST", "/vser.v1.PortService/ListPorts"), ("GET", "/"), ("GET", "/healthz")):
        reply = open_daemon.request(method, path, "{}", {**JSON, "Host": host, "Origin": f"http://{host}"})
        assert reply.status == 421 and "`hosts` in [web]" in reply.text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:9", "lab7.example", "Lab7.Example:8080", "lab8.example:8443",
                                  "console.example"])
def test_known_names_are_taken(open_daemon, host):
    assert open_daemon.get("/healthz", Host=host).status == 200


def test_a_name_with_a_scheme_is_behind_a_proxy(open_daemon):
    allowed = {"Host": "console.example", "Origin": "https://console.example"}
    assert open_daemon.call("PortService/ListPorts", **allowed).status == 200
    assert open_daemon.call("PortService/ListPorts", **{**allowed, "Origin": "http://console.example"}).status == 403


def test_one_host_header_is_needed(open_daemon):
    for hosts in ("", "Host: localhost\r\nHost: evil.example\r\n"):
        assert open_daemon.raw(f"GET / HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n".encode()).startswith(b"HTTP/1.1 400")


# The page.

def test_the_page_and_its_files_come_with_their_headers(open_daemon):
    page = open_daemon.get("/")
    assert page.status == 200 and page.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert (page.headers["X-Content-Type-Options"], page.headers["Referrer-Policy"]) == ("nosniff", "no-referrer")
    assert "Set-Cookie" not in page.headers and page.headers["Cache-Control"] == "no-cache"
    assert "<script>" not in page.text and "<style" not in page.text and "style=" not in page.text
    again = open_daemon.get("/", If_None_Match=page.headers["ETag"])
    assert (again.status, again.body) == (304, b"")


def test_the_files_of_the_page_are_compressed_and_immutable(open_daemon):
    paths = re.findall(r'(?:src|href)="\.(/assets/[^"]+)"', open_daemon.get("/").text)
    assert paths
    for path in paths:
        plain, compressed = open_daemon.get(path), open_daemon.get(path, Accept_Encoding="gzip, deflate")
        assert "immutable" in plain.headers["Cache-Control"]
        assert gzip.decompress(compressed.body) == plain.body and compressed.headers["Content-Encoding"] == "gzip"


def test_a_head_request_has_no_body(open_daemon):
    head = open_daemon.request("HEAD", "/")
    assert head.status == 200 and head.body == b"" and int(head.headers["Content-Length"]) > 0


def test_discovery_without_a_fleet_says_what_to_configure(open_daemon):
    reply = open_daemon.get("/sd/prometheus")
    assert reply.status == 404 and "[fleet]" in reply.text
    assert open_daemon.request("POST", "/sd/prometheus").headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/nothing", "/assets/", "/assets/../../etc/passwd", "/..%2f..%2fetc/passwd", "//evil.example/", "/vser.v2.X/Y"])
def test_other_paths_are_not_found(open_daemon, path):
    assert open_daemon.get(path).status == 404


# Tokens and tickets.

def test_without_rules_a_ticket_is_not_needed_but_works(open_daemon):
    ticket = open_daemon.request("POST", "/ticket").json
    assert ticket["expires_in_seconds"] == 30
    assert status_of_socket(open_daemon) == 101
    assert status_of_socket(open_daemon, ("vser.v1", f"ticket.{ticket['ticket']}")) == 101


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"},
                                     {"Authorization": "Bearer "}])
def test_with_rules_a_token_is_needed(guarded, headers):
    for path in ("/vser.v1.PortService/ListPorts", "/ticket"):
        reply = guarded.request("POST", path, "{}", {**JSON, **headers})
        assert (reply.status, reply.headers["WWW-Authenticate"], reply.json["code"]) == (401, "Bearer", "unauthenticated")
        assert reply.json["details"][0]["debug"]["reason"] == "NOT_AUTHENTICATED"
    assert status_of_socket(guarded, headers=headers) == 401
    assert guarded.get("/").status == 200  # where the login is


def test_refusals_are_in_the_audit_trail_as_web(guarded):
    guarded.call("PortService/ListPorts", token="wrong")
    until(lambda: '"via":"web"' in (guarded.folder / "audit").read_text().replace('": "', '":"'))


REQUESTS = {"SetBaud": {"baud": 9600}, "SetFormat": {"format": {"data_bits": 7}}, "SetSignals": {"dtr": True}, "Write": {"text": "x"},
            "Flush": {"direction": "FLUSH_DIRECTION_BOTH"}, "SendNotice": {"text": "hello"},
            "WaitFor": {"patterns": ["x"], "timeout": "0s"}}


@pytest.mark.parametrize("service, name", sorted(key for key in rpcs() if key[1] in [*REQUESTS, "GetPort", "GetBaud", "GetFormat", "GetSignals", "SendBreak"]))
def test_every_role_may_what_the_protos_say(guarded, service, name):
    needed = rpcs()[service, name]
    for role in ROLES:
        reply = guarded.call(f"{service.removeprefix('vser.v1.')}/{name}", {"port": "p", **REQUESTS.get(name, {})}, token(role))
        expected = 200 if allows(role, needed) else 404 if role == "none" else 403
        assert reply.status == expected, (role, reply.text)
        if expected == 403:
            debug = reply.json["details"][0]["debug"]
            assert debug["reason"] == "ROLE_TOO_LOW" and (debug["metadata"]["needed"], debug["metadata"]["held"]) == (needed, role)


def test_hidden_ports_do_not_exist(guarded):
    assert [port["name"] for port in guarded.call("PortService/ListPorts", token=token("admin")).json["ports"]] == ["p"]
    assert guarded.call("PortService/GetPort", {"port": "hidden"}, token("admin")).status == 404


def test_a_ticket_works_once(guarded):
    ticket = guarded.ticket(token("write"))

    async def attach():
        async with guarded.socket("/attach", ("vser.v1", f"ticket.{ticket}")) as attached:
            assert attached.subprotocol == "vser.v1"
            await attached.send(open_request("p"))
            assert (await next_item(attached)).opened.role == 3
    run(attach())
    assert status_of_socket(guarded, ("vser.v1", f"ticket.{ticket}")) == 401
    assert status_of_socket(guarded, ("vser.v1", "ticket.")) == 401


def test_a_ticket_gives_the_role_of_its_token(guarded):
    async def attach():
        async with guarded.socket("/attach", ("vser.v1", f"ticket.{guarded.ticket(token('read'))}")) as attached:
            await attached.send(open_request("p", "MODE_READ_WRITE"))
            return await closed(attached)
    assert run(attach())[0] == PERMISSION_DENIED


def test_a_late_ticket_is_refused(guarded):
    ticket = guarded.ticket(token("write"))
    time.sleep(30.5)  # the time limit itself is under test
    assert status_of_socket(guarded, ("vser.v1", f"ticket.{ticket}")) == 401


def test_a_token_in_a_header_opens_a_websocket_too(guarded):
    assert status_of_socket(guarded, headers={"Authorization": f"Bearer {token('read')}"}) == 101


def test_sessions_end_when_their_token_is_removed(tmp_path):
    daemon = WebDaemon(tmp_path, ECHO, more=access(tmp_path))

    async def lose():
        async with daemon.socket("/attach", ("vser.v1", f"ticket.{daemon.ticket(token('write'))}")) as attached:
            await attached.send(open_request("p"))
            await next_item(attached)
            access(tmp_path, [role for role in ROLES if role != "write"])
            daemon.process.send_signal(signal.SIGHUP)
            return await closed(attached)
    assert run(lose())[0] == PERMISSION_DENIED
    assert daemon.call("PortService/ListPorts", token=token("write")).status == 401
    daemon.stop()


def test_a_pass_from_outside_is_worth_nothing(guarded):
    """The in-process channel carries passes as metadata; in a call over gRPC they mean nothing."""
    with grpc.insecure_channel(guarded.address) as channel:
        call = channel.unary_unary("/vser.v1.PortService/GetPort", port_service_pb2.GetPortRequest.SerializeToString,
                                   port_service_pb2.GetPortResponse.FromString)
        with pytest.raises(grpc.RpcError) as refused:
            call(port_service_pb2.GetPortRequest(port="p"), metadata=[("vserd-pass", "0" * 32)], timeout=PATIENCE_SECONDS)
        assert refused.value.code() == grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("header", ["vserd-pass", "Vserd-Pass", "grpc-metadata-vserd-pass"])
def test_headers_do_not_reach_the_calls(guarded, header):
    reply = guarded.request("POST", "/vser.v1.PortService/ListPorts", "{}", {**JSON, header: "0" * 32})
    assert reply.status == 401


# TLS.

@needs_openssl
def test_tls_tokens_certificates_and_their_renewal(tmp_path):
    authority = Authority(tmp_path)
    authority.sign("server")
    more = access(tmp_path) + server_tls(tmp_path, f'client_ca = "{tmp_path}/ca.crt"\nclient_certificates = "optional"')
    daemon = WebDaemon(tmp_path, ECHO, web="tls = true", more=more, trust=tmp_path / "ca.crt")
    assert daemon.scheme == "https"
    assert daemon.call("PortService/ListPorts").status == 401
    assert daemon.call("PortService/ListPorts", token=token("list"), Origin=daemon.origin).status == 200
    assert status_of_socket(daemon, ("vser.v1", f"ticket.{daemon.ticket(token('read'))}")) == 101
    assert b"HTTP" not in plain_answer(daemon)
    before = serial_of(daemon)
    authority.sign("client")
    daemon.context.load_cert_chain(tmp_path / "client.crt", tmp_path / "client.key")
    assert daemon.call("PortService/GetPort", {"port": "p"}).json["port"]["role"] == "ROLE_ADMIN"
    authority.sign("server")
    daemon.process.send_signal(signal.SIGHUP)
    until(lambda: serial_of(daemon) != before)
    daemon.stop()


def serial_of(daemon):
    with daemon.connect() as connection:
        return connection.getpeercert()["serialNumber"]


def plain_answer(daemon):
    """What a client without TLS gets."""
    name, port = daemon.host.rsplit(":", 1)
    with socket.create_connection((name, int(port)), PATIENCE_SECONDS) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {daemon.host}\r\n\r\n".encode())
        return connection.recv(1000)


# Slow and large.

def test_slow_headers_are_not_waited_for(open_daemon):
    begin = time.monotonic()
    with open_daemon.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        connection.settimeout(PATIENCE_SECONDS)
        received, sent = b"", 0
        try:
            while not received:
                connection.settimeout(0.5)
                try:
                    received = connection.recv(1000)
                    break
                except TimeoutError:
                    connection.sendall(b"X: y\r\n")
                    sent += 1
        except ConnectionError:
            pass
        assert received == b"" and sent > 0 and time.monotonic() - begin >= HEAD_LIMIT_SECONDS - 1
    assert open_daemon.get("/healthz").status == 200


@pytest.mark.parametrize("text, status", [
    (b"GET / HTTP/1.1\r\nX: " + b"x" * 20000 + b"\r\n\r\n", 431), (b"GET /" + b"x" * 20000 + b" HTTP/1.1\r\n\r\n", 431),
    (b"nonsense\r\n\r\n", 400), (b"GET / HTTP/3.7\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n", 400),
    (b"POST /ticket HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
    (b"POST /ticket HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (b"POST /ticket HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n", 413),
    (b"POST /ticket HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", 400)])
def test_what_is_no_request_is_answered_and_ended(open_daemon, text, status):
    assert open_daemon.raw(text).startswith(f"HTTP/1.1 {status} ".encode())


def test_an_address_that_others_can_reach_needs_tls_and_rules(tmp_path):
    with pytest.raises(AssertionError):
        Daemon(tmp_path, ECHO, history='[web]\nlisten = ["0.0.0.0:0"]')
