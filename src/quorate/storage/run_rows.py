"""Runs and branches as rows: what the driver gets, what a query gives back."""

from datetime import UTC, datetime
from typing import Any, Protocol, TypeAlias

from sqlalchemy import RowMapping

from quorate.model.event import State
from quorate.model.ledger import LedgerLine, Move
from quorate.model.run import BranchRecord, RunRecord
from quorate.storage.columns import storable

#: One row in the order of the table's columns, as the driver takes it.
Row: TypeAlias = tuple[Any, ...]

_MODEL_CHARACTERS = 400


class RowForm(Protocol):
    """How a database's driver takes times and flags."""

    def at(self, seconds: float, /) -> Any:
        """Return Unix seconds as the driver takes a time."""
        ...

    def flag(self, value: bool, /) -> Any:
        """Return a truth value as the driver takes it."""
        ...


class SqliteForm:
    """Times as whole microseconds, flags as exact integers.

    The driver looks for a converter of every value that is not exactly an `int`, `float`, `str`, `bytes` or `None`, and
    the search costs more than writing the row.
    """

    def at(self, seconds: float, /) -> int:
        """Return whole microseconds."""
        return int(seconds * 1e6 + 0.5)

    flag = staticmethod(int)


class PostgresForm:
    """Times as aware datetimes, flags as they are."""

    def at(self, seconds: float, /) -> datetime:
        """Return an aware time, to the microsecond."""
        return datetime.fromtimestamp(seconds, UTC)

    flag = staticmethod(bool)


def run_row(run: RunRecord, form: RowForm) -> Row:
    """Return the row of a run."""
    at, flag, first_s = form.at, form.flag, run.first_token_at_s
    return (
        run.id,
        run.tenant,
        run.key_id,
        run.request_id,
        run.operation,
        storable(run.model[:_MODEL_CHARACTERS]),  # the caller's own word, if there is no such model
        run.mode,
        str(run.state),
        run.status,
        flag(run.stream),
        at(run.started_at_s),
        at(run.finished_at_s),
        None if first_s is None else at(first_s),
        run.prompt_tokens,
        run.completion_tokens,
        run.cached_tokens,
        run.reasoning_tokens,
        run.cost_microusd,
        flag(run.estimated),
        run.agreement,
        run.agreement_kind,
        run.error_code,
        run.parent_id,
        run.trace_id,
        run.weighting,
    )


def branch_row(run: RunRecord, position: int, branch: BranchRecord, form: RowForm) -> Row:
    """Return the row of a run's branch."""
    at, flag, first_s = form.at, form.flag, branch.first_token_at_s
    return (
        run.id,
        position,
        run.tenant,
        branch.branch,
        branch.model,
        branch.provider,
        str(branch.state),
        at(branch.started_at_s),
        at(branch.finished_at_s),
        None if first_s is None else at(first_s),
        branch.group,
        branch.attempts,
        branch.prompt_tokens,
        branch.completion_tokens,
        branch.cost_microusd,
        flag(branch.estimated),
        flag(branch.selected),
        flag(branch.leaf),
        branch.error_code,
        branch.cluster,
        branch.vote,
    )


def ledger_row(run: str, tenant: str, key_id: str | None, line: LedgerLine, form: RowForm) -> Row:
    """Return the row of a line of the ledger."""
    return (
        run,
        line.book,
        line.position,
        str(line.move),
        tenant,
        key_id,
        form.at(line.at_s),
        str(line.source),
        str(line.target),
        line.amount_microusd,
        line.branch,
        line.model,
        line.attempt,
        line.prompt_tokens,
        line.completion_tokens,
        form.flag(line.estimated),
    )


def text_row(run: RunRecord, form: RowForm) -> Row:
    """Return the row of a run's texts."""
    prompt, answer = (None if text is None else storable(text) for text in (run.prompt, run.answer))
    return (run.id, run.tenant, form.at(run.finished_at_s), prompt, answer)


def run_record(found: RowMapping) -> RunRecord:
    """Return a run from its row, without branches and texts."""
    return RunRecord(
        id=found["id"],
        tenant=found["tenant"],
        key_id=found["key_id"],
        request_id=found["request_id"],
        operation=found["operation"],
        model=found["model"],
        mode=found["mode"],
        state=State(found["state"]),
        status=found["status"],
        stream=found["stream"],
        started_at_s=found["started_at"].timestamp(),
        finished_at_s=found["finished_at"].timestamp(),
        first_token_at_s=_seconds(found["first_token_at"]),
        prompt_tokens=found["prompt_tokens"],
        completion_tokens=found["completion_tokens"],
        cached_tokens=found["cached_tokens"],
        reasoning_tokens=found["reasoning_tokens"],
        cost_microusd=found["cost_microusd"],
        estimated=found["estimated"],
        agreement=found["agreement"],
        agreement_kind=found["agreement_kind"],
        error_code=found["error_code"],
        parent_id=found["parent_id"],
        trace_id=found["trace_id"],
        weighting=found["weighting"],
    )


def branch_record(found: RowMapping) -> BranchRecord:
    """Return a branch from its row."""
    return BranchRecord(
        branch=found["branch"],
        model=found["model"],
        provider=found["provider"],
        state=State(found["state"]),
        started_at_s=found["started_at"].timestamp(),
        finished_at_s=found["finished_at"].timestamp(),
        first_token_at_s=_seconds(found["first_token_at"]),
        group=found["group_index"],
        attempts=found["attempts"],
        prompt_tokens=found["prompt_tokens"],
        completion_tokens=found["completion_tokens"],
        cost_microusd=found["cost_microusd"],
        estimated=found["estimated"],
        selected=found["selected"],
        leaf=found["leaf"],
        error_code=found["error_code"],
        cluster=found["cluster"],
        vote=found["vote"],
    )


def ledger_line(found: RowMapping) -> LedgerLine:
    """Return a line of the ledger from its row."""
    return LedgerLine(
        move=Move(found["move"]),
        at_s=found["at"].timestamp(),
        amount_microusd=found["amount_microusd"],
        book=found["book"],
        position=found["position"],
        branch=found["branch"],
        model=found["model"],
        attempt=found["attempt"],
        prompt_tokens=found["prompt_tokens"],
        completion_tokens=found["completion_tokens"],
        estimated=found["estimated"],
    )


def _seconds(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()
