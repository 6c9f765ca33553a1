"""Unary calls of the web face by the Connect protocol, as curl and any HTTP client makes them."""
import base64
import contextlib
import json
import socket
import subprocess
import urllib.request

import pytest
from restarts import port_table, until
from rights import rpcs
from vserd_process import PATIENCE_SECONDS, free_port
from web_client import JSON, Reply, WebDaemon

import vser
from vser.rpc import error_details_pb2
from vser.v1 import console_service_pb2 as console
from vser.v1 import port_service_pb2 as ports

ECHO = port_table("echo", "sim:echo?unpaced=1") + port_table("slow", "sim:echo", 'baud = 300\ntx_queue_bytes = "1KiB"')
STREAMS = {"Attach", "Read", "Collect", "WatchFleet", "WatchPorts", "Yield"}
# HTTP status by what an empty request of each rpc gets: the field `port` is missing, or nothing is needed.
WITHOUT_FIELDS = {"ListPorts": 200, "GetServerInfo": 200, "ListSessions": 200, "ListLeases": 200}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    started = WebDaemon(tmp_path_factory.mktemp("web"), ECHO, web="connections_max = 64")
    yield started
    started.stop()


def error_info(error):
    """(reason, metadata) of the ErrorInfo in a Connect error."""
    detail = error["details"][0]
    assert detail["type"] == "google.rpc.ErrorInfo"
    info = error_details_pb2.ErrorInfo.FromString(base64.b64decode(detail["value"] + "=" * (-len(detail["value"]) % 4)))
    assert detail["debug"]["reason"] == info.reason
    return info.reason, dict(info.metadata)


@pytest.mark.parametrize("service, name", sorted(key for key in rpcs() if key[1] not in STREAMS))
def test_every_unary_rpc_answers_json(daemon, service, name):
    reply = daemon.request("POST", f"/{service}/{name}", "{}", JSON)
    assert reply.status == WITHOUT_FIELDS.get(name, 400), reply.text
    if reply.status == 400:
        missing = "failed_precondition" if service == "vser.v1.FleetService" else "invalid_argument"  # there is no fleet
        assert reply.json["code"] == missing and reply.json["message"]


@pytest.mark.parametrize("service, name", sorted(key for key in rpcs() if key[1] in STREAMS))
def test_a_stream_says_what_to_use(daemon, service, name):
    reply = daemon.request("POST", f"/{service}/{name}", "{}", JSON)
    assert (reply.status, reply.json["code"]) == (501, "unimplemented")
    assert "WebSocket" in reply.json["message"]


def test_curl_sets_a_speed_and_sees_it(daemon):
    command = ["curl", "-sS", "-H", "content-type: application/json", "-d", '{"port":"slow","baud":301}',
               f"{daemon.origin}/vser.v1.PortService/SetBaud"]
    assert json.loads(subprocess.run(command, check=True, capture_output=True).stdout) == {"baud": 301}
    assert daemon.call("PortService/GetBaud", {"port": "slow"}).json == {"baud": 301}


def test_both_spellings_of_a_field_are_taken_and_the_protos_are_sent(daemon):
    for name in ("data_bits", "dataBits"):
        reply = daemon.call("PortService/SetFormat", {"port": "slow", "format": {name: 7}})
        assert reply.json["format"]["data_bits"] == 7


def test_bytes_are_base64_and_numbers_of_64_bits_are_strings(daemon):
    reply = daemon.call("ConsoleService/Write", {"port": "echo", "data": base64.b64encode(b"\0\xff").decode()})
    assert reply.json["bytes_written"] == "2"


def test_protobuf_is_taken_and_sent(daemon):
    sent = ports.GetPortRequest(port="echo").SerializeToString()
    reply = daemon.request("POST", "/vser.v1.PortService/GetPort", sent, {"Content-Type": "application/proto"})
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/proto")
    assert ports.GetPortResponse.FromString(reply.body).port.name == "echo"


def test_an_error_has_code_message_and_details(daemon):
    reply = daemon.call("PortService/GetPort", {"port": "ehco"})
    assert (reply.status, reply.json["code"]) == (404, "not_found")
    assert 'did you mean "echo"' in reply.json["message"]
    assert error_info(reply.json) == ("PORT_NOT_FOUND", {"port": "ehco"})


def test_errors_of_protobuf_calls_are_json_too(daemon):
    sent = ports.GetPortRequest(port="ehco").SerializeToString()
    reply = daemon.request("POST", "/vser.v1.PortService/GetPort", sent, {"Content-Type": "application/proto"})
    assert (reply.status, reply.json["code"]) == (404, "not_found")


@pytest.mark.parametrize("body, hint", [
    ('{"prot": "echo"}', "prot"), ('{"port": 7}', "port"), ("", "JSON"), ("[]", "JSON"), ("{", "JSON"),
    ('{"port":' * 200 + "1" + "}" * 200, "JSON"), ('{"port": "\\ud800"}', "JSON"), ("\xff", "JSON")])
