"""Reads what a program of ours prints for --help: CLI11's layout, with our own examples at the end."""
import dataclasses
import re
import subprocess

_ENTRY = re.compile(r"^ {2}(?P<head>\S.*?)(?: {2,}(?P<text>\S.*))?$")
_MORE = re.compile(r"^ {3,}(?P<text>\S.*)$")
_SECTIONS = ("Positionals:", "Options:", "Subcommands:", "Examples:")


@dataclasses.dataclass
class Entry:
    """An option, a positional or a command: "-s,--server ADDRESS=127.0.0.1:50051 (Env:VSERD_ADDRESS)" and what it is for."""

    head: str
    text: str

    @property
    def names(self):
        return self.head.split()[0].split(",")

    @property
    def argument(self):
        """What follows the name: "FILE"; empty where nothing does."""
        words = self.head.split()[1:]
        return "" if not words or words[0].startswith(("(", "Excludes", "Needs", "REQUIRED")) else words[0].split("=")[0]


@dataclasses.dataclass
class Part:
    """A program, or one command of it."""

    name: str
    summary: str
    usage: str
    options: list
    positionals: list
    examples: list
    commands: list = dataclasses.field(default_factory=list)
    version: str = ""


def _run(*command):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout


def sections(text):
    """{heading: its lines}, those before the first heading under ""."""
    found, at = {"": []}, ""
    for line in text.splitlines():
        if line in _SECTIONS:
            at = line
            found.setdefault(at, [])
        else:
            found[at].append(line)
    return found


def entries(lines):
    found = []
    for line in lines:
        if match := _ENTRY.match(line):
            found.append(Entry(match["head"], match["text"] or ""))
        elif (match := _MORE.match(line)) and found:
            found[-1].text = f"{found[-1].text} {match['text']}".strip()
    return found


def _parse(name, text):
    parts = sections(text)
    head = [line for line in parts[""] if line]
    usage = next(line for line in head if line.startswith("Usage: ")).removeprefix("Usage: ")
    examples = [line[2:] for line in parts.get("Examples:", []) if line.startswith("  ")]
    part = Part(name, head[0], usage, entries(parts["Options:"]), entries(parts.get("Positionals:", [])), examples)
    return part, [entry.head for entry in entries(parts.get("Subcommands:", []))]


def read(program):
    """The program with all of its commands."""
    part, commands = _parse(program.name, _run(program, "--help"))
    for command in commands:
        below, _ = _parse(command, _run(program, command, "--help"))
        part.commands.append(below)
    part.version = _run(program, "--version").split()[-1]
    return part
