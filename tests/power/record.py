#!/usr/bin/env python3
"""Feeds a vserd whose archive is on a recorded device, ends and restarts it, and marks in the recording what clients could have read.

record.py ARCHIVE_DIRECTORY DM_DEVICE BIN [--seconds N] [--ends SIGNAL,...]
"""
import argparse
import http.client
import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import tempfile
import threading
import time
import tty

PORTS = {"a": 60_000, "b": 11_520, "c": 40}  # bytes a second
SPREAD = 0x9E3779B97F4A7C15
PATIENCE_SECONDS = 120
KINDS = re.compile(rb'^vserd_port_rx_bytes_total\{port="(\w)"\} (\S+)$', re.M)


def until(condition, what):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.05)


def stream(port, place, size):
    """What the device sends: numbered records of 16 bytes."""
    first = place // 16
    records = b"".join(b"%s%014x\n" % (port.encode(), (n * SPREAD & (1 << 64) - 1) >> 8) for n in range(first, (place + size) // 16 + 1))
    return records[place - first * 16:][:size]


class Device(threading.Thread):
    """Sends while it is not held."""

    def __init__(self, port, rate):
        super().__init__(daemon=True)
        self.port, self.rate, self.sent = port, rate, 0
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.path = os.ttyname(self.slave)
        self.sending = threading.Event()
        self.lock = threading.Lock()

    def run(self):
        step = max(1, self.rate // 50)
        while True:
            self.sending.wait()
            with self.lock:
                if self.sending.is_set():
                    self.sent += os.write(self.master, stream(self.port, self.sent, min(step, 4000)))
            time.sleep(min(step, 4000) / self.rate)

    def hold(self):
        self.sending.clear()
        with self.lock:
            pass


class Recorder:
    def __init__(self, options, folder):
        self.options = options
        self.devices = [Device(port, rate) for port, rate in PORTS.items()]
        self.config = folder / "vserd.toml"
        self.socket = folder / "socket"
        tables = "".join(f'[[port]]\nname = "{device.port}"\ndevice = "{device.path}"\n' for device in self.devices)
        self.config.write_text(f'[server]\nlisten = ["unix:{self.socket}"]\nmetrics = "127.0.0.1:9464"\ndrain_limit = "200ms"\n'
                               '[history]\nbytes_per_port = "1MiB"\n'
                               f'[archive]\ndirectory = "{options.archive}"\nkeep_bytes = "96KiB"\nkeep_free = "0B"\n'
                               f'segment_bytes = "64KiB"\nsync = "1s"\n{tables}')
        for device in self.devices:
            device.start()

    def mark(self, kind, heads):
        second = time.monotonic()
        text = ",".join([kind, f"{second:.3f}"] + [f"{port}:{offset}:{place}" for port, (offset, place) in heads.items()])
        subprocess.run(["dmsetup", "message", self.options.device, "0", "mark", text], check=True)

    def ports(self):
        done = subprocess.run([f"{self.options.bin}/vserctl", "-s", f"unix:{self.socket}", "--json", "ports"], capture_output=True, text=True)
        if done.returncode:
            return {}
        answer = json.loads(done.stdout)
        return {port["name"]: port for port in answer.get("ports", answer) if port.get("state", "").lower().endswith("online")}

    def begin(self):
        """Starts a vserd and the devices."""
        preload = os.environ.get("PRELOAD")
        environment = dict(os.environ, LD_PRELOAD=preload) if preload else None
        self.vserd = subprocess.Popen([f"{self.options.bin}/vserd", "--config", self.config], stdout=subprocess.DEVNULL, env=environment)
        until(lambda: len(self.ports()) == len(PORTS), "all ports are online")
        self.begins = {name: int(port["next_offset"]) for name, port in self.ports().items()}
        self.places = {device.port: device.sent for device in self.devices}
        self.metrics = http.client.HTTPConnection("127.0.0.1", 9464, timeout=PATIENCE_SECONDS)
        self.mark("begin", {name: (self.begins[name], self.places[name]) for name in PORTS})
        for device in self.devices:
            device.sending.set()

    def heads(self):
        """Up to which offset, and place in the stream, each port has received."""
        self.metrics.request("GET", "/metrics")
        received = {port.decode(): int(float(count)) for port, count in KINDS.findall(self.metrics.getresponse().read())}
        return {name: (self.begins[name] + received[name], self.places[name] + received[name]) for name in PORTS}

    def watch(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.mark("seen", self.heads())
            time.sleep(0.15)

    def hold(self):
        """No device sends, and vserd has received all."""
        for device in self.devices:
            device.hold()
        sent = {device.port: device.sent for device in self.devices}
        until(lambda: {name: place for name, (_, place) in self.heads().items()} == sent, "everything is received")
        return self.heads()

    def end(self, how):
        heads = self.hold()
        self.mark("seen", heads)
        self.vserd.send_signal(how)
        status = self.vserd.wait(PATIENCE_SECONDS)
        assert status == (0 if how == signal.SIGTERM else -how), status
        self.mark("stopped" if how == signal.SIGTERM else "killed", heads)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive")
    parser.add_argument("device")
    parser.add_argument("bin")
    parser.add_argument("--seconds", type=float, default=6, help="how long each process records")
    parser.add_argument("--ends", default="KILL,TERM,KILL", help="the signal that ends each")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(options, pathlib.Path(folder))
        for how in options.ends.split(","):
            recorder.begin()
            recorder.watch(options.seconds)
            recorder.end(signal.Signals["SIG" + how])
    print(f"record: {', '.join(f'{device.port} sent {device.sent}' for device in recorder.devices)}")


if __name__ == "__main__":
    main()
