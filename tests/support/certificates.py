"""Certificates for tests: self-signed, or signed by an authority; for 127.0.0.1."""
import subprocess

CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
SETTINGS = """[ca]
default_ca = authority
[authority]
database = {folder}/index
new_certs_dir = {folder}
serial = {folder}/serial
crlnumber = {folder}/crlnumber
certificate = {folder}/ca.crt
private_key = {folder}/ca.key
default_md = sha256
policy = policy
unique_subject = no
default_days = 2
default_crl_days = 2
[policy]
commonName = supplied
[leaf]
basicConstraints = critical,CA:FALSE
subjectAltName = IP:127.0.0.1,DNS:localhost
"""


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def certify(folder, name, *options, names="IP:127.0.0.1"):
    """Writes NAME.crt and NAME.key, self-signed."""
    openssl("req", "-x509", *CURVE, "-days", "2", "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key", "-out",
            folder / f"{name}.crt", "-addext", f"subjectAltName={names}", *options)


class Authority:
    """A CA in `folder`: ca.crt, ca.key and ca.crl."""

    def __init__(self, folder):
        self._folder, self._settings = folder, folder / "ca.cnf"
        self._settings.write_text(SETTINGS.format(folder=folder))
        (folder / "index").touch()
        for counter in ("serial", "crlnumber"):
            (folder / counter).write_text("01\n")
        openssl("req", "-x509", *CURVE, "-days", "3", "-subj", "/CN=test CA", "-keyout", folder / "ca.key", "-out", folder / "ca.crt",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self._publish()

    def sign(self, name, *options):
        """Writes NAME.crt and NAME.key. `options` are those of `openssl ca`."""
        key, request = self._folder / f"{name}.key", self._folder / f"{name}.csr"
        openssl("req", *CURVE, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        self._ca("-extensions", "leaf", "-notext", "-in", request, "-out", self._folder / f"{name}.crt", *options)

    def revoke(self, name, *options):
        """Writes a new ca.crl. `options` are those of `openssl ca -gencrl`."""
        self._ca("-revoke", self._folder / f"{name}.crt")
        self._publish(*options)

    def _publish(self, *options):
        self._ca("-gencrl", "-out", self._folder / "ca.crl", *options)

    def _ca(self, *arguments):
        openssl("ca", "-batch", "-config", self._settings, *arguments)


def server_tls(folder, more=""):
    """The [server.tls] table for the certificate "server"."""
    return f'[server.tls]\ncertificate = "{folder}/server.crt"\nkey = "{folder}/server.key"\n{more}'
