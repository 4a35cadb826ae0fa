"""Workers of flows in processes of their own, to be killed: `flow_worker.py URL LOG`.

It says `ready`. For each line, the name of an owner, it makes a worker, a copy of itself that need not import anything,
says its process id, and goes on. The worker works the queue off until it is killed; its errors are in OWNER.txt beside
LOG. Each execution that begins and each outcome that the journal has acknowledged is a line of LOG, written at once:
`start RUN PATH OWNER`, `done RUN PATH OWNER`.
"""

import asyncio
import logging
import os
import random
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from killed_flows import LEASE_S, takes_s
from marked_flows import MarkedFlows
from quorate.flows.journal import Entry, Lease
from quorate.flows.journals.postgres import PostgresJournal
from quorate.flows.journals.sqlite import SqliteJournal
from quorate.flows.local_dispatcher import LocalDispatcher
from quorate.flows.queue_journal import QueueJournal

#: Says a line.
Say = Callable[[str], None]


class LoudSqlite(SqliteJournal):
    """Says what it has acknowledged."""

    say: Say

    async def put(self, lease: Lease, entries: Sequence[Entry]) -> tuple[int, ...]:
        numbers = await super().put(lease, entries)
        _say_all(self.say, lease, entries)
        return numbers


class LoudPostgres(PostgresJournal):
    """Says what it has acknowledged."""

    say: Say

    async def put(self, lease: Lease, entries: Sequence[Entry]) -> tuple[int, ...]:
        numbers = await super().put(lease, entries)
        _say_all(self.say, lease, entries)
        return numbers


def _say_all(say: Say, lease: Lease, entries: Sequence[Entry]) -> None:
    for entry in entries:
        if entry.outcome is not None:
            say(f"done {lease.run} {entry.outcome.path}")


def _opened(url: str, say: Say) -> QueueJournal:
    journal = LoudPostgres(url) if url.startswith("postgresql") else LoudSqlite(url)
    journal.say = say
    return journal


async def work(url: str, log: Path, owner: str) -> None:
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def say(line: str) -> None:
        os.write(file, f"{line} {owner}\n".encode())

    rng = random.Random(owner)
    flows = MarkedFlows(
        begun=lambda run, path: say(f"start {run} {path}"), takes_s=lambda path: takes_s(path, rng), owner=owner
    )
    journal = _opened(url, say)
    dispatcher = LocalDispatcher(
        journal,
        owner=owner,
        clock=flows.clock,
        max_runs=12,
        lease_s=LEASE_S,
        renew_s=LEASE_S / 4,
        look_s=LEASE_S / 4,
        max_takeovers=1000,  # workers are killed on purpose, many times, and no run is to blame
    )
    await dispatcher.serve(flows.runner(journal, lease_s=LEASE_S).work)


def main(url: str, log: Path) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    os.write(1, b"ready\n")
    for line in sys.stdin:
        owner = line.strip()
        if (child := os.fork()) != 0:
            os.write(1, f"{child}\n".encode())
            continue
        os.dup2(os.open(log.with_name(f"{owner}.txt"), os.O_WRONLY | os.O_CREAT, 0o600), 2)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        asyncio.run(work(url, log, owner))
        os._exit(1)  # it works until it is killed


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    main(sys.argv[1], Path(sys.argv[2]))
