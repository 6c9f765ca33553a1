"""Runs another module, as `python3 -m MODULE` does, after vser:// has been registered."""

import runpy
import sys


def main() -> int:
    if len(sys.argv) < 2:
        print("usage: python3 -m vser.urlhandler MODULE [ARGUMENT...]", file=sys.stderr)
        return 2
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
