"""The order of the tree: its top-level names, a README.md in each folder, no path of somebody's machine."""
import re

import files

TOP_LEVEL = {
    "kmod", "server", "proto", "clients", "deploy", "tests", "cmake", "tools",
    "CMakeLists.txt", "CMakePresets.json", "Dockerfile", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "dev",
}
README_DEPTH = 2  # server/io has one; what lies deeper is described by the folder above it
CODE = (".hpp", ".cpp", ".h", ".c", ".py")
LINES_MAX = 500

# Written in pieces, so that this file passes its own check.
_MACHINE = re.compile(r"(?<![\w.*-])/(?:" + "|".join(("wo" + "rk", "ro" + "ot", "ho" + r"me/\w+")) + r")/[\w.]")


def _readme_faults(paths):
    folders = set()
    for path in paths:
        parts = path.split("/")[:-1]
        if 0 < len(parts) <= README_DEPTH and not parts[0].startswith("."):
            folders.add("/".join(parts))
    have = {path.rsplit("/", 1)[0] for path in paths if path.endswith("/README.md")}
    return [f"{folder}/: has no README.md that says what lives here" for folder in sorted(folders - have)]


def _text_faults(path, text):
    faults = []
    for number, line in enumerate(text.splitlines(), 1):
        if _MACHINE.search(line):
            faults.append(f"{path}:{number}: names a path of one machine: {line.strip()[:80]}")
    if path.endswith(CODE) and text.count("\n") > LINES_MAX:
        faults.append(f"{path}: has more than {LINES_MAX} lines; find the second idea inside and give it a file")
    return faults


def check(root):
    """Returns one message for each thing out of place."""
    paths = list(files.walk(root))
    top = sorted({path.split("/")[0] for path in paths})
    faults = [
        f"{name}: is not a top-level name of this project" for name in top if name not in TOP_LEVEL and not name.startswith(".")
    ]
    faults += _readme_faults(paths)
    for path in paths:
        text = files.read(root, path)
        if text is not None:
            faults += _text_faults(path, text)
    return faults
