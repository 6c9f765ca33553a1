"""The system-call filter and the capabilities of a unit file, without systemd.

As a program: `unit_sandbox.py UNIT COMMAND...` runs the command with both.
"""
import os
import pathlib
import re
import subprocess
import sys

import seccomp


def members(group):
    """The calls of one of systemd's groups, and of those within it."""
    command = ["systemd-analyze", "--no-pager", "syscall-filter", group]
    calls = set()
    for line in subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout.splitlines()[1:]:
        word = line.strip()
        if word.startswith("@"):
            calls |= members(word)
        elif word and not word.startswith("#"):
            calls.add(word)
    return calls


def allowed_calls(unit):
    """What the SystemCallFilter= lines of the unit leave, applied in order as systemd does."""
    calls = members("@default")
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE):
        words = set()
        for word in line.removeprefix("~").split():
            words |= members(word) if word.startswith("@") else {word}
        calls = calls - words if line.startswith("~") else calls | words
    return calls


def filter_calls(calls):
    """Makes every other call fail in this process and its children, with EPERM as SystemCallErrorNumber= says."""
    rules = seccomp.SyscallFilter(seccomp.ERRNO(1))
    rules.add_rule(seccomp.ALLOW, "execve")  # systemd puts the filter in place just before its own
    for call in calls:
        try:
            rules.add_rule(seccomp.ALLOW, call)
        except (RuntimeError, OSError, ValueError):
            pass  # a call of another architecture
    rules.load()


def capabilities(unit):
    """The unit's CapabilityBoundingSet=, as setpriv takes it."""
    line = re.search(r"^CapabilityBoundingSet=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)[1]
    return ",".join(["-all", *("+" + name.lower().removeprefix("cap_") for name in line.split())])


def main(unit, *command):
    filter_calls(allowed_calls(pathlib.Path(unit)))
    os.execvp("setpriv", ["setpriv", f"--bounding-set={capabilities(pathlib.Path(unit))}", "--no-new-privs", *command])


if __name__ == "__main__":
    main(*sys.argv[1:])
