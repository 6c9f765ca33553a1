"""A service manager with a file descriptor store, as systemd.service(5) describes it, around the real vserd."""
import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import threading
import time

from vserd_process import PATIENCE_SECONDS, Daemon

FIRST_FD = 3  # as sd_listen_fds(3) says
HIGH_FD = 1000  # out of the way of those
FDS_MAX = 4  # in one message


class FdStore:
    """Listens on a notify socket; holds the descriptors that come until they are taken back."""

    def __init__(self, folder):
        self.path = str(folder / "notify")
        self.kept = []  # (name, fd) in the order of arrival
        self._changed = threading.Condition()
        self._ready = 0
        self._paused = False
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                data, fds, _, _ = socket.recv_fds(self._socket, 65536, FDS_MAX)
                message = dict(line.split("=", 1) for line in data.decode().splitlines())
                with self._changed:
                    self._changed.wait_for(lambda: not self._paused)
                    self._take(message, fds)
                    self._changed.notify_all()

    def _take(self, message, fds):
        self._ready += message.get("READY") == "1"
        name = message.get("FDNAME")
        if message.get("FDSTORE") == "1":
            assert message["FDPOLL"] == "0"
            self.kept += [(name, fd) for fd in fds]
        elif message.get("FDSTOREREMOVE") == "1":
            for entry in [entry for entry in self.kept if entry[0] == name]:
                os.close(entry[1])
                self.kept.remove(entry)

    @contextlib.contextmanager
    def slow(self):
        """Messages are taken only after this."""
        self._pause(True)
        try:
            yield
        finally:
            self._pause(False)

    def _pause(self, paused):
        with self._changed:
            self._paused = paused
            self._changed.notify_all()

    def names(self):
        with self._changed:
            return sorted(name for name, _ in self.kept)

    def wait_for(self, names):
        with self._changed:
            wanted = sorted(names)
            held = self._changed.wait_for(lambda: sorted(name for name, _ in self.kept) == wanted, PATIENCE_SECONDS)
            assert held, f"the store has {self.kept}, not {wanted}"

    def fd(self, name):
        with self._changed:
            return next(fd for kept, fd in self.kept if kept == name)

    def wait_ready(self, times):
        with self._changed:
            assert self._changed.wait_for(lambda: self._ready >= times, PATIENCE_SECONDS)

    def close(self):
        self._socket.close()
        for _, fd in self.kept:
            os.close(fd)


class KeptDaemon(Daemon):
    """A vserd under an FdStore: what the one before gave to the store is passed to the next."""

    def __init__(self, folder, ports, **more):
        self.store = FdStore(folder)
        self.errors_file = folder / "errors"
        self._starts = 0
        super().__init__(folder, ports, listen=f"unix:{folder}/vserd.sock", **more)

    def start(self):
        kept = list(self.store.kept)
        # No preexec_fn: gRPC waits for itself before a fork.
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, HIGH_FD) for _, fd in kept]
        moves = "".join(f"exec {FIRST_FD + number}<&{fd} {fd}<&-\n" for number, fd in enumerate(high))
        environment = dict(os.environ, NOTIFY_SOCKET=self.store.path, LISTEN_FDS=str(len(kept)),
                           LISTEN_FDNAMES=":".join(name for name, _ in kept))
        with open(self.errors_file, "ab") as errors:
            process = subprocess.Popen(
                ["/bin/bash", "-c", moves + 'LISTEN_PID=$$ exec "$@"', "bash", *self._command],
                stdout=subprocess.PIPE, stderr=errors, text=True, env=environment, pass_fds=high)
        for fd in high:
            os.close(fd)
        self._wait_serving(process, why=self.errors)
        self._starts += 1
        self.store.wait_ready(self._starts)
        return self.address

    def again(self, how):
        """Ends the process and starts the next; how long nobody was there, in seconds."""
        begin = time.monotonic()
        self.stop(how)
        self.start()
        return time.monotonic() - begin

    def errors(self):
        return self.errors_file.read_text(errors="replace")

    def close(self):
        if self.process.poll() is None:
            self.stop(signal.SIGTERM)
        self.store.close()
