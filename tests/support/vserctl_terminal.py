"""vserctl as people and scripts run it: with pipes, and on a terminal of its own."""
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import threading
import time

from vserd_process import BIN, PATIENCE_SECONDS

VSERCTL = BIN / "vserctl"
# The environment without what configures vserctl.
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith("VSERD_")} | {"XDG_CONFIG_HOME": "/nonexistent"}


def vserctl(address, *words, shell=None, **popen):
    """Runs it to its end; `out` and `err` are bytes unless they were sent elsewhere. `shell`: what a shell does, with the command
    as its arguments."""
    popen = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **popen}
    begin = ["sh", "-c", shell, "sh"] if shell else []
    return subprocess.run([*begin, VSERCTL, "-s", address, *words], timeout=PATIENCE_SECONDS, check=False, **popen)


class Device:
    """The far end of a pty: what the board behind a serial line does."""

    def __init__(self):
        self._master, self._slave = pty.openpty()
        attributes = termios.tcgetattr(self._slave)
        attributes[0] = attributes[1] = attributes[3] = 0
        termios.tcsetattr(self._slave, termios.TCSANOW, attributes)
        self.path = os.ttyname(self._slave)

    def send(self, data):
        while data:
            data = data[os.write(self._master, data[:4096]):]

    def receive(self, wanted):
        """Everything that comes up to and with `wanted`."""
        seen, deadline = b"", time.monotonic() + PATIENCE_SECONDS
        while wanted not in seen:
            ready = select.select([self._master], [], [], max(0, deadline - time.monotonic()))[0]
            assert ready, f"no {wanted!r} in {seen!r}"
            seen += os.read(self._master, 65536)
        return seen

    def close(self):
        os.close(self._master)
        os.close(self._slave)


class Terminal:
    """vserctl on a terminal of 80 columns, or another `command`. `out` is all that it showed."""

    def __init__(self, address, *words, command=None, env=None, **popen):
        self._master, self._slave = pty.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self._before = termios.tcgetattr(self._slave)
        self.out, self._grown = b"", threading.Condition()
        streams = {name: self._slave for name in ("stdin", "stdout", "stderr")}
        environment = {**os.environ, "TERM": "xterm-256color", **(env or {})}
        # The first terminal that the leader of a session opens becomes its own. A preexec_fn could do that too, but Python code
        # between fork and exec sometimes waits forever for a lock of one of gRPC's threads.
        # Programs on a terminal begin with no signal ignored, also when these tests were started by nohup.
        take_terminal = ["env", "--default-signal", "sh", "-c", 'exec 9<>"$0" 9>&- && exec "$@"', os.ttyname(self._slave)]
        self.process = subprocess.Popen([*take_terminal, *(command or [VSERCTL, "-s", address, *words])], env=environment,
                                        start_new_session=True, **{**streams, **popen})
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                data = b""
            with self._grown:
                self.out += data
                self._grown.notify_all()
            if not data:
                return

    def type(self, data):
        while data:
            data = data[os.write(self._master, data[:1024]):]

    def wait(self, text, after=0):
        """Waits until it was shown; `after`: not counting so many bytes at the beginning."""
        with self._grown:
            shown = self._grown.wait_for(lambda: text in self.out[after:], PATIENCE_SECONDS)
        assert shown, f"{text!r} was not shown; at the end: {self.out[-300:]!r}"

    def ends(self):
        """The exit status; then `out` is whole."""
        status = self.process.wait(PATIENCE_SECONDS)
        os.close(self._slave)  # the last one: the reader comes to the end
        self._slave = -1
        self._reader.join(PATIENCE_SECONDS)
        return status

    def is_restored(self):
        return termios.tcgetattr(self._slave) == self._before

    def close(self):
        self.process.kill()
        self.process.wait()
        if self._slave >= 0:
            os.close(self._slave)
        self._reader.join(PATIENCE_SECONDS)
        os.close(self._master)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()
