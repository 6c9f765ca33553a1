"""vserctl with the etcd of a fleet as its entry: the same commands as with a bridge, and what is said when something is wrong."""
import base64
import json
import subprocess
import urllib.request

import etcd_process
import pytest
from etcd_process import Etcd, eventually
from fleet_bridge import PREFIX, Bridge, port_of
from vserctl_terminal import PLAIN, VSERCTL
from vserd_process import PATIENCE_SECONDS, free_port

import vser

pytestmark = pytest.mark.skipif(bool(etcd_process.missing()), reason=str(etcd_process.missing()))


def entry_of(etcd, scheme="etcd"):
    """"etcd://HOST:PORT,HOST:PORT" """
    return f"{scheme}://" + ",".join(url.split("//")[1] for url in etcd.endpoints)


def run_both(*words, status=0, env=None):
    """Standard output and standard error."""
    done = subprocess.run([VSERCTL, *map(str, words)], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
                          env=PLAIN | (env or {}), stdin=subprocess.DEVNULL)
    assert done.returncode == status, done
    return done.stdout, done.stderr


def run(*words, status=0, env=None):
    """Standard output, or standard error of a failure."""
    return run_both(*words, status=status, env=env)[1 if status else 0]


def online(etcd, *names):
    eventually(lambda: all((port_of(etcd, name) or {}).get("state") == "STATE_ONLINE" for name in names))


def same_without_the_entry(text):
    document = json.loads(text)
    document.pop("bridge")
    return document


@pytest.mark.parametrize("words", [["ports", "--json"], ["ports", "-l", "rack=3", "--json"], ["fleet", "--json"], ["fleet", "bridges"], ["fleet", "sd"],
                                   ["fleet", "resolve", "board-2"], ["fleet", "resolve", "board-17", "--json"], ["ports"]])
def test_the_answers_are_those_of_a_bridge(etcd, bridges, words):
    def same():
        by_bridge, by_etcd = run("--fleet", bridges[0].address, *words), run("--fleet", entry_of(etcd), *words)
        if words[0] != "fleet" and "--json" in words or words == ["fleet", "--json"]:
            return same_without_the_entry(by_bridge) == same_without_the_entry(by_etcd)
        return by_bridge == by_etcd and by_etcd
    eventually(same)  # the bridge's copy follows etcd


def test_a_port_is_used_by_name_alone(etcd, bridges):
    env = {"VSERD_FLEET": entry_of(etcd)}
    assert run("baud", "board-17", env=env).strip() == "115200"
    run("write", "board-17", "-e", "hello\\r\\n", env=env)
    eventually(lambda: run("read", "board-17", env=env).startswith("hello"))
    assert "hello" in run("attach", "board-17", "--from", "oldest", "--wait", "200ms", env=env)
    eventually(lambda: "hello" in run("log", "board-17", env=env))
    assert 'did you mean "board-17"' in run("baud", "bord-17", env=env, status=1)
    assert 'did you mean "board-17"' in run("baud", "xoard-17", env=env, status=1)
    assert "asks one vserd" in run("info", env=env, status=1)


def test_logs_of_several_bridges_are_one(etcd, bridges):
    env = {"VSERD_FLEET": entry_of(etcd)}
    for name in ("board-1", "board-2", "board-1"):
        run("write", name, "-e", f"from {name}\\r\\n", env=env)
        eventually(lambda name=name: f"from {name}" in run("log", name, env=env))
    lines = [line for line in run("log", "-l", "rack=3", "--grep", "from", env=env).splitlines() if "from" in line]
    assert [line.split()[-1] for line in lines] == ["board-1", "board-2", "board-1"]


def test_any_port_is_leased_and_a_command_under_the_lease_finds_it(etcd, bridges):
    env = {"VSERD_FLEET": entry_of(etcd)}
    for choice in (["board-17"], ["-l", "rack=3"]):
        out = run("lease", *choice, "--", "sh", "-c", f'{VSERCTL} baud "${{VSERD_LEASE%:*}}"', env=env)
        assert "115200" in out
    with vser.connect(bridges[0].address) as first, vser.connect(bridges[1].address) as second:
        with second.lease("board-2"):
            with first.lease("board-1"):
                assert run("lease", "-l", "rack=3", "--", "true", env=env, status=1)
            assert run_both("lease", "-l", "rack=3", "--", "true", env=env)[1].startswith("vserctl: you hold board-1")


