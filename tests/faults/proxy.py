"""A TCP proxy that can be slow, silent, cut and rude; one thread and one event loop each."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from typing import Any

_LINGER_ZERO = struct.pack("ii", 1, 0)
_CHUNK_BYTES = 65536
_PATIENCE_SECONDS = 10


class _Link:
    """One client's connection through the proxy."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client = client
        self.server = server
        self.deaf = False

    def reset(self) -> None:
        """Cut both sides so that each sees a reset."""
        for writer in (self.client, self.server):
            with contextlib.suppress(OSError):
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
            writer.transport.abort()


class Proxy:
    """Passes on what comes to `port`, until told otherwise; every method may be called at once."""

    def __init__(self, upstream_port: int) -> None:
        self.port = 0
        self.cut_commits = 0
        self._upstream_port = upstream_port
        self._links: set[_Link] = set()
        self._delay_seconds = 0.0
        self._refusing = False
        self._bytes_left: int | None = None
        self._commits_to_cut = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._do(self._open())

    def heal(self) -> None:
        """Pass everything on again, also what was withheld."""
        self._call(self._heal)

    def delay(self, seconds: float) -> None:
        """Pass each piece on so much later."""
        self._delay_seconds = seconds

    def swallow(self) -> None:
        """Take everything and pass nothing on, like a network that has lost its way."""
        self._call(self._flowing.clear)

    def reset(self) -> None:
        """Reset every connection, and each that is opened until it heals."""
        self._refusing = True
        self._call(self._reset_links)

    def reset_once(self) -> None:
        """Reset every connection there is."""
        self._call(self._reset_links)

    def cut_after(self, answer_bytes: int) -> None:
        """Reset the connection over which so many bytes more of answers have come, and only it."""
        self._bytes_left = answer_bytes

    def cut_answers_to_commit(self, count: int) -> None:
        """Let the next so many COMMITs pass, and reset their connections instead of the answer."""
        self._commits_to_cut = count

    def half_close(self) -> None:
        """End the server's half of every connection there is, as seen by the client."""
        self._call(self._half_close)

    def close(self) -> None:
        """End everything."""
        self._call(self._heal)
        self._do(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE_SECONDS)
        self._loop.close()

    def _do(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_PATIENCE_SECONDS)

    def _call(self, function: Callable[[], None]) -> None:
        async def call() -> None:
            function()

        self._do(call())

    async def _open(self) -> None:
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _shut(self) -> None:
        self._server.close()
        self._reset_links()
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not mine]
        await asyncio.wait(others, timeout=1) if others else None

    def _heal(self) -> None:
        self._delay_seconds, self._refusing, self._bytes_left = 0.0, False, None
        self._commits_to_cut = 0
        self._flowing.set()

    def _reset_links(self) -> None:
        for link in list(self._links):
            link.reset()

    def _half_close(self) -> None:
        for link in list(self._links):
            with contextlib.suppress(OSError, RuntimeError):
                link.client.write_eof()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answers, server = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(writer, server)
        if self._refusing:
            link.reset()
            return
        self._links.add(link)
        try:
            await asyncio.gather(self._pass_up(link, reader), self._pass_down(link, answers))
        finally:
            self._links.discard(link)
            for each in (writer, server):
                each.close()

    async def _pass_up(self, link: _Link, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            while data := await reader.read(_CHUNK_BYTES):
                await self._wait()
                if self._commits_to_cut and data.startswith(b"Q") and b"COMMIT" in data:
                    self._commits_to_cut -= 1
                    self.cut_commits += 1
                    link.deaf = True
                link.server.write(data)
                await link.server.drain()
            link.server.write_eof()

    async def _pass_down(self, link: _Link, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            while data := await reader.read(_CHUNK_BYTES):
                await self._wait()
                if link.deaf or self._is_spent(len(data)):
                    link.client.write(b"" if link.deaf else data[: len(data) // 2])
                    link.reset()
                    return
                link.client.write(data)
                await link.client.drain()
            link.client.write_eof()

    def _is_spent(self, count: int) -> bool:
        if self._bytes_left is None:
            return False
        self._bytes_left -= count
        if self._bytes_left > 0:
            return False
        self._bytes_left = None
        return True

    async def _wait(self) -> None:
        if self._delay_seconds:
            await asyncio.sleep(self._delay_seconds)
        await self._flowing.wait()
