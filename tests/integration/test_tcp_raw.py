"""Raw TCP: the bytes of a port and nothing else, for any number of clients that do not disturb each other."""
import os
import socket
import subprocess
import threading

import pytest
from restarts import port_table, until, wire
from tcp_clients import echo, exchange, is_closed, listener, receive, serve
from test_addresses import has_ipv6

import vser

EVERY_BYTE = bytes(range(256)) * 4


def test_every_byte_passes_both_ways_and_each_client_reads_all(serve):
    served = serve(echo(listener("raw")))
    first, second = served.attached("raw"), served.connect("raw")
    exchange(first, b"|")
    assert receive(second, 1) == b"|"

    exchange(first, EVERY_BYTE)

    assert receive(second, len(EVERY_BYTE)) == EVERY_BYTE
    with served.client() as client:
        data = b"".join(item.data for item in client.read("echo") if isinstance(item, vser.Data))
    assert data.endswith(EVERY_BYTE)


@pytest.mark.parametrize("address", ["[::1]:0", "localhost:0", "unix"])
def test_addresses_of_every_kind_are_served(serve, tmp_path, address):
    if address == "[::1]:0" and not has_ipv6():
        pytest.skip("no IPv6 on this machine")
    if address == "unix":
        address = f"unix:{tmp_path}/echo.raw"

    exchange(serve(echo(listener("raw", address))).connect("raw"), b"hello")


def test_a_client_gets_as_much_of_the_history_as_its_listener_replays(serve):
    served = serve(echo(listener("raw"), listener("raw", more='replay = "5B"')))
    exchange(served.connect("raw"), b"0123456789")

    assert receive(served.connect("raw", 1), 5) == b"56789"


def test_a_read_only_listener_takes_nothing(serve):
    served = serve(echo(listener("raw"), listener("raw", more='mode = "read-only"')))
    reader = served.connect("raw", 1)
    reader.sendall(b"not for the device")

    until(lambda: served.client().port("echo").readers == 1)
    exchange(served.connect("raw"), b"but this")

    assert receive(reader, 8) == b"but this"


def test_an_exclusive_client_keeps_others_from_writing_until_it_ends(serve):
    served = serve(echo(listener("raw"), listener("raw", more='mode = "exclusive"')))
    holder = served.attached("raw", number=1)

    other = served.connect("raw")
    other.sendall(b"not now")
    assert is_closed(other)
    assert is_closed(served.connect("raw", 1))
    with served.client() as client, pytest.raises(vser.VserError, match="raw client 127.0.0.1"):
        client.write("echo", b"nor this")
    exchange(holder, b"mine")

    holder.close()
    with served.client() as client:
        until(lambda: [item.what.client for item in client.read("echo") if isinstance(item, vser.Event)
                       and isinstance(item.what, vser.WriterChanged)][-1] == "")
    exchange(served.connect("raw"), b"everybody's again")


def test_a_client_that_has_sent_all_gets_the_reply(serve):
    served = serve(echo(listener("raw")))
    client = served.connect("raw")

    client.sendall(b"reply, please")
    client.shutdown(socket.SHUT_WR)

    assert receive(client, 13) == b"reply, please"
    assert client.recv(1) == b""


def test_bytes_that_a_client_sent_before_it_left_reach_the_device(serve, tmp_path):
    served = serve(echo(listener("raw", f"unix:{tmp_path}/raw"), more='tx_queue_bytes = "1KiB"', device="sim:echo") +
                   echo(listener("raw"), name="other"))
    client = served.connect("raw")
    client.sendall(b"x" * 3000)
    client.close()

    with served.client() as vserd:
        until(lambda: vserd.port("echo").next_offset == 3000)


def test_a_client_is_read_only_as_fast_as_the_port_takes_bytes(serve):
    served = serve(echo(listener("raw"), device="sim:echo", more='baud = 300\ntx_queue_bytes = "1KiB"'))
    client = served.connect("raw")
    client.setblocking(False)
    sent = 0
    with pytest.raises(BlockingIOError):
        while sent < 1 << 26:
            sent += client.send(bytes(1 << 16))

    other = served.connect("raw")
    with served.client() as vserd:
        until(lambda: vserd.port("echo").readers == 2)
        assert vserd.port("echo").tx_offset < 1 << 16
    other.close()


def test_bytes_that_wait_for_a_port_are_not_those_of_another_client(serve):
    served = serve("".join(echo(listener("raw"), name=name, device="sim:echo", more='baud = 2000000\ntx_queue_bytes = "1KiB"')
                           for name in ("one", "two", "three")))
    clients = [served.connect("raw", number) for number in range(3)]
    sent = [bytes([number]) + os.urandom(300_000) for number in range(3)]
    senders = [threading.Thread(target=client.sendall, args=[data]) for client, data in zip(clients, sent)]
    for sender in senders:
        sender.start()

    for client, data in zip(clients, sent):
        assert receive(client, len(data)) == data
    for sender in senders:
        sender.join()


def test_a_client_that_stops_reading_is_disconnected_instead_of_missing_bytes(serve):
    served = serve(echo(listener("raw")), metrics="127.0.0.1:0", history='[history]\nbytes_per_port = "64KiB"')
    stopped = served.connect("raw", receive_buffer=4096)
    busy = served.attached("raw")
    block = os.urandom(1 << 16)
    fell_behind = 'vserd_tcp_clients_fell_behind_total{port="echo",protocol="raw"}'

    for _ in range(320):
        exchange(busy, block)
    until(lambda: served.metric('vserd_port_readers{port="echo"}') == 2)
    got = b""
    while piece := stopped.recv(1 << 20):
        got += piece

    assert served.metric(fell_behind) == 1
    everything = b"ready?" + block * 320
    assert got in everything
    assert everything.startswith(got) or got in everything[:len(got) + 6]


def test_a_stopped_client_costs_the_others_neither_bytes_nor_memory(serve):
    served = serve(echo(listener("raw", more="clients_max = 40"), listener("telnet")))
    stopped = [served.connect("raw", receive_buffer=4096) for _ in range(8)] + [served.connect("telnet", receive_buffer=4096)]
    busy, reader = served.attached("raw"), served.attached("raw")
    before = served.resident_bytes()
    block = os.urandom(1 << 16)
    got = []

    def follow():
        for _ in range(256):
            got.append(receive(reader, len(block)))

    receive(busy, 6)  # what the reader sent
    thread = threading.Thread(target=follow)
    thread.start()
    for _ in range(256):
        exchange(busy, block)
    thread.join()

    assert got == [block] * 256
    assert served.resident_bytes() - before < 16 << 20
    for each in stopped:
        each.close()


def test_netcat_and_socat_can_use_it(serve):
    served = serve(echo(listener("raw")))
    host, port = served.address("raw")
    for command in (["socat", "-t5", "-", f"TCP:{host}:{port}"], ["nc", "-N", host, str(port)]):
        reply = subprocess.run(command, input=b"from a shell", capture_output=True, check=False, timeout=30)
        assert reply.stdout == b"from a shell", command


def test_a_client_stays_while_the_device_is_disconnected(serve, tmp_path, wire):
    served = serve(port_table("line", f"{tmp_path}/node") + listener("raw"))
    client = served.connect("raw")
    client.sendall(b"early")

    os.symlink(wire.path, tmp_path / "node")

    until(lambda: arrived(wire) == b"early")
    wire.send(b"late")
    assert receive(client, 4) == b"late"


def arrived(wire):
    try:
        return os.read(wire.master, 100)
    except OSError:  # nothing yet, or nobody has the terminal open
        return b""
