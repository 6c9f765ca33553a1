"""Consoles over SSH: the files of deploy/ssh with the real sshd, confined as its unit says, the real ssh, and hostile clients."""
import os
import pathlib
import re
import select
import shutil
import subprocess
import time

import pytest
import sshd_process
from conftest import DEPLOY
from sshd_process import Sshd, missing, replaced
from vserctl_terminal import VSERCTL, Terminal
from vserd_process import PATIENCE_SECONDS, Daemon

import vser

PORTS = "".join(f'[[port]]\nname = "{name}"\ndevice = "sim:echo?unpaced=1"\n' for name in ("board", "noisy", "held"))
ESCAPE = b"\x1d"
REFUSED = b"is not accepted. Use 'PORT' for a console"


@pytest.fixture(scope="module")
def sshd():
    reason = missing()
    if reason:
        pytest.skip(reason)
    made = Sshd()
    yield made
    made.close()


@pytest.fixture(scope="module", name="daemon")
def fixture_daemon(sshd, tmp_path_factory):
    made = Daemon(tmp_path_factory.mktemp("vserd"), PORTS, listen=f"unix:{sshd.vserd_socket}")
    os.chown(sshd.vserd_socket, 0, sshd.group)  # as vserd's own group makes it
    yield made
    made.stop()


@pytest.fixture
def client(daemon):
    with vser.connect(daemon.address) as made:
        yield made


@pytest.fixture
def canary(sshd):
    """A path at which nothing may appear, where the account could create it."""
    folder = sshd.folder / "canary"
    folder.mkdir(exist_ok=True)
    os.chown(folder, sshd.user, -1)
    yield folder / "sang"
    assert list(folder.iterdir()) == []


def run(command, **popen):
    popen = {"stdin": subprocess.DEVNULL, **popen}
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=PATIENCE_SECONDS, **popen)


def console(sshd, port, *options, **terminal):
    """A console that is open."""
    made = Terminal(None, command=sshd.ssh(port, options=["-t", *options]), **terminal)
    made.wait(port.encode())
    return made


def received(client, port, data):
    """Writes it to the port, which echoes, and waits until vserd has all of it."""
    with client.attach(port) as other:
        other.write(data)
        other.expect(re.escape(data), timeout=PATIENCE_SECONDS)


def test_without_a_command_the_ports_are_listed(sshd, daemon):
    done = run(sshd.ssh())

    assert done.returncode == 0, done.stderr
    assert re.findall(rb"^(\w+) +online", done.stdout, re.MULTILINE) == [b"board", b"held", b"noisy"]
    assert done.stderr == b""


def test_read_prints_what_the_port_received_byte_for_byte(sshd, client):
    data = bytes(range(256)) * 16
    received(client, "board", data)

    done = run(sshd.ssh("board", "read"))

    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.endswith(data)


def test_a_port_is_a_console(sshd, daemon):
    with console(sshd, "board") as terminal:
        terminal.type(b"over ssh\r")
        terminal.wait(b"over ssh")
        terminal.type(ESCAPE + b"i")
        terminal.wait(b"1 reader,")
        terminal.type(ESCAPE + b".")
        assert terminal.ends() == 0
        assert b"left board at offset" in terminal.out


def test_ctrl_c_and_ctrl_z_go_to_the_device(sshd, client):
    with client.attach("board") as other, console(sshd, "board") as terminal:
        terminal.type(b"\x03\x1a\x1c!")
        other.expect(rb"\x03\x1a\x1c!", timeout=PATIENCE_SECONDS)


def test_ssh_tt_without_a_terminal_of_its_own_attaches(sshd, daemon):
    command = sshd.ssh("board", options=["-tt"])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as ssh:
        ssh.stdin.write(b"by a script" + ESCAPE + b".")
        out, err = ssh.communicate(timeout=PATIENCE_SECONDS)

    assert (ssh.returncode, err) == (0, b"")
    assert b"left board" in out


def test_without_a_terminal_input_is_sent_and_the_answer_printed(sshd, daemon):
    done = run(sshd.ssh("board", "attach"), stdin=None, input=b"version\r")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"version\r", b"")

    hinted = run(sshd.ssh("board"), stdin=None, input=b"version\r")
    assert (hinted.returncode, hinted.stdout) == (0, b"version\r")
    assert b"use ssh -t for a console" in hinted.stderr


