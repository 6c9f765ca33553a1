"""The real vserd as a child process, for tests in Python. support/vserd_process.hpp is the same for tests in C++."""
import contextlib
import os
import pathlib
import random
import re
import signal
import socket
import subprocess

BIN = pathlib.Path(os.environ["VSERD_BUILD_DIR"]) / "bin"
PATIENCE_SECONDS = 30
SERVING = re.compile(r"serving \d+ ports? on (?P<address>[^,;]+)(?:, [^;]+)?(?:; metrics https?://(?P<metrics>[^/]+))?")


def free_port():
    """A TCP port of 127.0.0.1 that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def steady_port():
    """The same, for a server that is started again: the kernel gives this port to no connection meanwhile."""
    for port in random.sample(range(10_000, 32_000), 100):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("none of a hundred TCP ports is free")


class Process:
    """A vserd with these arguments. Returns when it serves. Further keywords go to Popen."""

    def __init__(self, *arguments, program=BIN / "vserd", **popen):
        self._command, self._popen = [program, *arguments], popen
        self.start()

    def start(self):
        """Starts it (again) and returns its address. `metrics` is the address of the metrics, or None."""
        return self._wait_serving(subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True, **self._popen))

    def _wait_serving(self, process, why=lambda: ""):
        self.process = process
        self.line = process.stdout.readline()  # a daemon that does not start exits, which ends this
        match = SERVING.search(self.line)
        assert match, f"vserd did not start: {self.line!r} {why()}"
        self.address, self.metrics = match["address"], match["metrics"]
        return self.address

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        status = self.process.wait(PATIENCE_SECONDS)
        self.process.stdout.close()
        assert status == (0 if how == signal.SIGTERM else -how), status


class Daemon(Process):
    """A vserd with a configuration file. `ports`: its [[port]] tables; `server`, `history`: more lines. The rest is as for Process."""

    def __init__(self, folder, ports, server="", history="", listen="127.0.0.1:0", metrics="", **process):
        self.config = folder / "vserd.toml"
        self.write(ports, f'listen = ["{listen}"]\nmetrics = "{metrics}"\ndrain_limit = "200ms"\n{server}', history)
        super().__init__("--config", self.config, **process)

    def write(self, ports, server, history=""):
        self._server, self._history = server, history
        self.config.write_text("\n".join(["[server]", server, history, ports]))

    def rewrite(self, ports):
        """Writes other ports, for a reload."""
        self.write(ports, self._server, self._history)
