"""What `vserd check` accepts also starts, and a socket file is replaced only when nobody listens there."""
import os
import pathlib
import signal
import socket
import subprocess
import urllib.request

import pytest
from vserd_process import BIN, PATIENCE_SECONDS, Daemon, Process

import vser

PORT = '[[port]]\nname = "echo"\ndevice = "sim:echo"\n'


def check(config):
    return subprocess.run([BIN / "vserd", "check", config], text=True, capture_output=True, check=False)


def refusal(folder, **settings):
    """What a vserd that does not start says."""
    with open(folder / "errors", "w") as errors, pytest.raises(AssertionError, match="did not start"):
        Daemon(folder, PORT, stderr=errors, **settings)
    return (folder / "errors").read_text()


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_metrics_are_served_on_addresses_of_every_kind_and_check_agrees(tmp_path, host):
    if host == "[::1]" and not has_ipv6():
        pytest.skip("no IPv6 on this machine")
    daemon = Daemon(tmp_path, PORT, metrics=f"{host}:0")
    with urllib.request.urlopen(f"http://{daemon.metrics}/metrics", timeout=PATIENCE_SECONDS) as reply:
        assert b"vserd_build_info" in reply.read()
    daemon.stop()

    assert check(daemon.config).returncode == 0


@pytest.mark.parametrize("key", ["listen", "metrics"])
def test_a_name_that_does_not_resolve_is_rejected_by_start_and_check(tmp_path, key):
    wrong = {"listen": "no-such-host.invalid:1", "server": "allow_insecure_remote = true"} if key == "listen" else {
        "metrics": "no-such-host.invalid:1"}
    told = refusal(tmp_path, **wrong)
    assert "no-such-host.invalid:1" in told and f"`{key}`" in told

    checked = check(tmp_path / "vserd.toml")
    assert checked.returncode == 1
    assert "no-such-host.invalid:1" in checked.stderr and f"`{key}`" in checked.stderr


def test_a_file_in_a_sockets_place_is_kept_and_rejected_by_start_and_check(tmp_path):
    file = tmp_path / "vserd.sock"
    file.write_text("precious")

    assert "not a socket" in refusal(tmp_path, listen=f"unix:{file}")
    assert "not a socket" in check(tmp_path / "vserd.toml").stderr
    assert file.read_text() == "precious"


def test_a_link_to_a_socket_is_kept(tmp_path):
    link = tmp_path / "vserd.sock"
    link.symlink_to(tmp_path / "nowhere")

    assert "not a socket" in refusal(tmp_path, listen=f"unix:{link}")
    assert link.is_symlink()


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET], ids=["stream", "datagram", "packets"])
def test_a_live_socket_of_any_type_is_kept(tmp_path, kind):
    path = tmp_path / "vserd.sock"
    with socket.socket(socket.AF_UNIX, kind) as live:
        live.bind(str(path))
        if kind != socket.SOCK_DGRAM:
            live.listen(1)
        inode = path.stat().st_ino

        assert str(path) in refusal(tmp_path, listen=f"unix:{path}")

        assert path.stat().st_ino == inode


def test_a_socket_with_a_full_backlog_is_kept(tmp_path):
    path = tmp_path / "vserd.sock"
    with socket.socket(socket.AF_UNIX) as live:
        live.bind(str(path))
        live.listen(0)
        waiting = socket.socket(socket.AF_UNIX)
        waiting.connect(str(path))
        inode = path.stat().st_ino

        assert "in use" in refusal(tmp_path, listen=f"unix:{path}")

        assert path.stat().st_ino == inode
        waiting.close()


def test_the_socket_of_a_process_that_was_killed_is_replaced(tmp_path):
    path = tmp_path / "vserd.sock"
    Daemon(tmp_path, PORT, listen=f"unix:{path}").stop(signal.SIGKILL)
    assert path.is_socket()

    daemon = Daemon(tmp_path, PORT, listen=f"unix:{path}")
    with vser.connect(f"unix:{path}") as client:
        assert client.port("echo").name == "echo"
    daemon.stop()
    assert not path.exists()


def test_a_socket_that_another_process_put_there_meanwhile_is_kept(tmp_path):
    path = tmp_path / "vserd.sock"
    daemon = Daemon(tmp_path, PORT, listen=f"unix:{path}")
    path.unlink()
    with socket.socket(socket.AF_UNIX) as another:
        another.bind(str(path))
        another.listen(1)

        daemon.stop()

        assert path.is_socket()


def test_the_unix_socket_is_served_beside_tcp_where_its_directory_exists(tmp_path):
    """In a network and a /run of its own, since the default addresses may be taken here."""
    if os.geteuid() != 0:
        pytest.skip("mounts and networks are root's")
    program = tmp_path / "run"
    program.write_text("#!/bin/sh\nexec unshare --mount --net sh -ec 'mount -t tmpfs none /run; mkdir /run/vserd; ip link set lo up; "
                       f'exec "$0" "$@"\' {BIN / "vserd"} "$@"\n')
    program.chmod(0o755)
    config = tmp_path / "vserd.toml"
    config.write_text(PORT)
    running = Process("--config", config, program=program)
    root = pathlib.Path(f"/proc/{running.process.pid}/root")
    served = (root / "run/vserd/vserd.sock").is_socket()
    running.stop()
    assert "127.0.0.1:50051, unix:/run/vserd/vserd.sock" in running.line, running.line
    assert served


def test_check_warns_about_an_archive_that_cannot_be_written(tmp_path):
    def warned(directory):
        (tmp_path / "archived.toml").write_text(f'[archive]\ndirectory = "{directory}"\n{PORT}')
        done = check(tmp_path / "archived.toml")
        assert done.returncode == 0, done.stderr
        return done.stderr

    (tmp_path / "file").write_text("")
    said = warned(tmp_path / "file/a")
    assert f"warning: [archive]: user {os.geteuid()} cannot write {tmp_path}/file/a: {tmp_path}/file: not a directory" in said
    (tmp_path / "closed").mkdir(mode=0o500)
    if os.geteuid() != 0:
        assert f"{tmp_path}/closed: Permission denied; without it vserd archives nothing" in warned(tmp_path / "closed/a")
    assert warned(tmp_path / "new/archive") == ""
    assert not (tmp_path / "new").exists()
