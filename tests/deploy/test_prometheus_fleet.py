"""Prometheus finds the bridges of a fleet, by deploy/prometheus/fleet.yml; deploy/grafana/vserd-fleet.json shows them. All of it is real."""
import json
import re
import signal
import urllib.error
import urllib.request

import etcd_process
import promql
import pytest
import yaml
from conftest import DEPLOY
from etcd_process import Etcd
from prometheus_process import RULE_FILES, Prometheus, eventually
from vserd_process import PATIENCE_SECONDS, Daemon, free_port

pytestmark = pytest.mark.skipif(etcd_process.missing() is not None, reason=str(etcd_process.missing()))

BRIDGES = ("lab1", "lab2", "lab3")
PORT = '[[port]]\nname = "{}"\ndevice = "sim:echo?unpaced=1"\n'


class Fleet:
    """Three bridges and one etcd. The first two list all of them; they also configure the same name."""

    def __init__(self, folder):
        self.etcd = Etcd()
        self.metrics = {name: f"127.0.0.1:{free_port()}" for name in BRIDGES}
        self.web = {name: f"127.0.0.1:{free_port()}" for name in BRIDGES}
        self.daemons = {name: self._start(folder / name, name) for name in BRIDGES}

    def _start(self, folder, name):
        folder.mkdir()
        address = f"127.0.0.1:{free_port()}"
        more = (f'[fleet]\netcd = ["{self.etcd.url()}"]\nbridge = "{name}"\nadvertise = "{address}"\nttl = "5s"\n'
                f'[web]\nlisten = ["{self.web[name]}"]\n')
        ports = PORT.format(f"board-{name}") + (PORT.format("shared") if name != "lab3" else "")
        return Daemon(folder, ports, history=more, listen=address, metrics=self.metrics[name])

    def listed(self, by="lab1"):
        """{target: labels}, as this bridge answers Prometheus."""
        with urllib.request.urlopen(f"http://{self.web[by]}/sd/prometheus", timeout=PATIENCE_SECONDS) as reply:
            assert reply.headers["Content-Type"] == "application/json"
            return {entry["targets"][0]: entry["labels"] for entry in json.load(reply)}

    def close(self):
        for daemon in self.daemons.values():
            if daemon.process.poll() is None:
                daemon.stop()
        self.etcd.close()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    started = Fleet(tmp_path_factory.mktemp("fleet"))
    try:
        eventually(lambda: status_of(started, "lab1") == 200 and len(started.listed()) == len(BRIDGES))
        yield started
    finally:
        started.close()


def status_of(fleet, name):
    try:
        with urllib.request.urlopen(f"http://{fleet.web[name]}/sd/prometheus", timeout=PATIENCE_SECONDS) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.fixture(scope="module")
def prometheus(fleet, tmp_path_factory):
    config = (DEPLOY / "prometheus" / "fleet.yml").read_text(encoding="utf-8")
    for name in ("lab1", "lab2"):
        assert f"{name}.example:8080" in config
        config = config.replace(f"{name}.example:8080", fleet.web[name])
    started = Prometheus(tmp_path_factory.mktemp("prometheus"), config.replace("15s", "1s").replace("30s", "1s"))
    yield started
    started.stop()


def answering(prometheus):
    """The bridges that Prometheus scrapes now."""
    return {sample["metric"]["bridge"] for sample in prometheus.query('up{job="vserd"} == 1') or []}


def exported(fleet):
    with urllib.request.urlopen(f"http://{fleet.metrics['lab1']}/metrics", timeout=PATIENCE_SECONDS) as reply:
        return promql.exported(reply.read().decode())


def test_every_bridge_lists_all_bridges(fleet):
    for name in BRIDGES:
        eventually(lambda by=name: set(fleet.listed(by)) == set(fleet.metrics.values()))
    for name, target in fleet.metrics.items():
        labels = fleet.listed()[target]
        assert (labels["__meta_vserd_bridge"], labels["__scheme__"]) == (name, "http")
        assert labels["__meta_vserd_version"] and labels["__meta_vserd_address"] == fleet.daemons[name].address


