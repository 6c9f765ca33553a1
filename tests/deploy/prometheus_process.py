"""A real Prometheus with the rules of deploy/."""
import http
import json
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from conftest import DEPLOY, prometheus_tool
from vserd_process import PATIENCE_SECONDS, free_port

RULE_FILES = ("vserd.rules.yml", "vserd.alerts.yml")


def eventually(question):
    """Asks until the answer is something; for what Prometheus knows only after its next scrape."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (answer := question()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)
    return answer


class Prometheus:
    """`config`: the text of its configuration, which names the rule files of deploy/."""

    def __init__(self, folder, config):
        self.address = f"127.0.0.1:{free_port()}"
        for name in RULE_FILES:
            shutil.copy(DEPLOY / "prometheus" / name, folder)
        (folder / "prometheus.yml").write_text(config)
        self._log = open(folder / "log", "w")  # noqa: SIM115 - closed by stop()
        self._process = subprocess.Popen(
            [prometheus_tool("prometheus"), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address={self.address}", "--log.level=warn"], stdout=self._log, stderr=self._log, cwd=folder)

    def get(self, path, **parameters):
        url = f"http://{self.address}{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as error:
            if error.code == http.HTTPStatus.SERVICE_UNAVAILABLE:  # it is still starting
                return None
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None  # what is wrong with the query
        except OSError:
            assert self._process.poll() is None, "Prometheus ended"
            return None

    def query(self, expression):
        reply = self.get("/api/v1/query", query=expression)
        return reply and reply["data"]["result"]

    def stop(self):
        self._process.terminate()
        assert self._process.wait(PATIENCE_SECONDS) == 0
        self._log.close()
