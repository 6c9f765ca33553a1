"""Writes manual pages: text to man(7)."""
import re


def page(parts):
    """All parts in order; a heading begins a paragraph by itself."""
    return re.sub(r"^(\.S[HS] .*\n)\.PP\n", r"\1", "\n".join(part.rstrip("\n") for part in parts), flags=re.MULTILINE)


def escape(text):
    """As man(7) wants it: backslashes, hyphens that are typed, and no dot or quote that begins a line."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("^", "\\(ha").replace("~", "\\(ti")
    return "\\&" + escaped if escaped.startswith((".", "'")) else escaped


def quoted(text):
    return '"' + escape(text).replace('"', "\\(dq") + '"'


def title(name, number, version):
    return f".TH {name.upper()} {number} \"\" {quoted('vserd ' + version)}"


def section(name):
    return f".SH {quoted(name)}"


def subsection(name):
    return f".SS {quoted(name)}"


def text(words):
    return f".PP\n{escape(words)}"


def synopsis(usage):
    name, _, rest = usage.partition(" ")
    return f".PP\n.B {name}\n{escape(rest)}"


def entry(head, words):
    return f".TP\n.B {quoted(head)}\n{escape(words)}"


def entries(all_of_them):
    return "\n".join(entry(one.head, one.text) for one in all_of_them)


def example(lines):
    return "\n".join([".PP", ".EX", *map(escape, lines), ".EE"])
