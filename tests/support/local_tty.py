"""`vserctl tty` as people and programs run it."""
import os
import pathlib
import signal
import subprocess
import threading
import time

import serial
from vserctl_terminal import VSERCTL
from vserd_process import PATIENCE_SECONDS


class LocalTty:
    """A `vserctl tty` with a link. Its standard error is in a file."""

    def __init__(self, folder, address, port, *words, link=None):
        self.link = pathlib.Path(link or folder / "link")
        self._errors = pathlib.Path(folder) / f"errors-{self.link.name}"
        with open(self._errors, "wb") as errors:
            self.process = subprocess.Popen([VSERCTL, "-s", address, "tty", port, "--link", self.link, *words], text=True,
                                            stdout=subprocess.PIPE, stderr=errors)
        self.line = self.process.stdout.readline()

    def errors(self):
        return self._errors.read_text()

    def wait_for(self, text):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while text not in self.errors():
            assert time.monotonic() < deadline, f"no {text!r} in {self.errors()!r}"
            time.sleep(0.01)

    def open(self, baud=None, **more):
        """pyserial on the link, with the settings that the terminal has unless `baud` is given."""
        return serial.Serial(str(self.link), baud or 115200, timeout=PATIENCE_SECONDS, write_timeout=PATIENCE_SECONDS, **more)

    def resident_bytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def cpu_ticks(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def switches(self):
        """How often its main thread has waited."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])

    def settle(self):
        """Waits until it has done what there is to do: its main thread no longer wakes up."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        before = -1
        while (now := self.switches()) != before:
            assert time.monotonic() < deadline, "vserctl tty never rests"
            before = now
            time.sleep(0.2)

    def ends(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(PATIENCE_SECONDS)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


class Collector:
    """Reads a terminal into `got`, in a thread."""

    def __init__(self, path):
        self._fd = os.open(path, os.O_RDONLY | os.O_NOCTTY)
        self.got = bytearray()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            while piece := os.read(self._fd, 65536):
                self.got += piece
        except OSError:
            pass  # the terminal is gone
        os.close(self._fd)

    def wait_for(self, size):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(self.got) < size:
            assert time.monotonic() < deadline, f"{len(self.got)} of {size} bytes came"
            time.sleep(0.01)


class Tmux:
    """A program in a terminal of its own."""

    def __init__(self, folder, *command):
        self._tmux = ["tmux", "-S", str(folder / "tmux"), "-f", "/dev/null"]
        subprocess.run([*self._tmux, "new-session", "-d", "-x", "100", "-y", "30", *map(str, command)], check=True,
                       env={**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8"})

    def keys(self, *keys):
        subprocess.run([*self._tmux, "send-keys", *keys], check=True)

    def shown(self):
        return subprocess.run([*self._tmux, "capture-pane", "-p"], stdout=subprocess.PIPE, check=False, text=True).stdout

    def wait_for(self, text):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while text not in self.shown():
            assert time.monotonic() < deadline, f"no {text!r} in {self.shown()!r}"
            time.sleep(0.01)

    def close(self):
        subprocess.run([*self._tmux, "kill-server"], check=False, stderr=subprocess.DEVNULL)
