"""A device that sends as fast as it is read, and checks of what an archiving daemon made of it."""
import contextlib
import os
import pathlib
import pty
import tty

import pytest
from restarts import RECORD, port_table, until
from tcp_clients import Served

import vser

MEMORY = SEGMENT = 64 << 10
STEP = 16 << 10  # of what is sent before the archive has it: less than the memory, which would overtake it


class Line:
    """A terminal whose device waits while nobody takes its bytes. The other end stays open: no end of a daemon loses any."""

    def __init__(self):
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.path = os.ttyname(self.slave)
        self.sent = bytearray()

    def send(self, size, folder=None):
        """Sends that many bytes of numbered records, no faster than the archive in the folder takes them."""
        base = len(self.sent)
        before = folder and archived_bytes(folder)
        while size > 0:
            first = len(self.sent) // RECORD
            step = min(STEP, size)
            self.send_bytes(b"".join(b"%015d\n" % n for n in range(first, first + step // RECORD)))
            size -= step
            if folder:
                until(lambda: archived_bytes(folder) - before >= len(self.sent) - base - STEP)

    def send_bytes(self, data):
        self.sent += data
        left = memoryview(data)
        while left:
            left = left[os.write(self.master, left[:4096]):]

    def close(self):
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def line():
    made = Line()
    yield made
    made.close()


def sealed_bytes(path):
    """By the seek table at its end."""
    data = path.read_bytes()
    frames, entry = int.from_bytes(data[-9:-5], "little"), 12 if data[-5] & 0x80 else 8
    return sum(int.from_bytes(data[at + 4:at + 8], "little") for at in range(len(data) - 9 - frames * entry, len(data) - 9, entry))


def archived_bytes(folder):
    """Of the device. A segment that is being sealed has both files."""
    bases = {}
    for file in sorted(pathlib.Path(folder, "archive").glob("*/*.log*")):
        with contextlib.suppress(FileNotFoundError):  # sealed meanwhile
            if file.suffix in (".log", ".zst"):
                bases[file.parent, file.name[:20]] = sealed_bytes(file) if file.suffix == ".zst" else file.stat().st_size
    return sum(bases.values())


def history(folder, more=""):
    return (f'[history]\nbytes_per_port = "{MEMORY}B"\n'
            f'[archive]\ndirectory = "{folder}/archive"\nkeep_free = "0B"\nsegment_bytes = "{SEGMENT}B"\n{more}')


def archived(folder, ports, more="", **others):
    """A daemon with an archive in that folder."""
    return Served(folder, ports, history=history(folder, more), metrics="127.0.0.1:0", **others)


def line_table(line, name="line", more=""):
    return port_table(name, line.path, more)


def pieces(items):
    """[(offset, bytes)] of what is contiguous. Fails if an offset is there twice, or less is missing than the gaps say."""
    found = []
    at = None
    for item in items:
        if isinstance(item, vser.Gap):
            assert at is None or item.start == at, f"the gap from {item.start} follows offset {at}"
            assert item.end >= item.start
            at = item.end
            found.append((at, b""))
        elif isinstance(item, vser.Data):
            assert at is None or item.offset == at, f"the data at {item.offset} follow offset {at}"
            if not found:
                found.append((item.offset, b""))
            found[-1] = (found[-1][0], found[-1][1] + item.data)
            at = item.offset + len(item.data)
    return [piece for piece in found if piece[1]]


def check_order(sent, items):
    """Every byte was sent, and in this order. Returns how many there are."""
    at = size = 0
    for offset, data in pieces(items):
        found = sent.find(data, at)
        assert found >= 0, f"what is at offset {offset}, {data[:40]!r}, was not sent there"
        at = found + len(data)
        size += len(data)
    return size
