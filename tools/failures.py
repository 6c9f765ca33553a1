#!/usr/bin/env python3
"""failures.py FOLDER PRESET: the test cases of one ctest run that failed, each with the first lines of what it says.

"PRESET: PROGRAM: Suite.Case" for each, and indented lines after it. Of a program that failed and has no failed case (it crashed,
took too long, or a sanitizer spoke up) the lines of its output that tell why.
failures.py --log NAME LOG: the same for a step that is no ctest run: NAME, and the lines of LOG that tell why.
"""
import os
import re
import sys
from xml.etree import ElementTree

LINES, WIDTH = 5, 200
TELLING = re.compile(r"\berrors?\b|Error\b|fail(ed|ure)|\bwarning:|^E  |Sanitizer|Traceback|terminate called|Assertion|\bnot ok\b", re.IGNORECASE)
SAYS_NOTHING = re.compile(r"^(The following tests FAILED:|Errors while running CTest.*)$|\b0 failed\b")

COMPLAINT = re.compile(r"\b(warning|error|critical)\b")  # vserd's journal
OF_A_CASE = re.compile(r"\[ RUN  |\[       OK |\[  (FAILED|SKIPPED) ")  # GoogleTest's


def short(lines):
    """At most LINES of them, none blank, none wider than a terminal."""
    kept = [line.strip() for line in lines if line.strip()]
    return ["    " + (line if len(line) <= WIDTH else line[:WIDTH] + "...") for line in kept[:LINES]]


def telling(text):
    """The lines of an output that tell why it failed: the case that had begun, the first that speak of an error, or the last ones."""
    lines = [line for line in text.splitlines() if line.strip()]
    begun = [line for line in lines if OF_A_CASE.match(line)][-1:]
    begun = [line for line in begun if line.startswith("[ RUN ")]
    spoken = [line for line in lines if TELLING.search(line) and not SAYS_NOTHING.search(line.strip())]
    room = LINES - len(begun)
    return begun + (spoken[:room] or [line for line in lines[-room:] if line not in begun])


def said(case):
    """The message of a failed case, of a long one what tells why; where pytest was, the last line of its trace; and the last
    complaint of a daemon."""
    fault = next(found for found in (case.find("failure"), case.find("error")) if found is not None)
    lines = [line for line in (fault.get("message") or fault.text or "").splitlines() if line.strip()]
    place = (fault.text or "").strip().splitlines()[-1:]
    lines = lines if len(lines) < LINES else lines[:2] + [line for line in lines[2:] if TELLING.search(line)]
    complaints = [line for line in (case.findtext("system-err") or "").splitlines() if COMPLAINT.search(line)]
    end = [line for line in place if re.match(r"\S+\.py:\d+: ", line)] + complaints[-1:]
    return lines[:LINES - len(end)] + end


def failed_cases(path):
    """(name, lines) of each failed case in a result file; none where there is no file to be read."""
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError):
        return []
    return [(f"{case.get('classname', '').rsplit('.', 1)[-1]}.{case.get('name')}", said(case)) for case in root.iter("testcase")
            if case.find("failure") is not None or case.find("error") is not None]


def failures(folder, preset):
    for entry in ElementTree.parse(os.path.join(folder, "ctest.junit")).getroot().iter("testcase"):
        if entry.get("status") != "fail":
            continue
        name = f"{preset}: {entry.get('name')}"
        cases = failed_cases(os.path.join(folder, entry.get("name") + ".xml"))
        for case, lines in cases:
            yield f"{name}: {case}", lines
        if not cases:
            yield f"{name}, after {float(entry.get('time') or 0):.0f} s", telling(entry.findtext("system-out") or "")


def of_log(name, path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return [(name, telling(file.read()))]
    except OSError:
        return [(name, [])]


if __name__ == "__main__":
    for title, output in of_log(*sys.argv[2:4]) if sys.argv[1] == "--log" else failures(*sys.argv[1:3]):
        print(title, *short(output), sep="\n")
