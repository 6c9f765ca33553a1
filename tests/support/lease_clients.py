"""Clients that compete for the lease of one port: `lease_clients.py ADDRESS PORT CLIENTS SEED`, until SIGTERM.

Prints a JSON line for each thing that was answered. A record on the line is "<LEASE NUMBER>"."""
import faulthandler
import json
import random
import signal
import sys
import threading
import time

import vser
from vser import leases
from vser.convert import duration_of
from vser.v1 import console_service_pb2 as console_pb2
from vser.v1 import lease_service_pb2 as lease_pb2

TTL_SECONDS = 1.0
STALL_SECONDS = 1.3  # longer than the ttl
RECORDS_MAX = 8
PAUSE_SECONDS = 0.05  # after an error, such as a server that restarts


class Crowd:
    def __init__(self, address, port, seed):
        self.address, self.port, self.seed = address, port, seed
        self.stopping = threading.Event()
        self.client = self.connected()
        self.lock = threading.Lock()

    def connected(self):
        while True:
            try:
                return vser.connect(self.address)
            except vser.VserError:
                time.sleep(PAUSE_SECONDS)

    def say(self, **what):
        with self.lock:
            sys.stdout.write(json.dumps(what) + "\n")
            sys.stdout.flush()

    def acquire(self, dice, name):
        wait = dice.uniform(0, 20)
        request = lease_pb2.AcquireRequest(port=self.port, client=name, takeover=dice.random() < 0.05, reason="a test",
                                           ttl=duration_of(TTL_SECONDS), wait=duration_of(wait))
        begin = time.monotonic()
        try:
            return leases.acquire(self.client._connection, request, wait)
        except vser.VserError as error:
            self.say(what="no lease", reason=error.reason, code=error.code.name, late=time.monotonic() - begin - wait)
            self.stopping.wait(PAUSE_SECONDS)
            return None

    def write(self, lease, number):
        """Whether the server has accepted the record."""
        request = console_pb2.WriteRequest(port=self.port, lease=lease, data=b"<%d %d>" % (lease, number))
        try:
            self.client._connection.call("ConsoleService/Write", request, console_pb2.WriteResponse)
            return True
        except vser.VserError as error:
            self.say(what="not written", lease=lease, reason=error.reason, code=error.code.name)
            return False

    def use(self, dice, lease):
        asked = time.monotonic()
        for number in range(dice.randint(1, RECORDS_MAX)):
            if not self.write(lease.id, number):
                return
        if dice.random() < 0.2:  # a client that hangs, and goes on when its time is over
            time.sleep(STALL_SECONDS)
            if self.write(lease.id, 99):
                self.say(what="too late", lease=lease.id, seconds=time.monotonic() - asked)
        elif dice.random() < 0.8:
            try:
                leases.release(self.client._connection, self.port, lease.id)
                self.say(what="released", lease=lease.id)
            except vser.VserError as error:
                self.say(what="not released", lease=lease.id, reason=error.reason, code=error.code.name)

    def run(self, number):
        dice = random.Random(self.seed * 1000 + number)
        while not self.stopping.is_set():
            lease = self.acquire(dice, f"client-{self.seed}-{number}")
            if lease is not None:
                self.say(what="holds", lease=lease.id)
                self.use(dice, lease)


def main():
    address, port, clients, seed = sys.argv[1:]
    faulthandler.register(signal.SIGUSR1)  # shows where a client hangs
    crowd = Crowd(address, port, int(seed))
    signal.signal(signal.SIGTERM, lambda number, frame: crowd.stopping.set())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])  # the parent has blocked it until now
    threads = [threading.Thread(target=crowd.run, args=(number,)) for number in range(int(clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(0.1)  # Python runs the handler between two joins
    crowd.say(what="end")


if __name__ == "__main__":
    main()
