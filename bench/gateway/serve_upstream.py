"""The upstream alone, without the command line: prints its port, ends with its parent's stdin."""

import asyncio
import sys

import uvloop

from quorate.upstream import UpstreamServer


async def _main() -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(sys.stdin, ended.set)
    async with UpstreamServer(keep=0) as upstream:
        print(upstream.port, flush=True)
        await ended.wait()


if __name__ == "__main__":
    uvloop.run(_main())
