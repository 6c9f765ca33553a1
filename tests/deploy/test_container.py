"""The image of the Dockerfile, built with the packages of this build and run by podman as its page says.

No registry is asked: the base is the clean root. A mount namespace of our own has cgroups as crun wants them, which hosts that are
containers themselves have not; the container is put into none, and into no network.
"""
import os
import pathlib
import re
import shutil
import subprocess
import time

import debian
import pytest
import recipes as page
from conftest import BUILD, DEPLOY, ROOT
from vserd_process import PATIENCE_SECONDS

PAGE = DEPLOY / "container/README.md"
IMAGE_BYTES_MAX = 50 << 20
# What the image does not take from its base; less to copy.
NEEDLESS = ("./usr/share/doc", "./usr/share/locale", "./usr/share/man", "./usr/share/zoneinfo", "./usr/lib/python3*", "./usr/lib/udev",
            "./usr/lib/x86_64-linux-gnu/gconv", "./usr/share/i18n")
LIMITS = ("--ulimit", "nofile=4096:4096", "--ulimit", "nproc=1024:1024")  # raising them is not allowed everywhere


class Podman:
    """podman in a folder: a program of that name for PATH, with what this host needs in addition."""

    def __init__(self, folder):
        self.folder = folder
        ready = "umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && echo ready && exec cat"
        self._mounts = subprocess.Popen(["unshare", "-m", "sh", "-c", ready], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._mounts.stdout.readline() == "ready\n"
        self._driver = "overlay" if "\toverlay\n" in pathlib.Path("/proc/filesystems").read_text() else "vfs"
        self._storage = f"--root {folder}/storage --runroot {folder}/run --storage-driver {self._driver}"
        self.build, self.run = "", ""
        self.write()

    def write(self):
        """The program, with more words for `build` and `run`."""
        inside = f"exec nsenter --wdns=\"$PWD\" -t {self._mounts.pid} -m"
        program = self.folder / "bin/podman"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"""#!/bin/bash
podman=(/usr/bin/podman {self._storage} --cgroup-manager=cgroupfs --runtime=crun --events-backend=none --log-level=fatal)
case $1 in
build) {inside} buildah {self._storage} build --isolation chroot "${{@:2:$#-2}}" {self.build} {ROOT} ;;
run) {inside} "${{podman[@]}}" run --cgroups=disabled --network=none {' '.join(LIMITS)} {self.run} "${{@:2}}" ;;
*) {inside} "${{podman[@]}}" "$@" ;;
esac
""")
        program.chmod(0o755)

    def shell(self, script):
        """Returns status and output."""
        environment = dict(os.environ, PATH=f"{self.folder}/bin:{os.environ['PATH']}")
        done = subprocess.run(["bash", "-euc", script], cwd=self.folder, env=environment, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=10 * PATIENCE_SECONDS)
        return done.returncode, done.stdout

    def ok(self, script):
        status, said = self.shell(script)
        assert status == 0, said
        return said

    def check(self, name):
        """Runs that recipe of the page."""
        _, recipes, replies = page.blocks(PAGE)
        flags, script = next((words, body) for each, words, body in recipes if each == name)
        status, said = self.shell(script)
        fault = page.fault_of(name, flags, status, said, replies)
        assert fault is None, f"{name}: {fault}\n{said}"

    def base(self, archive):
        """An image of that root, localhost/base."""
        tree = self.folder / "base"
        tree.mkdir()
        subprocess.run(["tar", "-xf", archive, "-C", tree, *(f"--exclude={path}" for path in NEEDLESS)], check=True)
        buildah = f"nsenter -t {self._mounts.pid} -m buildah {self._storage}"
        self.ok(f"made=$({buildah} from scratch) && {buildah} add -q $made {tree} / && {buildah} commit -q $made localhost/base && {buildah} rm $made")
        shutil.rmtree(tree)

    def close(self):
        self.shell("podman rm -fa -t 0")
        self.shell("podman rmi -fa")
        self._mounts.stdin.close()
        self._mounts.wait(PATIENCE_SECONDS)
        self._mounts.stdout.close()


