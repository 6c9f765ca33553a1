"""Rights: every cell of role x rpc x face with a real client, compared with the model in support/rights.py."""
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest
import rights
from certificates import Authority, server_tls
from rights import ROLES
from tcp_clients import AYT, BRK, COM_PORT, IAC, SB, SE, Served, com_port, is_closed, listener, receive_until
from vserd_process import BIN, PATIENCE_SECONDS

import vser

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")
needs_grpcurl = pytest.mark.skipif(shutil.which("grpcurl") is None, reason="no grpcurl; ./dev setup builds it")

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"
LISTENERS = [(face, role) for face in ("telnet", "rfc2217") for role in ROLES] + [("raw", role) for role in ROLES[:4]]
FIRST_UID = 70000
REQUESTS = {
    "Acquire": {"port": "p", "ttl": "1s"},
    "Attach": {"open": {"port": "p"}},
    "Collect": {"sources": [{"port": "p", "from": {"oldest": True}}]},
    "EndSession": {"reason": "a test"},
    "Flush": {"port": "p", "direction": "FLUSH_DIRECTION_BOTH"},
    "GetServerInfo": {},
    "ListBridges": {},
    "ListFleetPorts": {},
    "ListPorts": {},
    "ListSessions": {"ports": ["p"]},
    "ListLeases": {"ports": ["p"]},
    "SendNotice": {"port": "p", "text": "hello"},
    "SetBaud": {"port": "p", "baud": 9600},
    "SetFormat": {"port": "p", "format": {"data_bits": 7}},
    "SetSignals": {"port": "p", "dtr": True},
    "WaitFor": {"port": "p", "patterns": ["x"], "timeout": "0s"},
    "WatchFleet": {},
    "WatchPorts": {"ports": ["p"]},
    "Write": {"port": "p", "text": "x"},
}
STREAMS = ["Attach", "Collect", "WatchPorts"]  # which go on until the client ends them
STREAM_SECONDS_MAX = "6"


def token(role):
    return f"vserd_test-token-with-the-role-{role}"


def access(folder):
    """[access] with a token and a Unix user for each role on port p, and nothing on the port `hidden`."""
    tokens = folder / "tokens"
    tokens.write_text("".join(f"{role} {hashlib.sha256(token(role).encode()).hexdigest()}\n" for role in ROLES))
    tokens.chmod(0o600)
    rules = "".join(f'[[access.rule]]\nwho = ["token:{role}", "uid:{FIRST_UID + ROLES.index(role)}"]\nports = ["p"]\nrole = "{role}"\n'
                    for role in ROLES[1:])
    rules += f'[[access.rule]]\nwho = ["uid:{os.geteuid()}"]\nports = ["*"]\nrole = "admin"\n'
    return f'[access]\ntokens = "{tokens}"\naudit = "{folder}/audit"\n{rules}'


