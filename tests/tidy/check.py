#!/usr/bin/env python3
"""check.py arrows|protos|tree [ROOT]: prints what is wrong, one line each, and exits 1 if anything is."""
import sys

import arrows
import protos
import tree

CHECKS = {"arrows": arrows.check, "protos": protos.check, "tree": tree.check}


def main(arguments):
    if not arguments or arguments[0] not in CHECKS:
        print(__doc__, file=sys.stderr)
        return 2
    faults = CHECKS[arguments[0]](arguments[1] if len(arguments) > 1 else ".")
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
