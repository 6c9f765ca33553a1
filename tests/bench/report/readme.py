"""The parts of the READMEs that a measurement makes: between two comments, and replaced as a whole."""
import pathlib
import subprocess
from dataclasses import dataclass

BEGIN, END = "<!-- Made by ./dev bench --readme: -->", "<!-- until here. -->"
PICTURE = "![Bars: vserd, ser2net, conserver, socat and pyserial, for throughput, CPU and latency](tests/bench/results.svg)"
ROUNDS_MIN = 5  # what an interval takes


@dataclass
class Origin:
    """Where figures come from, so that anyone can get them again."""
    date: str
    revision: str
    command: str
    machine: str
    load: float  # when the measurement began

    def text(self):
        return (f"Measured on {self.date} at revision {self.revision}: `{self.command}` on {self.machine}, "
                f"load {self.load:.1f} before it.")

    def short(self):
        return f"{self.date}, {self.revision}, {self.machine}"


def revision(root):
    """The commit, and whether the tree differs from it."""
    def git(*words):
        return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True).stdout.strip()

    try:
        commit = git("rev-parse", "--short=10", "HEAD")
        return commit + " with changes" if git("status", "--porcelain") else commit
    except (OSError, subprocess.CalledProcessError):
        return "unknown (not a git tree)"


def objection(options):
    """Why these options do not make figures for a README; None if they do."""
    if options.case or options.contender:
        return "--readme shows all cases and contenders: leave out the cases and --contender"
    if options.quick or options.rounds < ROUNDS_MIN:
        return f"--readme shows how far the rounds differ, which takes at least --rounds {ROUNDS_MIN}, and not --quick"
    if options.compare:
        return "--readme shows ser2net and others, which --compare leaves out"
    return None


def replaced(text, made):
    """`text` with what was made in the place of what was made before. Raises ValueError where there is no such place."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in after:
        raise ValueError(f"the README needs one line '{BEGIN}' and after it one line '{END}'")
    return f"{before}{BEGIN}\n{made.strip()}\n{END}{after}"


def write(root, origin, verdicts, cases, picture):
    """README.md gets the verdicts, tests/bench/README.md the figures of all cases, and results.svg the picture."""
    root = pathlib.Path(root)
    shown = {root / "README.md": f"{PICTURE}\n\n{origin.text()}\n\n{verdicts}",
             root / "tests/bench/README.md": f"{origin.text()}\n\n{cases}"}
    texts = {path: replaced(path.read_text(encoding="utf-8"), made) for path, made in shown.items()}
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    (root / "tests/bench/results.svg").write_text(picture, encoding="utf-8")
    return [str(path.relative_to(root)) for path in texts] + ["tests/bench/results.svg"]
