"""The Debian packages: made by CPack from this build, and installed, upgraded, removed and purged in a clean root.

Unpacking a Debian takes its time, so one root lives through all of it: the tests that take it are in the order of a life.
"""
import os
import pathlib
import re
import shutil
import subprocess

import debian
import pytest
from conftest import BUILD, ROOT
from vserd_process import PATIENCE_SECONDS

CONFIGURATION = "/etc/vserd/vserd.toml"
WANTED = "/etc/systemd/system/multi-user.target.wants/vserd.service"
OURS = ("vserd", "vserctl", "python3-vser")


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """{name: file} of the packages of this build."""
    folder = tmp_path_factory.mktemp("packages")
    yield debian.make_packages(BUILD, folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    if not debian.CLEAN_ROOT.is_file():
        pytest.skip("there is no clean root; ./dev setup makes one where Debian's packages are reached")
    folder = tmp_path_factory.mktemp("root")
    made = debian.CleanRoot(folder)
    made.untouched = made.files()
    yield made
    shutil.rmtree(folder, ignore_errors=True)


def contents(package):
    listing = subprocess.run(["dpkg-deb", "-c", package], check=True, text=True, stdout=subprocess.PIPE).stdout
    return {line.split(None, 5)[5].removeprefix(".") for line in listing.splitlines()}


def test_each_package_says_what_it_is(packages):
    for name, package in packages.items():
        fields = subprocess.run(["dpkg-deb", "-f", package, "Package", "Version", "Description"], check=True, text=True,
                                stdout=subprocess.PIPE).stdout
        assert f"Package: {name}\n" in fields and "Version: 0.1.0\n" in fields
        summary = re.search(r"^Description: (.*)$", fields, re.MULTILINE)[1]
        assert 20 < len(summary) < 80
        assert f"/usr/share/doc/{name}/copyright" in contents(package)


def test_the_daemon_depends_on_the_text_format_of_metrics_and_on_no_web_server(packages):
    depends = subprocess.run(["dpkg-deb", "-f", packages["vserd"], "Depends"], check=True, text=True, stdout=subprocess.PIPE).stdout
    assert "libprometheus-cpp-core" in depends
    assert "prometheus-cpp-pull" not in depends and "civetweb" not in depends


def test_the_client_library_depends_on_what_a_program_is_linked_with(packages):
    depends = subprocess.run(["dpkg-deb", "-f", packages["vserd-client-dev"], "Depends"], check=True, text=True, stdout=subprocess.PIPE).stdout
    asked = dict.fromkeys(re.findall(r"([a-z0-9+-]+)(?: \([^)]*\))?(?:,|$)", depends.strip()))
    assert set(asked) == {"libgrpc++-dev", "libprotobuf-dev", "libabsl-dev"}
    assert re.search(r"libgrpc\+\+-dev \(>= 1\.\d+\), libgrpc\+\+-dev \(<< 1\.\d+\)", depends)


def test_the_packages_hold_what_belongs_to_them(packages):
    assert {"/usr/bin/vserd", CONFIGURATION, "/usr/lib/systemd/system/vserd.service", "/usr/lib/systemd/system/vserd.socket",
            "/usr/lib/udev/rules.d/60-vserd.rules", "/usr/share/man/man8/vserd.8", "/usr/share/man/man5/vserd.toml.5",
            "/usr/share/bash-completion/completions/vserd", "/usr/share/doc/vserd/avahi/vserd.service",
            "/usr/share/doc/vserd/fleet/add-bridge", "/usr/share/doc/vserd/fleet/vserd-etcd.service"} <= contents(packages["vserd"])
    assert {"/usr/bin/vserctl", "/usr/share/man/man1/vserctl.1", "/usr/lib/systemd/user/vserd-tty@.service",
            "/usr/share/zsh/vendor-completions/_vserctl"} <= contents(packages["vserctl"])
    assert {"/usr/lib/python3/dist-packages/vser/py.typed", "/usr/lib/python3/dist-packages/vser/v1/types_pb2.py"} <= contents(
        packages["python3-vser"])
    development = contents(packages["vserd-client-dev"])
    assert {"/usr/include/vser_client.hpp", "/usr/include/vser_client/client.hpp",
            "/usr/share/doc/vserd-client-dev/examples/ask.cpp"} <= development
    assert {"libvserd_client.a", "libvserd_proto.a", "vserd_clientConfig.cmake", "vserd_clientConfigVersion.cmake",
            "vserd_client.pc"} <= {path.rsplit("/", 1)[1] for path in development}
    assert {"/etc/vserd/sshd_config", "/usr/lib/systemd/system/vserd-ssh.service", "/usr/lib/sysusers.d/vserd-ssh.conf",
            "/usr/lib/systemd/system/ssh.service.d/vserd-ssh.conf", "/usr/share/doc/vserd-ssh/README.md",
            "/usr/share/doc/vserd-ssh/examples/ssh_config"} <= contents(packages["vserd-ssh"])
    sources = {f"/usr/src/vser-1.0/{path.name}" for path in (ROOT / "kmod").iterdir() if path.suffix in (".c", ".h")}
    assert sources | {"/usr/src/vser-1.0/dkms.conf", "/usr/src/vser-1.0/Kbuild"} <= contents(packages["vser-dkms"])
    assert not any(path.startswith("/usr/local") for package in packages.values() for path in contents(package))


def test_installed_in_a_clean_root_everything_works_together(packages, root):
    root.install(packages["vserd"], packages["vserctl"], packages["python3-vser"])

    assert re.search(r"^vserd:", root.path("/etc/passwd").read_text(), re.MULTILINE)
    assert re.search(r"^dialout:.*vserd", root.path("/etc/group").read_text(), re.MULTILINE)
    assert ": OK (" in root.run("vserd", "check", CONFIGURATION)
    assert os.path.lexists(root.path(WANTED))
    script = """
        mkdir -p /run/vserd && chown vserd /run/vserd
        chroot --userspec=vserd / vserd --demo --listen unix:/run/vserd/vserd.sock --metrics '' > /run/said 2>/run/log &
        for _ in $(seq 200); do grep -q serving /run/said && break; sleep 0.05; done
        export VSERD_ADDRESS=unix:/run/vserd/vserd.sock
        vserctl ports || cat /run/log
        python3 -c 'import vser; print("by python:", vser.connect().port("console").name)'
    """
    told = root.run("sh", "-c", script)
    assert re.search(r"^console +online", told, re.MULTILINE), told
    assert "by python: console" in told


def test_an_upgrade_keeps_what_the_operator_wrote_and_what_he_disabled(packages, root):
    edited = root.path(CONFIGURATION)
    ours = edited.read_text() + '\n[[port]]\nname = "mine"\ndevice = "sim:echo"\n'
    edited.write_text(ours)
    root.path(WANTED).unlink()

    def change(tree):
        (tree / "usr/share/doc/vserd/news").write_text("new\n")
        with open(tree / CONFIGURATION.lstrip("/"), "a") as file:
            file.write("# a newer default\n")
    later = debian.repacked(packages["vserd"], root.path("/root"), "0.2.0", change)
    root.run("dpkg", "--force-confdef", "--force-confold", "-i", f"/root/{later.name}")

    assert root.path("/usr/share/doc/vserd/news").exists()
    assert edited.read_text() == ours
    assert "newer default" in root.path(CONFIGURATION + ".dpkg-dist").read_text()
    assert not os.path.lexists(root.path(WANTED))


def test_remove_leaves_the_configuration_and_purge_leaves_nothing(root):
    root.run("dpkg", "-r", *OURS)
    assert root.path(CONFIGURATION).exists()
    assert not root.path("/usr/bin/vserd").exists()

    root.run("dpkg", "-P", *OURS)
    left = root.files()
    assert sorted(left - root.untouched) == []
    assert sorted(root.untouched - left) == []


def test_consoles_over_ssh_have_an_account_and_a_service_that_is_off(packages, root):
    """Without openssh-server, which would start a service: only what this package does itself. test_ssh.py runs sshd."""
    shutil.copy(packages["vserd-ssh"], root.path("/root"))
    root.run("dpkg", "--force-depends", "-i", f"/root/{packages['vserd-ssh'].name}")

    assert re.search(r"^console:x:\d+:\d+:[^:]*:/:/bin/sh$", root.path("/etc/passwd").read_text(), re.MULTILINE)
    assert re.search(r"^console:\*:", root.path("/etc/shadow").read_text(), re.MULTILINE)
    assert re.search(r"^vserd:[^:]*:\d+:console$", root.path("/etc/group").read_text(), re.MULTILINE)
    assert not list(root.path("/etc/systemd/system").rglob("vserd-ssh*"))

    root.run("dpkg", "-r", "vserd-ssh")
    assert root.path("/etc/vserd/sshd_config").exists()
    root.run("dpkg", "-P", "vserd-ssh")
    assert sorted(root.files() - root.untouched) == []


def test_the_driver_is_unpacked_where_dkms_looks_and_goes_without_a_trace(packages, root):
    """Without dkms, which would bring a compiler: only what this package does itself."""
    shutil.copy(packages["vser-dkms"], root.path("/root"))
    root.run("dpkg", "--force-depends", "-i", f"/root/{packages['vser-dkms'].name}")
    conf = root.path("/usr/src/vser-1.0/dkms.conf").read_text()
    assert 'PACKAGE_NAME="vser"' in conf and 'PACKAGE_VERSION="1.0"' in conf

    root.run("dpkg", "-P", "vser-dkms")
    assert sorted(root.files() - root.untouched) == []


@pytest.mark.parametrize("version", ("6.1", "6.12"))
def test_dkms_builds_and_installs_the_module_of_the_package(packages, tmp_path, version):
    if shutil.which("dkms") is None:
        pytest.skip("there is no dkms; ./dev setup installs it")
    found = subprocess.run([ROOT / "tests/kmod/vm/get-kernel", version], text=True, stdout=subprocess.PIPE, check=False)
    if found.returncode == 77:
        pytest.skip(f"the {version} kernel cannot be had")
    kernel = pathlib.Path(found.stdout.strip())
    release = (kernel / "release").read_text().strip()
    subprocess.run(["dpkg-deb", "-x", packages["vser-dkms"], tmp_path / "package"], check=True)
    for folder in ("tree", f"installed/{release}"):
        (tmp_path / folder).mkdir(parents=True)

    done = subprocess.run(["dkms", "install", "-m", "vser", "-v", "1.0", "-k", release, "--no-depmod", "--dkmstree", tmp_path / "tree",
                           "--sourcetree", tmp_path / "package/usr/src", "--installtree", tmp_path / "installed",
                           "--kernelsourcedir", kernel / "lib/modules" / release / "build"],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=10 * PATIENCE_SECONDS)

    assert done.returncode == 0, done.stdout
    module = next((tmp_path / "installed").rglob("vser.ko*"))
    told = subprocess.run(["/sbin/modinfo", "-F", "vermagic", module], text=True, stdout=subprocess.PIPE, check=True).stdout
    assert told.startswith(f"{release} ")
