"""`/api/v1/feedback`: whether answers were right; `/api/v1/models/records`: what was learned from that."""

import asyncio
from typing import Annotated

import msgspec

from quorate.access.permission import Permission
from quorate.analytics.wilson import wilson
from quorate.core.ids import RunId, TenantId, new_id
from quorate.engine.learned_trust import ModelRecord
from quorate.model.call import LOCAL
from quorate.model.feedback import MOST_NOTE, Feedback
from quorate.server.route import Answer, Exchange, Route
from quorate.server.visible import tenant_scope
from quorate.storage.scope import ALL_TENANTS, Scope

DEFAULT_PAGE = 50


class NewFeedback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether the answer of a run was right; with `branch`, that of one branch, named as the run lists it.

    The same key's second label of the same thing replaces the first.
    """

    run_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    correct: bool
    branch: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)] | None = None
    note: Annotated[str, msgspec.Meta(max_length=MOST_NOTE)] | None = None


class FeedbackQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which labels: those of a run, or all; `after` is a page's `next`."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = DEFAULT_PAGE
    after: Annotated[str, msgspec.Meta(max_length=400)] | None = None
    run: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    tenant: Annotated[str, msgspec.Meta(max_length=64)] | None = None


class FeedbackPage(msgspec.Struct, frozen=True, kw_only=True):
    """Labels, the latest first."""

    data: tuple[Feedback, ...]
    has_more: bool
    next: str | None = None


class RecordQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose questions it is about; not given: the key's own tenant's."""

    tenant: Annotated[str, msgspec.Meta(max_length=64)] | None = None


class KnownRecord(msgspec.Struct, frozen=True, kw_only=True):
    """How often a model was right in answers of a kind: `right` of `total`, between `low` and `high` (95 %).

    `used`: there are enough checked answers for plans to go by it.
    """

    model: str
    kind: str
    right: float
    total: float
    accuracy: float
    low: float
    high: float
    used: bool


class RecordPage(msgspec.Struct, frozen=True, kw_only=True):
    """Track records by model and kind, as the worker that answers knows them."""

    data: tuple[KnownRecord, ...]


async def label_run(exchange: Exchange) -> Answer:
    """Keep a label."""
    body: NewFeedback = exchange.body
    principal, clock = exchange.principal, exchange.services.clock
    scope: Scope = ALL_TENANTS if principal.is_operator else principal.tenant
    label = Feedback(
        id=new_id("fb", clock),
        run_id=body.run_id,
        tenant=principal.tenant,
        principal=principal.key_id or LOCAL,
        correct=body.correct,
        at_s=clock.unix_s(),
        branch=body.branch or "",
        note=body.note,
    )
    # Whose run it is decides the store, in the transaction that keeps the label.
    return Answer(value=await asyncio.to_thread(exchange.services.database.feedback.put, scope, label))


async def list_feedback(exchange: Exchange) -> Answer:
    """Return a page of labels."""
    query: FeedbackQuery = exchange.query
    store = exchange.services.database.feedback
    scope = tenant_scope(exchange, query.tenant)

    def read() -> FeedbackPage:
        run = None if query.run is None else RunId(query.run)
        found = store.page(scope, query.limit + 1, query.after, run=run)
        more = len(found) > query.limit
        page = found[: query.limit]
        return FeedbackPage(data=tuple(page), has_more=more, next=store.cursor(page[-1]) if more else None)

    return Answer(value=await asyncio.to_thread(read))


async def list_records(exchange: Exchange) -> Answer:
    """Return what is known of models."""
    query: RecordQuery = exchange.query
    scope = tenant_scope(exchange, query.tenant)
    tenant = exchange.principal.tenant if scope is ALL_TENANTS else TenantId(scope)
    principal = exchange.principal
    found = [record for record in exchange.services.trust.records(tenant) if principal.may_ask(record.model)]
    return Answer(value=RecordPage(data=tuple(known_record(record) for record in found)))


def known_record(record: ModelRecord) -> KnownRecord:
    """Return a record with its interval (Wilson 1927)."""
    count = max(round(record.total), 1)  # the total of discounted answers may be a fraction
    rate = wilson(count * record.right / record.total, count)
    return KnownRecord(
        model=record.model,
        kind=record.kind,
        right=record.right,
        total=record.total,
        accuracy=rate.value,
        low=rate.low,
        high=rate.high,
        used=record.used,
    )


ROUTES = (
    Route(
        method="POST",
        path="/api/v1/feedback",
        handler=label_run,
        summary="Say whether an answer was right",
        permission=Permission.FEEDBACK_WRITE,
        body=NewFeedback,
        answer=Feedback,
        tag="feedback",
    ),
    Route(
        method="GET",
        path="/api/v1/feedback",
        handler=list_feedback,
        summary="List what was said of answers, the latest first",
        permission=Permission.RUNS_READ,
        query=FeedbackQuery,
        answer=FeedbackPage,
        tag="feedback",
    ),
    Route(
        method="GET",
        path="/api/v1/models/records",
        handler=list_records,
        summary="Show how often models were right, as learned from labels",
        permission=Permission.RUNS_READ,
        query=RecordQuery,
        answer=RecordPage,
        tag="feedback",
    ),
)
