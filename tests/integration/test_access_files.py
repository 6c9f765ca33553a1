"""The files of [access] while vserd runs: changes, mistakes, reloads and expiry; and what `vserd check` says about them."""
import base64
import datetime
import hashlib
import json
import pathlib
import signal
import subprocess
import tempfile
import time

import pytest
from restarts import port_table, until
from vserd_process import BIN, Daemon

import vser

RULE = '[[access.rule]]\nwho = ["token:*", "jwt:sub=*"]\nports = ["*"]\nrole = "{}"\n'


def token(name):
    return f"vserd_the-token-of-{name}"


def line(name, expires=""):
    return f"{name} {hashlib.sha256(token(name).encode()).hexdigest()} {expires}\n"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """Signs JSON Web Tokens with RS256."""

    LEEWAY_SECONDS = 30  # jwt_leeway

    def __init__(self, folder):
        self._folder, self.jwks = folder, folder / "jwks.json"
        self._openssl("genrsa", "-out", "issuer.key", "2048")
        modulus = self._openssl("rsa", "-in", "issuer.key", "-noout", "-modulus").decode().strip().removeprefix("Modulus=")
        key = {"kty": "RSA", "kid": "k1", "n": base64url(bytes.fromhex(modulus)), "e": "AQAB"}
        self.jwks.write_text(json.dumps({"keys": [key]}))

    def _openssl(self, *command, **more):
        return subprocess.run(["openssl", *command], cwd=self._folder, check=True, capture_output=True, timeout=60, **more).stdout

    def token(self, seconds):
        """A token that vserd accepts that many seconds."""
        now = int(time.time())
        claims = {"iss": "lab", "aud": "vserd", "sub": "ann", "nbf": now - 60, "exp": now + seconds - self.LEEWAY_SECONDS}
        text = ".".join(base64url(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "k1"}, claims))
        return f'{text}.{base64url(self._openssl("dgst", "-sha256", "-sign", "issuer.key", input=text.encode()))}'

    def settings(self):
        return f'[access.jwt]\njwks = "{self.jwks}"\nissuer = "lab"\naudience = "vserd"\n'


class Guarded:
    """A daemon with a tokens file, whose standard error is a file, on a Unix socket."""

    def __init__(self, folder, tokens, role="write", issuer=None):
        self.tokens, self._errors = folder / "tokens", folder / "errors"
        self._jwt = issuer.settings() if issuer else ""
        self.tokens.touch(0o600)
        self.tokens.write_text(tokens)
        self.address = f"unix:{tempfile.mkdtemp(prefix='vserd-access-', dir='/tmp')}/s"
        with open(self._errors, "wb") as errors:
            self.daemon = Daemon(folder, port_table("p", "sim:echo?unpaced=1"), history=self._access(role), listen=self.address,
                                 stderr=errors)

    def _access(self, role):
        return f'[access]\ntokens = "{self.tokens}"\n{self._jwt}{RULE.format(role)}'

    def reload(self, role):
        text = self.daemon.config.read_text()
        self.daemon.config.write_text(text[:text.index("[access]")] + self._access(role) + text[text.index("[[port]]"):])
        self.daemon.process.send_signal(signal.SIGHUP)

    def connect(self, name):
        return vser.connect(self.address, token=token(name))

    def wait_for(self, text):
        until(lambda: text in self._errors.read_text())

    def close(self):
        self.daemon.stop()
        path = pathlib.Path(self.address.removeprefix("unix:"))
        path.unlink(missing_ok=True)
        path.parent.rmdir()


@pytest.fixture
def serve(tmp_path):
    started = []

    def start(*arguments, **more):
        started.append(Guarded(tmp_path, *arguments, **more))
        return started[-1]

    yield start
    for guarded in started:
        guarded.close()


def read_until_refused(client):
    """Follows the port until the server ends that; returns why."""
    with pytest.raises(vser.VserError) as refused:
        for _ in client.read("p", follow=True):
            pass
    return str(refused.value)


def test_a_new_token_is_known_and_a_removed_one_ends_its_sessions(serve):
    guarded = serve(line("old"))
    with guarded.connect("old") as old:
        old.write("p", b"x")

        guarded.tokens.write_text(line("new"))

        assert "role" in read_until_refused(old) or "token" in read_until_refused(old)
    guarded.wait_for("the files have changed; the new tokens and keys are in force")
    with guarded.connect("new") as new:
        new.write("p", b"x")


def test_an_expired_token_ends_its_sessions(serve):
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=4)
    guarded = serve(line("ci", soon.strftime("%Y-%m-%dT%H:%M:%SZ")))
    with guarded.connect("ci") as client:
        read_until_refused(client)
    guarded.wait_for("a token has expired; its sessions have no rights any more")


def test_an_expired_token_ends_its_sessions_without_the_file(serve):
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=4)
    guarded = serve(line("ci", soon.strftime("%Y-%m-%dT%H:%M:%SZ")))
    with guarded.connect("ci") as client:
        client.write("p", b"x")
        guarded.tokens.unlink()
        read_until_refused(client)
    guarded.wait_for("the previous tokens and keys stay in force")


