"""Many requests while 5 % of the upstream's answers are errors; then the books are read from the database."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing

from bench.gateway.memory import growth_mb
from bench.gateway.process import rss_mb
from bench.gateway.targets import Prepared, bench, load, prepare_quorate, quorate_process
from bench.report import Row

REQUESTS = 200_000
_PER = 100_000


def run(requests: int = REQUESTS) -> Iterable[Row]:
    with bench() as setting:
        prepared = prepare_quorate(setting)
        samples: list[float] = []
        with quorate_process(setting, prepared) as target:
            job = target.job(target.body("flaky"), concurrency=64, seconds=1800, requests=requests)
            report = load(job, lambda: samples.append(rss_mb(target.pid)))
            resident = rss_mb(target.pid)
        # It has ended now, and written what it had to write before that.
        note = f"{report.requests:,} requests, {report.failed:,} answered with an error"
        yield Row(name="soak: RSS at the end", value=resident, unit="MB", target=90, note=note)
        growth = growth_mb(samples) * _PER / requests
        yield Row(name="soak: growth in the second half, per 100,000 requests", value=growth, unit="MB", target=1.0)
        yield from _books(prepared, report.requests, report.failed)


def _books(prepared: Prepared, requests: int, failed: int) -> Iterable[Row]:
    with closing(sqlite3.connect(f"file:{prepared.database}?mode=ro", uri=True)) as database:

        def one(query: str) -> int:
            return int(database.execute(query).fetchone()[0] or 0)

        runs = one("select count(*) from runs where model = 'flaky'")
        distinct = one("select count(distinct request_id) from runs where model = 'flaky'")
        errors = one("select count(*) from runs where model = 'flaky' and status >= 400")
        paid = one("select sum(cost_microusd) from runs")
        branches = one("select sum(cost_microusd) from branches where leaf")
        alone = one("select count(*) from runs where id not in (select run_id from branches)")
        integrity = database.execute("pragma integrity_check").fetchone()[0]
    yield Row(name="soak: requests without exactly one run", value=abs(requests - runs), unit="", target=0)
    yield Row(name="soak: runs that share a request id", value=runs - distinct, unit="", target=0)
    yield Row(name="soak: answers whose status differs from the record", value=abs(failed - errors), unit="", target=0)
    yield Row(name="soak: runs without a branch", value=alone, unit="", target=0)
    difference = abs(paid - branches)
    note = f"{paid:,} micro-USD; database {integrity}"
    yield Row(name="soak: cost of branches minus cost of runs", value=difference, unit="microUSD", target=0, note=note)
