"""What it costs that a finished step is never lost: outcomes acknowledged, and the journal's part of whole flows."""

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator, Iterable
from pathlib import Path

from bench.report import Row, p50

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))

from flow_runs import entry, header, result
from postgres_service import start_postgres
from quorate.flows.journals.memory import MemoryJournal
from quorate.flows.journals.postgres import PostgresJournal
from quorate.flows.journals.sqlite import SqliteJournal
from quorate.flows.queue_journal import QueueJournal
from service_kinds import POSTGRES
from services import locate, search_path

AT_ONCE = 32
ROUNDS = 3
SECONDS = 1.0
ALONE = 200
OUTPUT = {"text": "y" * 200}
EVENT = b'{"type":"step.finished","step":"a","percent":20}'
#: Kind -> flows a second that the journal must do: twice what whole flows are to reach.
FLOWS_TARGET = {"SQLite": 3000.0, "PostgreSQL": 800.0}


def run() -> Iterable[Row]:
    folder = Path(tempfile.mkdtemp(prefix="quorate-bench-"))
    try:
        with postgres_for_benches() as url:
            return asyncio.run(_run(folder, url))
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def postgres_for_benches() -> Generator[str | None]:
    """A server that the environment names, or a private one that syncs; none where there is no PostgreSQL."""
    named = os.environ.get(POSTGRES.variable, "")
    programs = None if named else locate(POSTGRES.programs, search_path(os.environ))
    if named and named != "none":
        with POSTGRES.connect(named).fresh_database() as url:
            yield url
    elif programs is not None:
        server = start_postgres(programs, durable=True)
        try:
            with server.fresh_database() as url:
                yield url
        finally:
            server.stop()
    else:
        yield None


async def _run(folder: Path, postgres: str | None) -> list[Row]:
    kinds: dict[str, Callable[[], QueueJournal]] = {
        "memory": MemoryJournal,
        "SQLite": lambda: SqliteJournal(folder / "durable.db"),
        "SQLite strict": lambda: SqliteJournal(folder / "strict.db", strict=True),
    }
    if postgres is not None:
        kinds["PostgreSQL"] = lambda: PostgresJournal(postgres)
    figures: dict[str, list[tuple[float, ...]]] = {kind: [] for kind in kinds}
    for _ in range(ROUNDS):  # interleaved, so that what else the machine does falls on all
        for kind, make in kinds.items():
            journal = make()
            figures[kind].append(await _measured(journal))
            await journal.close()
    return [row for kind, rounds in figures.items() for row in _rows(kind, rounds)]


def _rows(kind: str, rounds: list[tuple[float, ...]]) -> list[Row]:
    put_ms, flow_ms, puts, flows = (p50(values) for values in zip(*rounds, strict=True))
    target = FLOWS_TARGET.get(kind)
    return [
        Row(name=f"{kind}: one outcome kept, p50", value=put_ms, unit="ms"),
        Row(name=f"{kind}: journal of a 5-step flow, p50", value=flow_ms, unit="ms"),
        Row(name=f"{kind}: outcomes kept, {AT_ONCE} callers", value=puts, unit="per s"),
        Row(
            name=f"{kind}: 5-step flows, {AT_ONCE} callers",
            value=flows,
            unit="per s",
            target=target,
            at_least=True,
        ),
    ]


async def _measured(journal: QueueJournal) -> tuple[float, ...]:
    await _flow(journal)
    return (
        await _put_alone_ms(journal),
        p50([await _timed_ms(_flow(journal)) for _ in range(ALONE // 4)]),
        await _per_second(journal, _put_many),
        await _per_second(journal, _flow_many),
    )


async def _put_alone_ms(journal: QueueJournal) -> float:
    lease = await journal.begin(header(), owner="bench", lease_s=600)
    assert lease is not None
    return p50([await _timed_ms(journal.put(lease, [entry(f"s[{at}]", OUTPUT, event=EVENT)])) for at in range(ALONE)])


async def _timed_ms(work: Awaitable[object]) -> float:
    began_s = time.perf_counter()
    await work
    return (time.perf_counter() - began_s) * 1000


async def _per_second(journal: QueueJournal, many: Callable[[QueueJournal, float], Awaitable[int]]) -> float:
    began_s = time.perf_counter()
    done = await asyncio.gather(*(many(journal, began_s + SECONDS) for _ in range(AT_ONCE)))
    return sum(done) / (time.perf_counter() - began_s)


async def _put_many(journal: QueueJournal, until_s: float) -> int:
    lease = await journal.begin(header(), owner="bench", lease_s=600)
    assert lease is not None
    done = 0
    while time.perf_counter() < until_s:
        await journal.put(lease, [entry(f"s[{done}]", OUTPUT, event=EVENT)])
        done += 1
    return done


async def _flow_many(journal: QueueJournal, until_s: float) -> int:
    done = 0
    while time.perf_counter() < until_s:
        await _flow(journal)
        done += 1
    return done


async def _flow(journal: QueueJournal) -> None:
    """What a flow of five steps, one, then three at once, then one, writes."""
    of = header()
    lease = await journal.begin(of, owner="bench", lease_s=600)
    assert lease is not None
    await journal.put(lease, [entry("a", OUTPUT, event=EVENT)])
    await asyncio.gather(*(journal.put(lease, [entry(path, OUTPUT, event=EVENT)]) for path in "bcd"))
    await journal.put(lease, [entry("e", OUTPUT, event=EVENT)])
    await journal.finish(lease, result(of), EVENT)
