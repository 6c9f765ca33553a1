#!/usr/bin/env python3
"""count.py FOLDER: sums the test cases of one ctest run, as "N passed, N failed, N skipped", then one line for each
reason why some were skipped.

A GoogleTest program, or pytest, leaves NAME.xml with all of its cases; any other ctest entry counts as one. A program that ctest
calls failed though its cases passed (it crashed on the way out, a sanitizer spoke up) counts as one failure more.
"""
import collections
import os
import sys
import xml.etree.ElementTree as ElementTree


def reason_of(case):
    """The last line of a GTEST_SKIP message; the ones before it are file and line."""
    skip = case.find("skipped")
    text = "" if skip is None else (skip.get("message") or skip.text or "")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"


def cases(path, skips):
    """[passed, failed, skipped] of a result file, or None where there is none to be read."""
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError):
        return None
    found = [0, 0, 0]
    for case in root.iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            found[1] += 1
        elif case.get("result") == "skipped" or case.find("skipped") is not None:
            found[2] += 1
            skips[reason_of(case)] += 1
        elif case.get("status", "run") == "run":
            found[0] += 1
    return found


def count(folder):
    """The sum over the entries of ctest.junit in folder, and how often each reason for skipping was given."""
    total, skips = [0, 0, 0], collections.Counter()
    for entry in ElementTree.parse(os.path.join(folder, "ctest.junit")).getroot().iter("testcase"):
        status, name = entry.get("status"), entry.get("name")
        passed, skipped = status == "run", status in ("notrun", "disabled")
        found = None if skipped else cases(os.path.join(folder, name + ".xml"), skips)
        if found is None:
            found = [int(passed), int(not passed and not skipped), int(skipped)]
            if skipped:
                skips[name] += 1
        elif not passed and found[1] == 0:
            found[1] = 1
        total = [a + b for a, b in zip(total, found)]
    return total, skips


if __name__ == "__main__":
    counts, reasons = count(sys.argv[1])
    print("{} passed, {} failed, {} skipped".format(*counts))
    for reason, times in sorted(reasons.items()):
        print(f"{times} skipped: {reason}")
