#!/usr/bin/env python3
"""pyserial_server.py DEVICE PORT: pyserial's RFC 2217 server, for one client of 127.0.0.1 at a time."""
import socket
import sys
import threading

import serial
import serial.rfc2217


class Terminal(serial.Serial):
    """A pseudo terminal has no modem lines, and pyserial raises an error when it looks at them or sets them."""
    cts = dsr = ri = cd = property(lambda self: False)
    dtr = rts = property(lambda self: True, lambda self, value: None)


class Connection:
    """What the port manager writes to; the answers to the client and the device's bytes come from two threads."""

    def __init__(self, connection):
        self._socket = connection
        self._lock = threading.Lock()

    def write(self, data):
        with self._lock:
            self._socket.sendall(data)


def pump(device, clients):
    """Device to client. Without a timeout it takes one byte and what else is there."""
    while data := device.read(max(1, device.in_waiting)):
        for manager, connection in clients:
            connection.write(b"".join(manager.escape(data)))


def serve(device, client, clients):
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection = Connection(client)
    clients[:] = [(serial.rfc2217.PortManager(device, connection), connection)]
    while data := client.recv(65536):
        device.write(b"".join(clients[0][0].filter(data)))
    clients.clear()


def main():
    device, clients = Terminal(sys.argv[1], 115200), []
    threading.Thread(target=pump, args=(device, clients), daemon=True).start()
    with socket.create_server(("127.0.0.1", int(sys.argv[2]))) as server:
        while True:
            client, _ = server.accept()
            with client:
                try:
                    serve(device, client, clients)
                except ConnectionError:
                    clients.clear()


if __name__ == "__main__":
    main()
