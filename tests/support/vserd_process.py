"""The real vserd as a process, for tests in Python: on free ports, with a configuration of its own."""
import os
import pathlib
import re
import signal
import subprocess

BIN = pathlib.Path(os.environ["VSERD_BUILD_DIR"]) / "bin"
PATIENCE_SECONDS = 30
SERVING = re.compile(r"serving \d+ ports on (?P<address>[^,;]+)(?:, [^;]+)?(?:; metrics http://(?P<metrics>[^/]+))?")


class Daemon:
    """One vserd. `ports` are its [[port]] tables; `server` and `history` are more lines of the file. Further words go to Popen."""

    def __init__(self, folder, ports, server="", history="", listen="127.0.0.1:0", metrics="", program=BIN / "vserd",
                 **popen):
        self._program, self._popen = program, popen
        self.config = folder / "vserd.toml"
        self.write(ports, f'listen = ["{listen}"]\nmetrics = "{metrics}"\ndrain_limit = "200ms"\n{server}', history)
        self.start()

    def write(self, ports, server, history=""):
        self._server, self._history = server, history
        self.config.write_text("\n".join(["[server]", server, history, ports]))

    def rewrite(self, ports):
        """Other ports, for a reload."""
        self.write(ports, self._server, self._history)

    def start(self):
        """Returns the address; `metrics` is that of the metrics, or None."""
        self.process = subprocess.Popen([self._program, "--config", self.config], stdout=subprocess.PIPE, text=True, **self._popen)
        line = self.process.stdout.readline()  # a daemon that does not start ends, and this with it
        match = SERVING.search(line)
        assert match, f"vserd did not start: {line!r}"
        self.address, self.metrics = match["address"], match["metrics"]
        return self.address

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        status = self.process.wait(PATIENCE_SECONDS)
        self.process.stdout.close()
        assert status == (0 if how == signal.SIGTERM else -how)
