"""The files of [access] while vserd runs: changes, mistakes, reloads and expiry; and what `vserd check` says about them."""
import datetime
import hashlib
import pathlib
import signal
import subprocess
import tempfile

import pytest
from restarts import port_table, until
from vserd_process import BIN, Daemon

import vser

RULE = '[[access.rule]]\nwho = ["token:*"]\nports = ["*"]\nrole = "{}"\n'


def token(name):
    return f"vserd_the-token-of-{name}"


def line(name, expires=""):
    return f"{name} {hashlib.sha256(token(name).encode()).hexdigest()} {expires}\n"


class Guarded:
    """A daemon with a tokens file, whose standard error is a file, on a Unix socket."""

    def __init__(self, folder, tokens, role="write"):
        self.tokens, self._errors = folder / "tokens", folder / "errors"
        self.tokens.touch(0o600)
        self.tokens.write_text(tokens)
        self.address = f"unix:{tempfile.mkdtemp(prefix='vserd-access-', dir='/tmp')}/s"
        with open(self._errors, "wb") as errors:
            self.daemon = Daemon(folder, port_table("p", "sim:echo?unpaced=1"), history=self._access(role), listen=self.address,
                                 stderr=errors)

    def _access(self, role):
        return f'[access]\ntokens = "{self.tokens}"\n{RULE.format(role)}'

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
