"""A well-behaved client in a process of its own: sends lines to an echo and takes each back.

`judge.py ADDRESS PORT` prints "ready" after the first echo, runs until its standard input ends, then prints one line of JSON: how many
echoes, how long they took in milliseconds, and what went wrong ("" if nothing).
"""
import json
import sys
import threading
import time

import vser

PATIENCE_SECONDS = 30


def run(address, port, stop):
    times, wrong = [], ""
    with vser.connect(address, timeout=PATIENCE_SECONDS) as client, client.attach(port) as console:
        number = 0
        while not (number and stop.is_set()) and not wrong:
            number += 1
            line = b"line %d\n" % number
            began = time.monotonic()
            console.write(line)
            seen = b""
            while len(seen) < len(line) and not wrong:
                item = console.next(PATIENCE_SECONDS)
                if item is None:
                    wrong = f"line {number} did not come back in {PATIENCE_SECONDS} s"
                elif isinstance(item, vser.Data):
                    seen += item.data
                elif isinstance(item, vser.Gap):
                    wrong = f"a gap at line {number}: {item}"
            if seen != line and not wrong:
                wrong = f"line {number} came back as {seen!r}"
            times.append(time.monotonic() - began)
            if number == 1:
                print("ready", flush=True)
            time.sleep(0.002)  # a person or a program, not a flood
    return times, wrong


def main():
    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    try:
        times, wrong = run(sys.argv[1], sys.argv[2], stop)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the verdict
        times, wrong = [0.0], repr(error)
    times.sort()
    print(json.dumps({"echoes": len(times), "p50_ms": round(1000 * times[len(times) // 2], 2),
                      "p99_ms": round(1000 * times[len(times) * 99 // 100], 2), "max_ms": round(1000 * times[-1], 2), "wrong": wrong}))


if __name__ == "__main__":
    main()
