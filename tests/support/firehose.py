"""A provider that streams without end, for callers who do not read."""

import asyncio

from raw_server import STREAM_HEAD, chunk, events


class Firehose:
    """A live provider that streams without end, as fast as it is read."""

    def __init__(self) -> None:
        self.sent = 0
        self.held = asyncio.Event()
        self.left = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        event = events({"choices": [{"index": 0, "delta": {"content": "x" * 65_000}}]})
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(STREAM_HEAD)
            while True:
                writer.write(chunk(event))
                self.sent += len(event)
                try:
                    async with asyncio.timeout(0.3):
                        await writer.drain()
                except TimeoutError:
                    self.held.set()
                    await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.left.set()
        finally:
            writer.close()
