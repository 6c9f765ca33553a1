"""Every element of our protos has a comment, every rpc names its status codes, every enum's zero is _UNSPECIFIED.

Line by line is enough: the files are written one element per line, and a line that cannot be read so is itself a fault.
"""
import re

import files

_ELEMENT = re.compile(
    r"^\s*(?:(?P<block>message|enum|service|oneof|rpc)\s+(?P<name>\w+)"
    r"|(?:repeated\s+|optional\s+)?(?:map\s*<[^>]+>|[\w.]+)\s+(?P<field>\w+)\s*=\s*\d+"
    r"|(?P<value>[A-Z][A-Z0-9_]*)\s*=\s*(?P<number>\d+))"
)
_SKIPPED = re.compile(r"^\s*(?:syntax|package|import|option|reserved|extensions|returns|\}|//|/?\*|$)")
_CODE = re.compile(
    r"\b(?:OK|NOT_FOUND|INVALID_ARGUMENT|UNAVAILABLE|FAILED_PRECONDITION|DEADLINE_EXCEEDED|RESOURCE_EXHAUSTED|OUT_OF_RANGE"
    r"|CANCELLED|Never fails|The same codes|ABORTED|INTERNAL|PERMISSION_DENIED|ALREADY_EXISTS|UNIMPLEMENTED)\b"
)


def _comment_above(lines, index):
    words = []
    while index > 0 and lines[index - 1].lstrip().startswith("//"):
        index -= 1
        words.insert(0, lines[index].strip())
    return " ".join(words)


def _line_faults(lines, index):
    line = lines[index]
    match = None if _SKIPPED.match(line) else _ELEMENT.match(line)
    if not match:
        return []
    name = match.group("name") or match.group("field") or match.group("value")
    comment = _comment_above(lines, index)
    trailing = line.split("//", 1)[1] if "//" in line else ""
    faults = []
    if not comment and not trailing:
        faults.append(f"{name} has no comment")
    if match.group("block") == "rpc" and not _CODE.search(comment):
        faults.append(f"rpc {name} does not say which status codes it gives")
    if match.group("number") == "0" and not name.endswith("_UNSPECIFIED"):
        faults.append(f"{name} is an enum's zero and must end in _UNSPECIFIED")
    return faults


def check(root):
    """Returns one message for each element of proto/vser without its comment."""
    faults = []
    for path in files.walk(root, (".proto",)):
        if not path.startswith("proto/vser/"):
            continue
        text = files.read(root, path) or ""
        lines = text.splitlines()
        package = re.search(r"^package\s+([\w.]+);", text, re.MULTILINE)
        folder = path.split("/", 1)[1].rsplit("/", 1)[0]
        if not package or package.group(1).replace(".", "/") != folder:
            faults.append(f"{path}:1: the package must be {folder.replace('/', '.')}, as the path is")
        for index in range(len(lines)):
            faults += [f"{path}:{index + 1}: {fault}" for fault in _line_faults(lines, index)]
    return faults
