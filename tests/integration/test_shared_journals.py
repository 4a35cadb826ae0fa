"""Journals that several processes use at the same time, and databases that go away and come back."""

import asyncio
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psycopg
import pytest

from flow_runs import entry, header, outcome, result
from journal_process import opened
from quorate.core.clock import SystemClock
from quorate.core.errors import Misconfigured
from quorate.flows.journals import stored
from quorate.flows.journals.bell import CANCEL, WORK, heard
from quorate.flows.journals.errors import JournalUnavailable
from quorate.flows.journals.postgres import PostgresJournal
from quorate.flows.outcome import RunStatus

PROCESS = Path(__file__).resolve().parent.parent / "support" / "journal_process.py"
RUNS = 200


def url_of(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "flows.db") if kind == "sqlite" else request.getfixturevalue("postgres_url")


def drain(url: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, str(PROCESS), "drain", url, "durable"], stdout=subprocess.PIPE)


@pytest.mark.subprocess
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_two_processes_do_each_run_once(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> None:
    url = url_of(kind, request, tmp_path)
    journal = opened(url)
    for _ in range(RUNS):
        await journal.begin(header())
    processes = [drain(url), drain(url)]
    printed = [(await asyncio.to_thread(process.communicate, timeout=60))[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    done = Counter(b"".join(printed).decode().replace("ready\n", "").splitlines())
    assert len(done) == RUNS
    assert set(done.values()) == {1}
    views = await journal.runs(limit=1000)
    assert {view.status for view in views} == {RunStatus.SUCCEEDED}
    assert await journal.queued() == 0
    await journal.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_two_that_open_an_empty_database_at_once(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    url = url_of(kind, request, tmp_path)
    journals = [opened(url) for _ in range(4)]
    await asyncio.gather(*(journal.open() for journal in journals))
    await asyncio.gather(*(journal.begin(header()) for journal in journals))
    assert await journals[0].queued() == 4
    await asyncio.gather(*(journal.close() for journal in journals))


async def test_postgres_tells_other_processes_at_once(postgres_url: str) -> None:
    here, there = PostgresJournal(postgres_url), PostgresJournal(postgres_url)
    of = header()
    with (
        there.bell.listening(WORK) as work,
        there.bell.listening(CANCEL) as cancel,
        there.bell.listening(of.id) as ended,
    ):
        await there.open()
        assert await heard(work, 10)  # it listens now
        work.clear()
        cancel.clear()
        await here.begin(of)
        assert await heard(work, 10)
        lease = await here.claim_next("one", lease_s=60, now=SystemClock().now())
        assert lease is not None
        assert await there.request_cancel(of.id)
        await here.finish(lease, result(of, RunStatus.CANCELLED))
        assert await heard(ended, 10)
        assert await heard(cancel, 10)
    await here.close()
    await there.close()


async def test_postgres_connections_that_were_cut_are_made_again(postgres_url: str) -> None:
    journal = PostgresJournal(postgres_url)
    of = header()
    lease = await journal.begin(of, owner="one", lease_s=60)
    assert lease is not None
    assert await journal.queued() == 0
    await asyncio.to_thread(_cut, postgres_url)
    await asyncio.gather(*(journal.put(lease, [entry(f"s[{at}]", at, event=b"{}")]) for at in range(20)))
    assert (await journal.load(of.id)).outcomes["s[7]"] == outcome("s[7]", 7)
    assert [event.seq for event in await journal.events(of.id)] == list(range(1, 21))
    await journal.close()


def _cut(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'quorate-flows'"
        )


@pytest.mark.real_wait
async def test_a_server_that_is_not_there_is_waited_for_and_then_told(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "PATIENCE_S", 1.5)
    base, _, _ = postgres_url.rpartition("/")
    journal = PostgresJournal(f"{base}/no_such_database")
    began_s = time.monotonic()
    async with asyncio.timeout(stored.PATIENCE_S + 10):
        with pytest.raises(JournalUnavailable) as caught:
            await journal.begin(header())
    assert time.monotonic() - began_s > stored.PATIENCE_S / 2  # pauses double: the last would have been too long
    assert caught.value.retryable
    assert "no_such_database" not in caught.value.message
    await journal.close()


async def test_a_url_that_cannot_be_read_is_told_without_its_password() -> None:
    journal = PostgresJournal("postgresql://u:hunter2@h/db?nonsense=1")
    with pytest.raises(Misconfigured) as caught:
        await journal.open()
    assert "hunter2" not in caught.value.message
    await journal.close()
