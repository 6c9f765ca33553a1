"""vserctl tty: a remote port as a local terminal, with the programs that people use on serial devices."""
import fcntl
import hashlib
import json
import os
import pty
import random
import re
import select
import signal
import subprocess
import termios

import pytest
from local_tty import Collector, LocalTty, Tmux
from restarts import Wire, port_table, start, until, wire  # noqa: F401  fixtures
from vserctl_terminal import VSERCTL, Device, vserctl
from vserd_process import PATIENCE_SECONDS, Daemon

import vser

BINARY = bytes(range(256))
HISTORY_BYTES = 2 << 20
PORTS = (port_table("echo", "sim:echo?unpaced=1&id=echo", "baud = 19200") + port_table("slow", "sim:echo?id=slow", "baud = 1200")
         + port_table("console", "sim:console?id=console&unpaced=1")
         + port_table("flow", "sim:echo?unpaced=1&id=flow", 'format = "8N1/rtscts"'))


@pytest.fixture
def daemon(tmp_path):
    started = Daemon(tmp_path, PORTS, history=f'[history]\nbytes_per_port = "{HISTORY_BYTES >> 10}KiB"')
    yield started
    if started.process.poll() is None:
        started.stop()


@pytest.fixture
def client(daemon):
    with vser.connect(daemon.address) as connected:
        yield connected


@pytest.fixture
def tty(tmp_path, daemon):
    """Starts `vserctl tty PORT`; ends it after the test."""
    started = []

    def begin(port="echo", *words, **more):
        started.append(LocalTty(tmp_path, daemon.address, port, *words, **more))
        return started[-1]

    yield begin
    for each in started:
        each.close()


def stty(path, *words):
    return subprocess.run(["stty", "-F", path, *words], stdout=subprocess.PIPE, check=True, text=True, timeout=PATIENCE_SECONDS).stdout


# What it says, and the terminal that it makes

def test_it_prints_the_path_and_the_link_leads_to_the_terminal(tty):
    local = tty()

    assert local.line == f"{local.link}\n"
    assert re.fullmatch(r"/dev/pts/\d+", os.path.realpath(local.link))


def test_json_names_the_port_the_path_and_the_device(tty):
    local = tty("echo", "--json")

    assert json.loads(local.line) == {"port": "echo", "path": str(local.link), "device": os.path.realpath(local.link)}


def test_without_a_link_it_prints_the_device(daemon, tmp_path):
    process = subprocess.Popen([VSERCTL, "-s", daemon.address, "tty", "echo"], stdout=subprocess.PIPE, text=True)
    path = process.stdout.readline().strip()

    assert os.stat(path).st_mode & 0o777 == 0o600  # others, and `wall`, may not write to the device
    process.terminate()
    assert process.wait(PATIENCE_SECONDS) == -signal.SIGTERM
    process.stdout.close()


@pytest.mark.parametrize(("port", "speed", "flow"), [("echo", 19200, " -crtscts"), ("flow", 115200, " crtscts")])
def test_the_terminal_begins_with_the_settings_of_the_line(tty, client, port, speed, flow):
    shown = stty(tty(port).link, "-a")

    assert f"speed {speed} baud" in shown and flow in shown and " -icanon" in shown and " -echo " in shown
    assert client.baud(port) == speed


def test_bytes_pass_unchanged_in_both_directions(tty):
    with tty().open() as port:
        port.write(BINARY)
        assert port.read(256) == BINARY


def test_a_megabyte_comes_back_whole(tty):
    data = random.Random(1).randbytes(1 << 20)
    local = tty()
    back = Collector(local.link)
    with open(local.link, "wb", buffering=0) as port:
        for at in range(0, len(data), 4096):
            port.write(data[at:at + 4096])
        back.wait_for(len(data))
    assert hashlib.sha256(back.got).digest() == hashlib.sha256(data).digest()


def test_a_program_that_keeps_the_terminal_open_gets_its_bytes_when_another_one_closes_it(tty, client):
    local = tty()
    for _ in range(20):
        one, other = os.open(local.link, os.O_RDWR | os.O_NOCTTY), os.open(local.link, os.O_RDWR | os.O_NOCTTY)
        os.close(one)
        client.write("echo", b"still here")
        got = b""
        while len(got) < 10:
            assert select.select([other], [], [], PATIENCE_SECONDS)[0], f"after {got!r} nothing came"
            got += os.read(other, 10)
        os.close(other)
        assert got == b"still here"


# Settings

def test_stty_sets_the_speed_and_the_flow_control_of_the_line(tty, client):
    local = tty()
    stty(local.link, "57600")
    until(lambda: client.baud("echo") == 57600)
    stty(local.link, "crtscts")
    until(lambda: client.format("echo").flow_control is vser.FlowControl.RTS_CTS)
    stty(local.link, "-crtscts", "9600")
    until(lambda: (client.baud("echo"), client.format("echo").flow_control) == (9600, vser.FlowControl.NONE))
    assert "speed 9600 baud" in stty(local.link)


