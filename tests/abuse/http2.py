"""Just enough HTTP/2 to break its rules: frames by hand, and headers that are never compressed."""
import socket
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
INITIAL_WINDOW_SIZE = 4
FRAME_BYTES_MAX = 16384
SEND_TIMEOUT_SECONDS = 2


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def integer(value, bits):
    """HPACK's integers (RFC 7541, 5.1), the first byte's high bits zero."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([value])
    out, value = bytearray([most]), value - most
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes([*out, value])


def header(name, value):
    """A literal that is not indexed."""
    return b"\x00" + integer(len(name), 7) + name + integer(len(value), 7) + value


def request_head(path, *more):
    fields = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", path.encode()), (b":authority", b"x"),
              (b"content-type", b"application/grpc"), (b"te", b"trailers"), *more]
    return b"".join(header(name, value) for name, value in fields)


def message(payload):
    """A gRPC message (length-prefixed, not compressed) for DATA frames."""
    return b"\x00" + struct.pack(">I", len(payload)) + payload


def field(number, payload):
    """A length-delimited protobuf field."""
    return integer(number << 3 | 2, 8) + varint(len(payload)) + payload


def varint(value):
    out = bytearray()
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes([*out, value])


class Connection:
    """One connection that has said hello. `window`: what the server may send on a stream; 0: nothing."""

    def __init__(self, address, window=None):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=20)
        self.socket.settimeout(SEND_TIMEOUT_SECONDS)
        self.stream = -1
        settings = b"" if window is None else struct.pack(">HI", INITIAL_WINDOW_SIZE, window)
        self.send(PREFACE + frame(SETTINGS, 0, 0, settings) + frame(SETTINGS, ACK, 0))

    def send(self, data):
        """Whether the server still takes it: a connection that it keeps open and no longer reads from is of no use."""
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def call(self, path, payload=b"", end=True, more=()):
        """Begins a call; returns the frames, unsent."""
        self.stream += 2
        out = frame(HEADERS, END_HEADERS, self.stream, request_head(path, *more))
        return out + self.data(message(payload), end)

    def data(self, body, end=False):
        out = b""
        for at in range(0, len(body), FRAME_BYTES_MAX):
            last = at + FRAME_BYTES_MAX >= len(body)
            out += frame(DATA, END_STREAM if end and last else 0, self.stream, body[at:at + FRAME_BYTES_MAX])
        return out

    def is_closed(self):
        """Reads what is there, and says whether the server ended the connection."""
        self.socket.setblocking(False)
        try:
            while self.socket.recv(1 << 20):
                pass
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.socket.settimeout(SEND_TIMEOUT_SECONDS)
        return True

    def close(self):
        self.socket.close()
