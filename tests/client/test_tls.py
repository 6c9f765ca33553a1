"""TLS: whom the client trusts, and what it shows."""
import subprocess

import pytest
from vserd_process import Daemon

import vser

PORT = '[[port]]\nname = "echo"\ndevice = "sim:echo"\n'


def certify(folder, name, extensions, issuer=None):
    """Makes NAME.key and NAME.crt, signed by `issuer` or by itself."""
    key, certificate = folder / f"{name}.key", folder / f"{name}.crt"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
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


@pytest.mark.parametrize("tls", ["none", "no certificate", "the system's authorities"])
def test_others_are_kept_out(pki, secure, tls):
    options = {"none": False, "no certificate": vser.Tls(ca=pki / "ca.crt"), "the system's authorities": True}
    with pytest.raises(vser.Unreachable):
        vser.connect(secure.address, tls=options[tls], timeout=5)


def test_a_file_that_is_not_there_is_named(pki, secure):
    with pytest.raises(FileNotFoundError, match="no-such.crt"):
        vser.connect(secure.address, tls=vser.Tls(ca=pki / "no-such.crt"))
