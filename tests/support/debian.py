"""Debian packages of a build, and a clean Debian to put them in."""
import os
import pathlib
import re
import shutil
import subprocess

PATIENCE_SECONDS = 60
ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("VSERD_CACHE") or pathlib.Path.home() / ".cache" / "vserd")
# What dpkg and the user database keep of a package that is gone.
KEPT = re.compile(r"^/(var/(lib/dpkg|log|cache|lib/systemd)|etc/(passwd|group|shadow|gshadow)-?|etc/\.pwd\.lock|etc/subuid-?|etc/subgid-?)")


def cksum(data):
    """As cksum(1), with which ./dev setup names the root."""
    size, length = b"", len(data)
    while length:
        size, length = size + bytes([length & 0xFF]), length >> 8
    crc = 0
    for byte in data + size:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1) ^ (0x04C11DB7 if crc & 0x80000000 else 0)
        crc &= 0xFFFFFFFF
    return crc ^ 0xFFFFFFFF


# The archive that ./dev setup makes where it can.
CLEAN_ROOT = CACHE / f"root-{cksum((ROOT / 'tests/deploy/root-packages.txt').read_bytes())}.tar"


def make_packages(build, folder, names=()):
    """{name: file} of the packages of this build, made in the folder; all, or those named."""
    command = ["cpack", "--config", build / "CPackConfig.cmake", "-B", folder, "-D", "CPACK_DEBIAN_COMPRESSION_TYPE=gzip"]
    if names:
        command += ["-D", f"CPACK_COMPONENTS_ALL={';'.join(names)}"]  # for these the component has the package's name
    done = subprocess.run(command, cwd=build, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout
    return {file.name.split("_")[0]: file for file in folder.glob("*.deb")}


class CleanRoot:
    """A Debian with nothing of ours in it, in a folder."""

    def __init__(self, folder):
        self.folder = folder
        subprocess.run(["tar", "-xf", CLEAN_ROOT, "-C", folder], check=True)

    def run(self, *command, fails=False):
        """Runs it there, with processes and mounts of its own, and returns what it said."""
        inside = ["unshare", "-mpf", "--kill-child", f"--mount-proc={self.folder}/proc", "chroot", self.folder, *command]
        done = subprocess.run(inside, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"},
                              timeout=PATIENCE_SECONDS)
        assert fails or done.returncode == 0, done.stdout
        return done.stdout

    def install(self, *files):
        for file in files:
            shutil.copy(file, self.folder / "root")
        return self.run("dpkg", "-i", *(f"/root/{file.name}" for file in files))

    def path(self, absolute):
        return self.folder / absolute.lstrip("/")

    def files(self):
        found = set()
        for top, folders, names in os.walk(self.folder):
            inside = "/" + os.path.relpath(top, self.folder)
            if inside in ("/proc", "/root", "/sys", "/dev", "/tmp", "/run"):
                folders.clear()
                continue
            found |= {os.path.join(inside, name).replace("/./", "/") for name in (*folders, *names)}
        return {path for path in found if not KEPT.match(path)}


def repacked(package, folder, version, edit):
    """The package as a later version, after `edit` changed what is in it."""
    tree = folder / f"{version}.tree"
    subprocess.run(["dpkg-deb", "-R", package, tree], check=True)
    control = tree / "DEBIAN" / "control"
    control.write_text(re.sub(r"^Version: .*$", f"Version: {version}", control.read_text(), flags=re.MULTILINE))
    edit(tree)
    made = folder / f"later-{version}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, made], check=True, stdout=subprocess.DEVNULL)
    return made
