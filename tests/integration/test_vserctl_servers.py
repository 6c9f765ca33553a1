"""Named servers, tokens and TLS of vserctl and of the Python client: the same file serves both."""
import json
import os
import shutil
import subprocess

import pytest
from call_recorder import CallRecorder
from certificates import certify
from vserd_process import BIN, PATIENCE_SECONDS

import vser

TOKEN = "vserd_abc-123._~+/="

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home directory with a configuration, and a token that only its owner can read."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("VSERD_ADDRESS", "VSERD_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "vserctl").mkdir()
    token = tmp_path / "vserctl" / "token"
    token.write_text(TOKEN + "\n")
    token.chmod(0o600)
    return tmp_path


@pytest.fixture
def recorder(home):
    certify(home, "server", names="DNS:localhost,DNS:lab.example")
    started = CallRecorder(home)
    yield started
    started.stop()


def configure(home, text):
    (home / "vserctl" / "config.toml").write_text(text)


def vserctl(*arguments, **environment):
    return subprocess.run([BIN / "vserctl", *arguments], text=True, capture_output=True, timeout=PATIENCE_SECONDS, check=False,
                          env={**os.environ, **environment})


def shown(recorder):
    """Every value of authorization, and that there were calls."""
    assert recorder.calls
    return {value for _, value in recorder.calls}


def test_a_named_server_gives_address_tls_and_token_to_vserctl_and_python(home, recorder):
    configure(home, f'[server.lab]\naddress = "{recorder.tls}"\nca = "{home}/server.crt"\ntoken_file = "token"\n')

    done = vserctl("-s", "lab", "ports")

    assert (done.returncode, done.stderr) == (0, "[vserctl: no ports: the server has none, or its rules show you none]\n")
    assert shown(recorder) == {f"Bearer {TOKEN}"}
    recorder.calls.clear()
    with vser.connect("lab") as client:
        client.ports()
        list(client.watch())
    assert {method for method, _ in recorder.calls} == {"GetServerInfo", "ListPorts", "WatchPorts"}
    assert shown(recorder) == {f"Bearer {TOKEN}"}


def test_the_default_server_is_used_unless_another_is_named(home, recorder):
    configure(home, f'default = "lab"\n[server.lab]\naddress = "{recorder.unix}"\ntoken_file = "token"\n')

    assert vserctl("info").returncode == 0
    vser.connect().close()
    assert shown(recorder) == {f"Bearer {TOKEN}"}
    recorder.calls.clear()
    assert vserctl("-s", recorder.plain, "info").returncode == 0
    assert vserctl("info", VSERD_ADDRESS=recorder.plain).returncode == 0

    assert shown(recorder) == {None}


@pytest.mark.parametrize("command", [["watch"], ["attach", "p"], ["flush", "p"], ["health"], ["read", "p"]])
def test_every_kind_of_call_shows_the_token_over_a_unix_socket(home, recorder, command):
    vserctl("-s", recorder.unix, "--token-file", home / "vserctl" / "token", *command)

    assert len(recorder.calls) >= 2
    assert shown(recorder) == {f"Bearer {TOKEN}"}


def test_the_option_comes_before_the_variable_and_the_variable_before_the_file(home, recorder):
    configure(home, f'[server.lab]\naddress = "{recorder.unix}"\ntoken_file = "token"\n')
    other = home / "other"
    other.write_text("other")
    other.chmod(0o600)

    assert vserctl("-s", "lab", "info", VSERD_TOKEN="variable").returncode == 0
    assert shown(recorder) == {"Bearer variable"}
    recorder.calls.clear()
    assert vserctl("-s", "lab", "--token-file", other, "info", VSERD_TOKEN="variable").returncode == 0

    assert shown(recorder) == {"Bearer other"}


def test_a_token_is_never_sent_without_encryption(home, recorder):
    done = vserctl("-s", recorder.plain, "info", VSERD_TOKEN=TOKEN)

    assert done.returncode == 2
    assert "without encryption" in done.stderr
    with pytest.raises(ValueError, match="without encryption"):
        vser.connect(recorder.plain, token=TOKEN)
    assert not recorder.calls


def test_the_name_in_the_certificate_can_differ_from_the_address(home, recorder):
    port = recorder.tls.rpartition(":")[2]
    table = f'[server.lab]\naddress = "127.0.0.1:{port}"\nca = "{home}/server.crt"\n'
    configure(home, table + 'tls_name = "other.example"\n')
    assert vserctl("-s", "lab", "info").returncode == 3

    configure(home, table + 'tls_name = "lab.example"\n')

    assert vserctl("-s", "lab", "info").returncode == 0
    vser.connect("lab").close()


def test_a_token_that_others_can_read_is_reported(home, recorder):
    token = home / "vserctl" / "token"
    token.chmod(0o644)

    done = vserctl("-s", recorder.unix, "--token-file", token, "info")

    assert done.returncode == 0
    assert done.stderr == f"vserctl: warning: other users can read the token in {token}; run: chmod 600 {token}\n"


@pytest.mark.parametrize(("content", "told"), [("", "it is empty"), (None, "No such file"), ("two words\x07", None)])
def test_a_token_file_that_cannot_be_used_is_named(home, recorder, content, told):
    token = home / "token"
    if content is not None:
        token.write_text(content)
        token.chmod(0o600)

    done = vserctl("-s", recorder.unix, "--token-file", token, "info")

    if told is None:  # the first word
        assert shown(recorder) == {"Bearer two"}
        return
    assert done.returncode == 2
    assert f"{token}: {told}" in done.stderr


def test_a_mistake_in_the_file_is_told_with_its_place(home, recorder):
    configure(home, f'[server.lab]\naddress = "{recorder.unix}"\ntokenfile = "x"\n')

    done = vserctl("-s", "lab", "info")

    assert done.returncode == 2
    assert f"{home}/vserctl/config.toml:3:1: 'tokenfile' is not a key of [server.lab]" in done.stderr
    as_json = vserctl("--json", "-s", "lab", "info")
    assert "'tokenfile'" in json.loads(as_json.stderr)["error"]["message"]
    with pytest.raises(ValueError, match="'tokenfile' is not a key of"):
        vser.connect("lab")


def test_another_file_can_be_named(home, recorder, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(f'default = "here"\n[server.here]\naddress = "{recorder.unix}"\n')

    assert vserctl("--config", file, "info").returncode == 0
    assert vserctl("--config", tmp_path / "none.toml", "info").returncode == 2


def test_config_lists_and_shows_the_servers(home):
    configure(home, 'default = "lab"\n[server.lab]\naddress = "lab7"\nca = "ca.crt"\ntoken_file = "token"\n'
                    '[server.local]\naddress = "unix:/run/vserd/vserd.sock"\n')

    listed = vserctl("config", "list")
    shown_one = vserctl("config", "show")

    assert [line.split() for line in listed.stdout.splitlines()[1:]] == [
        ["lab", "lab7", "yes", f"{home}/vserctl/token", "default"], ["local", "unix:/run/vserd/vserd.sock", "no"]]
    assert shown_one.stdout == (f'[server.lab]\naddress = "lab7"\ntls = true\nca = "{home}/vserctl/ca.crt"\n'
                                f'token_file = "{home}/vserctl/token"\n')
    assert json.loads(vserctl("config", "show", "local", "--json").stdout)["address"] == "unix:/run/vserd/vserd.sock"
    unknown = vserctl("config", "show", "lab8")
    assert unknown.returncode == 1
    assert "there is no [server.lab8]" in unknown.stderr