def test_a_body_that_is_no_request_is_refused_and_named(daemon, body, hint):
    reply = daemon.request("POST", "/vser.v1.PortService/GetPort", body.encode("latin-1"), JSON)
    assert (reply.status, reply.json["code"]) == (400, "invalid_argument"), reply.text
    assert hint in reply.json["message"] and "\ufffd" not in reply.json["message"]


def test_a_body_that_is_no_protobuf_is_refused(daemon):
    reply = daemon.request("POST", "/vser.v1.PortService/GetPort", b"\xff\xff\xff", {"Content-Type": "application/proto"})
    assert (reply.status, reply.json["code"]) == (400, "invalid_argument")


@pytest.mark.parametrize("path", ["PortService/Nope", "NoService/GetPort", "PortService", "PortService/GetPort/", "PortService.GetPort"])
def test_an_unknown_rpc_is_not_found(daemon, path):
    reply = daemon.request("POST", f"/vser.v1.{path}", "{}", JSON)
    assert (reply.status, reply.json["code"]) == (404, "unimplemented")


def test_other_services_of_the_process_are_not_served(daemon):
    for path in ("/grpc.health.v1.Health/Check", "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"):
        assert daemon.request("POST", path, "{}", JSON).status == 404


def test_get_is_not_allowed(daemon):
    for method in ("GET", "PUT", "DELETE", "OPTIONS", "HEAD"):
        reply = daemon.request(method, "/vser.v1.PortService/GetPort")
        assert (reply.status, reply.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("given", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "application/grpc",
                                   "application/connect+json", ""])
def test_other_content_types_are_refused(daemon, given):
    reply = daemon.request("POST", "/vser.v1.PortService/ListPorts", "{}", {"Content-Type": given})
    assert reply.status == 415 and "application/json" in reply.headers["Accept-Post"]


@pytest.mark.parametrize("given", ["application/json; charset=utf-8", "application/json;charset=UTF-8", "Application/JSON"])
def test_json_may_say_that_it_is_utf_8(daemon, given):
    assert daemon.request("POST", "/vser.v1.PortService/ListPorts", "{}", {"Content-Type": given}).status == 200


def test_compressed_requests_are_unimplemented(daemon):
    reply = daemon.call("PortService/ListPorts", Content_Encoding="gzip")
    assert (reply.status, reply.json["code"]) == (501, "unimplemented") and "identity" in reply.json["message"]
    assert daemon.call("PortService/ListPorts", Content_Encoding="identity", Accept_Encoding="gzip").status == 200


def test_the_version_of_the_protocol_is_checked(daemon):
    assert daemon.call("PortService/ListPorts", Connect_Protocol_Version="1").status == 200
    assert daemon.call("PortService/ListPorts", Connect_Protocol_Version="2").json["code"] == "invalid_argument"


@pytest.mark.parametrize("given", ["-1", "1s", "", "99999999999", "0x10", "1.5"])
def test_a_timeout_that_is_no_number_is_refused(daemon, given):
    assert daemon.call("PortService/ListPorts", Connect_Timeout_Ms=given).json["code"] == "invalid_argument"


def test_a_deadline_ends_a_call_and_tells_what_was_taken(daemon):
    daemon.call("PortService/SetBaud", {"port": "slow", "baud": 300})
    reply = daemon.call("ConsoleService/Write", {"port": "slow", "text": "x" * 200_000}, Connect_Timeout_Ms="900")
    assert (reply.status, reply.json["code"]) == (504, "deadline_exceeded")
    reason, metadata = error_info(reply.json)
    assert reason == "DEADLINE" and 0 < int(metadata["bytes_taken"]) < 200_000
    daemon.call("PortService/Flush", {"port": "slow", "direction": "FLUSH_DIRECTION_BOTH"})


def test_a_client_that_goes_away_cancels_its_call(daemon):
    body = json.dumps({"port": "echo", "patterns": ["never"], "timeout": "3600s"}).encode()
    head = f"POST /vser.v1.ConsoleService/WaitFor HTTP/1.1\r\nHost: {daemon.host}\r\nContent-Type: application/json\r\n"

    def waiting():
        with vser.connect(daemon.address) as client:
            return client.port("echo").readers

    before = waiting()
    with daemon.connect() as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        until(lambda: waiting() == before + 1)
    until(lambda: waiting() == before)


def test_many_requests_share_a_connection(daemon):
    with contextlib.closing(daemon.http()) as connection:
        sockets = set()
        for number in range(50):
            connection.request("POST", "/vser.v1.ConsoleService/Write", json.dumps({"port": "echo", "text": str(number)}), JSON)
            assert Reply(connection.getresponse()).status == 200
            sockets.add(connection.sock.fileno())
        assert len(sockets) == 1


