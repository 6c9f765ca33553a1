"""deploy/prometheus and deploy/grafana against a real Prometheus that scrapes a real vserd with every kind of trouble."""
import json
import re
import shutil
import ssl
import subprocess
import urllib.request

import promql
import pytest
import yaml
from certificates import certify, server_tls
from conftest import DEPLOY, ROOT, prometheus_tool
from deny_io_uring import deny_io_uring
from prometheus_process import RULE_FILES, Prometheus, eventually
from vserd_process import PATIENCE_SECONDS, Daemon

import vser

CONTRACT = {  # of the api: the metric, and its labels
    "vserd_port_up": {"port"},
    "vserd_port_rx_bytes_total": {"port"},
    "vserd_port_tx_bytes_total": {"port"},
    "vserd_port_baud": {"port"},
    "vserd_port_readers": {"port"},
    "vserd_port_gap_bytes_total": {"port"},
    "vserd_port_reopens_total": {"port"},
    "vserd_port_io_errors_total": {"port", "op"},
    "vserd_port_line_errors_total": {"port", "kind"},
    "vserd_port_tx_queue_bytes": {"port"},
    "vserd_port_log_files_cut_total": {"port"},
    "vserd_log_lines_dropped_total": set(),
    "vserd_port_held_by_flow_control": {"port"},
    "vserd_port_foreign_readers": {"port"},
    "vserd_port_refused_bytes_total": {"port"},
    "vserd_delivery_seconds_bucket": {"le"},
    "vserd_delivery_seconds_sum": set(),
    "vserd_delivery_seconds_count": set(),
    "vserd_engine_info": {"engine"},
    "vserd_engine_refused_info": {"engine", "reason"},
    "vserd_rpc_total": {"method", "code"},
    "vserd_build_info": {"version"},
    "vserd_refused_total": {"via", "reason"},
    "vserd_sessions": {"via"},
    "vserd_audit_errors_total": set(),
    "vserd_audit_records_lost_total": set(),
    "vserd_tcp_clients": {"port", "protocol"},
    "vserd_tcp_clients_fell_behind_total": {"port", "protocol"},
    "vserd_archive_bytes": {"port"},
    "vserd_archive_oldest_timestamp_seconds": {"port"},
    "vserd_archive_unsynced_bytes": {"port"},
    "vserd_archive_gap_bytes_total": {"port"},
    "vserd_archive_unused_offsets_total": {"port"},
    "vserd_archive_errors_total": {"op"},
    "vserd_certificate_expiry_timestamp_seconds": {"file"},
    "vserd_fleet_up": set(),
    "vserd_fleet_id_taken": set(),
    "vserd_fleet_ports": {"state"},
    "process_cpu_seconds_total": set(),
    "process_resident_memory_bytes": set(),
    "process_virtual_memory_bytes": set(),
    "process_open_fds": set(),
    "process_max_fds": set(),
    "process_start_time_seconds": set(),
}
PORTS = """
[[port]]
name = "echo"
device = "sim:echo?unpaced=1"
[[port.listen]]
address = "127.0.0.1:0"
protocol = "telnet"
[[port]]
name = "noisy"
device = "sim:echo?unpaced=1&flip=0.2"
format = "8E1"
[[port]]
name = "flaps"
device = "sim:echo?unpaced=1&unplug_after_bytes=10&unplug_for=10ms"
[[port]]
name = "slow"
device = "sim:echo"
baud = 50
[[port]]
name = "away"
device = "/dev/vserd-test-no-such-device"
"""
UNREACHABLE_FLEET = '[fleet]\netcd = ["http://127.0.0.1:1"]\nbridge = "lab"\nadvertise = "127.0.0.1:50051"\n'


