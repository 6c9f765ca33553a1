"""`vserd import` on the example files of Debian's ser2net and conserver: vserd starts with every result."""
import re
import subprocess

import pytest
from vserd_process import BIN

import debian

EXAMPLES = debian.CACHE / "import-examples"
SER2NET = EXAMPLES / "etc/ser2net.yaml"
SER2NET_ALL = EXAMPLES / "usr/share/doc/ser2net/examples/ser2net.yaml"
CONSERVER = EXAMPLES / "etc/conserver/conserver.cf"
CONSERVER_DOC = EXAMPLES / "usr/share/doc/conserver-server/examples"

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason=f"no {EXAMPLES}; ./dev setup fetches it")


def run(*arguments):
    return subprocess.run([BIN / "vserd", *arguments], text=True, capture_output=True, check=False)


def imported(file, folder):
    """The result, which `vserd check` accepts, and the summary."""
    done = run("import", file)
    assert done.returncode == 0, done.stderr
    result = folder / "vserd.toml"
    result.write_text(done.stdout)
    checked = run("check", result)
    assert checked.returncode == 0, checked.stderr
    return done.stdout, done.stderr


def test_the_configuration_that_debian_installs_for_ser2net(tmp_path):
    toml, summary = imported(SER2NET, tmp_path)

    assert re.findall(r'^device = "(.*)"', toml, re.MULTILINE) == ["/dev/ttyS0", "/dev/ttyS1"]
    addresses = re.findall(r'^address = "(.*)"', toml, re.MULTILINE)
    assert addresses == ["localhost:2000", "localhost:3000", "localhost:2001", "localhost:3001"]
    assert "'con0192' is on the same device" in toml and "19200 8N1" in toml
    assert "ports: 2, listeners: 4" in summary


def test_every_option_in_ser2nets_example(tmp_path):
    # All of it is commented out, examples with one sign and comments with two.
    head, rest = SER2NET_ALL.read_text().split("define: &confver 1.0\n")
    uncommented = tmp_path / "ser2net.yaml"
    uncommented.write_text(head + "define: &confver 1.0\n" + re.sub(r"^# ?", "", rest, flags=re.MULTILINE))

    toml, _ = imported(uncommented, tmp_path)

    names = re.findall(r'^name = "(.*)"', toml, re.MULTILINE)
    assert names == ["con00", "con01", "con2", "con3", "con4", "con5", "con6", "rack-3-slot-5", "con7"]
    assert '# name = "con1"' in toml, "a connection that is not enabled is a comment"
    assert 'device = "/dev/serial/by-path/pci-0000:00:1d.0-usb-0:1.8.2.4:1.0-port1"' in toml
    assert "not known to vserd" not in toml, "each documented option has its own advice"
    for told in ("admin:", "led 'led1'", "rotator 'rot1'", "ipmisol", "banner:", "mdns: true", "trace-both:"):
        assert told in toml


def test_the_configuration_that_debian_installs_for_conserver(tmp_path):
    toml, _ = imported(CONSERVER, tmp_path)
    assert "[[port]]" not in toml, "it defines no console"


@pytest.mark.parametrize(("name", "devices"), [("conserver.cf", ["/dev/ttya", "/dev/ttyC1", "/dev/ttyC5"]), ("test.cf", ["/dev/ttyb"])])
def test_the_examples_of_conserver(tmp_path, name, devices):
    toml, _ = imported(CONSERVER_DOC / name, tmp_path)
    assert re.findall(r'^device = "(.*)"', toml, re.MULTILINE) == devices
    assert "type exec" in toml and "type host" in toml


def test_a_mistake_is_named_with_its_place_and_nothing_is_printed(tmp_path):
    wrong = tmp_path / "wrong.cf"
    wrong.write_text("console a {\n  type device; bude 9600;\n}\n")

    done = run("import", wrong)

    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(f"{wrong}:2:16: unknown keyword 'bude'")


def test_a_result_without_ports_is_a_warning(tmp_path):
    other = tmp_path / "other.cf"
    other.write_text("console a { type device; device /dev/a; master other.example.org; }\n")

    _, summary = imported(other, tmp_path)

    assert f"{other}: warning: the result has no active port" in summary
    other.write_text("console a { type device; device /dev/a; }\n")
    assert "warning" not in imported(other, tmp_path)[1]


def test_an_address_that_vserd_itself_listens_on_is_a_comment(tmp_path):
    wide = tmp_path / "ser2net.conf"
    wide.write_text("0.0.0.0,50051:raw:0:/dev/ttyS0:9600,NONE\n3001:raw:0:/dev/ttyS1:9600\n")

    toml, _ = imported(wide, tmp_path)

    assert "vserd itself uses 127.0.0.1:50051" in toml
    assert re.findall(r'^address = "(.*)"', toml, re.MULTILINE) == ["[::]:3001"]


@pytest.mark.parametrize("file", ["missing.yaml", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path, file):
    done = run("import", tmp_path / file)
    assert done.returncode == 1 and done.stderr.startswith(f"{tmp_path / file}")


def test_a_full_disk_is_an_error():
    with open("/dev/full", "w") as full:
        done = subprocess.run([BIN / "vserd", "import", SER2NET], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1 and "standard output" in done.stderr
