"""What the ledger tells: costs by day, model, key, tenant and run, and whether it balances."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, case, cast, func, or_, select, type_coerce

from quorate.core.errors import InvalidRequest
from quorate.model.ledger import ALL, Account
from quorate.storage.columns import EPOCH
from quorate.storage.connections import Connections
from quorate.storage.errors import told
from quorate.storage.schema import branches, budget_books, ledger, runs
from quorate.storage.scope import Scope, within

_DAY_S = 86_400
_SHOWN = 20


class Dimension(StrEnum):
    """What costs are added up by; a day is UTC's."""

    DAY = "day"
    MODEL = "model"
    KEY = "key"
    TENANT = "tenant"
    RUN = "run"


def dimensions(text: str) -> tuple[Dimension, ...]:
    """Return what a text like `day,model` names, each once. Raises `InvalidRequest`."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = [dimension.value for dimension in Dimension]
    for name in names:
        if name not in known:
            raise InvalidRequest(f"by: {name[:40]!r} is none of {', '.join(known)}", param="by")
    return tuple(dict.fromkeys(Dimension(name) for name in names))


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRow:
    """What the attempts of one group cost. What was not grouped by is `None`.

    `estimated_microusd` is the part of `cost_microusd` that no provider counted; `unpriced` attempts have no known
    cost.
    """

    day: date | None = None
    model: str | None = None
    key: str | None = None
    tenant: str | None = None
    run: str | None = None
    attempts: int
    unpriced: int
    prompt_tokens: int
    completion_tokens: int
    cost_microusd: int
    estimated_microusd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Whether the ledger balances: `runs` and `books` name up to twenty that do not.

    `settled_microusd` is the sum of all settlements of runs that have a record, `branches_microusd` that of the
    records' branches. `reserved_microusd` is held by requests under way.
    """

    settled_microusd: int
    branches_microusd: int
    reserved_microusd: int
    runs: tuple[str, ...]
    books: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether everything adds up."""
        return self.settled_microusd == self.branches_microusd and not self.runs and not self.books


class LedgerStore:
    """Reads the ledger. Everything is blocking."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def costs(
        self,
        scope: Scope,
        by: Sequence[Dimension],
        limit: int,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        model: str | None = None,
        key_id: str | None = None,
    ) -> list[CostRow]:
        """Return up to `limit` groups of the attempts in [`since`, `until`), by day first, the most expensive first.

        Without `by` there is one group. Reads every line of the time span.
        """
        wanted = [within(scope, ledger.c.tenant), ledger.c.book == ALL]
        wanted += [] if since is None else [ledger.c.at >= since]
        wanted += [] if until is None else [ledger.c.at < until]
        wanted += [] if model is None else [ledger.c.model == model]
        wanted += [] if key_id is None else [ledger.c.key_id == key_id]
        groups = {each: self._group(each).label(each.value) for each in dict.fromkeys(by)}
        cost = func.coalesce(func.sum(ledger.c.amount_microusd), 0)
        first = [groups[Dimension.DAY]] if Dimension.DAY in groups else []
        query = (
            select(
                *groups.values(),
                func.count().label("attempts"),
                (func.count() - func.count(ledger.c.amount_microusd)).label("unpriced"),
                func.coalesce(func.sum(ledger.c.prompt_tokens), 0).label("prompt_tokens"),
                func.coalesce(func.sum(ledger.c.completion_tokens), 0).label("completion_tokens"),
                cost.label("cost_microusd"),
                func.coalesce(func.sum(case((ledger.c.estimated, ledger.c.amount_microusd), else_=0)), 0).label(
                    "estimated_microusd"
                ),
            )
            .where(*wanted)
            .group_by(*groups.values())
            .order_by(*first, cost.desc(), *groups.values())
            .limit(limit)
        )
        with told("add up the costs"), self._connections.reading() as connection:
            return [_cost_row(dict(found)) for found in connection.execute(query).mappings()]

    def balance(self) -> Balance:
        """Return whether the settlements are what the branches cost, and the books what their lines say.

        Reads the whole ledger.
        """
        with told("check the ledger"), self._connections.reading() as connection:
            settled, in_branches, unequal = _compare_runs(connection)
            reserved = connection.execute(select(func.coalesce(func.sum(budget_books.c.reserved_microusd), 0)))
            return Balance(
                settled_microusd=settled,
                branches_microusd=in_branches,
                reserved_microusd=int(reserved.scalar_one()),
                runs=unequal,
                books=_unequal_books(connection),
            )

    def _group(self, dimension: Dimension) -> ColumnElement[Any]:
        if dimension is Dimension.DAY:
            if self._connections.is_sqlite:
                return type_coerce(ledger.c.at, BigInteger).op("/")(_DAY_S * 1_000_000)
            return cast(func.floor(func.extract("epoch", ledger.c.at) / _DAY_S), BigInteger)
        columns = {
            Dimension.MODEL: ledger.c.model,
            Dimension.KEY: ledger.c.key_id,
            Dimension.TENANT: ledger.c.tenant,
            Dimension.RUN: ledger.c.run_id,
        }
        return columns[dimension]


