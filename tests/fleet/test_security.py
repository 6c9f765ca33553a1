"""Users, roles and TLS of etcd, and what is said when they are wrong."""
import subprocess

import etcd_process
import pytest
from certificates import Authority
from etcd_process import Etcd, eventually
from fleet_bridge import PREFIX, Bridge, owner
from vserd_process import BIN, PATIENCE_SECONDS

pytestmark = pytest.mark.skipif(etcd_process.missing() is not None, reason=str(etcd_process.missing()))


LINES = {"another authority": "fleet: TLS with etcd .*verify failed", "another name": "fleet: TLS with etcd .*lab9.example is not in",
         "no certificate": "set 'cert' and 'key' in .fleet.", "no tls": 'write "https://"'}


@pytest.fixture
def etcd():
    with Etcd() as started:
        yield started


def password_file(folder, password):
    file = folder / "password"
    file.write_text(password + "\n")
    return str(file)


def test_a_role_for_the_prefix_is_enough_and_the_token_is_renewed(etcd, tmp_path):
    etcd.enable_auth({"lab": ("secret", f"{PREFIX}/")})
    keys = {"user": "lab", "password_file": password_file(tmp_path, "secret")}
    bridge = Bridge(tmp_path / "1", etcd, "lab7", ["b1"], **keys)
    bridge.wait_registered()

    etcd.restart()  # it forgets all tokens
    bridge.wait_registered()
    bridge.rewrite(["b1", "b2"])
    bridge.process.send_signal(1)

    eventually(lambda: owner(etcd, "b2") == "lab7")
    assert not bridge.lines("fleet: etcd (rejects|asks|does not let)")
    bridge.stop()
    assert etcd.get(PREFIX) == {}


def test_a_role_for_another_prefix_is_not_enough(etcd, tmp_path):
    etcd.enable_auth({"lab": ("secret", "/labs/a/")})
    keys = {"user": "lab", "password_file": password_file(tmp_path, "secret")}
    inside = Bridge(tmp_path / "1", etcd, "lab1", ["b1"], prefix="/labs/a", **keys)
    outside = Bridge(tmp_path / "2", etcd, "lab2", ["b1"], prefix="/labs/b", **keys)
    inside.wait_registered()

    outside.wait_line("grant the user a role")
    eventually(lambda: outside.metric('vserd_fleet_errors_total{op="claim"}') >= 3)  # it goes on trying
    assert len(outside.lines("fleet:")) == 1
    assert outside.metric("vserd_fleet_up") == 0
    assert etcd.get("/labs/b") == {}
    inside.stop()
    outside.stop()


def test_a_wrong_password_is_reported_once_and_a_corrected_file_is_read_without_a_restart(etcd, tmp_path):
    etcd.enable_auth({"lab": ("secret", f"{PREFIX}/")})
    file = password_file(tmp_path, "wrong")
    bridge = Bridge(tmp_path / "1", etcd, "lab7", ["b1"], user="lab", password_file=file)

    bridge.wait_line("etcd rejects the password of the user 'lab'")
    eventually(lambda: bridge.metric('vserd_fleet_errors_total{op="authenticate"}') >= 3)
    assert len(bridge.lines("fleet:")) == 1
    assert bridge.metric("vserd_fleet_up") == 0
    password_file(tmp_path, "secret")

    bridge.wait_registered()
    bridge.stop()


def test_no_user_where_etcd_asks_for_one(etcd, tmp_path):
    etcd.enable_auth({})
    bridge = Bridge(tmp_path, etcd, "lab7", ["b1"])

    bridge.wait_line("etcd asks for a user; set 'user' and 'password_file'")

    bridge.stop()


def test_a_user_where_etcd_asks_for_none_until_it_does(etcd, tmp_path):
    bridge = Bridge(tmp_path / "1", etcd, "lab7", ["b1"], user="lab", password_file=password_file(tmp_path, "secret"))
    bridge.wait_registered()

    etcd.enable_auth({"lab": ("secret", f"{PREFIX}/")})
    bridge.rewrite(["b1", "b2"])
    bridge.process.send_signal(1)

    eventually(lambda: owner(etcd, "b2") == "lab7")
    bridge.wait_registered()
    assert not bridge.lines("warning fleet")
    bridge.stop()


def test_tls_with_a_client_certificate(authority, tmp_path):
    with Etcd(tls=authority, client_certificates=True) as etcd:
        keys = {"ca": f"{authority}/ca.crt", "cert": f"{authority}/lab7.crt", "key": f"{authority}/lab7.key"}
        bridge = Bridge(tmp_path / "1", etcd, "lab7", ["b1"], **keys)
        bridge.wait_registered()
        named = Bridge(tmp_path / "2", etcd, "lab8", ["b2"], tls_name="localhost", **keys)
        named.wait_registered()
        bridge.stop()
        named.stop()


@pytest.mark.parametrize("what", LINES)
def test_tls_that_does_not_fit_is_one_clear_line(authority, tmp_path, what):
    other = tmp_path / "other"
    other.mkdir()
    Authority(other)
    keys = {"ca": f"{authority}/ca.crt", "cert": f"{authority}/lab7.crt", "key": f"{authority}/lab7.key"}
    if what == "another authority":
        keys["ca"] = f"{other}/ca.crt"
    if what == "another name":
        keys["tls_name"] = "lab9.example"
    if what == "no certificate":
        keys["cert"] = keys["key"] = None
    if what == "no tls":
        keys = {}
    with Etcd(tls=authority, client_certificates=True) as etcd:
        endpoints = [url.replace("https", "http") for url in etcd.endpoints] if what == "no tls" else etcd.endpoints
        bridge = Bridge(tmp_path / "1", endpoints, "lab7", ["b1"], **keys)

        bridge.wait_line(LINES[what])
        eventually(lambda: bridge.metric('vserd_fleet_errors_total{op="lease"}') >= 3)
        assert len(bridge.lines("fleet:")) == 1, bridge.journal
        assert bridge.metric("vserd_fleet_up") == 0
        bridge.stop()


def test_check_and_start_agree_on_files_that_are_missing(tmp_path):
    config = tmp_path / "vserd.toml"
    config.write_text('[server]\nlisten = ["127.0.0.1:0"]\nmetrics = ""\n[fleet]\netcd = ["https://etcd1.example:2379"]\n'
                      f'advertise = "lab7.example:50051"\nca = "{tmp_path}/missing"\n')
    for words in (("check", config), ("--config", config)):
        done = subprocess.run([BIN / "vserd", *words], text=True, capture_output=True, timeout=PATIENCE_SECONDS, check=False)
        assert done.returncode == 1
        assert f"'ca' in [fleet]: {tmp_path}/missing cannot be opened: No such file" in done.stderr