def test_a_program_sets_a_rate_without_a_constant(tty, client):
    local = tty()
    with local.open(250123) as port:
        until(lambda: client.baud("echo") == 250123)
        port.write(b"at the new rate")
        assert port.read(15) == b"at the new rate"


def test_a_program_that_clears_extproc_is_heard_further_on(tty, client):
    local = tty()
    fd = os.open(local.link, os.O_RDWR | os.O_NOCTTY)
    values = termios.tcgetattr(fd)
    for rate, name in ((2400, termios.B2400), (38400, termios.B38400), (4800, termios.B4800)):
        values[3], values[4], values[5] = 0, name, name
        termios.tcsetattr(fd, termios.TCSANOW, values)
        until(lambda: client.baud("echo") == rate)
        until(lambda: termios.tcgetattr(fd)[3] != 0)  # it is set again
    os.close(fd)


def test_bytes_before_a_change_have_the_old_speed_and_bytes_after_it_the_new(tty, client):
    with tty("slow").open(1200) as port:
        port.write(b"x" * 120)  # a second at 1200 baud
        until(lambda: client.port("slow").stats.tx_queue_bytes > 0 or client.port("slow").tx_offset >= 120)
        port.baudrate = 115200
        port.write(b"y" * 1000)
        assert port.read(1120) == b"x" * 120 + b"y" * 1000
    assert client.baud("slow") == 115200


def test_a_change_by_another_client_is_seen_in_the_terminal(tty, client):
    local = tty()
    client.set_baud("echo", 300)
    until(lambda: "speed 300 baud" in stty(local.link))
    assert client.baud("echo") == 300


def test_hanging_up_with_0_baud_leaves_the_line_alone(tty, client):
    local = tty()
    fd = os.open(local.link, os.O_RDWR | os.O_NOCTTY)
    values = termios.tcgetattr(fd)
    for name in (termios.B0, termios.B4800):
        values[4] = values[5] = name
        termios.tcsetattr(fd, termios.TCSANOW, values)
    until(lambda: client.baud("echo") == 4800)
    os.close(fd)


def test_what_a_pty_cannot_carry_is_not_pretended(tty):
    local = tty()
    with pytest.raises(subprocess.CalledProcessError):
        stty(local.link, "parenb", "cs7")
    with local.open() as port, pytest.raises(OSError):
        port.cts  # noqa: B018


# Who has it open

def test_it_waits_without_spinning_while_nobody_has_it_open(tty):
    local = tty()
    with local.open() as port:
        port.write(b"x")
        assert port.read(1) == b"x"
    ticks, switches = local.cpu_ticks(), local.switches()
    with pytest.raises(subprocess.TimeoutExpired):
        local.process.wait(1)
    assert local.cpu_ticks() - ticks <= 3
    assert local.switches() - switches <= 20


def test_what_arrives_while_nobody_has_it_open_is_for_the_log_only(tty, client):
    local = tty()
    with local.open() as port:
        port.write(b"first")
        assert port.read(5) == b"first"
    client.write("echo", b"meanwhile")
    with client.attach("echo", start=5) as console:  # it has come
        got = b""
        while len(got) < 9:
            item = console.next(PATIENCE_SECONDS)
            got += item.data if isinstance(item, vser.Data) else b""
    local.settle()
    with local.open() as port:
        port.write(b"second")
        assert port.read(6) == b"second"


def test_keep_holds_it_for_the_next_program(tty, client):
    local = tty("echo", "--keep")
    client.write("echo", b"meanwhile")
    with open(local.link, "rb", buffering=0) as port:
        assert port.read(9) == b"meanwhile"


def test_exclusive_access_of_a_program_ends_with_it(tty):
    local = tty()
    fd = os.open(local.link, os.O_RDWR | os.O_NOCTTY)
    fcntl.ioctl(fd, termios.TIOCEXCL)
    os.close(fd)

    other = "import os,sys,time\nfor _ in range(3000):\n  try: os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY); break\n" \
            "  except PermissionError: raise\n  except OSError: time.sleep(.01)\nelse: sys.exit(1)"
    subprocess.run(["setpriv", "--bounding-set=-all", "--inh-caps=-all", "python3", "-c", other, os.path.realpath(local.link)],
                   check=True, timeout=PATIENCE_SECONDS)


# Back pressure