def test_the_clients_snippet_opens_the_port_behind_an_alias(sshd, daemon):
    snippet = sshd.folder / "ssh_config"
    snippet.write_text(replaced((DEPLOY / "ssh/ssh_config.example").read_text(encoding="utf-8"),
                                (" *HostName", "    HostName 127.0.0.1"), (" *Port", f"    Port {sshd.port}")))

    with Terminal(None, command=["ssh", *sshd.options(config=snippet), "con-board"]) as terminal:
        terminal.wait(b"board")
        terminal.type(b"by alias\r")
        terminal.wait(b"by alias")
        terminal.type(ESCAPE + b".")
        assert terminal.ends() == 0


def session_of(sshd):
    """Waits until there is one session, and returns its process."""
    program, deadline = str(sshd.folder / "vserctl"), time.monotonic() + PATIENCE_SECONDS
    while True:
        found = [int(pid) for pid in filter(str.isdecimal, os.listdir("/proc")) if _program_of(pid) == program]
        if len(found) == 1:
            return found[0]
        assert time.monotonic() < deadline, found


def _program_of(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return None


def test_a_session_is_the_fixed_command_as_the_account_without_rights(sshd, daemon):
    with console(sshd, "held"):
        process = pathlib.Path(f"/proc/{session_of(sshd)}")
        words, status = (process / "cmdline").read_bytes().split(b"\0"), (process / "status").read_text()
    assert words == [str(sshd.folder / "vserctl").encode(), b"--server", f"unix:{sshd.vserd_socket}".encode(), b"ssh", b""]
    assert re.search(rf"^Uid:\t{sshd.user}\t{sshd.user}\t{sshd.user}\t{sshd.user}$", status, re.MULTILINE)
    assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)
    assert re.search(r"^Seccomp:\t2$", status, re.MULTILINE)


