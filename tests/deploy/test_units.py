"""The unit files by systemd's own tools, and the daemon under the system-call filter of its unit."""
import os
import re
import shutil
import subprocess

import pytest
from conftest import DEPLOY
from unit_sandbox import allowed_calls, filter_calls
from vserd_process import BIN, PATIENCE_SECONDS, Daemon

import vser

UNITS = DEPLOY / "systemd"
EXPOSURE_MAX = 2.0
SSH_UNIT = DEPLOY / "ssh" / "vserd-ssh.service"
SSH_EXPOSURE_MAX = 3.2  # sshd is root, calls chroot and changes to the account
PORT = '[[port]]\nname = "echo"\ndevice = "sim:echo?unpaced=1"\n'


def run(*command, **options):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def here(tmp_path):
    """The units with the path of this build's vserd, which verify looks for."""
    for unit in UNITS.glob("vserd.s*"):
        (tmp_path / unit.name).write_text(unit.read_text(encoding="utf-8").replace("/usr/bin/vserd", str(BIN / "vserd")))
    return tmp_path


def test_verify_has_no_complaint(here):
    assert run("systemd-analyze", "verify", "--man=no", here / "vserd.service", here / "vserd.socket") == ""


def test_verify_has_no_complaint_about_the_user_unit(tmp_path):
    unit = tmp_path / "vserd-tty@.service"
    unit.write_text((UNITS / unit.name).read_text(encoding="utf-8").replace("/usr/bin/vserctl", str(BIN / "vserctl")))
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    assert run("systemd-analyze", "verify", "--user", "--man=no", tmp_path / "vserd-tty@board-1.service", env=environment) == ""


def test_verify_has_no_complaint_about_the_service_for_ssh(tmp_path):
    unit = tmp_path / SSH_UNIT.name
    unit.write_text(SSH_UNIT.read_text(encoding="utf-8").replace("/usr/sbin/sshd", "/bin/true"))  # also where there is no sshd
    assert run("systemd-analyze", "verify", "--man=no", unit) == ""


def test_the_directory_of_sshd_survives_the_stop_of_either_service(tmp_path):
    """Each unit has RuntimeDirectory=sshd, and systemd removes it with the first that stops, if that does not preserve it."""
    system = tmp_path / "usr/lib/systemd/system"
    (system / "ssh.service.d").mkdir(parents=True)
    (system / "ssh.service").write_text("[Service]\nExecStart=/bin/true\nRuntimeDirectory=sshd\n")
    shutil.copy(SSH_UNIT, system)
    shutil.copy(SSH_UNIT.parent / "ssh.service.d/vserd-ssh.conf", system / "ssh.service.d")

    for unit in ("ssh.service", "vserd-ssh.service"):
        text = run("systemd-analyze", f"--root={tmp_path}", "cat-config", f"systemd/system/{unit}")
        assert "RuntimeDirectory=sshd\n" in text
        assert re.findall(r"^RuntimeDirectoryPreserve=(.*)$", text, re.MULTILINE) == ["yes"]


@pytest.mark.parametrize(("unit", "exposure_max"), [(UNITS / "vserd.service", EXPOSURE_MAX), (SSH_UNIT, SSH_EXPOSURE_MAX)],
                         ids=("vserd", "vserd-ssh"))
def test_the_sandbox_is_tight(unit, exposure_max):
    report = run("systemd-analyze", "security", "--offline=yes", "--no-pager", unit)
    assert float(re.search(rf"exposure level for {unit.name}: ([\d.]+)", report)[1]) <= exposure_max


def test_sysusers_makes_a_user_in_the_group_of_serial_lines(tmp_path):
    (tmp_path / "etc").mkdir()
    run("systemd-sysusers", f"--root={tmp_path}", UNITS / "vserd.sysusers")

    assert re.search(r"^vserd:[^:]*:\d+:\d+:[^:]*:/:/usr/sbin/nologin$", (tmp_path / "etc/passwd").read_text(), re.MULTILINE)
    assert re.search(r"^dialout:[^:]*:\d+:vserd$", (tmp_path / "etc/group").read_text(), re.MULTILINE)


def test_the_unit_tells_systemd_what_the_daemon_does():
    unit = (UNITS / "vserd.service").read_text(encoding="utf-8")
    for line in ("Type=notify", "ExecReload=/bin/sh -c 'kill -HUP $$MAINPID'", "SupplementaryGroups=dialout", "DevicePolicy=closed",
                 "NoNewPrivileges=yes"):
        assert f"\n{line}\n" in unit


def test_no_core_file_and_a_bound_on_memory():
    unit = (UNITS / "vserd.service").read_text(encoding="utf-8")

    assert "\nLimitCORE=0\n" in unit
    assert re.search(r"^MemoryHigh=\d+%$", unit, re.MULTILINE)
    assert re.search(r"^MemoryMax=\d+%$", unit, re.MULTILINE)


def test_repeated_oom_kills_do_not_end_the_service_for_good():
    """Filling memory_max takes a second at least; the start limit ends only what fails faster than that."""
    unit = (UNITS / "vserd.service").read_text(encoding="utf-8")
    interval = int(re.search(r"^StartLimitIntervalSec=(\d+)$", unit, re.MULTILINE)[1])
    burst = int(re.search(r"^StartLimitBurst=(\d+)$", unit, re.MULTILINE)[1])

    assert 0 < interval < burst


def test_the_daemon_works_with_io_uring_under_the_filter_of_its_unit(tmp_path):
    without = Daemon(tmp_path, PORT)
    with vser.connect(without.address) as client:
        engine = client.info().engine
    without.stop()
    calls = allowed_calls(UNITS / "vserd.service")
    assert {"io_uring_setup", "io_uring_enter", "io_uring_register"} <= calls
    assert not {"mount", "reboot", "bpf", "init_module", "ptrace"} & calls

    daemon = Daemon(tmp_path, PORT, metrics="127.0.0.1:0", preexec_fn=lambda: filter_calls(calls))
    try:
        with vser.connect(daemon.address) as client, client.attach("echo") as console:
            assert client.info().engine == engine
            console.write(b"through the filter")
            seen = b""
            while seen != b"through the filter":
                item = console.next(PATIENCE_SECONDS)
                seen += item.data if isinstance(item, vser.Data) else b""
            assert client.set_baud("echo", 9600) == 9600
    finally:
        daemon.stop()