@pytest.fixture(scope="module")
def podman(tmp_path_factory):
    """With the image built, as the page says, of this build's packages."""
    for tool in ("buildah", "podman", "crun"):
        if shutil.which(tool) is None:
            pytest.skip(f"there is no {tool}; ./dev setup installs it")
    if not debian.CLEAN_ROOT.is_file():
        pytest.skip("there is no clean root; ./dev setup makes one where Debian's packages are reached")
    folder = tmp_path_factory.mktemp("podman")
    packages = folder / "packages"
    packages.mkdir()
    debian.make_packages(BUILD, packages, ("vserd", "vserctl"))
    made = Podman(folder)
    try:
        made.base(debian.CLEAN_ROOT)
        made.build = f"--build-arg BASE=localhost/base --build-context packages={packages}"
        made.write()
        made.check("build")
        made.check("configure")
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def board(podman):
    """A terminal that the container has as /dev/ttyUSB0, for the group of serial lines; --device takes none of these."""
    device, line = os.openpty()
    path = os.ttyname(line)
    os.chown(path, 0, 20)
    os.chmod(path, 0o660)
    podman.run = f"-v {path}:/dev/ttyUSB0"
    podman.write()
    program = podman.folder / "bin/podman"
    program.write_text(program.read_text().replace('"${@:2}"', '"${words[@]}"').replace("run) ", 'run) words=("${@:2}"); '
                       'for at in "${!words[@]}"; do [ "${words[at]}" != --device ] || unset "words[at]" "words[at+1]"; done; '))
    yield device
    podman.shell("podman rm -f -t 0 vserd")
    podman.run = ""
    podman.write()
    os.close(device)
    os.close(line)


def is_release():
    return re.search(r"^CMAKE_BUILD_TYPE:\w+=Release$", (BUILD / "CMakeCache.txt").read_text(), re.MULTILINE) is not None


def test_the_image_is_small(podman, record_property):
    size = int(podman.ok("podman image inspect -f '{{.Size}}' vserd"))
    record_property("report", f"image: {size / 1e6:.1f} MB")
    if not is_release():
        pytest.skip("users get the image of the release, which ./dev test-release measures")
    assert size <= IMAGE_BYTES_MAX


def test_the_image_has_no_shell(podman):
    assert podman.shell("podman run --rm --entrypoint /bin/sh vserd -c true")[0] != 0
    assert "10001:20" in podman.ok("podman image inspect -f '{{.User}}' vserd")


def wait_until_up(podman, port):
    """Until the health check passes and the port's device is open, which on a busy machine comes later."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while podman.shell(f"podman healthcheck run vserd && podman exec vserd vserctl health {port}")[0]:
        assert time.monotonic() < deadline, podman.shell("podman logs vserd")[1]


def test_it_runs_confined_falls_back_serves_and_ends_at_sigterm(podman, board):
    podman.check("run")
    wait_until_up(podman, "board")
    pid = podman.ok("podman inspect -f '{{.State.Pid}}' vserd").strip()
    status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    assert status["NSpid"].split()[-1] == "1"
    assert status["Uid"].split() == ["10001"] * 4 and status["Gid"].split() == ["20"] * 4
    assert int(status["CapEff"], 16) == 0 and int(status["CapBnd"], 16) == 0 and status["Seccomp"] == "2"
    podman.check("fallback")
    assert "io_uring is not in use" in podman.ok("podman logs vserd")

    os.write(board, b"from the board")
    assert "from the board" in podman.ok("podman exec vserd vserctl -s 127.0.0.1:50051 read board --from oldest --follow --max-bytes 14")
    began = time.monotonic()
    podman.check("manage")
    assert time.monotonic() - began < PATIENCE_SECONDS / 2


def test_a_profile_that_allows_io_uring_is_made_use_of(podman, board):
    podman.check("allow")
    wait_until_up(podman, "board")
    podman.check("uring")


def test_the_configuration_of_the_image_serves_at_once(podman):
    podman.ok("podman run -d --name vserd vserd")
    wait_until_up(podman, "console")
    assert "console" in podman.ok("podman exec vserd vserctl -s 127.0.0.1:50051 ports")
    podman.ok("podman rm -f -t 5 vserd")