@pytest.mark.parametrize("options", ["-tt", "-T"])
def test_a_session_ends_with_its_client(sshd, daemon, options):
    with subprocess.Popen(sshd.ssh("held", "attach", options=[options]), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as ssh:
        session = os.pidfd_open(session_of(sshd))
        ssh.kill()
    assert select.select([session], [], [], PATIENCE_SECONDS)[0], "the session continues"
    os.close(session)


@pytest.mark.parametrize("name", ["bord", "sh", "id", "internal-sftp"])
def test_a_name_is_a_port_or_nothing(sshd, daemon, name):
    done = run(sshd.ssh(name, "read"))

    assert (done.returncode, done.stdout) == (1, b"")
    assert f'no port "{name}"; did you mean'.encode() in done.stderr


HOSTILE = (
    "touch {canary}", "board; touch {canary}", "board;touch {canary}", "$(touch {canary})", "`touch {canary}`",
    "board $(touch {canary})", "board\ntouch {canary}", "board\n", "\n", "board read\rtouch {canary}", "board | touch {canary}",
    "board && touch {canary}", "board & touch {canary}", "board read > {canary}", "board {{touch,{canary}}}",
    "-oProxyCommand=touch {canary}", "-s unix:/evil read", "--help", "--version", "board --from 0", "board read -f", "'board'",
    "board\tread", "${{IFS}}touch", "~root", "*", "../board", "sh -c id", "/bin/sh", "scp -t {canary}", "scp -f /etc/passwd",
    "rsync --server . {canary}", "/usr/lib/openssh/sftp-server", "board read board", "board write", "\x1b]0;owned\x07",
    "board \u202e", "host:board", "host:con-$(id)", "a" * 65, "board" + " " * 300, "a" * 100_000,
)


@pytest.mark.parametrize("words", HOSTILE, ids=lambda words: repr(words)[:30])
@pytest.mark.parametrize("options", [(), ("-tt",)], ids=("pipe", "terminal"))
def test_a_hostile_command_is_rejected_and_nothing_of_it_is_run(sshd, daemon, canary, words, options):
    done = run(sshd.ssh("--", words.format(canary=canary), options=options))

    told = done.stdout + done.stderr
    assert done.returncode == 2, told
    assert REFUSED in told and len(told) < 400
    assert re.fullmatch(rb"[ -~]*\r?\n", told), told


@pytest.mark.parametrize("words", [b"\xff\xfe", b"board \xc3\x28", b"\xe2\x80\xae", b"board\x7f", b"bo\x01ard"])
def test_bytes_that_are_no_text_are_rejected(sshd, daemon, words):
    done = run([*sshd.ssh(), words])

    assert (done.returncode, done.stdout) == (2, b"")
    assert REFUSED in done.stderr
    done.stderr.decode("utf-8")
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", done.stderr)


PROXY = "http://127.0.0.1:1"
FOREIGN = {
    "SSH_ORIGINAL_COMMAND": "noisy read", "SSH_CONNECTION": "evil", "SSH_USER_AUTH": "/evil", "VSERD_ADDRESS": "evil:1",
    "LD_PRELOAD": "/evil.so", "LD_LIBRARY_PATH": "/evil", "LD_AUDIT": "/evil.so", "GLIBC_TUNABLES": "glibc.malloc.check=3",
    "MALLOC_TRACE": "/evil", "OPENSSL_CONF": "/evil", "ENV": "/evil", "BASH_ENV": "/evil", "IFS": "a", "PATH": "/evil",
    "SHELL": "/evil", "HOME": "/evil", "LANG": "C.UTF-8", "LC_ALL": "C", "TZ": "/evil", "http_proxy": PROXY, "grpc_proxy": PROXY,
    "https_proxy": PROXY, "GRPC_TRACE": "all", "GRPC_VERBOSITY": "DEBUG", "GRPC_DNS_RESOLVER": "ares",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": "/evil",
}


def test_variables_of_the_client_do_not_arrive(sshd, daemon):
    """SetEnv and SendEnv: the ssh on this side sends all of them, and sshd accepts none."""
    marked = {name: value + "-FOREIGN" for name, value in FOREIGN.items()}
    settings = ["-o", "SendEnv=*", "-o", "SetEnv=" + " ".join(f'{name}="{value}"' for name, value in marked.items())]
    sent = {name: value for name, value in marked.items() if not name.startswith(("LD_", "PATH", "HOME"))}
    with console(sshd, "held", *settings, env=sent) as terminal:
        # What execve() passed, which clearenv() does not change.
        environment = pathlib.Path(f"/proc/{session_of(sshd)}/environ").read_bytes()
        terminal.type(ESCAPE + b".")
        assert terminal.ends() == 0

    values = dict(pair.split(b"=", 1) for pair in environment.split(b"\0") if pair)
    assert set(values) <= {b"USER", b"LOGNAME", b"HOME", b"PATH", b"SHELL", b"MAIL", b"TERM", b"PWD", b"SHLVL", b"_", b"OLDPWD",
                           b"SSH_CLIENT", b"SSH_CONNECTION", b"SSH_TTY", b"SSH_ORIGINAL_COMMAND"}
    assert b"FOREIGN" not in environment
    assert values[b"SSH_ORIGINAL_COMMAND"] == b"held"


def test_a_command_in_the_keys_file_and_its_variables_have_no_effect(sshd, daemon, canary):
    keys = sshd.folder / "authorized_keys"
    before = keys.read_text()
    keys.write_text(f'environment="LD_PRELOAD=/evil.so",command="touch {canary}" {before}')
    try:
        done = run(sshd.ssh("board", "attach"), stdin=None, input=b"x")
    finally:
        keys.write_text(before)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"x", b"")


def test_the_program_alone_ignores_a_hostile_environment_too(daemon):
    environment = {name: value for name, value in FOREIGN.items() if not name.startswith(("LD_", "GLIBC_", "MALLOC_"))}
    command = [VSERCTL, "--server", daemon.address, "ssh"]

    listed = run(command, env={**environment, "SSH_ORIGINAL_COMMAND": ""})
    refused = run(command, env={**environment, "SSH_ORIGINAL_COMMAND": "sh -c id"})

    assert (listed.returncode, listed.stderr) == (0, b"") and b"board" in listed.stdout
    assert refused.returncode == 2 and REFUSED in refused.stderr


def test_files_are_not_copied(sshd, daemon, canary, tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "batch").write_text("ls\n")
    there = f"console@127.0.0.1:{canary}"
    for command in (["sftp", *sshd.options(), "-b", tmp_path / "batch", "console@127.0.0.1"],
                    ["scp", *sshd.options(), tmp_path / "file", there],
                    ["scp", "-O", *sshd.options(), tmp_path / "file", there],
                    ["scp", "-O", *sshd.options(), "console@127.0.0.1:/etc/passwd", tmp_path / "got"],
                    sshd.ssh("sftp", options=["-s"])):
        assert run(command).returncode != 0, command
    assert not (tmp_path / "got").exists()