def test_a_program_that_does_not_read_costs_no_memory_and_is_told_what_it_lost(tty, client):
    local = tty()
    fd = os.open(local.link, os.O_RDWR | os.O_NOCTTY)
    client.write("echo", b"begin")
    assert os.read(fd, 5) == b"begin"
    before = local.resident_bytes()
    size = 32 << 20
    for _ in range(size >> 18):
        client.write("echo", b"0123456789abcdef" * (1 << 14))
    until(lambda: client.port("echo").next_offset == 5 + size)
    assert local.resident_bytes() - before < 8 << 20

    def lost():
        return sum(map(int, re.findall(r"(\d+) bytes are lost", local.errors())))

    got = 0
    while got + lost() < size:
        assert select.select([fd], [], [], PATIENCE_SECONDS)[0], f"{got} bytes came and {lost()} were lost"
        got += len(os.read(fd, 65536))
    assert got + lost() == size and lost() > size // 2
    os.close(fd)


def test_a_program_that_only_writes_is_not_stopped_by_what_it_does_not_read(tty, client):
    local = tty()
    size = 4 << 20
    with open(local.link, "wb", buffering=0) as port:
        for _ in range(size >> 12):
            port.write(b"z" * 4096)
        until(lambda: client.port("echo").tx_offset == size)