def test_pipelined_requests_are_answered_in_order(daemon):
    head = f"Host: {daemon.host}\r\nContent-Type: application/json\r\nContent-Length: "
    bodies = [json.dumps({"port": name}) for name in ("echo", "none", "slow")]
    text = "".join(f"POST /vser.v1.PortService/GetBaud HTTP/1.1\r\n{head}{len(body)}\r\n\r\n{body}" for body in bodies)
    text += f"GET /healthz HTTP/1.1\r\nHost: {daemon.host}\r\nConnection: close\r\n\r\n"
    received = daemon.raw(text.encode()).decode()
    statuses = [line.split()[1] for line in received.splitlines() if line.startswith("HTTP/1.1 ")]
    assert statuses == ["200", "404", "200", "200"]


def test_chunked_bodies_are_taken(daemon):
    text = (f"POST /vser.v1.PortService/GetBaud HTTP/1.1\r\nHost: {daemon.host}\r\nContent-Type: application/json\r\nConnection: close\r\n"
            "Transfer-Encoding: chunked\r\n\r\n7\r\n{\"port\"\r\n8\r\n:\"echo\"}\r\n0\r\n\r\n")
    assert b"115200" in daemon.raw(text.encode())


def test_a_request_may_wait_for_the_word_to_go_on(daemon):
    with daemon.connect() as connection:
        body = b'{"port":"echo"}'
        connection.sendall(f"POST /vser.v1.PortService/GetBaud HTTP/1.1\r\nHost: {daemon.host}\r\nContent-Type: application/json\r\n"
                           f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n".encode())
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")


def test_a_megabyte_is_taken_and_more_is_refused(daemon):
    data = base64.b64encode(bytes(700_000)).decode()
    assert daemon.call("ConsoleService/Write", {"port": "echo", "data": data}).json["bytes_written"] == "700000"
    sent = console.WriteRequest(port="echo", data=bytes((1 << 20) + 5000)).SerializeToString()
    reply = daemon.request("POST", "/vser.v1.ConsoleService/Write", sent, {"Content-Type": "application/proto"})
    assert reply.status == 413


def test_calls_are_sessions_and_counted_as_web(tmp_path):
    daemon = WebDaemon(tmp_path, ECHO, metrics="127.0.0.1:0")
    daemon.call("PortService/GetPort", {"port": "echo"})
    daemon.call("PortService/GetPort", {"port": "none"})
    daemon.get("/nothing-here")
    with urllib.request.urlopen(f"http://{daemon.metrics}/metrics", timeout=PATIENCE_SECONDS) as reply:
        text = reply.read().decode()
    assert 'vserd_web_requests_total{method="vser.v1.PortService/GetPort",code="200"} 1' in text
    assert 'vserd_web_requests_total{method="vser.v1.PortService/GetPort",code="404"} 1' in text
    assert 'vserd_web_requests_total{method="other",code="404"} 1' in text
    assert 'vserd_sessions{via="web"} 0' in text
    assert 'vserd_rpc_total{method="vser.v1.PortService/GetPort",code="OK"} 1' in text
    daemon.stop()


def test_metrics_share_the_listener_where_the_addresses_are_equal(tmp_path):
    address = f"127.0.0.1:{free_port()}"
    daemon = WebDaemon(tmp_path, ECHO, web_listen=address, metrics=address)
    assert daemon.metrics == daemon.host == address
    reply = daemon.get("/metrics")
    assert reply.status == 200 and "vserd_build_info" in reply.text and 'code="200"' not in reply.text.split("vserd_web_requests_total{")[0]
    assert daemon.get("/healthz").text == "ok\n"
    daemon.stop()


def test_elsewhere_metrics_are_not_here(daemon):
    reply = daemon.get("/metrics")
    assert reply.status == 404 and "`metrics` in [server]" in reply.text


def test_a_stop_answers_the_calls_that_wait(tmp_path):
    daemon = WebDaemon(tmp_path, ECHO)
    body = json.dumps({"port": "echo", "patterns": ["never"], "timeout": "3600s"}).encode()
    with daemon.connect() as connection:
        connection.sendall(f"POST /vser.v1.ConsoleService/WaitFor HTTP/1.1\r\nHost: {daemon.host}\r\nContent-Type: application/json\r\n"
                           f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        with vser.connect(daemon.address) as client:
            until(lambda: client.port("echo").readers == 1)
        daemon.stop()
        received = b""
        while data := connection.recv(65536):
            received += data
    assert received.startswith(b"HTTP/1.1 503") and b'"unavailable"' in received
    with pytest.raises(OSError):
        socket.create_connection(tuple(daemon.host.rsplit(":", 1)), 1)
