"""Runs a command on a network of its own, where services are announced: avahi_lan.py FOLDER [SERVICE]... -- COMMAND

SERVICE: "NAME|PORT|TEXT|TEXT...". A private message bus, a real avahi-daemon and avahi-publish; `in_lan()` starts it from a test."""
import os
import pathlib
import shutil
import subprocess
import sys
import time

PROGRAMS = ("avahi-daemon", "avahi-browse", "avahi-publish", "dbus-daemon", "unshare", "ip")
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
BUS = """<busconfig><type>system</type><listen>unix:path={folder}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/><allow user="*"/></policy>
</busconfig>"""
AVAHI = """[server]
host-name=lab7
allow-interfaces=lan0
use-ipv4=yes
use-ipv6=yes
[publish]
publish-hinfo=no
publish-workstation=no
"""


def missing():
    """Programs that are not installed."""
    return [program for program in PROGRAMS if shutil.which(program, path=PATH) is None]


def in_lan(folder, services, command, **popen):
    """The command line that runs `command` there. Root needs no user namespace."""
    isolate = ["unshare", "--mount", "--net"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    return subprocess.run([*isolate, sys.executable, "-B", __file__, folder, *services, "--", *command], capture_output=True, text=True,
                          check=False, env={**os.environ, "PATH": PATH}, **popen)


def start(words, seconds, arrived):
    """Starts a program and returns when `arrived` says so for what it printed so far."""
    reading, writing = os.pipe()
    process = subprocess.Popen(words, stdout=writing, stderr=writing)
    os.close(writing)
    os.set_blocking(reading, False)
    printed, end = b"", time.monotonic() + seconds
    while not arrived(printed):
        if time.monotonic() > end or process.poll() is not None:
            process.kill()
            sys.exit(f"{words[0]} did not start: {printed.decode(errors='replace')}")
        time.sleep(0.02)
        try:
            printed += os.read(reading, 65536)
        except BlockingIOError:
            continue
    return process


def network():
    pathlib.Path("/run/avahi-daemon").mkdir(exist_ok=True)
    for words in (["mount", "-t", "tmpfs", "none", "/run/avahi-daemon"], ["ip", "link", "set", "lo", "up"],
                  ["ip", "link", "add", "lan0", "type", "veth", "peer", "name", "lan1"],
                  ["ip", "address", "add", "192.0.2.7/24", "dev", "lan0"],
                  ["ip", "address", "add", "2001:db8::7/64", "dev", "lan0", "nodad"],
                  ["ip", "link", "set", "lan1", "up"], ["ip", "link", "set", "lan0", "up", "multicast", "on"]):
        subprocess.run(words, check=True)


def main():
    split = sys.argv.index("--")
    folder, services, command = pathlib.Path(sys.argv[1]), sys.argv[2:split], sys.argv[split + 1:]
    network()
    (folder / "bus.conf").write_text(BUS.format(folder=folder))
    (folder / "avahi.conf").write_text(AVAHI)
    os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={folder}/bus"
    running = [start(["dbus-daemon", "--nofork", "--nopidfile", "--config-file", folder / "bus.conf"], 30,
                     lambda _: (folder / "bus").exists())]
    try:
        if services != ["no daemon"]:
            running.append(start(["avahi-daemon", "--file", folder / "avahi.conf", "--no-drop-root", "--no-chroot", "--no-rlimits"], 30,
                                 lambda printed: b"Server startup complete" in printed))
            for name, port, *texts in (service.split("|") for service in services):
                running.append(start(["avahi-publish", "--service", name, "_vserd._tcp", port, *texts], 30,
                                     lambda printed: b"Established" in printed))
        return subprocess.run(command, check=False).returncode
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
