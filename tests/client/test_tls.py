"""TLS: whom the client trusts, and what it shows."""
import re
import signal
import ssl
import subprocess
import time
import urllib.request

import pytest
import serial
from vserd_process import BIN, PATIENCE_SECONDS, Daemon

import vser
import vser.urlhandler

PORT = '[[port]]\nname = "echo"\ndevice = "sim:echo"\n'


def certify(folder, name, extensions, issuer=None, days=2):
    """Makes NAME.key and NAME.crt, signed by `issuer` or by itself."""
    key, certificate = folder / f"{name}.key", folder / f"{name}.crt"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", str(days),
               "-subj", f"/CN={name}", "-keyout", key, "-out", certificate]
    for extension in extensions:
        command += ["-addext", extension]
    if issuer:
        command += ["-CA", folder / f"{issuer}.crt", "-CAkey", folder / f"{issuer}.key"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pki")
    certify(folder, "ca", ["keyUsage=keyCertSign"])
    certify(folder, "server", ["subjectAltName=IP:127.0.0.1", "basicConstraints=critical,CA:FALSE"], issuer="ca")
    certify(folder, "person", ["basicConstraints=critical,CA:FALSE"], issuer="ca")
    return folder


@pytest.fixture(scope="module")
def secure(pki, tmp_path_factory):
    tls = f'[server.tls]\ncertificate = "{pki}/server.crt"\nkey = "{pki}/server.key"\nclient_ca = "{pki}/ca.crt"'
    daemon = Daemon(tmp_path_factory.mktemp("vserd"), ports=PORT, server=tls)
    yield daemon
    daemon.stop()


def test_a_certificate_of_the_right_authority_lets_in(pki, secure):
    tls = vser.Tls(ca=pki / "ca.crt", certificate=pki / "person.crt", key=pki / "person.key")
    with vser.connect(secure.address, tls=tls) as client:
        assert [port.name for port in client.ports()] == ["echo"]


def test_pyserial_uses_the_files_in_its_url(pki, secure):
    files = f"ca={pki}/ca.crt&certificate={pki}/person.crt&key={pki}/person.key"
    with serial.serial_for_url(f"vser://{secure.address}/echo?{files}", timeout=PATIENCE_SECONDS) as port:
        port.write(b"x")
        assert port.read(1) == b"x"


@pytest.mark.parametrize("tls", ["none", "no certificate", "the system's authorities"])
def test_others_are_kept_out(pki, secure, tls):
    options = {"none": False, "no certificate": vser.Tls(ca=pki / "ca.crt"), "the system's authorities": True}
    with pytest.raises(vser.Unreachable):
        vser.connect(secure.address, tls=options[tls], timeout=5)


def test_a_file_that_is_no_certificate_is_an_error(pki, secure):
    with pytest.raises(vser.Unreachable, match="TLS: the CA, or the certificate and its key, are not usable PEM files"):
        vser.connect(secure.address, tls=vser.Tls(ca=pki / "person.key"), timeout=PATIENCE_SECONDS)


def test_a_file_that_is_not_there_is_named(pki, secure):
    with pytest.raises(FileNotFoundError, match="no-such.crt"):
        vser.connect(secure.address, tls=vser.Tls(ca=pki / "no-such.crt"))


def shown_by(address):
    """The certificate that the server shows, in PEM."""
    host, port = address.rsplit(":", 1)
    return ssl.get_server_certificate((host, int(port)))


def reload_and_wait(daemon, condition):
    daemon.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the reload had no effect"
        time.sleep(0.02)


@pytest.fixture
def renewable(tmp_path):
    """A vserd with a certificate that expires soon, its errors in a file."""
    names = ["subjectAltName=IP:127.0.0.1"]
    certify(tmp_path, "server", names)
    tls = f'[server.tls]\ncertificate = "{tmp_path}/server.crt"\nkey = "{tmp_path}/server.key"'
    with open(tmp_path / "errors", "w") as errors:
        daemon = Daemon(tmp_path, ports=PORT, server=tls, metrics="127.0.0.1:0", stderr=errors)
    yield daemon
    daemon.stop()


def expiry(daemon):
    with urllib.request.urlopen(f"http://{daemon.metrics}/metrics", timeout=PATIENCE_SECONDS) as reply:
        return float(re.search(r"^vserd_certificate_expiry_timestamp_seconds.* (.*)$", reply.read().decode(), re.MULTILINE)[1])


def test_a_reload_shows_a_renewed_certificate_and_keeps_open_connections(renewable, tmp_path):
    before = (tmp_path / "server.crt").read_text()
    assert shown_by(renewable.address).split() == before.split()
    with vser.connect(renewable.address, tls=vser.Tls(ca=tmp_path / "server.crt")) as client, client.attach("echo") as console:
        certify(tmp_path, "server", ["subjectAltName=IP:127.0.0.1"], days=100)
        after = (tmp_path / "server.crt").read_text()

        reload_and_wait(renewable, lambda: shown_by(renewable.address).split() == after.split())

        console.write(b"still here")
        assert client.port("echo").online
    with vser.connect(renewable.address, tls=vser.Tls(ca=tmp_path / "server.crt")) as client:
        assert client.port("echo").online
    assert 99 * 86400 < expiry(renewable) - time.time() < 101 * 86400


def test_a_reload_of_files_that_do_not_fit_keeps_the_certificate(renewable, tmp_path):
    before = shown_by(renewable.address)
    (tmp_path / "server.key").write_text("no key")

    reload_and_wait(renewable, lambda: "the previous configuration stays in force" in (tmp_path / "errors").read_text())

    assert shown_by(renewable.address) == before
    assert "server.key" in (tmp_path / "errors").read_text()


def test_a_certificate_that_expires_soon_is_reported_by_start_check_and_metric(renewable, tmp_path):
    assert 1 * 86400 < expiry(renewable) - time.time() < 3 * 86400
    assert "server.crt expires on " in (tmp_path / "errors").read_text()
    checked = subprocess.run([BIN / "vserd", "check", renewable.config], text=True, capture_output=True, check=False)
    assert checked.returncode == 0
    assert "server.crt expires on " in checked.stderr
