"""Recipes: commands in a page that a test runs, so that the page stays true.

A fenced block "sh recipe=NAME" is run; the block "text reply=NAME" holds lines that must occur in its output in this
order ("…" stands for anything). "fails" after the name: the status must not be 0.
"""
import re

BLOCK = re.compile(r"^```(?:sh|text) ([^\n]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ENDED_BY_TIMEOUT = 124  # recipes of endless streams use timeout(1)


def blocks(path):
    """The prelude, the recipes as (name, flags, script) in order, and the replies by name, of a page."""
    prelude, recipes, replies = "", [], {}
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for info, body in BLOCK.findall(text):
        words = info.split()
        key, _, name = words[0].partition("=")
        if key == "prelude":
            prelude = body
        elif key == "recipe":
            recipes.append((name, words[1:], body))
        elif key == "reply":
            replies[name] = body
    return prelude, recipes, replies


def first_missing(reply, output):
    """The first line of reply that does not occur, in order, among the lines of output; None if all do."""
    lines = iter(line.strip() for line in output.splitlines())
    for wanted in (line.strip() for line in reply.splitlines()):
        pattern = ".*".join(re.escape(part) for part in wanted.split("…"))
        if wanted and wanted != "…" and not any(re.fullmatch(pattern + ".*", line) for line in lines):
            return wanted
    return None


def fault_of(name, flags, status, output, replies):
    if "fails" in flags:
        if status == 0:
            return "the status is 0, but the page says it fails"
    elif status not in (0, ENDED_BY_TIMEOUT):
        return f"the status is {status}"
    missing = first_missing(replies.get(name, ""), output)
    return f"the reply has no line like: {missing}" if missing else None