@pytest.mark.parametrize("command", ["read", "log", "attach"])
def test_a_reader_follows_its_port_to_another_bridge(etcd, bridges, tmp_path, command):
    old, new = Bridge(tmp_path / "old", etcd, "old", ["mover"]), None
    old.wait_registered()
    follow = ["--read-only"] if command == "attach" else ["--follow"]
    reader = subprocess.Popen([VSERCTL, "--fleet", entry_of(etcd), command, "mover", *follow], env=PLAIN,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def has_reader(bridge):
        with vser.connect(bridge.address) as client:
            return client.sessions("mover")
    try:
        eventually(lambda: has_reader(old))
        run("-s", old.address, "write", "mover", "-e", "one\\n")
        assert reader.stdout.readline().strip() == b"one"
        old.stop()
        new = Bridge(tmp_path / "new", etcd, "new", ["mover"])
        new.wait_registered()
        run("-s", new.address, "write", "mover", "-e", "two\\n")
        assert reader.stdout.readline().strip() == b"two"
    finally:
        reader.terminate()
        reader.communicate()
        for bridge in (old, new):
            if bridge is not None and bridge.process.poll() is None:
                bridge.stop()


def test_the_etcd_is_in_the_configuration(etcd, bridges, tmp_path):
    config = tmp_path / "config.toml"
    host = etcd.url().split("//")[1]
    for entry in (f'"etcd://127.0.0.1:1,{host}"', f'["etcd://127.0.0.1:1", "etcd://{host}"]'):
        config.write_text(f"[fleet]\nentry = {entry}\n")
        assert len(json.loads(run("--config", config, "ports", "--json"))["ports"]) == 3
    config.write_text(f'[fleet]\nentry = "etcd://{host}"\nhosts = ["*.lab.example"]\n')
    assert "'hosts' of the client does not allow" in run("--config", config, "baud", "board-1", status=1)
    assert len(json.loads(run("--config", config, "--fleet", bridges[0].address, "ports", "--json"))["ports"]) == 3
    config.write_text('[fleet]\nentry = "lab7"\netcd_user = "ann"\n')
    assert f"{config}:3:1: 'etcd_user' in [fleet] is of no use without an etcd" in run("--config", config, "ports", status=2)
    config.write_text('[fleet]\nentry = "etcd://lab7/x"\n')
    assert f"{config}:2:9: the entry of the fleet has 'lab7/x'" in run("--config", config, "ports", status=2)


@pytest.mark.parametrize(("words", "told"), [
    (["--fleet", "etcd://"], "has '', which is not a member of an etcd: write etcd://HOST:2379"),
    (["--fleet", "etcd://a:b"], "has 'a:b', which is not a member of an etcd"),
    (["--fleet", "etcd://a,lab7:50051,etcds://b"], "'etcds://b' is not like the others"),
    (["--fleet", "lab7:50051,etcd://a"], "'lab7:50051' is not like the others"),
    (["--fleet", "etcd://a", "--etcd-user", "ann"], "--etcd-user needs --etcd-password-file"),
    (["--fleet", "etcd://a", "--etcd-cert", __file__], "--etcd-cert needs --etcd-key"),
    (["--fleet", "etcd://a", "--etcd-prefix", "vserd/"], "--etcd-prefix: 'vserd/' must begin with '/'"),
    (["--fleet", "etcd://a.example", "--etcd-user", "ann", "--etcd-password-file", __file__],
     "the password is not sent to etcd://a.example:2379 without encryption; write etcds://a.example:2379"),
    (["--fleet", "lab7:50051", "--etcd-user", "ann"], "--etcd-user is of no use without an etcd"),
    (["-s", "lab7:50051", "--etcd-prefix", "/x"], "--etcd-prefix is of no use without an etcd"),
    (["--fleet", "etcd://a", "--etcd-ca", "/no/such"], "--etcd-ca"),
])
def test_a_mistake_names_the_option_and_what_to_write(words, told):
    assert told in run(*words, "ports", status=2)


def test_an_empty_prefix_and_foreign_keys_are_told(etcd, bridges):
    out, told = run_both("--fleet", entry_of(etcd), "--etcd-prefix", "/other", "ports", "--json")
    assert json.loads(out)["ports"] == [] and "no bridge is registered in etcd below /other; is --etcd-prefix" in told
    assert "etcd has no ports below /other" in run("--fleet", entry_of(etcd), "--etcd-prefix", "/other", "baud", "b", status=1)
    etcd.put(f"{PREFIX}/port/broken", "no JSON")
    etcd.put(f"{PREFIX}/settings", "of another program")
    try:
        out, told = run_both("--fleet", entry_of(etcd), "ports", "--json")
        assert len(json.loads(out)["ports"]) == 3
        assert f"keys of etcd that are ignored: 2, such as {PREFIX}/port/broken: the value is not the JSON that vserd writes" in told
        assert f"{PREFIX}/port/broken in etcd cannot be used" in run("--fleet", entry_of(etcd), "baud", "broken", status=1)
    finally:
        etcd.delete(f"{PREFIX}/port/broken")
        etcd.delete(f"{PREFIX}/settings")


def b64(text):
    return base64.b64encode(text.encode()).decode()


def test_more_keys_than_a_page_are_listed(etcd):
    entry = {"bridge": "b", "address": "127.0.0.1:1", "state": "STATE_ONLINE"}
    values = {f"p{index:04}": json.dumps(entry | {"name": f"p{index:04}"}) for index in range(1203)}
    names = sorted(values)
    for start in range(0, len(names), 100):  # etcd allows 128 operations
        puts = [{"requestPut": {"key": b64(f"/many/port/{name}"), "value": b64(values[name])}} for name in names[start:start + 100]]
        with urllib.request.urlopen(f"{etcd.url()}/v3/kv/txn", json.dumps({"success": puts}).encode(), PATIENCE_SECONDS) as reply:
            assert json.load(reply)["succeeded"]
    listed = json.loads(run("--fleet", entry_of(etcd), "--etcd-prefix", "/many", "ports", "--json"))["ports"]
    assert [port["name"] for port in listed] == names


def test_the_next_member_is_asked_and_without_a_majority_the_answer_is_marked_as_old(tmp_path):
    with Etcd(members=3) as etcd:
        bridge = Bridge(tmp_path / "lab1", etcd, "lab1", ["b1"])
        bridge.wait_registered()
        online(etcd, "b1")
        ports = ("--fleet", entry_of(etcd), "ports", "--json")
        etcd.kill(0)
        assert json.loads(run(*ports))["ports"][0]["name"] == "b1"
        etcd.pause(1)
        try:
            def old():
                document = json.loads(run("--timeout", "1s", *ports))
                return document["stale"] and document
            document = eventually(old)
            assert document["ports"][0]["name"] == "b1"
            assert "this may be old" in run_both("--timeout", "1s", "--fleet", entry_of(etcd), "fleet", "resolve", "b1")[1]
        finally:
            etcd.resume(1)
        eventually(lambda: not json.loads(run(*ports))["stale"])
        bridge.stop()


def test_no_member_answers():
    told = run("--fleet", f"etcd://127.0.0.1:{free_port()}", "ports", status=3)
    assert "etcd cannot be reached at etcd://127.0.0.1:" in told and "is vserd running" not in told
    assert json.loads(run("--json", "--fleet", f"etcd://127.0.0.1:{free_port()}", "baud", "b", status=3))["error"]["code"] == "UNAVAILABLE"


def test_tls_and_client_certificates(authority, tmp_path):
    keys = {"ca": str(authority / "ca.crt"), "cert": str(authority / "lab7.crt"), "key": str(authority / "lab7.key")}
    with Etcd(tls=authority, client_certificates=True) as etcd:
        bridge = Bridge(tmp_path / "lab7", etcd, "lab7", ["b1"], **keys)
        bridge.wait_registered()
        online(etcd, "b1")
        options = [word for key, file in keys.items() for word in (f"--etcd-{key}", file)]
        assert run("--fleet", entry_of(etcd, "etcds"), *options, "baud", "b1").strip() == "115200"
        assert run("--fleet", entry_of(etcd), *options, "baud", "b1").strip() == "115200"
        assert "--etcd-cert" in run("--fleet", entry_of(etcd, "etcds"), *options[:2], "ports", status=3)
        assert "check --etcd-ca, --etcd-cert and --etcd-tls-name" in run(
            "--fleet", entry_of(etcd, "etcds"), *options, "--etcd-tls-name", "lab9.example", "ports", status=3)
        assert 'write "etcds://"' in run("--fleet", entry_of(etcd), "ports", status=3)
        config = authority / "config.toml"
        config.write_text(f'[fleet]\nentry = "{entry_of(etcd, "etcds")}"\n'
                          'etcd_ca = "ca.crt"\netcd_cert = "lab7.crt"\netcd_key = "lab7.key"\netcd_tls_name = "localhost"\n')
        assert run("--config", config, "baud", "b1").strip() == "115200"
        bridge.stop()


def test_a_user_who_may_only_read(tmp_path):
    def password_file(text):
        file = tmp_path / f"password-{text}"
        file.write_text(text + "\n")
        return str(file)

    with Etcd() as etcd:
        for words in (("role", "add", "reader"), ("role", "grant-permission", "reader", "--prefix=true", "read", f"{PREFIX}/"),
                      ("user", "add", "ann:secret"), ("user", "grant-role", "ann", "reader")):
            etcd.ctl(*words)
        etcd.enable_auth({"lab": ("bridge", f"{PREFIX}/")})
        bridge = Bridge(tmp_path / "lab7", etcd, "lab7", ["b1"], user="lab", password_file=password_file("bridge"))
        bridge.wait_registered()
        entry = ("--fleet", entry_of(etcd))
        ann = ("--etcd-user", "ann", "--etcd-password-file", password_file("secret"))

        assert run(*entry, *ann, "baud", "b1").strip() == "115200"
        assert len(json.loads(run(*entry, *ann, "ports", "--json"))["ports"]) == 1
        assert 'did you mean "b1"' in run(*entry, *ann, "baud", "b2", status=1)
        assert "etcd asks for a user; set --etcd-user and --etcd-password-file" in run(*entry, "ports", status=1)
        assert "rejects the password of the user 'ann'; check --etcd-user" in run(
            *entry, *ann[:3], password_file("wrong"), "ports", status=1)
        assert "does not let the user 'ann' use the keys below --etcd-prefix; grant the user a role with read" in run(
            *entry, *ann, "--etcd-prefix", "/else", "ports", status=1)
        config = tmp_path / "config.toml"
        config.write_text(f'[fleet]\nentry = "{entry_of(etcd)}"\netcd_user = "ann"\netcd_password_file = "password-secret"\n')
        assert run("--config", config, "baud", "b1").strip() == "115200"
        bridge.stop()


def test_a_token_of_etcd_that_has_ended_is_replaced(tmp_path):
    """A reader that runs for long looks up again with a token of an etcd that has forgotten it."""
    (tmp_path / "password").write_text("secret\n")
    with Etcd() as etcd:
        etcd.enable_auth({"lab": ("secret", f"{PREFIX}/")})
        keys = {"user": "lab", "password_file": str(tmp_path / "password")}
        old, new = Bridge(tmp_path / "old", etcd, "old", ["mover"], **keys), None
        old.wait_registered()
        reader = subprocess.Popen([VSERCTL, "--fleet", entry_of(etcd), "--etcd-user", "lab", "--etcd-password-file", tmp_path / "password",
                                   "read", "mover", "--follow"], env=PLAIN, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            run("-s", old.address, "write", "mover", "-e", "one\\n")
            assert reader.stdout.readline() == b"one\n"
            etcd.restart()
            old.stop()
            new = Bridge(tmp_path / "new", etcd, "new", ["mover"], **keys)
            new.wait_registered()
            run("-s", new.address, "write", "mover", "-e", "two\\n")
            assert reader.stdout.readline() == b"two\n"
        finally:
            reader.terminate()
            reader.communicate()
            for bridge in (old, new):
                if bridge is not None and bridge.process.poll() is None:
                    bridge.stop()


def test_a_poisoned_entry_gets_no_token(etcd, bridges, tmp_path):
    entry = {"name": "evil", "bridge": "lab1", "address": f"127.0.0.1:{free_port()}", "tls": True, "state": "STATE_ONLINE"}
    etcd.put(f"{PREFIX}/port/evil", json.dumps(entry))
    try:
        told = run("--fleet", entry_of(etcd), "baud", "evil", env={"VSERD_TOKEN": "a-token"}, status=2)
        assert "the token is not sent" in told
    finally:
        etcd.delete(f"{PREFIX}/port/evil")


def test_python_says_what_to_use_instead(etcd):
    with pytest.raises(ValueError, match="name a bridge"):
        vser.fleet(entry_of(etcd))
