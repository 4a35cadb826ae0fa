"""A process of its own that uses a journal: `write URL` until it is killed, `drain URL` until the queue is empty.

`write` prints a line for each outcome whose `put` returned, `drain` one for each run that it ended.
"""

import asyncio
import os
import sys

from flow_runs import entry, header, result
from quorate.core.clock import SystemClock
from quorate.flows.journals.postgres import PostgresJournal
from quorate.flows.journals.sqlite import SqliteJournal
from quorate.flows.journals.stored import StoredJournal
from quorate.flows.plan import Durability

WRITERS = 16


def opened(url: str) -> StoredJournal:
    return PostgresJournal(url) if url.startswith("postgresql") else SqliteJournal(url)


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


async def write(journal: StoredJournal, durability: Durability) -> None:
    async def one() -> None:
        of = header(durability=durability)
        lease = await journal.begin(of, owner=str(os.getpid()), lease_s=600)
        assert lease is not None
        for number in range(1_000_000):
            path = f"step[{number}]"
            (seq,) = await journal.put(lease, [entry(path, "x" * 200, event=b"{}")])
            say(f"{of.id} {path} {seq}")

    async with asyncio.TaskGroup() as group:
        for _ in range(WRITERS):
            group.create_task(one())


async def drain(journal: StoredJournal) -> None:
    async def one() -> None:
        while (lease := await journal.claim_next(str(os.getpid()), lease_s=600, now=SystemClock().now())) is not None:
            await journal.put(lease, [entry("a", str(os.getpid()), event=b"{}")])
            await journal.finish(lease, result(header(lease.run)), b"{}")
            say(lease.run)

    async with asyncio.TaskGroup() as group:
        for _ in range(WRITERS):
            group.create_task(one())


async def main(what: str, url: str, durability: str) -> None:
    journal = opened(url)
    await journal.open()
    say("ready")
    await (drain(journal) if what == "drain" else write(journal, Durability(durability)))
    await journal.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
