"""What stands between a client and a server, and makes the server seem to hang."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


class HangingRelay:
    """A live relay. After `hang` it goes on taking connections and what is sent, and nothing arrives any more."""

    def __init__(self, url: str) -> None:
        self._there = urlsplit(url)
        self._flows = asyncio.Event()
        self._flows.set()
        self.url = ""

    def hang(self) -> None:
        self._flows.clear()

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[None]:
        """Listen at `url`, which is that of the server but for the port, while the context is entered."""
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        user, _, _ = self._there.netloc.rpartition("@")
        self.url = self._there._replace(netloc=f"{user}@127.0.0.1:{port}").geturl()
        try:
            yield
        finally:
            self._flows.set()
            server.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flows.wait()
        there_reader, there_writer = await asyncio.open_connection(self._there.hostname, self._there.port)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pump(reader, there_writer))
            group.create_task(self._pump(there_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        writer.close()
