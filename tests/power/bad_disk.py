#!/usr/bin/env python3
"""In the virtual machine: the disk of an archive fails for a while, and its file system becomes read-only for a while. The console goes
on, what is lost is a counted gap, and recording resumes by itself.

bad_disk.py BIN
"""
import argparse
import base64
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

from record import PORTS, Recorder, stream, until

PLACE = pathlib.Path("/run/bad-disk")
DEVICE = "failing"
SECTORS = 64 << 11
FAIL_SECONDS = 4


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class BadDisk(Recorder):
    """A recorder whose device is not recorded, with less memory than a failure lasts."""

    def __init__(self, options, folder):
        super().__init__(options, folder)
        text = self.config.read_text().replace('"1MiB"', '"64KiB"').replace('"96KiB"', '"0B"')
        self.config.write_text(text)

    def mark(self, kind, heads):
        pass

    def metric(self, name):
        """The sum of all series of that name."""
        self.metrics.request("GET", "/metrics")
        text = self.metrics.getresponse().read().decode()
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.M))

    def items(self, port):
        said = run(f"{self.options.bin}/vserctl", "-s", f"unix:{self.socket}", "--json", "read", port, "--base64")
        return [json.loads(line) for line in said.splitlines()]

    def check(self, port):
        """Every byte is right; returns how many are in gaps."""
        at = lost = 0
        for item in self.items(port):
            if "gap" in item:
                gap = item["gap"]
                assert gap["from"] == at, (item, at)
                lost += gap["to"] - at
                at = gap["to"]
            elif "data" in item:
                data = base64.b64decode(item["data"]["bytes"])
                assert item["data"]["offset"] == at, (item["data"]["offset"], at)
                assert data == stream(port, at, len(data)), f"wrong bytes at {at}"
                at += len(data)
        return lost

    def fails(self, what, begin, end):
        """Nothing but the archive notices, and it recovers."""
        errors, lost, heads = self.metric("vserd_archive_errors_total"), self.metric("vserd_archive_gap_bytes_total"), self.heads()
        console = subprocess.Popen([f"{self.options.bin}/vserctl", "-s", f"unix:{self.socket}", "read", "a", "--from", "live", "--follow"],
                                   stdout=subprocess.PIPE)
        begin()
        os.set_blocking(console.stdout.fileno(), False)
        seen = 0
        deadline = time.monotonic() + FAIL_SECONDS
        while time.monotonic() < deadline:
            seen += len(console.stdout.read() or b"")
            time.sleep(0.05)
        until(lambda: self.metric("vserd_archive_errors_total") > errors, f"{what}: errors are counted")
        until(lambda: self.heads()["a"][0] > heads["a"][0] + 3 * (64 << 10), f"{what}: the port goes on")
        end()
        console.kill()
        assert seen > 64 << 10, f"{what}: the live console got {seen} bytes"
        failed = self.metric("vserd_archive_errors_total")
        until(lambda: self.metric("vserd_archive_gap_bytes_total") > lost, f"{what}: the loss is counted")
        self.hold()
        until(lambda: self.metric("vserd_archive_unsynced_bytes") == 0, f"{what}: all is on the disk again")
        counted = self.metric("vserd_archive_gap_bytes_total")
        gaps = sum(self.check(port) for port in PORTS)
        assert 0 < gaps <= counted, f"{what}: {gaps} bytes are missing, and {counted:.0f} are counted"
        for device in self.devices:
            device.sending.set()
        print(f"bad_disk: {what}: {failed - errors:.0f} errors, {gaps} bytes missing, {counted:.0f} counted, the console got {seen}", flush=True)


def table(target):
    run("dmsetup", "suspend", "--nolockfs", "--noflush", DEVICE)
    run("dmsetup", "load", DEVICE, "--table", f"0 {SECTORS} {target}")
    run("dmsetup", "resume", DEVICE)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin")
    options = parser.parse_args()
    os.environ.update(PATH=os.environ["PATH"] + ":/sbin:/usr/sbin", DM_DISABLE_UDEV="1")
    (PLACE / "mnt").mkdir(parents=True)
    image = PLACE / "image"
    image.touch()
    os.truncate(image, SECTORS * 512)
    # Without a journal, which aborts at the first error and then needs a new mount.
    run("mkfs.ext4", "-q", "-O", "^has_journal", "-E", "nodiscard", image)
    loop = run("losetup", "-f", "--show", image)
    run("dmsetup", "create", DEVICE, "--table", f"0 {SECTORS} linear {loop} 0")
    run("mount", "-o", "errors=continue", f"/dev/mapper/{DEVICE}", PLACE / "mnt")
    options.archive, options.device = PLACE / "mnt/archive", DEVICE
    with tempfile.TemporaryDirectory() as folder:
        daemon = BadDisk(options, pathlib.Path(folder))
        daemon.begin()
        until(lambda: daemon.heads()["a"][0] > 128 << 10, "there is an archive")
        daemon.fails("writes fail", lambda: table(f"flakey {loop} 0 0 1 1 error_writes"), lambda: table(f"linear {loop} 0"))
        daemon.fails("read-only", lambda: pathlib.Path("/proc/sysrq-trigger").write_text("u"),
                     lambda: run("mount", "-o", "remount,rw", PLACE / "mnt"))
        daemon.end(signal.SIGTERM)
    subprocess.run([f"{options.bin}/vserctl", "archive", "verify", options.archive], check=False)  # to see: it finds what the disk lost


if __name__ == "__main__":
    sys.exit(main())
