"""The files of [server.tls]: renewal without a reload, revoked and optional client certificates, old versions of TLS."""
import shutil
import socket
import ssl
import subprocess

import pytest
from certificates import Authority, server_tls
from restarts import until
from vserd_process import BIN, PATIENCE_SECONDS, Daemon, free_port

import vser

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")


class Served:
    """A vserd whose gRPC, raw listener and metrics use TLS, with a CA that signs clients too."""

    def __init__(self, folder, more):
        self.folder, self.authority = folder, Authority(folder)
        self.authority.sign("server")
        self.raw_port = free_port()
        port = (f'[[port]]\nname = "echo"\ndevice = "sim:echo"\n[[port.listen]]\naddress = "127.0.0.1:{self.raw_port}"\n'
                'protocol = "raw"\ntls = true\n')
        with open(folder / "errors", "w", encoding="utf-8") as errors:
            self.daemon = Daemon(folder, port, server="metrics_tls = true", history=server_tls(folder, more), metrics="127.0.0.1:0",
                                 stderr=errors)

    def errors(self):
        return (self.folder / "errors").read_text()

    def trusting(self, client=None):
        context = ssl.create_default_context(cafile=self.folder / "ca.crt")
        if client:
            context.load_cert_chain(self.folder / f"{client}.crt", self.folder / f"{client}.key")
        return context

    def addresses(self):
        """Of every face."""
        return [self.daemon.address, f"127.0.0.1:{self.raw_port}", self.daemon.metrics]

    def wrap(self, address, context):
        host, port = address.rsplit(":", 1)
        return context.wrap_socket(socket.create_connection((host, int(port)), PATIENCE_SECONDS), server_hostname="127.0.0.1")

    def shown(self, address):
        """The certificate that the server shows, in DER."""
        with self.wrap(address, self.trusting("person")) as client:
            return client.getpeercert(binary_form=True)

    def echoes(self, client=None):
        """Whether the raw listener serves this client."""
        try:
            with self.wrap(f"127.0.0.1:{self.raw_port}", self.trusting(client)) as connection:
                connection.sendall(b"x")
                return connection.recv(1) == b"x"
        except (ssl.SSLError, ConnectionError):
            return False

    def vser(self, client=None):
        files = {"certificate": self.folder / f"{client}.crt", "key": self.folder / f"{client}.key"} if client else {}
        return vser.connect(self.daemon.address, tls=vser.Tls(ca=self.folder / "ca.crt", **files), timeout=5)


@pytest.fixture
def serve(tmp_path):
    started = []

    def start(more=""):
        started.append(Served(tmp_path, more))
        return started[0]

    yield start
    for served in started:
        served.daemon.stop()


def der(file):
    return ssl.PEM_cert_to_DER_cert(file.read_text())


def test_every_face_uses_renewed_files_without_a_reload_and_keeps_its_connections(serve, tmp_path):
    served = serve()
    served.authority.sign("person")
    with served.vser() as client, client.attach("echo") as console:
        served.authority.sign("server")  # key and certificate, one after the other
        new = der(tmp_path / "server.crt")

        for address in served.addresses():
            until(lambda at=address: served.shown(at) == new)

        console.write(b"still here")
        assert client.port("echo").online
    assert "the files have changed" in served.errors()
    assert "stay in force" not in served.errors()


def test_unusable_files_are_reported_once_and_the_previous_ones_stay_in_force(serve, tmp_path):
    served = serve()
    served.authority.sign("person")
    before = der(tmp_path / "server.crt")
    key = (tmp_path / "server.key").read_text()
    (tmp_path / "server.key").write_text("no key")
    until(lambda: "the previous certificates stay in force" in served.errors())

    for address in served.addresses():
        assert served.shown(address) == before
    (tmp_path / "server.key").write_text(key)
    until(lambda: "usable again" in served.errors())

    assert served.errors().count("server.key") == 1


