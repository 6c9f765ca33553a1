"""A TCP proxy that is a bad network: it stalls, cuts, or hands bytes on one by one."""
import selectors
import socket
import threading
import time


class Proxy:
    """`how`: "stall" (after `after` bytes to the client nothing passes any more), "cut" (then both ends are closed), "dribble"
    (what the client sends arrives a byte at a time)."""

    def __init__(self, target, how, after=2000):
        host, port = target.rsplit(":", 1)
        self._target, self._how, self._after = (host, int(port)), how, after
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        self._listener.settimeout(0.1)
        while not self._stopping.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client):
        with client, socket.create_connection(self._target) as server, selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            passed = 0
            while not self._stopping.is_set():
                for key, _ in ready.select(0.1):
                    data = self._read(key.fileobj)
                    if not data:
                        return
                    if key.fileobj is server:
                        passed += len(data)
                    if passed > self._after and self._how == "cut":
                        return
                    if passed > self._after and self._how == "stall":
                        self._stopping.wait()
                        return
                    self._write(key.data, data, one_by_one=self._how == "dribble" and key.fileobj is client)

    def _read(self, end):
        try:
            return end.recv(65536)
        except OSError:
            return b""

    def _write(self, end, data, one_by_one):
        try:
            for at in range(len(data) if one_by_one else 0):
                end.sendall(data[at:at + 1])
                time.sleep(0.001)
            if not one_by_one:
                end.sendall(data)
        except OSError:
            pass  # the next read says so

    def stop(self):
        self._stopping.set()
        self._listener.close()
        self._thread.join()
