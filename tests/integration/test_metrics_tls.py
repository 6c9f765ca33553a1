"""Metrics over TLS, with the certificate of the server."""
import shutil
import signal
import socket
import ssl
import subprocess
import urllib.error
import urllib.request

import pytest
from certificates import certify, server_tls
from restarts import until
from vserd_process import BIN, PATIENCE_SECONDS, Daemon

PORT = '[[port]]\nname = "echo"\ndevice = "sim:echo"\n'

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")


def serve(folder, more=""):
    certify(folder, "server")
    return Daemon(folder, PORT, server="metrics_tls = true", history=server_tls(folder, more), metrics="127.0.0.1:0")


def trusting(folder):
    return ssl.create_default_context(cafile=folder / "server.crt")


def scrape(daemon, context):
    with urllib.request.urlopen(f"https://{daemon.metrics}/metrics", timeout=PATIENCE_SECONDS, context=context) as reply:
        return reply.read().decode()


def connect(daemon):
    host, port = daemon.metrics.rsplit(":", 1)
    return socket.create_connection((host, int(port)), PATIENCE_SECONDS)


def test_metrics_are_served_over_tls_and_a_reload_renews_the_certificate(tmp_path):
    daemon = serve(tmp_path)
    assert f"; metrics https://{daemon.metrics}/metrics" in daemon.line
    assert "vserd_build_info" in scrape(daemon, trusting(tmp_path))
    open_one = trusting(tmp_path).wrap_socket(connect(daemon), server_hostname="127.0.0.1")

    certify(tmp_path, "server")
    renewed = trusting(tmp_path)
    daemon.process.send_signal(signal.SIGHUP)

    def serves_the_new_one():
        try:
            return "vserd_build_info" in scrape(daemon, renewed)
        except urllib.error.URLError as error:
            assert isinstance(error.reason, ssl.SSLCertVerificationError)
            return False

    until(serves_the_new_one)
    open_one.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
    assert open_one.recv(12) == b"HTTP/1.0 200"
    daemon.stop()


def test_who_speaks_no_tls_gets_nothing_and_delays_nobody(tmp_path):
    daemon = serve(tmp_path)
    silent = connect(daemon)
    with connect(daemon) as plain:
        plain.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert b"vserd" not in plain.recv(1 << 16)

    assert "vserd_build_info" in scrape(daemon, trusting(tmp_path))
    silent.close()
    daemon.stop()


def test_a_scraper_needs_the_certificate_that_the_server_asks_for(tmp_path):
    certify(tmp_path, "person")
    daemon = serve(tmp_path, f'client_ca = "{tmp_path}/person.crt"')
    context = trusting(tmp_path)
    with pytest.raises((OSError, ssl.SSLError)):
        scrape(daemon, context)

    context.load_cert_chain(tmp_path / "person.crt", tmp_path / "person.key")

    assert "vserd_build_info" in scrape(daemon, context)
    daemon.stop()


def test_a_scraper_that_asks_to_resume_its_session_is_served(tmp_path):
    certify(tmp_path, "person")
    daemon = serve(tmp_path, f'client_ca = "{tmp_path}/person.crt"')
    context = trusting(tmp_path)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(tmp_path / "person.crt", tmp_path / "person.key")
    session = None
    for _ in range(2):
        with context.wrap_socket(connect(daemon), server_hostname="127.0.0.1", session=session) as client:
            client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            assert client.recv(12) == b"HTTP/1.0 200"
            session = client.session
    daemon.stop()


def test_a_key_that_openssl_rejects_is_told_by_start_and_check(tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-days", "2", "-subj", "/CN=weak", "-keyout",
                    tmp_path / "server.key", "-out", tmp_path / "server.crt"], check=True, capture_output=True)
    with open(tmp_path / "errors", "w", encoding="utf-8") as errors, pytest.raises(AssertionError, match="did not start"):
        Daemon(tmp_path, PORT, server="metrics_tls = true", history=server_tls(tmp_path), stderr=errors)
    checked = subprocess.run([BIN / "vserd", "check", tmp_path / "vserd.toml"], text=True, capture_output=True, check=False)

    assert checked.returncode == 1
    for told in (checked.stderr, (tmp_path / "errors").read_text()):
        assert "OpenSSL rejects the certificates in [server.tls]: ee key too small" in told