def test_a_revoked_client_is_rejected_by_every_face(serve, tmp_path):
    served = serve(f'client_ca = "{tmp_path}/ca.crt"\ncrl = "{tmp_path}/ca.crl"')
    served.authority.sign("person")
    served.authority.sign("other")
    with served.vser("person") as client:
        assert client.port("echo").online
        assert served.echoes("person")

        served.authority.revoke("person")

        until(lambda: not served.echoes("person"))
        with pytest.raises(vser.VserError) as refused:
            client.port("echo")
    assert refused.value.code.name == "UNAUTHENTICATED"
    assert "revoked" in str(refused.value)
    assert served.echoes("other")
    with served.vser("other") as client:
        assert client.port("echo").online
    assert not served.echoes()


def test_a_list_of_another_authority_is_rejected_at_the_start(serve, tmp_path):
    served = serve(f'client_ca = "{tmp_path}/ca.crt"\ncrl = "{tmp_path}/ca.crl"')
    other = tmp_path / "other"
    other.mkdir()
    Authority(other)
    (tmp_path / "vserd.toml").write_text((tmp_path / "vserd.toml").read_text().replace(f"{tmp_path}/ca.crl", f"{other}/ca.crl"))

    checked = subprocess.run([BIN / "vserd", "check", served.daemon.config], text=True, capture_output=True, check=False)

    assert checked.returncode == 1
    assert "a list that no certificate of 'client_ca' has signed" in checked.stderr


def test_an_overdue_list_is_reported_and_stays_in_force(serve, tmp_path):
    served = serve(f'client_ca = "{tmp_path}/ca.crt"\ncrl = "{tmp_path}/ca.crl"')
    served.authority.sign("person")
    served.authority.sign("other")
    served.authority.revoke("person", "-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", "20200102000000Z")

    until(lambda: "the CA should have replaced the revocation list" in served.errors())

    assert not served.echoes("person")
    assert served.echoes("other")
    with served.vser("other") as client:
        assert client.port("echo").online
    with pytest.raises(vser.VserError):
        served.vser("person")


def test_without_a_certificate_clients_connect_where_it_is_optional(serve, tmp_path):
    served = serve(f'client_ca = "{tmp_path}/ca.crt"\nclient_certificates = "optional"')
    served.authority.sign("person")
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    Authority(stranger).sign("person")
    for suffix in ("crt", "key"):
        (tmp_path / f"stranger.{suffix}").write_bytes((stranger / f"person.{suffix}").read_bytes())

    for client in (None, "person"):
        assert served.echoes(client)
        with served.vser(client) as connection:
            assert connection.port("echo").online

    assert not served.echoes("stranger")
    with pytest.raises(vser.Unreachable):
        served.vser("stranger")


def test_every_face_requires_tls_1_2(serve):
    served = serve()
    for address in served.addresses():
        old = served.trusting()
        old.set_ciphers("DEFAULT@SECLEVEL=0")
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            served.wrap(address, old)
        good = served.trusting()
        good.set_ciphers("DEFAULT@SECLEVEL=0")
        good.maximum_version = ssl.TLSVersion.TLSv1_2
        with served.wrap(address, good) as client:
            assert client.version() == "TLSv1.2"


def test_check_fails_when_the_certificate_has_expired(tmp_path):
    authority = Authority(tmp_path)
    authority.sign("server", "-startdate", "20200101000000Z", "-enddate", "20200102000000Z")
    config = tmp_path / "vserd.toml"
    config.write_text(server_tls(tmp_path) + '\n[[port]]\nname = "echo"\ndevice = "sim:echo"\n')

    checked = subprocess.run([BIN / "vserd", "check", config], text=True, capture_output=True, check=False)

    assert checked.returncode == 1
    assert f"the TLS certificate in {tmp_path}/server.crt expired on 2020-01-02 00:00:00 UTC; renew it" in checked.stderr
