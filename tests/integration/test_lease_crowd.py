"""Many clients compete for one lease, with kills, stalls and restarts of vserd: never two holders, no lost place in the queue
without a message, and no byte of an old holder at the device after the next one has begun.

60 clients for 10 s; the numbers of the issue with VSERD_LEASE_CLIENTS=200 VSERD_LEASE_SECONDS=60 (`./dev soak` does that)."""
import collections
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
from restarts import Wire, online, port_table, start, until
from vserd_process import BIN, PATIENCE_SECONDS

CLIENTS = int(os.environ.get("VSERD_LEASE_CLIENTS", "60"))
SECONDS = float(os.environ.get("VSERD_LEASE_SECONDS", "10"))
CLIENTS_EACH = 10  # of one process
PROGRAM = pathlib.Path(__file__).resolve().parents[1] / "support" / "lease_clients.py"
LATE_SECONDS = 8  # an answer after `wait`: vserd restarts, and the machine is busy
# What a client may be told instead of a lease. "": the connection was lost.
REASONS = {"PORT_HELD", "LEASE_LOST", "SERVER_GOING_DOWN", "DEVICE_AWAY", "DEADLINE", ""}


class Line:
    """The far end of the port's device."""

    def __init__(self):
        self.wire = Wire(0)
        self.received = bytearray()
        self.closed = False
        os.set_blocking(self.wire.master, False)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def close(self):
        self.closed = True
        self._thread.join()
        self.wire.close()

    def _read(self):
        while not self.closed:
            try:
                self.received += os.read(self.wire.master, 65536)
            except OSError:  # vserd has not opened the other side yet
                time.sleep(0.01)


class Workers:
    """Processes of clients."""

    def __init__(self, address, folder):
        self.address, self.folder = address, folder
        self.running, self.files, self.killed = [], [], 0

    def start(self):
        seed = len(self.files)
        file = self.folder / f"clients-{seed}"
        self.files.append(file)
        with open(file, "w", encoding="utf-8") as out:
            command = [sys.executable, "-B", PROGRAM, self.address, "line", str(CLIENTS_EACH), str(seed)]
            # Inherited: a SIGTERM that comes too early waits until the process handles it.
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
            self.running.append(subprocess.Popen(command, stdout=out))
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])

    def kill_one(self, dice):
        victim = self.running.pop(dice.randrange(len(self.running)))
        victim.kill()
        victim.wait(PATIENCE_SECONDS)
        self.killed += 1
        self.start()

    def stop(self):
        for process in self.running:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self.running:
            try:
                assert process.wait(2 * PATIENCE_SECONDS) == 0
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGUSR1)  # it prints its stacks
                subprocess.run([BIN / "vserctl", "-s", self.address, "lease", "--list"], check=False)
                process.wait(5)

    def told(self):
        """What the clients were told; the last line of a killed process may be cut."""
        for file in self.files:
            for text in file.read_text(encoding="utf-8").splitlines():
                try:
                    yield json.loads(text)
                except json.JSONDecodeError:
                    continue

    def close(self):
        for process in self.running:
            process.kill()
            process.wait()


@pytest.fixture
def line():
    made = Line()
    yield made
    made.close()


def trouble(daemon, workers, dice, seconds):
    """Kills and stalls clients, and restarts vserd. Returns the number of restarts."""
    restarts, stalled, end = 0, None, time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.5)  # the trouble has a pace; nothing is waited for here
        if stalled:
            stalled.send_signal(signal.SIGCONT)
            stalled = None
        what = dice.randrange(4)
        if what == 0:
            workers.kill_one(dice)
        elif what == 1:
            stalled = dice.choice(workers.running)
            stalled.send_signal(signal.SIGSTOP)
        elif what == 2:
            daemon.again(dice.choice([signal.SIGTERM, signal.SIGKILL]))
            restarts += 1
    if stalled:
        stalled.send_signal(signal.SIGCONT)
    return restarts


def check_line(received):
    """Returns the leases that wrote. A record may be cut where bytes were discarded."""
    ids = [int(number) for number in re.findall(rb"<(\d+) \d+>", received)]
    for before, after in zip(ids, ids[1:]):
        assert before <= after, f"lease {after} wrote after lease {before} had begun"
    return set(ids)


def test_clients_that_compete_for_a_lease(start, line, tmp_path):
    daemon = start(port_table("line", line.wire.path))
    online(daemon)
    workers = Workers(daemon.address, tmp_path)
    dice = random.Random(1)
    try:
        for _ in range(CLIENTS // CLIENTS_EACH):
            workers.start()
        restarts = trouble(daemon, workers, dice, SECONDS)
        workers.stop()
    finally:
        workers.close()

    told = list(workers.told())
    counts = collections.Counter(f"{item['what']} {item.get('reason', '')}".strip() for item in told)
    print(f"{CLIENTS} clients, {SECONDS:.0f} s, {restarts} restarts, {workers.killed} kills: {dict(counts)}, "
          f"{len(line.received)} bytes at the device")
    wrote = check_line(bytes(line.received))
    held = [item["lease"] for item in told if item["what"] == "holds"]
    assert len(held) == len(set(held)), "two clients had the same lease"
    assert not [item for item in told if item["what"] == "too late"], "a lease was used after its time"
    for item in told:
        assert item.get("reason", "") in REASONS, item
        assert item.get("late", 0) < LATE_SECONDS, f"a client waited without an answer: {item}"
    assert len(held) >= SECONDS / 2 and len(wrote) >= SECONDS / 4, "too little happened for a result"
    assert counts["end"] == len(workers.running), "a client never got an answer"