def test_a_token_that_is_replaced_keeps_no_session_under_its_name(serve):
    guarded = serve(line("ci") + line("other"))
    with guarded.connect("ci") as leaked:
        leaked.write("p", b"x")

        guarded.tokens.write_text(line("other") + line("new").replace("new ", "ci ", 1))

        read_until_refused(leaked)
    with guarded.connect("new") as new:
        new.write("p", b"x")


def test_a_jwt_that_expires_ends_its_sessions(serve, tmp_path):
    issuer = Issuer(tmp_path)
    guarded = serve("", issuer=issuer)
    with vser.connect(guarded.address, token=issuer.token(seconds=6)) as client:
        client.write("p", b"x")
        read_until_refused(client)
    guarded.wait_for("a token has expired; its sessions have no rights any more")


def test_the_key_of_a_jwt_that_is_removed_ends_its_sessions(serve, tmp_path):
    issuer = Issuer(tmp_path)
    guarded = serve("", issuer=issuer)
    with vser.connect(guarded.address, token=issuer.token(seconds=3600)) as client:
        client.write("p", b"x")

        issuer.jwks.write_text(issuer.jwks.read_text().replace('"k1"', '"k2"'))

        read_until_refused(client)
    guarded.wait_for("the files have changed; the new tokens and keys are in force")


def test_the_scheme_of_a_token_ignores_case(serve):
    guarded = serve(line("ci"))
    with guarded.connect("ci") as client:
        for scheme, known in (("bearer ", True), ("BEARER  ", True), ("Bearer ", True), ("Bearer", False), ("Basic ", False)):
            client._connection._metadata = (("authorization", scheme + token("ci")),)
            if known:
                client.write("p", b"x")
            else:
                with pytest.raises(vser.VserError, match="Bearer TOKEN"):
                    client.write("p", b"x")


def test_a_tokens_file_with_a_mistake_changes_nothing(serve):
    guarded = serve(line("ci"))

    guarded.tokens.write_text("ci " + token("ci") + "\n")

    guarded.wait_for("tokens:1:4: the SHA-256 of a token must be 64 hexadecimal digits")
    guarded.wait_for("the previous tokens and keys stay in force")
    with guarded.connect("ci") as client:
        client.write("p", b"x")
    assert token("ci") not in guarded._errors.read_text()


def test_a_reload_with_a_mistake_keeps_the_rules(serve):
    guarded = serve(line("ci"))
    guarded.tokens.write_text("ci\n")

    guarded.reload("list")

    guarded.wait_for("the previous configuration stays in force")
    with guarded.connect("ci") as client:
        client.write("p", b"x")


def test_a_reload_takes_rights_away(serve):
    guarded = serve(line("ci"))
    with guarded.connect("ci") as client:
        client.write("p", b"x")

        guarded.reload("list")

        read_until_refused(client)
        with pytest.raises(vser.VserError, match="write"):
            client.write("p", b"x")


def test_a_start_with_a_mistake_says_where(tmp_path):
    (tmp_path / "tokens").write_text("ci x\n")
    config = tmp_path / "vserd.toml"
    config.write_text(f'[server]\nlisten = ["127.0.0.1:0"]\nmetrics = ""\n[access]\ntokens = "{tmp_path}/tokens"\n'
                      f'{RULE.format("read")}{port_table("p", "sim:echo")}[[port.listen]]\naddress = "127.0.0.1:0"\nprotocol = "raw"\n')

    for command in (["check", config], ["--config", config]):
        done = subprocess.run([BIN / "vserd", *command], capture_output=True, text=True, timeout=30)
        assert (done.returncode, f"{tmp_path}/tokens:1:4: the SHA-256" in done.stderr) == (1, True), done.stderr

    (tmp_path / "tokens").write_text(line("ci"))
    (tmp_path / "tokens").chmod(0o644)
    done = subprocess.run([BIN / "vserd", "check", config], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0
    assert "every user of this machine can read this file" in done.stderr
    assert 'the listener 127.0.0.1:0 has no \'role\'' in done.stderr
    assert "no client can send a token" in done.stderr


def test_check_warns_about_rules_that_match_nothing(tmp_path):
    (tmp_path / "tokens").touch(0o600)
    (tmp_path / "tokens").write_text(line("ci-1"))
    config = tmp_path / "vserd.toml"
    config.write_text(f'[server]\nlisten = ["unix:{tmp_path}/s"]\nmetrics = ""\n[access]\ntokens = "{tmp_path}/tokens"\n'
                      '[[access.rule]]\nwho = ["token:ci-1", "token:x-*", "token:ci-2"]\nports = ["p", "rack*"]\nrole = "read"\n'
                      f'{port_table("p", "sim:echo")}')

    done = subprocess.run([BIN / "vserd", "check", config], capture_output=True, text=True, timeout=30)

    assert done.returncode == 0, done.stderr
    warnings = [text.split("warning: ")[1] for text in done.stderr.splitlines() if "[[access.rule]]" in text]
    assert warnings == ["[[access.rule]] 1: no port matches 'rack*' in 'ports'",
                        "[[access.rule]] 1: the tokens file has no token of the name in 'token:ci-2'; `vserctl token new` makes one"]
    assert "no client can send a token" not in done.stderr
