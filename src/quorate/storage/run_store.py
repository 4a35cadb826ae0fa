"""The tables of runs, their branches and their texts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean, median
from threading import Event

import msgspec
from sqlalchemy import Column, ColumnElement, Connection, Table, delete, func, select, tuple_

from quorate.core.errors import NotFound
from quorate.core.ids import KeyId, RunId, TenantId
from quorate.model.event import State
from quorate.model.past import Past
from quorate.model.run import RunRecord
from quorate.storage.bulk import BulkInsert
from quorate.storage.columns import moment
from quorate.storage.connections import Connections
from quorate.storage.cursor import Cursors, Position, checked_limit
from quorate.storage.errors import SHOWN_CHARACTERS, told
from quorate.storage.run_rows import (
    PostgresForm,
    RowForm,
    SqliteForm,
    branch_record,
    branch_row,
    ledger_line,
    ledger_row,
    run_record,
    run_row,
    text_row,
)
from quorate.storage.schema import branches, ledger, runs, texts
from quorate.storage.scope import Scope, within

#: Rows that one transaction of a purge deletes, and the time to the next one. SQLite's lock goes to whoever asks in the
#: right moment, and who has waited for it for a while asks ten times a second.
_PURGE_ROWS = 1000
_PURGE_PAUSE_S = 0.1
_MOST_CHILDREN = 1000
#: The runs in which answers of a model are looked for.
_REMEMBERED_RUNS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A run with its branches in the order of its record, its lines of the ledger, its texts where they are kept still.

    `children` ran inside it.
    """

    run: RunRecord
    children: tuple[RunId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTotals:
    """What the runs that asked one model add up to; `unpriced` of them have no known cost."""

    model: str
    runs: int
    unpriced: int
    cost_microusd: int
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What runs add up to, all together and by the model that was asked, the most expensive first."""

    runs: int
    unpriced: int
    cost_microusd: int
    prompt_tokens: int
    completion_tokens: int
    by_model: tuple[ModelTotals, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """How many rows a purge deleted."""

    runs: int
    texts: int


class RunStore:
    """Runs as they ended. Everything is blocking."""

    def __init__(self, connections: Connections, cursors: Cursors) -> None:
        self._connections = connections
        self._cursors = cursors
        self._form: RowForm = SqliteForm() if connections.is_sqlite else PostgresForm()
        dialect = connections.engine.dialect
        self._runs = BulkInsert(runs, dialect)
        self._branches = BulkInsert(branches, dialect)
        self._texts = BulkInsert(texts, dialect)
        self._ledger = BulkInsert(ledger, dialect)

    def insert(self, records: Sequence[RunRecord]) -> None:
        """Write runs with their branches, texts and lines of the ledger in one transaction: all or none.

        A run whose id is there already changes nothing.

        Errors of the driver come out as SQLAlchemy's own: the writer tells those that pass from those that do not.
        """
        if not records:
            return
        form = self._form
        run_rows = [run_row(run, form) for run in records]
        branch_rows = [
            branch_row(run, position, branch, form) for run in records for position, branch in enumerate(run.branches)
        ]
        text_rows = [text_row(run, form) for run in records if run.prompt is not None or run.answer is not None]
        ledger_rows = [ledger_row(run.id, run.tenant, run.key_id, line, form) for run in records for line in run.ledger]
        with self._connections.writing() as connection:
            self._runs.write(connection, run_rows)
            self._branches.write(connection, branch_rows)
            self._texts.write(connection, text_rows)
            self._ledger.write(connection, ledger_rows)

    def get(self, scope: Scope, run: RunId) -> StoredRun:
        """Return a run of the scope with branches, texts and its lines of the ledger. Raises `NotFound`."""
        with told("read the run"), self._connections.reading() as connection:
            found = connection.execute(select(runs).where(within(scope, runs.c.tenant), runs.c.id == run)).mappings()
            row = found.one_or_none()
            if row is None:
                raise NotFound(f"no run {run[:SHOWN_CHARACTERS]!r}")
            return _with_details(connection, scope, run_record(row))

    def page(
        self,
        scope: Scope,
        limit: int,
        after: str | None = None,
        *,
        model: str | None = None,
        state: State | None = None,
        key_id: KeyId | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[RunRecord]:
        """Return up to `limit` runs without branches and texts, the latest first.

        `after` is the `cursor` of the last row of the page before; `since` <= started < `until`. Raises
        `InvalidRequest` for a cursor that is not ours.
        """
        wanted = [within(scope, runs.c.tenant), *_between(since, until)]
        if model is not None:
            wanted.append(runs.c.model == model)
        if state is not None:
            wanted.append(runs.c.state == state)
        if key_id is not None:
            wanted.append(runs.c.key_id == key_id)
        if after is not None:
            last = self._cursors.decode("runs", after)
            wanted.append(tuple_(runs.c.started_at, runs.c.id) < (last.at, last.id))
        latest_first = (runs.c.started_at.desc(), runs.c.id.desc())
        query = select(runs).where(*wanted).order_by(*latest_first).limit(checked_limit(limit))
        with told("read the runs"), self._connections.reading() as connection:
            return [run_record(found) for found in connection.execute(query).mappings()]

    def cursor(self, run: RunRecord) -> str:
        """Return the cursor of the page that follows this run."""
        return self._cursors.encode("runs", Position(at=moment(run.started_at_s), id=run.id))

    def totals(self, scope: Scope, since: datetime | None = None, until: datetime | None = None) -> Totals:
        """Return what the runs that started in [`since`, `until`) add up to. Reads every one of them."""
        query = (
            select(
                runs.c.model,
                func.count().label("runs"),
                (func.count() - func.count(runs.c.cost_microusd)).label("unpriced"),
                func.coalesce(func.sum(runs.c.cost_microusd), 0).label("cost"),
                func.sum(runs.c.prompt_tokens).label("prompt"),
                func.sum(runs.c.completion_tokens).label("completion"),
            )
            .where(within(scope, runs.c.tenant), *_between(since, until))
            .group_by(runs.c.model)
        )
        with told("add up the runs"), self._connections.reading() as connection:
            by_model = [
                ModelTotals(
                    model=model,
                    runs=count,
                    unpriced=unpriced,
                    cost_microusd=int(cost),
                    prompt_tokens=int(prompt),
                    completion_tokens=int(completion),
                )
                for model, count, unpriced, cost, prompt, completion in connection.execute(query)
            ]
        by_model.sort(key=lambda each: (-each.cost_microusd, -each.runs, each.model))
        return Totals(
            runs=sum(each.runs for each in by_model),
            unpriced=sum(each.unpriced for each in by_model),
            cost_microusd=sum(each.cost_microusd for each in by_model),
            prompt_tokens=sum(each.prompt_tokens for each in by_model),
            completion_tokens=sum(each.completion_tokens for each in by_model),
            by_model=tuple(by_model),
        )

    def past(self, tenant: TenantId, models: Collection[str]) -> dict[str, Past]:
        """Return what the tenant's latest thousand runs say of these models: of those that answered in them.

        Counted are branches that finished with an answer, in the times that their retries took as well.
        """
        latest = (
            select(runs.c.id)
            .where(runs.c.tenant == tenant)
            .order_by(runs.c.started_at.desc(), runs.c.id.desc())
            .limit(_REMEMBERED_RUNS)
        )
        query = select(
            branches.c.model, branches.c.completion_tokens, branches.c.started_at, branches.c.finished_at
        ).where(
            branches.c.run_id.in_(latest),
            branches.c.model.in_(sorted(models)),
            branches.c.state == State.FINISHED.value,
            branches.c.completion_tokens > 0,
        )
        found: dict[str, list[tuple[int, float]]] = {}
        with told("read the runs"), self._connections.reading() as connection:
            for model, tokens, started_at, finished_at in connection.execute(query):
                found.setdefault(model, []).append((tokens, (finished_at - started_at).total_seconds()))
        return {
            model: Past(
                answers=len(answers),
                answer_tokens=fmean(tokens for tokens, _ in answers),
                latency_s=median(latency_s for _, latency_s in answers),
            )
            for model, answers in found.items()
        }

    def purge(self, now: datetime, runs_days: int | None, texts_days: int, ending: Event | None = None) -> Purged:
        """Delete what is older than its days, of every tenant; `runs_days=None` keeps runs for good.

        A run takes its branches and texts along. Works in small transactions with pauses, so that the writer hardly
        waits: ten thousand rows a second at most. Stops when `ending` is set.
        """
        ending = ending or Event()
        before = now - timedelta(days=texts_days)
        deleted_texts = self._delete_before(texts, texts.c.run_id, texts.c.kept_at, before, ending)
        deleted_runs = 0
        if runs_days is not None and not ending.is_set():
            before = now - timedelta(days=runs_days)
            deleted_runs = self._delete_before(runs, runs.c.id, runs.c.started_at, before, ending)
        return Purged(runs=deleted_runs, texts=deleted_texts)

    def _delete_before(
        self, table: Table, row: Column[str], at: Column[datetime], limit: datetime, ending: Event
    ) -> int:
        oldest = select(row).where(at < limit).order_by(at).limit(_PURGE_ROWS)
        deleted = 0
        while True:
            with told("delete old records"), self._connections.writing() as connection:
                count = connection.execute(delete(table).where(row.in_(oldest))).rowcount
            deleted += count
            if count < _PURGE_ROWS or ending.wait(_PURGE_PAUSE_S):
                return deleted


def _between(since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    after = [] if since is None else [runs.c.started_at >= since]
    return after if until is None else [*after, runs.c.started_at < until]


def _with_details(connection: Connection, scope: Scope, run: RunRecord) -> StoredRun:
    of_run = select(branches).where(within(scope, branches.c.tenant), branches.c.run_id == run.id)
    own = [branch_record(found) for found in connection.execute(of_run.order_by(branches.c.position)).mappings()]
    kept = connection.execute(
        select(texts.c.prompt, texts.c.answer).where(within(scope, texts.c.tenant), texts.c.run_id == run.id)
    ).one_or_none()
    # Sorted here: asked to sort, SQLite would walk through all runs of the tenant in order instead of looking these up.
    inside = select(runs.c.started_at, runs.c.id).where(within(scope, runs.c.tenant), runs.c.parent_id == run.id)
    children = sorted((at, child) for at, child in connection.execute(inside.limit(_MOST_CHILDREN)))
    in_order = select(ledger).where(within(scope, ledger.c.tenant), ledger.c.run_id == run.id)
    in_order = in_order.order_by(ledger.c.book, ledger.c.position, ledger.c.move)
    lines = tuple(ledger_line(found) for found in connection.execute(in_order).mappings())
    prompt, answer = kept or (None, None)
    return StoredRun(
        run=msgspec.structs.replace(run, branches=tuple(own), prompt=prompt, answer=answer, ledger=lines),
        children=tuple(RunId(child) for _, child in children),
    )