def configuration(target, ca_file):
    """That of deploy/ at this test's pace."""
    config = (DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    assert "127.0.0.1:9464" in config and config.count("15s") == 2
    job = "  - job_name: vserd\n"
    assert job in config
    config = config.replace(job, f"{job}    scheme: https\n    tls_config:\n      ca_file: {ca_file}\n")
    return config.replace("127.0.0.1:9464", target).replace("15s", "1s")


def make_trouble(address):
    """Bytes, line errors, a gap, reopens, bytes that wait, calls that fail."""
    with vser.connect(address) as client:
        client.write("echo", bytes(256 * 1024))
        with client.attach("echo", start=0) as console:
            while not isinstance(console.next(PATIENCE_SECONDS), vser.Gap):
                pass
        with client.attach("echo") as console:
            console.write(b"delivered while somebody waits for it")
            while not isinstance(console.next(PATIENCE_SECONDS), vser.Data):
                pass
        client.write("noisy", bytes(4096))
        client.write("flaps", bytes(20))
        client.write("slow", bytes(60_000))
        eventually(lambda: client.port("flaps").stats.reopens)
        with pytest.raises(vser.VserError):
            client.port("nowhere")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vserd")
    certify(folder, "server")
    history = f'[history]\nbytes_per_port = "4KiB"\n[archive]\ndirectory = "{folder}/archive"\n{UNREACHABLE_FLEET}'
    started = Daemon(folder, PORTS, server="metrics_tls = true", history=history + server_tls(folder),
                     listen=f"unix:{folder}/vserd.sock", metrics="127.0.0.1:0", preexec_fn=deny_io_uring)
    make_trouble(started.address)
    yield started
    started.stop()


def certificate_of(daemon):
    return daemon.config.parent / "server.crt"


@pytest.fixture(scope="module")
def metrics(daemon):
    trusting = ssl.create_default_context(cafile=certificate_of(daemon))
    with urllib.request.urlopen(f"https://{daemon.metrics}/metrics", timeout=PATIENCE_SECONDS, context=trusting) as reply:
        return promql.exported(reply.read().decode())


@pytest.fixture(scope="module")
def prometheus(daemon, tmp_path_factory):
    started = Prometheus(tmp_path_factory.mktemp("prometheus"), configuration(daemon.metrics, certificate_of(daemon)))
    eventually(lambda: started.query('up{job="vserd"} == 1'))
    eventually(lambda: started.query("count_over_time(vserd_build_info[1m]) >= 3"))  # rates need more than one
    with vser.connect(daemon.address) as client:
        client.write("echo", bytes(1000))
        eventually(lambda: started.query('instance_port:vserd_port_rx_bytes:rate5m{port="echo"} > 0'))
    yield started
    started.stop()


def rules():
    for name in RULE_FILES:
        for group in yaml.safe_load((DEPLOY / "prometheus" / name).read_text(encoding="utf-8"))["groups"]:
            yield from group["rules"]


def recorded():
    return {rule["record"] for rule in rules() if "record" in rule}


def dashboard():
    return json.loads((DEPLOY / "grafana" / "vserd.json").read_text(encoding="utf-8"))


def panels():
    for panel in dashboard()["panels"]:
        yield panel
        yield from panel.get("panels", [])


def run_promtool(*arguments, cwd):
    done = subprocess.run([prometheus_tool("promtool"), *arguments], cwd=cwd, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_promtool_accepts_configuration_and_rules():
    assert "SUCCESS" in run_promtool("check", "config", "prometheus.yml", cwd=DEPLOY / "prometheus")


def test_every_alert_fires_when_it_should_and_only_then(tmp_path):
    for name in RULE_FILES:
        shutil.copy(DEPLOY / "prometheus" / name, tmp_path)
    shutil.copy(ROOT / "tests" / "deploy" / "alerts.test.yml", tmp_path)
    run_promtool("test", "rules", "alerts.test.yml", cwd=tmp_path)

    cases = (ROOT / "tests" / "deploy" / "alerts.test.yml").read_text(encoding="utf-8")
    assert [rule["alert"] for rule in rules() if "alert" in rule and f"alertname: {rule['alert']}\n" not in cases] == []


def test_the_daemon_exports_every_metric_of_the_contract_with_its_labels(metrics):
    assert {name: metrics.get(name) for name in CONTRACT} == CONTRACT


@pytest.mark.parametrize("name", CONTRACT)
def test_prometheus_has_every_metric_of_the_contract(prometheus, name):
    samples = prometheus.query(name)
    assert samples, f"{name} was not scraped"
    for sample in samples:
        assert CONTRACT[name] <= set(sample["metric"])


def test_what_prometheus_has_is_what_happened(prometheus, daemon):
    def value(expression):
        samples = prometheus.query(expression)
        return float(samples[0]["value"][1]) if samples else None

    with vser.connect(daemon.address) as client:
        ports = {port.name: port for port in client.ports()}
    eventually(lambda: value('vserd_port_rx_bytes_total{port="echo"}') == ports["echo"].stats.rx_bytes)
    assert value('vserd_port_baud{port="slow"}') == 50
    assert value('vserd_port_up{port="away"}') == 0
    assert value('vserd_port_gap_bytes_total{port="echo"}') > 0
    assert value('vserd_port_line_errors_total{port="noisy", kind="parity"}') == ports["noisy"].stats.line_errors.parity > 0
    assert value('vserd_port_reopens_total{port="flaps"}') > 0
    assert value('vserd_port_io_errors_total{port="away", op="open"}') > 0
    assert value('vserd_port_tx_queue_bytes{port="slow"}') > 0
    assert value('vserd_rpc_total{method="vser.v1.PortService/GetPort", code="NOT_FOUND"}') == 1
    assert value("vserd_delivery_seconds_count") > 0
    assert value('vserd_engine_refused_info{engine="io_uring"}') == 1


@pytest.mark.parametrize("alert", ["VserdPortDown", "VserdEngineFellBack", "VserdCertificateExpires"])
def test_a_trouble_that_is_there_is_on_its_way_to_an_alert(prometheus, alert):
    eventually(lambda: prometheus.query(f'ALERTS{{alertname="{alert}"}}'))


def test_rules_ask_only_for_what_the_daemon_exports(metrics):
    assert [fault for rule in rules() for fault in promql.faults(rule["expr"], metrics, recorded())] == []


def test_annotations_use_only_labels_that_exist(metrics):
    labels = set().union(*metrics.values()) | {"instance", "job", "bridge"}
    for rule in rules():
        for text in rule.get("annotations", {}).values():
            assert set(re.findall(r"\$labels\.(\w+)", text)) <= labels, rule["alert"]


def test_a_metric_that_is_not_there_is_found(metrics):
    assert promql.faults('rate(vserd_port_bytes_total{port="a"}[5m])', metrics, set()) == [
        "vserd_port_bytes_total is not exported by vserd"]
    assert promql.faults("sum by (kind) (vserd_port_up)", metrics, set()) == ["vserd_port_up has no label kind"]
    assert promql.faults('vserd_port_up{color="x"}', metrics, set()) == ["vserd_port_up has no label color"]


def test_every_query_of_the_dashboard_is_answered_from_what_the_daemon_exports(prometheus, metrics):
    # A rate over 5 minutes, of calls that failed before the first scrape; what vserd looks up once a minute.
    empty = {"Calls that fail", "Reaches back"}
    for panel in panels():
        for target in panel.get("targets", []):
            expression = target["expr"]
            for variable, value in (("$instance", ".*"), ("$port", ".*"), ("$__rate_interval", "1m"), ("$__range", "1h")):
                expression = expression.replace(variable, value)
            assert promql.faults(expression, metrics, recorded()) == []
            for label in re.findall(r"{{\s*(\w+)\s*}}", target["legendFormat"]):
                assert label in set().union(*metrics.values()) | {"instance", "job"}, panel["title"]
            if panel["title"] in empty:
                assert prometheus.query(expression) is not None
            else:
                eventually(lambda asked=expression: prometheus.query(asked))


def test_the_dashboards_variables_and_annotations_are_answered(prometheus, metrics):
    lists = dashboard()["templating"]["list"]
    assert [variable["name"] for variable in lists] == ["datasource", "instance", "port"]
    for variable in lists[1:]:
        metric, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"]).groups()
        reply = prometheus.get(f"/api/v1/label/{label}/values", **{"match[]": metric.replace("$instance", ".*")})
        assert reply["data"]
    for note in dashboard()["annotations"]["list"]:
        assert promql.faults(note["expr"], metrics, recorded()) == []


def test_the_dashboard_has_a_room_and_a_row_for_each_port_and_no_overlap():
    rows = [panel for panel in panels() if panel["type"] == "row"]
    assert [row["title"] for row in rows] == ["The room", "The archive", "Port $port"]
    assert rows[2]["repeat"] == "port"
    identities = [panel["id"] for panel in panels()]
    assert len(identities) == len(set(identities))
    taken = {}
    for panel in panels():
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        assert panel["type"] == "row" or panel["description"], panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