def test_the_writer_is_no_faster_than_the_port(tty, client):
    local = tty("slow")
    fd = os.open(local.link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    taken, deadline = 0, 200
    while deadline:  # until it has refused more for a while
        try:
            taken += os.write(fd, b"w" * 4096)
        except BlockingIOError:
            deadline -= 1
            client.port("slow")
    assert taken < 1 << 20
    assert local.resident_bytes() < 100 << 20
    os.close(fd)


def test_a_program_that_discards_its_input_gets_only_what_comes_after(tty, client):
    local = tty()
    with local.open() as port:
        client.write("echo", b"old" * 100_000)  # more than all buffers on the way hold
        until(lambda: client.port("echo").next_offset == 300_000)
        port.reset_input_buffer()
        port.write(b"new")
        assert port.read(3) == b"new"


def test_a_program_that_opens_the_port_again_at_once_and_discards_its_input_gets_only_what_comes_after(tty, client):
    local = tty()
    with local.open():
        local.process.send_signal(signal.SIGSTOP)  # so that it learns of all this at the same time
    with local.open() as port:
        client.write("echo", b"old" * 100_000)
        until(lambda: client.port("echo").next_offset == 300_000)
        port.reset_input_buffer()
        port.write(b"new")
        local.process.send_signal(signal.SIGCONT)
        assert port.read(3) == b"new"


def test_a_program_that_discards_its_output_empties_the_queue(tty, client):
    with tty("slow").open(1200) as port:
        port.write(b"q" * 30_000)
        until(lambda: client.port("slow").stats.tx_queue_bytes > 0)
        port.reset_output_buffer()
        until(lambda: client.port("slow").stats.tx_queue_bytes == 0)


# Faults

def test_a_restart_in_the_middle_of_a_transfer_loses_nothing(tmp_path, start):  # noqa: F811
    wire = Wire(50_000)  # noqa: F811
    daemon = start(port_table("line", wire.path), history='[history]\nbytes_per_port = "16MiB"')
    with LocalTty(tmp_path, daemon.address, "line") as local:
        back = Collector(local.link)
        wire.start()
        for how in (signal.SIGTERM, signal.SIGKILL):
            size = len(back.got)
            until(lambda: len(back.got) > size + 20_000)
            daemon.again(how)
            until(lambda: local.errors().count("reconnected after") == (1 if how == signal.SIGTERM else 2))
        wire.stop()
        back.wait_for(len(wire.taken))

        assert hashlib.sha256(back.got).digest() == hashlib.sha256(wire.taken).digest()
        assert "connection lost" in local.errors() and "are lost" not in local.errors()
    wire.close()


def test_a_restarted_server_gets_the_settings_of_the_program_again(tmp_path):
    device = Device()
    daemon = Daemon(tmp_path, port_table("line", device.path, "baud = 19200"), listen=f"unix:{tmp_path}/s")
    with LocalTty(tmp_path, daemon.address, "line") as local, local.open(57600), vser.connect(daemon.address) as client:
        until(lambda: client.baud("line") == 57600)
        daemon.stop()
        daemon.start()
        until(lambda: json.loads(vserctl(daemon.address, "baud", "line", "--json").stdout or "{}").get("baud") == 57600)
        assert "speed 57600 baud" in stty(local.link)
    daemon.stop()
    device.close()


def test_a_removed_port_ends_it_with_the_reason(tty, daemon):
    local = tty("slow")
    daemon.rewrite(port_table("echo", "sim:echo"))
    daemon.process.send_signal(signal.SIGHUP)

    assert local.process.wait(PATIENCE_SECONDS) == 1
    assert "slow" in local.errors()
    assert not os.path.lexists(local.link)


def test_what_a_port_held_by_another_client_refuses_is_told(tty, client):
    local = tty()
    with client.attach("echo", mode=vser.Mode.EXCLUSIVE):
        with open(local.link, "wb", buffering=0) as port:
            port.write(b"refused")
            local.wait_for("7 bytes of yours were not sent")
        stty(local.link, "300")
        local.wait_for("was rejected")
        until(lambda: "speed 19200 baud" in stty(local.link))


def test_it_tells_how_many_written_bytes_were_not_sent(tty, client):
    local = tty("slow")
    port = os.open(local.link, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    written = 0
    while select.select([], [port], [], 1)[1]:  # until the queues of the server and of vserctl are full
        written += os.write(port, bytes(4096))

    local.ends()

    told = int(re.search(r"at least (\d+) bytes were not sent", local.errors()).group(1))
    assert 16384 < told <= written - client.port("slow").tx_offset  # vserctl's own, and the kernel's; the network held others
    os.close(port)


def test_errors_have_the_usual_exit_statuses(tmp_path, daemon):
    assert vserctl(daemon.address, "tty", "none").returncode == 1
    assert vserctl(f"unix:{tmp_path}/nobody", "tty", "echo", "--timeout", "1s").returncode == 3
    assert vserctl(daemon.address, "tty").returncode == 2
    assert vserctl(daemon.address, "tty", "echo", "--link", "").returncode == 2


# The link

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_link_is_gone_after_a_signal(tty, number):
    local = tty()
    assert local.ends(number) == -number
    assert not os.path.lexists(local.link)


def test_a_link_that_a_killed_one_left_is_replaced(tty):
    first = tty()
    first.ends(signal.SIGKILL)
    assert os.path.lexists(first.link)
    ends = pty.openpty()  # somebody may have the number now
    with tty().open() as port:
        port.write(b"x")
        assert port.read(1) == b"x"
    for end in ends:
        os.close(end)


@pytest.mark.parametrize("what", ["file", "folder", "link to a file", "link to a terminal"])
def test_nothing_else_is_overwritten(tmp_path, daemon, what):
    path = tmp_path / "mine"
    ends = pty.openpty()
    {"file": lambda: path.write_text("mine"), "folder": path.mkdir, "link to a file": lambda: path.symlink_to("elsewhere"),
     "link to a terminal": lambda: path.symlink_to(os.ttyname(ends[1]))}[what]()
    before = os.lstat(path)

    done = vserctl(daemon.address, "tty", "echo", "--link", path)

    assert done.returncode == 1 and b"it exists and is not a link of vserctl tty" in done.stderr and done.stdout == b""
    assert os.lstat(path).st_ino == before.st_ino
    for end in ends:
        os.close(end)


def test_two_do_not_share_a_link_and_the_second_leaves_it_alone(tty, daemon):
    local = tty()
    second = vserctl(daemon.address, "tty", "echo", "--link", local.link)
    assert second.returncode == 1 and b"another vserctl tty uses it" in second.stderr
    with local.open() as port:
        port.write(b"x")
        assert port.read(1) == b"x"


def test_a_link_that_somebody_put_in_its_place_stays(tty, tmp_path):
    local = tty()
    local.link.unlink()
    local.link.write_text("mine")
    local.ends()
    assert local.link.read_text() == "mine"


# Programs

def test_picocom_is_a_console_and_changes_the_speed(tty, client, tmp_path):
    local = tty("console")
    terminal = Tmux(tmp_path, "picocom", "-b", "57600", "--noreset", local.link)
    try:
        terminal.wait_for("Terminal ready")
        until(lambda: client.baud("console") == 57600)
        terminal.keys("uname", "Enter")
        terminal.wait_for("simboard")
        terminal.keys("C-a", "C-u")  # the next higher rate
        until(lambda: client.baud("console") == 115200)
        terminal.keys("C-a", "C-x")
    finally:
        terminal.close()
    until(lambda: client.port("console").readers == 1)
    assert local.process.poll() is None


def test_minicom_is_a_console_and_changes_the_speed(tty, client, tmp_path):
    local = tty("console")
    (tmp_path / ".minirc.dfl").write_text(f"pu port {local.link}\npu baudrate 38400\npu rtscts No\npu minit\npu mreset\n")
    terminal = Tmux(tmp_path, "env", f"HOME={tmp_path}", "minicom", "-D", local.link, "-b", "38400", "-o")
    try:
        terminal.wait_for("CTRL-A Z for help")
        until(lambda: client.baud("console") == 38400)
        terminal.keys("uname", "Enter")
        terminal.wait_for("simboard")
        terminal.keys("C-a")
        terminal.keys("p")
        terminal.wait_for("Comm Parameters")
        terminal.keys("C")  # 9600 in minicom's menu
        terminal.wait_for("Current:  9600")
        terminal.keys("Enter")
        until(lambda: client.baud("console") == 9600)
    finally:
        terminal.close()