class Guarded(Served):
    """A vserd with rules, served over TLS, a Unix socket, and a listener of each protocol for each role."""

    def __init__(self, folder):
        self.folder = folder
        Authority(folder).sign("server")
        self._public = tempfile.TemporaryDirectory(prefix="vserd-rights-")  # pytest's folders are for one user
        self.socket = pathlib.Path(self._public.name) / "vserd.sock"
        self.socket.parent.chmod(0o755)
        listeners = [listener(face, more=f'role = "{role}"' if role != "none" else "") for face, role in LISTENERS]
        port = "[[port]]\nname = \"{}\"\ndevice = \"sim:echo?unpaced=1\"\n"
        super().__init__(folder, port.format("p") + "".join(listeners) + port.format("hidden"),
                         history=access(folder) + server_tls(folder), listen=f'127.0.0.1:0", "unix:{self.socket}')
        self.socket.chmod(0o666)
        self.tls_address = re.search(r"127\.0\.0\.1:\d+", self.line).group()

    def grpcurl(self, role, name, request=None, service=None):
        """(code, standard output and error). A stream is ended at its first message."""
        command = ["grpcurl", "-cacert", self.folder / "ca.crt"]
        if name in STREAMS:
            command += ["-max-time", STREAM_SECONDS_MAX]
        if role:
            command += ["-H", f"authorization: Bearer {token(role)}"]
        if service:
            file = re.sub(r"(?<!^)(?=[A-Z])", "_", service.rsplit(".", 1)[1]).lower()
            command += ["-import-path", PROTO, "-proto", f"vser/v1/{file}.proto", "-proto", "google/rpc/error_details.proto",
                        "-d", json.dumps(request)]
            name = f"{service}/{name}"
        with subprocess.Popen([*command, self.tls_address, name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            text = process.stdout.readline()
            if text and name.rsplit("/", 1)[-1] in STREAMS:
                text += process.stdout.readline() + process.stdout.readline()
                process.kill()
            rest, errors = process.stdout.read(), process.stderr.read()  # little, which fits into the pipes
            process.wait(PATIENCE_SECONDS)
        code = re.search(r"Code: (\w+)", errors)
        return code.group(1) if code else "OK" if text or process.returncode == 0 else errors, text + rest + errors

    def admin(self):
        return vser.connect(f"unix:{self.socket}")

    def vserctl(self, role, *command):
        """vserctl as the Unix user with that role."""
        uid = FIRST_UID + ROLES.index(role)
        words = ["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups", BIN / "vserctl", "-s", f"unix:{self.socket}"]
        return subprocess.run([*words, *command], capture_output=True, text=True, timeout=PATIENCE_SECONDS, stdin=subprocess.DEVNULL,
                              env={"HOME": str(self.socket.parent)})


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    served = Guarded(tmp_path_factory.mktemp("rights"))
    yield served
    served.daemon.stop()


def requests(client):
    """A request for each rpc, about a session that is there."""
    id_ = next(session.id for session in client.sessions() if session.port == "p")
    return {**REQUESTS, "EndSession": {"id": id_, "reason": "a test"}}


@needs_grpcurl
@pytest.mark.parametrize("role", ROLES)
def test_grpc_answers_every_rpc_as_its_proto_says(guarded, role):
    wrong = []
    with guarded.admin() as admin, admin.attach("p"):
        wanted = requests(admin)
        for (service, rpc), needed in rights.rpcs().items():
            expected = rights.answer(role, rpc, needed)
            code, text = guarded.grpcurl(role, rpc, wanted.get(rpc, {"port": "p"}), service)
            answer = code if code in (rights.NOT_FOUND, rights.DENIED, "Unauthenticated") else rights.ALLOWED
            if answer != expected or answer == rights.DENIED and not says_roles(text, needed, role):
                wrong.append(f"{rpc}: {expected}, needs {needed}, but: {text}")
    assert not wrong, "\n".join(wrong)


def says_roles(text, needed, held):
    return "ROLE_TOO_LOW" in text and f'"needed": "{needed}"' in text and f'"held": "{held}"' in text


@needs_grpcurl
@pytest.mark.parametrize("role", ROLES)
def test_lists_leave_out_what_the_client_may_not_see(guarded, role):
    _, text = guarded.grpcurl(role, "ListPorts", {}, "vser.v1.PortService")
    _, collected = guarded.grpcurl(role, "Collect", {"all": True, "from": {"oldest": True}}, "vser.v1.ConsoleService")
    _, missing = guarded.grpcurl(role, "GetPort", {"port": "hiden"}, "vser.v1.PortService")

    assert ('"name": "p"' in text) == (role != "none")
    assert (f'"role": "ROLE_{role.upper()}"' in text) == (role != "none")
    for each in (text, collected, missing):
        assert "hidden" not in each


@needs_grpcurl
def test_reflection_is_for_clients_that_a_rule_names(guarded):
    assert "vser.v1.PortService" in guarded.grpcurl("list", "list")[1]
    assert "vser.v1.PortService" not in guarded.grpcurl("none", "list")[1]
    assert "vser.v1.PortService" not in guarded.grpcurl(None, "list")[1]


@needs_grpcurl
def test_a_token_of_nobody_is_refused_and_one_on_plain_tcp_too(guarded):
    code, text = guarded.grpcurl("nobody", "ListPorts", {}, "vser.v1.PortService")
    assert code == "Unauthenticated", text


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become other users")
def test_the_user_of_a_unix_socket_has_the_rights_of_its_rule(guarded, role):
    done = guarded.vserctl(role, "ports", "--json")
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)["ports"]
    assert [port["role"] for port in listed] == ([role] if role != "none" else [])
    for command, needed in ((("read", "p"), "read"), (("write", "p", "x"), "write"), (("baud", "p", "9600"), "control")):
        done = guarded.vserctl(role, *command)
        if rights.allows(role, needed):
            assert done.returncode == 0, done.stderr
        elif role == "none":
            assert "no port" in done.stderr and "hidden" not in done.stderr, done.stderr
        else:
            assert f'needs the role "{needed}"' in done.stderr and f'you have "{role}"' in done.stderr, done.stderr


@pytest.mark.parametrize("role", ROLES)
def test_telnet_users_have_the_role_of_the_listener(guarded, role):
    client = guarded.connect("telnet", ROLES.index(role))
    if not rights.allows(role, "read"):
        return assert_turned_away(client)
    client.sendall(b"typed" + bytes([IAC, BRK, IAC, AYT]))
    text = receive_until_both(client, b"vserd", b"typed" if rights.allows(role, "write") else b'needs the role "write"')
    if not rights.allows(role, "control"):
        assert b'no break was sent: this needs the role "control"' in text


def assert_turned_away(client):
    text = b""
    while piece := client.recv(4096):
        text += piece
    assert b"p" not in text or b"needs the role" in text or b"no port" in text, text
    assert b"hidden" not in text


def receive_until_both(client, *wanted):
    got = b""
    while not all(text in got for text in wanted):
        piece = client.recv(4096)
        assert piece, got
        got += piece
    return got


@pytest.mark.parametrize("role", ROLES)
def test_rfc2217_users_get_the_value_in_force_and_change_it_with_control_only(guarded, role):
    client = guarded.connect("rfc2217", ROLES.index(role))
    if not rights.allows(role, "read"):
        return assert_turned_away(client)
    with guarded.admin() as admin:
        admin.set_baud("p", 115200)
        client.sendall(com_port(1, (4800).to_bytes(4, "big")))
        baud = 4800 if rights.allows(role, "control") else 115200
        receive_until_both(client, bytes([IAC, SB, COM_PORT, 101]) + baud.to_bytes(4, "big") + bytes([IAC, SE]))
        assert admin.baud("p") == baud


@pytest.mark.parametrize("role", ROLES[:4])
def test_raw_users_have_the_role_of_the_listener(guarded, role):
    client = guarded.connect("raw", ROLES.index(role))
    client.sendall(b"through?")
    if rights.allows(role, "write"):
        receive_until(client, b"through?")
    else:
        assert is_closed(client)
