"""The case rfc2217: pyserial's client, 4 kB there and back at a time, with ser2net, pyserial's own server and vserd in turn."""
import multiprocessing
import os
import pathlib
import socket
import subprocess
import sys
import time
import tty

CASE = "rfc2217"
CONTENDERS = ("ser2net-tuned", "pyserial", "vserd")
PIECE = bytes(range(256)) * 16
START_SECONDS_MAX = 30
READ_SECONDS_MAX = 10

SER2NET = """%YAML 1.1
---
connection: &line
    accepter: telnet(rfc2217=true),tcp(nodelay=true),127.0.0.1,{port}
    connector: serialdev,{device},115200n81,local
    options:
      mdns: false
      chardelay: false
      dev-to-net-bufsize: 65536
      net-to-dev-bufsize: 65536
"""
VSERD = """[server]
listen = "127.0.0.1:0"
metrics = ""
log_level = "warn"
[[port]]
name = "line"
device = "{device}"
[[port.listen]]
address = "127.0.0.1:{port}"
protocol = "rfc2217"
"""


def _loop(master):
    """A device that sends back what it receives."""
    while data := os.read(master, 65536):
        while data:
            data = data[os.write(master, data):]


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class LostBytes(RuntimeError):
    """What came back is not what was sent."""


def _command(contender, options, folder, device, port):
    if contender == "pyserial":
        return [sys.executable, "-B", pathlib.Path(__file__).with_name("pyserial_server.py"), device, str(port)]
    file = pathlib.Path(folder) / f"{contender}.conf"
    file.write_text((VSERD if contender == "vserd" else SER2NET).format(device=device, port=port), encoding="utf-8")
    if contender == "vserd":
        return [os.path.join(options.build, "bin", "vserd"), "--config", file]
    return ["ser2net", "-n", "-u", "-c", file, "-P", f"{folder}/ser2net.pid"]


def _wait_until_listening(bridge, port):
    deadline = time.monotonic() + START_SECONDS_MAX
    while bridge.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.01)
    raise RuntimeError(f"{bridge.args[0]} does not listen")


def _round_trips(port, seconds):
    """MB a second, of the bytes that came back."""
    import serial  # pyserial; the other cases need none

    # ser2net does not answer changes of modem lines on a pty.
    with serial.serial_for_url(f"rfc2217://127.0.0.1:{port}?ign_set_control", timeout=READ_SECONDS_MAX) as client:
        count, begin = 0, time.monotonic()
        while time.monotonic() - begin < seconds:
            client.write(PIECE)
            if (got := client.read(len(PIECE))) != PIECE:
                raise LostBytes(f"of {len(PIECE)} bytes {len(got)} came back, or some were changed")
            count += 1
        return count * len(PIECE) / 1e6 / (time.monotonic() - begin)


def _run(contender, options, folder, seconds):
    master, slave = os.openpty()
    tty.setraw(slave)
    device = multiprocessing.get_context("fork").Process(target=_loop, args=(master,), daemon=True)
    device.start()
    port = _free_port()
    command = _command(contender, options, folder, os.ttyname(slave), port)
    bridge = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_listening(bridge, port)
        return {"mb_s": _round_trips(port, seconds)}
    finally:
        bridge.kill()
        bridge.wait()
        device.kill()
        device.join()
        os.close(master)
        os.close(slave)


def _sample(contender, options, folder, seconds):
    """Figures, or what failed. Raises RuntimeError if it is vserd that fails."""
    try:
        return _run(contender, options, folder, seconds)
    except (RuntimeError, OSError) as error:
        if contender == "vserd":
            raise RuntimeError(f"{CASE}, {contender}: {error}") from error
        print(f"{CASE}, {contender}: {error}", file=sys.stderr)
        return {"failed": "lost bytes" if isinstance(error, LostBytes) else "failed"}


def measure(options, folder):
    """The samples of all rounds, as bridge_bench prints them."""
    rounds, seconds = (1, 0.3) if options.quick else (options.rounds, options.seconds)
    for number in range(rounds):
        for contender in CONTENDERS:
            if not options.contender or contender in options.contender:
                yield {"case": CASE, "contender": contender, "round": number, **_sample(contender, options, folder, seconds)}
