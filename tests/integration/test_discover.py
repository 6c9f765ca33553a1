"""`vserctl discover`, with a real avahi-daemon on a network of its own."""
import json
import os
import subprocess

import avahi_lan
import pytest
from vserd_process import BIN, PATIENCE_SECONDS

SERVICES = ['Labor 7; "Küche".x|50051|version=0.1.0|tls=yes|bridge=lab7|odd=a"b\\c;d é', "plain|50052"]
NO_AVAHI = pytest.mark.skipif(bool(avahi_lan.missing()), reason=f"not installed: {avahi_lan.missing()}")


def discover(folder, *arguments, services=SERVICES):
    return avahi_lan.in_lan(folder, services, [BIN / "vserctl", "discover", *arguments], timeout=4 * PATIENCE_SECONDS)


@NO_AVAHI
def test_each_bridge_is_listed_once_with_all_its_addresses(tmp_path):
    done = discover(tmp_path, "--json")

    assert done.returncode == 0, done.stderr
    first, second = json.loads(done.stdout)["bridges"]
    assert {"192.0.2.7", "2001:db8::7"} & set(first.pop("addresses"))
    assert first == {"name": 'Labor 7; "Küche".x', "bridge": "lab7", "address": "lab7.local:50051", "version": "0.1.0", "tls": True}
    assert (second["name"], second["address"], second["bridge"]) == ("plain", "lab7.local:50052", "") and "tls" not in second


@NO_AVAHI
def test_a_table_for_people(tmp_path):
    done = discover(tmp_path)

    assert done.returncode == 0, done.stderr
    heading, first, second = done.stdout.splitlines()
    assert heading.split() == ["BRIDGE", "ADDRESS", "TLS", "VERSION", "IP", "NAME"]
    assert first.split()[:4] == ["lab7", "lab7.local:50051", "yes", "0.1.0"] and first.endswith('Labor 7; "Küche".x')
    assert second.split()[:2] == ["lab7.local:50052", "?"]


@NO_AVAHI
def test_nothing_is_announced(tmp_path):
    done = discover(tmp_path, services=[])

    assert (done.returncode, done.stdout) == (0, "") and "no server announces itself" in done.stderr


@NO_AVAHI
def test_no_daemon(tmp_path):
    done = discover(tmp_path, services=["no daemon"])

    assert done.returncode == 1 and "avahi-browse failed" in done.stderr and "does avahi-daemon run?" in done.stderr


def with_program(folder, script):
    """vserctl with this avahi-browse, or with none."""
    if script:
        (folder / "avahi-browse").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "avahi-browse").chmod(0o755)
    return subprocess.run([BIN / "vserctl", "discover", "--limit", "300ms"], capture_output=True, text=True, check=False,
                          env={**os.environ, "PATH": str(folder)}, timeout=PATIENCE_SECONDS)


def test_without_the_program_the_package_is_named(tmp_path):
    done = with_program(tmp_path, "")

    assert done.returncode == 1 and "install the package avahi-utils" in done.stderr


def test_what_was_found_is_shown_when_the_time_is_over(tmp_path):
    done = with_program(tmp_path, "echo '=;eth0;IPv4;a;_vserd._tcp;local;lab7.local;192.0.2.7;50051;\"bridge=\\027[2Jx\"'\nexec /bin/sleep 600")

    assert done.returncode == 0
    assert "lab7.local:50051" in done.stdout and "\x1b" not in done.stdout
    assert "stopped after 300 ms" in done.stderr