def _cost_row(found: dict[str, Any]) -> CostRow:
    day: int | None = found.get("day")
    return CostRow(
        day=None if day is None else (EPOCH + timedelta(days=int(day))).date(),
        model=found.get("model"),
        key=found.get("key"),
        tenant=found.get("tenant"),
        run=found.get("run"),
        attempts=found["attempts"],
        unpriced=found["unpriced"],
        prompt_tokens=int(found["prompt_tokens"]),
        completion_tokens=int(found["completion_tokens"]),
        cost_microusd=int(found["cost_microusd"]),
        estimated_microusd=int(found["estimated_microusd"]),
    )


def _compare_runs(connection: Connection) -> tuple[int, int, tuple[str, ...]]:
    """Return what runs cost by the ledger and by their branches, and runs where the two differ."""
    lines = (
        select(ledger.c.run_id, func.sum(ledger.c.amount_microusd).label("cost"))
        .where(ledger.c.book == ALL)
        .group_by(ledger.c.run_id)
        .subquery()
    )
    leaves = (
        select(branches.c.run_id, func.sum(branches.c.cost_microusd).label("cost"))
        .where(branches.c.leaf)
        .group_by(branches.c.run_id)
        .subquery()
    )
    by_lines, by_leaves = func.coalesce(lines.c.cost, 0), func.coalesce(leaves.c.cost, 0)
    both = runs.outerjoin(lines, lines.c.run_id == runs.c.id).outerjoin(leaves, leaves.c.run_id == runs.c.id)
    sums = select(func.coalesce(func.sum(by_lines), 0), func.coalesce(func.sum(by_leaves), 0)).select_from(both)
    settled, in_branches = connection.execute(sums).one()
    different = select(runs.c.id).select_from(both).where(by_lines != by_leaves).order_by(runs.c.id).limit(_SHOWN)
    return int(settled), int(in_branches), tuple(connection.execute(different).scalars())


def _unequal_books(connection: Connection) -> tuple[str, ...]:
    amount = ledger.c.amount_microusd
    into = {each: func.sum(case((ledger.c.target == each.value, amount), else_=0)) for each in Account}
    out_of = {each: func.sum(case((ledger.c.source == each.value, amount), else_=0)) for each in Account}
    sums = (
        select(
            ledger.c.book,
            into[Account.SPENT].label("spent"),
            (into[Account.RESERVED] - out_of[Account.RESERVED]).label("reserved"),
        )
        .where(ledger.c.book != ALL)
        .group_by(ledger.c.book)
        .subquery()
    )
    told_by_lines = (func.coalesce(sums.c.spent, 0), func.coalesce(sums.c.reserved, 0))
    query = (
        select(budget_books.c.id)
        .select_from(budget_books.outerjoin(sums, sums.c.book == budget_books.c.id))
        .where(
            or_(
                budget_books.c.spent_microusd != told_by_lines[0],
                budget_books.c.reserved_microusd != told_by_lines[1],
                budget_books.c.reserved_microusd < 0,
            )
        )
        .order_by(budget_books.c.id)
        .limit(_SHOWN)
    )
    return tuple(connection.execute(query).scalars())
