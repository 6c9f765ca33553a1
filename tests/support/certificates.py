"""Certificates for tests: self-signed, for 127.0.0.1."""
import subprocess


def certify(folder, name, *options):
    """Writes NAME.crt and NAME.key."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    f"/CN={name}", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt", "-addext",
                    "subjectAltName=IP:127.0.0.1", *options], check=True, capture_output=True)


def server_tls(folder, more=""):
    """The [server.tls] table for the certificate "server"."""
    return f'[server.tls]\ncertificate = "{folder}/server.crt"\nkey = "{folder}/server.key"\n{more}'
