"""TCP proxies that can be cut, on one thread: between bridges and etcd, and between the members of etcd.

A cut proxy takes bytes and connections and forwards nothing, as a network does that drops packets. When it is mended,
the bytes arrive.
"""
import asyncio
import contextlib
import re
import threading

CHUNK = 65536
POLL_SECONDS = 0.02
SENDER = re.compile(rb"X-Server-From: ([0-9a-f]+)", re.IGNORECASE)  # etcd's members name themselves in their requests


class Proxy:
    """Forwards `port` to `target`, both on the loopback interface."""

    def __init__(self, target):
        self.target, self.port = target, 0
        self.is_cut = False
        self.cut_senders = set()  # of members: only what these send

    def stops(self, sender):
        return self.is_cut or sender in self.cut_senders


class Network:
    """All proxies. Its methods may be called on any thread."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)
        self._thread.start()

    def proxy(self, target):
        """A new proxy for that port."""
        made = Proxy(target)
        asyncio.run_coroutine_threadsafe(self._listen(made), self._loop).result()
        return made

    async def _listen(self, proxy):
        server = await asyncio.start_server(lambda reader, writer: self._accept(proxy, reader, writer), "127.0.0.1", 0)
        proxy.port = server.sockets[0].getsockname()[1]

    async def _accept(self, proxy, reader, writer):
        with contextlib.suppress(OSError):
            first = await reader.read(CHUNK)
            found = SENDER.search(first)
            sender = found[1].decode() if found else None
            await self._passable(proxy, sender)
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", proxy.target)
            far_writer.write(first)
            await asyncio.wait([asyncio.create_task(self._pump(proxy, sender, *ends))
                                for ends in ((reader, far_writer), (far_reader, writer))], return_when=asyncio.FIRST_COMPLETED)
            far_writer.close()
        writer.close()

    async def _pump(self, proxy, sender, reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._passable(proxy, sender)
                writer.write(data)
                await writer.drain()

    @staticmethod
    async def _passable(proxy, sender):
        while proxy.stops(sender):
            await asyncio.sleep(POLL_SECONDS)

    async def _end(self):
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def close(self):
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
