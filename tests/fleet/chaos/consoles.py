"""People at consoles of bridges that live through everything: each byte comes back once, at its offset, and as fast as ever."""
import statistics
import threading
import time

import vser

PAUSE_SECONDS = 0.01
LATE_SECONDS = 20


class Console(threading.Thread):
    """Sends short lines to a port that echoes them, and measures how long each takes. Nobody else writes to that port."""

    def __init__(self, bridge, port):
        super().__init__(name=f"console {port}", daemon=True)
        self.port, self.echoes, self.bytes, self.fault = port, [], 0, None  # echoes: (when, seconds)
        self._client = vser.connect(bridge.address)
        self._console = self._client.attach(port)
        self._ending = threading.Event()
        self.start()

    def run(self):
        try:
            while not self._ending.wait(PAUSE_SECONDS):
                self._echo(b"%s %08d\n" % (self.port.encode(), len(self.echoes)))
        except (AssertionError, vser.VserError) as error:
            self.fault = f"{self.port}: {error}"

    def _echo(self, line):
        begin, received = time.monotonic(), b""
        self._console.write(line)
        while len(received) < len(line):
            item = self._console.next(LATE_SECONDS)
            assert item is not None, f"{line!r} did not come back in {LATE_SECONDS} s"
            if isinstance(item, vser.Event):
                continue
            assert isinstance(item, vser.Data), f"the console was told {item}"
            assert item.offset == self.bytes, f"a byte of offset {item.offset} came, and {self.bytes} was next"
            received += item.data
            self.bytes += len(item.data)
        assert received == line, f"{received!r} came back for {line!r}"
        self.echoes.append((begin, time.monotonic() - begin))

    def stop(self):
        self._ending.set()
        self.join()
        self._console.close()
        self._client.close()


class Times:
    """When it was calm, and when not."""

    def __init__(self):
        self._spans = [(time.monotonic(), True)]

    def mark(self, calm):
        self._spans.append((time.monotonic(), calm))

    def split(self, echoes):
        """The latencies in calm, and those in trouble."""
        parts = {True: [], False: []}
        spans = [*self._spans, (float("inf"), True)]
        position = 0
        for when, seconds in echoes:
            while spans[position + 1][0] <= when:
                position += 1
            parts[spans[position][1]].append(seconds)
        return parts[True], parts[False]


def percentile(values, share):
    return statistics.quantiles(values, n=100)[share - 1] if len(values) > 1 else 0.0