def test_prometheus_finds_every_bridge_once(fleet, prometheus):
    eventually(lambda: answering(prometheus) == set(BRIDGES))
    assert len(prometheus.query('up{job="vserd"}')) == len(BRIDGES)  # two bridges list the same targets


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_bridge_that_goes_is_forgotten_and_found_when_it_is_back(fleet, prometheus, how):
    eventually(lambda: answering(prometheus) == set(BRIDGES))

    fleet.daemons["lab3"].stop(how)
    eventually(lambda: not prometheus.query('up{bridge="lab3"}'))
    assert answering(prometheus) == {"lab1", "lab2"}
    eventually(lambda: prometheus.query('ALERTS{alertname="VserdBridgeGone", bridge="lab3"}'))

    fleet.daemons["lab3"].start()
    eventually(lambda: answering(prometheus) == set(BRIDGES))


def test_the_rules_ask_only_for_what_a_bridge_exports(fleet):
    metrics = exported(fleet)
    rules = [rule for name in RULE_FILES
             for group in yaml.safe_load((DEPLOY / "prometheus" / name).read_text(encoding="utf-8"))["groups"] if "fleet" in group["name"]
             for rule in group["rules"]]
    assert [rule["alert"] for rule in rules] == ["VserdBridgeGone", "VserdFleetUnreachable", "VserdFleetConflict",
                                              "VserdFleetIdTaken"]
    assert [fault for rule in rules for fault in promql.faults(rule["expr"], metrics, set())] == []


def test_a_conflict_is_on_its_way_to_an_alert(fleet, prometheus):
    eventually(lambda: len(prometheus.query('ALERTS{alertname="VserdFleetConflict"}')) == 1)


def test_every_query_of_the_dashboard_is_answered(fleet, prometheus):
    metrics = exported(fleet)
    dashboard = json.loads((DEPLOY / "grafana" / "vserd-fleet.json").read_text(encoding="utf-8"))
    recorded = {rule["record"] for group in yaml.safe_load((DEPLOY / "prometheus" / "vserd.rules.yml").read_text())["groups"]
                for rule in group["rules"]}
    identities = [panel["id"] for panel in dashboard["panels"]]
    assert len(identities) == len(set(identities))
    taken = {}
    for panel in dashboard["panels"]:
        assert panel["type"] == "row" or panel["description"], panel["title"]
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            assert x < 24
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
        for target in panel.get("targets", []):
            expression = target["expr"].replace("$bridge", ".*")
            assert promql.faults(expression, metrics, recorded) == [], panel["title"]
            for label in re.findall(r"{{\s*(\w+)\s*}}", target["legendFormat"]):
                assert label in set().union(*metrics.values()) | {"bridge"}, panel["title"]
            eventually(lambda asked=expression: prometheus.query(asked))
    for variable in dashboard["templating"]["list"][1:]:
        metric, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"]).groups()
        assert set(prometheus.get(f"/api/v1/label/{label}/values", **{"match[]": metric})["data"]) == set(BRIDGES)
    for note in dashboard["annotations"]["list"]:
        assert promql.faults(note["expr"], metrics, recorded) == []


def test_without_etcd_prometheus_keeps_what_it_knows(fleet, prometheus):
    """The last test: etcd does not come back."""
    fleet.etcd.kill()
    assert set(fleet.listed()) == set(fleet.metrics.values())
    fleet.daemons["lab1"].stop()
    fleet.daemons["lab1"].start()  # it has never read this fleet, and an empty list would make Prometheus forget it
    assert status_of(fleet, "lab1") == 503
    eventually(lambda: prometheus.query('sum(changes(process_start_time_seconds{bridge="lab1"}[5m])) > 0'))
    assert answering(prometheus) == set(BRIDGES)
    eventually(lambda: prometheus.query('ALERTS{alertname="VserdFleetUnreachable", bridge="lab1"}'))
