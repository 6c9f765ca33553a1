"""Manual pages and completions say what the programs say, and the tools that read them have no complaint."""
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import time

import pytest
from conftest import BUILD, DEPLOY
from vserd_process import BIN, PATIENCE_SECONDS, Daemon

MANUALS = BUILD / "manuals"
PAGES = ("vserd.8", "vserctl.1", "vserd.toml.5")
PORT = '[[port]]\nname = "board-7"\ndevice = "sim:echo"\n'


def shown(page):
    """The page as a reader sees it, and what man complained about."""
    environment = dict(os.environ, MANWIDTH="200", MANROFFOPT="", LC_ALL="C.UTF-8", MAN_KEEP_FORMATTING="")
    done = subprocess.run(["man", "--warnings", "-E", "ascii", "-l", MANUALS / "man" / page], env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)
    return re.sub(".\b", "", done.stdout), done.stderr


def helps(program):
    """{command: its --help}, the program's own under ""."""
    def ask(*words):
        return subprocess.run([BIN / program, *words, "--help"], text=True, stdout=subprocess.PIPE, check=True).stdout

    texts = {"": ask()}
    listed = texts[""].split("Subcommands:")[1].split("\n\n")[0]
    for command in re.findall(r"^  (\w+)", listed, re.MULTILINE):
        texts[command] = ask(command)
    return texts


def options(text):
    return set(re.findall(r"(?:^  |,)(--?[\w-]+)", text, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES)
def test_man_has_no_complaint(page):
    text, complaints = shown(page)
    assert complaints == ""
    assert "NAME" in text and "SEE ALSO" in text


@pytest.mark.parametrize("page", PAGES)
def test_another_reader_of_manuals_has_no_complaint(page):
    command = ["mandoc", "-T", "lint", "-W", "warning", MANUALS / "man" / page]
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, check=False)
    complaints = [line for line in done.stdout.splitlines() if "missing date" not in line]  # it would change with every build
    assert complaints == []


@pytest.mark.parametrize(("program", "page"), [("vserd", "vserd.8"), ("vserctl", "vserctl.1")])
def test_a_page_has_every_command_and_option_of_the_help_and_no_other(program, page):
    text, _ = shown(page)
    texts = helps(program)
    wanted = set().union(*map(options, texts.values()))

    assert len(texts) > 1
    assert options(re.sub(r"^ +(?=-)", "  ", text, flags=re.MULTILINE)) == wanted
    for command in texts:
        assert command in text


def test_the_configurations_page_has_every_key_that_the_daemon_knows(tmp_path):
    text, _ = shown("vserd.toml.5")
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[server]\nzzzzzz=1\n[server.tls]\nzzzzzz=1\n[history]\nzzzzzz=1\n[archive]\nzzzzzz=1\n"
                     "[[port]]\nzzzzzz=1\n[[port.listen]]\nzzzzzz=1\n[access]\nzzzzzz=1\n[[access.rule]]\nzzzzzz=1\n")
    told = subprocess.run([BIN / "vserd", "check", wrong], text=True, stderr=subprocess.PIPE, check=False).stderr
    known = re.findall(r"in (\[\[?[\w.]+\]\]?); known are (.*)", told)

    assert [heading for heading, _ in known] == ["[server]", "[server.tls]", "[history]", "[archive]", "[[port]]",
                                                "[[port.listen]]", "[access]", "[[access.rule]]"]
    for heading, keys in known:
        section = text.split(f"\n{heading}\n")[1].split("\n[")[0]
        documented = set(re.findall(r"^ {7}(\w+)", section, re.MULTILINE))
        tables = {"[server]": {"tls"}, "[[port]]": {"listen"}, "[access]": {"jwt", "rule"}}.get(heading, set())
        assert set(re.split(r", | and ", keys)) - tables <= documented, heading


def test_every_key_has_a_sentence():
    text, _ = shown("vserd.toml.5")
    for key in re.findall(r"^(?:# )?(\w+) = ", (DEPLOY / "vserd.example.toml").read_text(encoding="utf-8"), re.MULTILINE):
        assert re.search(rf"^ {{7}}{key} *\n? +[\w\"]", text, re.MULTILINE), key


def test_the_example_is_a_right_configuration():
    subprocess.run([BIN / "vserd", "check", DEPLOY / "vserd.example.toml"], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("program", ["vserd", "vserctl"])
def test_the_bash_completion_passes_shellcheck(program):
    subprocess.run(["shellcheck", "-s", "bash", MANUALS / "bash" / program], check=True)


class Shell:
    """An interactive bash or zsh with our completions, typed at through a terminal."""

    def __init__(self, shell, folder, address):
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.chdir(folder)
            environment = {"PATH": f"{BIN}:{os.environ['PATH']}", "TERM": "dumb", "HOME": str(folder), "VSERD_ADDRESS": address}
            os.execvpe(shell, {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"]}[shell], environment)
        setup = {
            "bash": "bind 'set bell-style none'; bind 'set show-all-if-ambiguous on'; PS1='> '; "
                    f"for f in {MANUALS}/bash/*; do . $f; done",
            "zsh": f"PS1='> '; fpath=({MANUALS}/zsh $fpath); autoload -Uz compinit; compinit -u -D; unsetopt beep",
        }
        self.type(setup[shell] + "; echo re''ady\n")
        self.wait_for("ready")

    def type(self, text):
        os.write(self._terminal, text.encode())

    def wait_for(self, pattern):
        seen, deadline = "", time.monotonic() + PATIENCE_SECONDS
        while not re.search(pattern, seen):
            assert select.select([self._terminal], [], [], max(0, deadline - time.monotonic()))[0], f"no {pattern!r} in {seen!r}"
            seen += os.read(self._terminal, 65536).decode(errors="replace")
        return seen

    def close(self):
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._terminal)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    daemon = Daemon(tmp_path_factory.mktemp("vserd"), PORT)
    yield daemon.address
    daemon.stop()


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize(("typed", "pattern"), [
    ("vserctl att\t", "attach "),
    ("vserctl read --fol\t", "--follow "),
    ("vserctl baud boa\t", "board-7 "),
    ("vserctl --tls-ca trust\t", "trusted.crt "),
    ("vserd --de\t", "--demo "),
    ("vserd check trust\t", "trusted.crt "),
])
def test_a_shell_completes(shell, typed, pattern, address, tmp_path):
    assert shutil.which(shell), f"{shell} is in tools/packages-test.txt"
    pathlib.Path(tmp_path, "trusted.crt").touch()
    running = Shell(shell, tmp_path, address)
    try:
        running.type(typed)
        # What is completed is shown after what was typed; the line is then finished and thrown away.
        running.wait_for(re.escape(pattern.removeprefix(typed.split()[-1])))
    finally:
        running.close()
