"""`vserd pki`: checked with openssl, and used by a real vserd, grpcurl, vserctl and the Python client."""
import os
import shutil
import socket
import stat
import subprocess

import pytest
from vserd_process import BIN, PATIENCE_SECONDS, Daemon

import vser

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")


def pki(*arguments):
    return subprocess.run([BIN / "vserd", "pki", *arguments], text=True, capture_output=True, timeout=PATIENCE_SECONDS, check=False)


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], text=True, capture_output=True, check=False)


def text_of(certificate):
    return openssl("x509", "-in", certificate, "-noout", "-text").stdout


@pytest.fixture
def made(tmp_path):
    done = pki("init", tmp_path / "pki", "--name", "lab7.example", "--name", "10.1.2.3", "--client", "ann", "--client", "ci")
    assert (done.returncode, done.stderr) == (0, "")
    return tmp_path / "pki", done.stdout


def test_every_certificate_verifies_for_its_purpose_and_for_no_other(made):
    folder, _ = made
    for file, purpose, other in (("server", "sslserver", "sslclient"), ("clients/ann", "sslclient", "sslserver")):
        verify = ["verify", "-x509_strict", "-CAfile", folder / "ca.crt", "-purpose"]
        assert openssl(*verify, purpose, folder / f"{file}.crt").returncode == 0
        assert openssl(*verify, other, folder / f"{file}.crt").returncode != 0


def test_names_and_lifetimes_are_those_that_were_asked_for(made):
    folder, _ = made
    server, client, authority = (text_of(folder / file) for file in ("server.crt", "clients/ann.crt", "ca.crt"))

    assert "DNS:lab7.example, IP Address:10.1.2.3" in server
    for name in ("DNS:localhost", "IP Address:127.0.0.1", "IP Address:0:0:0:0:0:0:0:1"):
        assert name in server
    assert "URI:spiffe://vserd/ann" in client
    assert "CA:TRUE, pathlen:0" in authority
    assert "NIST CURVE: P-256" in server
    days = 86400
    for file, least, most in (("server.crt", 729, 731), ("ca.crt", 3650, 3654)):
        assert openssl("x509", "-in", folder / file, "-checkend", str(least * days)).returncode == 0
        assert openssl("x509", "-in", folder / file, "-checkend", str(most * days)).returncode == 1


def test_keys_are_readable_by_their_owner_only(made):
    folder, _ = made
    for file in ("ca.key", "server.key", "clients/ann.key", "clients/ci.key"):
        assert stat.S_IMODE((folder / file).stat().st_mode) == 0o600


def test_nothing_is_overwritten(made):
    folder, _ = made
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}

    for arguments in (["init", folder], ["client", folder, "ann"], ["server", folder]):
        done = pki(*arguments)
        assert done.returncode == 1
        assert "exists already" in done.stderr

    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize("name", ["", "../ann", "ann/bob", "ann,DNS:evil", "..", "x" * 65, "ann\nbob"])
def test_a_name_that_is_no_name_makes_nothing(tmp_path, name):
    done = pki("init", tmp_path / "pki", "--client", name)

    assert done.returncode in (1, 2)
    assert not (tmp_path / "pki").exists()


@pytest.mark.parametrize("host", ["a,URI:x", "", "lab 7", "-x"])
def test_a_host_that_is_no_host_makes_nothing(tmp_path, host):
    assert pki("init", tmp_path / "pki", f"--name={host}").returncode in (1, 2)
    assert not (tmp_path / "pki").exists()


def test_a_directory_without_a_ca_is_named(tmp_path):
    done = pki("client", tmp_path, "ann")

    assert done.returncode == 1
    assert f"{tmp_path}/ca.crt" in done.stderr


def test_the_printed_configuration_serves_its_clients_and_nobody_else(made, tmp_path):
    folder, printed = made
    table = printed[printed.index("[server.tls]"):printed.index("Let vserd read")]
    daemon = Daemon(tmp_path, '[[port]]\nname = "echo"\ndevice = "sim:echo"\n', history=table)
    address = f"localhost:{daemon.address.rpartition(':')[2]}"
    assert pki("client", folder, "new").returncode == 0
    for name in ("ann", "new"):
        certificate, key = folder / f"clients/{name}.crt", folder / f"clients/{name}.key"
        listed = subprocess.run([BIN / "vserctl", "-s", address, "--tls-ca", folder / "ca.crt", "--tls-cert", certificate,
                                 "--tls-key", key, "ports"], text=True, capture_output=True, check=False)
        assert (listed.returncode, listed.stderr) == (0, "")
        with vser.connect(address, tls=vser.Tls(ca=folder / "ca.crt", certificate=certificate, key=key)) as client:
            assert client.port("echo").online
    with pytest.raises(vser.Unreachable):
        vser.connect(address, tls=vser.Tls(ca=folder / "ca.crt"))
    with pytest.raises(vser.Unreachable):  # a server's certificate is not a client's
        vser.connect(address, tls=vser.Tls(ca=folder / "ca.crt", certificate=folder / "server.crt", key=folder / "server.key"))
    daemon.stop()


@pytest.mark.skipif(shutil.which("grpcurl") is None and not os.access(BIN / "grpcurl", os.X_OK), reason="no grpcurl")
def test_grpcurl_accepts_the_certificates(made, tmp_path):
    folder, printed = made
    table = printed[printed.index("[server.tls]"):printed.index("Let vserd read")]
    daemon = Daemon(tmp_path, '[[port]]\nname = "echo"\ndevice = "sim:echo"\n', history=table)
    address = f"localhost:{daemon.address.rpartition(':')[2]}"
    grpcurl = shutil.which("grpcurl") or BIN / "grpcurl"

    done = subprocess.run([grpcurl, "-cacert", folder / "ca.crt", "-cert", folder / "clients/ann.crt", "-key", folder / "clients/ann.key",
                           address, "vser.v1.PortService/ListPorts"], text=True, capture_output=True, check=False)

    assert '"name": "echo"' in done.stdout, done.stderr
    daemon.stop()


def test_the_client_part_of_the_output_works_as_pasted(made, tmp_path):
    folder, printed = made
    part = printed[printed.index("For the client ann"):printed.index("Its name in [[access.rule]]")]
    home = tmp_path / "config" / "vserctl"
    home.mkdir(parents=True)
    for file in ("ca.crt", "clients/ann.crt", "clients/ann.key"):
        shutil.copy(folder / file, home)
    table = printed[printed.index("[server.tls]"):printed.index("Let vserd read")]
    daemon = Daemon(tmp_path, '[[port]]\nname = "echo"\ndevice = "sim:echo"\n', history=table)
    (home / "config.toml").write_text(part[part.index("[server."):].replace(
        "lab7.example\"", daemon.address + '"') + 'tls_name = "lab7.example"\n')

    done = subprocess.run([BIN / "vserctl", "-s", "lab7", "ports"], text=True, capture_output=True, check=False,
                          env={**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config")})

    assert (done.returncode, done.stderr) == (0, "")
    daemon.stop()
    assert socket.gethostname() in text_of(folder / "server.crt")