def test_nothing_is_forwarded(sshd, daemon, tmp_path):
    target = f"127.0.0.1:{sshd.port}"
    through = run(sshd.ssh(options=["-W", target]))
    assert through.returncode != 0 and b"SSH-2.0" not in through.stdout
    assert b"administratively prohibited" in run(sshd.ssh(options=["-W", target, "-o", "LogLevel=INFO"])).stderr
    unix = run(sshd.ssh(options=["-o", "ExitOnForwardFailure=yes", "-R", f"{tmp_path}/back:{sshd.vserd_socket}"]))
    back = run(sshd.ssh(options=["-o", "ExitOnForwardFailure=yes", "-R", f"0:{target}"]))
    tunnel = run(sshd.ssh(options=["-o", "ExitOnForwardFailure=yes", "-w", "any"]))
    assert 0 not in (unix.returncode, back.returncode, tunnel.returncode)
    assert not (tmp_path / "back").exists()


def test_only_the_account_with_a_known_key_logs_in(sshd, daemon):
    for command in (sshd.ssh(key=sshd.stranger), sshd.ssh(account="root"), sshd.ssh(account="vserd"), sshd.ssh(account="nobody")):
        done = run(command)
        assert (done.returncode, done.stdout) == (255, b""), command
    asked = run(sshd.ssh(options=["-o", "PreferredAuthentications=password,keyboard-interactive", "-o", "LogLevel=INFO"]))
    assert b"Permission denied (publickey)" in asked.stderr


def test_a_certificate_logs_in_if_it_is_for_the_account(sshd, daemon, tmp_path):
    certificate = tmp_path / "stranger-cert.pub"
    for principal, status in (("console", 0), ("root", 255)):
        shutil.copy(f"{sshd.stranger}.pub", tmp_path)
        sign = ["ssh-keygen", "-q", "-s", sshd.ca, "-I", "somebody", "-n", principal]
        subprocess.run([*sign, tmp_path / "stranger.pub"], check=True)
        done = run(sshd.ssh(key=sshd.stranger, options=["-o", f"CertificateFile={certificate}"]))
        assert done.returncode == status, done.stderr


def test_sshd_understands_the_file_as_it_is_meant(sshd):
    told = run([sshd_process.SSHD, "-T", "-f", sshd.folder / "sshd_config"], env={**os.environ, "LC_ALL": "C"})
    lines = told.stdout.decode().lower().splitlines()

    assert (told.returncode, told.stderr) == (0, b"")
    assert {"disableforwarding yes", "exposeauthinfo no", "permituserrc no", "permituserenvironment no", "usepam no",
            "strictmodes yes", "passwordauthentication no", "kbdinteractiveauthentication no", "permitrootlogin no",
            "allowusers console", "authenticationmethods publickey"} <= set(lines)
    assert not [line for line in lines if line.startswith(("acceptenv", "subsystem", "setenv"))]
    command = f"{sshd.folder}/vserctl --server unix:{sshd.vserd_socket} ssh"
    assert [line for line in lines if line.startswith("forcecommand")] == [f"forcecommand {command}"]


def test_the_account_has_no_password_and_its_group_may_use_the_socket(sshd):
    etc = sshd.folder / "accounts" / "etc"
    assert re.search(r"^console:[^:]*:\d+:\d+:[^:]*:/:/bin/sh$", (etc / "passwd").read_text(), re.MULTILINE)
    assert re.search(r"^vserd:[^:]*:\d+:console$", (etc / "group").read_text(), re.MULTILINE)
    assert sshd.locked_by_sysusers == "!*"  # what the postinst script unlocks for keys
    assert re.search(r"^console:\*:", (etc / "shadow").read_text(), re.MULTILINE)


def test_the_account_can_read_no_key_of_the_server(sshd, daemon):
    done = subprocess.run(["setpriv", f"--reuid={sshd.user}", "--clear-groups", "cat", sshd.host_key], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=False)
    assert done.stdout == b""


def test_the_log_names_the_key(sshd, daemon):
    before = len(sshd.log)
    run(sshd.ssh())
    fingerprint = run(["ssh-keygen", "-l", "-f", sshd.key]).stdout.split()[1].decode()
    sshd.wait_log(f"ED25519 {fingerprint}", before)
