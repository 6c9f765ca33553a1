"""A well-behaved client in a process of its own: sends lines to an echo and takes each back.

`judge.py ADDRESS PORT` prints "ready" after the first echo, runs until its standard input ends, then prints one line of JSON: how many
echoes, how long they took in milliseconds, how long half of those took that a plain process gave in turn with them (`plain_p50_ms`: what
the machine alone makes everybody wait), and what went wrong ("" if nothing).
"""
import json
import os
import socket
import sys
import threading
import time

import vser

PATIENCE_SECONDS = 30


class PlainEcho:
    """A process that gives back what it gets, and does nothing else."""

    def __init__(self):
        self._socket, theirs = socket.socketpair()
        if os.fork() == 0:
            self._socket.close()
            while data := theirs.recv(4096):
                theirs.sendall(data)
            os._exit(0)
        theirs.close()

    def seconds(self, line):
        began = time.monotonic()
        self._socket.sendall(line)
        left = len(line)
        while left:
            left -= len(self._socket.recv(left))
        return time.monotonic() - began


def run(address, port, stop, plain):
    times, plain_times, wrong = [], [], ""
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
            plain_times.append(plain.seconds(line))
            if number == 1:
                print("ready", flush=True)
            time.sleep(0.002)  # a person or a program, not a flood
    return times, plain_times, wrong


def main():
    plain = PlainEcho()  # before gRPC has threads, which a fork would not copy
    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    try:
        times, plain_times, wrong = run(sys.argv[1], sys.argv[2], stop, plain)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the verdict
        times, plain_times, wrong = [0.0], [0.0], repr(error)
    times.sort()
    plain_times.sort()
    print(json.dumps({"echoes": len(times), "p50_ms": milliseconds(times, 0.5), "p99_ms": milliseconds(times, 0.99),
                      "max_ms": milliseconds(times, 1), "plain_p50_ms": milliseconds(plain_times, 0.5), "wrong": wrong}))


def milliseconds(ascending, share):
    return round(1000 * ascending[min(int(share * len(ascending)), len(ascending) - 1)], 2)


if __name__ == "__main__":
    main()
