"""What the calls of a journal do, once for all kinds: each does all of it, or raises before it changes anything.

Labels of a header that count here: `max_runs` (how many runs of its queue key may be held at once), `auto_resume`
(`false`: a run whose worker went silent fails with `worker_lost` and waits for somebody to resume it) and `callback`
(somebody is to be told of the end).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from heapq import nlargest

import msgspec

from quorate.core.errors import Conflict, NotFound
from quorate.core.ids import RunId, TenantId
from quorate.flows.journal import Callback, Entry, Lease, PinnedFlow, RunView
from quorate.flows.journals import ended
from quorate.flows.journals.moment import from_us, seconds_to_us, to_us
from quorate.flows.journals.packing import packed
from quorate.flows.journals.pages import Pages
from quorate.flows.journals.run_row import RunRow
from quorate.flows.journals.spending import spend_of, spent_microusd
from quorate.flows.outcome import FlowResult, RunStatus, StepOutcome
from quorate.model.usage import NOTHING, Spend

#: The path of the run itself among failed attempts: that of retry n has number n. Numbers below 0 are the times that
#: somebody reopened it. Both hold what the outcomes have cost that were forgotten then.
_RUN = ""
#: Of an id that does not exist an error repeats so much.
_SHOWN_CHARACTERS = 80


class PackedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry ready to be written."""

    path: str = ""
    cost_microusd: int = 0
    outcome: bytes | None = None
    event: bytes | None = None


def pack_entry(entry: Entry) -> PackedEntry:
    """Return the entry ready to be written; done by the caller, so that the one writer has less to do."""
    outcome = entry.outcome
    if outcome is None:
        return PackedEntry(event=entry.event)
    cost = outcome.cost_microusd or 0
    return PackedEntry(path=outcome.path, cost_microusd=cost, outcome=packed(outcome), event=entry.event)


def begin(
    pages: Pages,
    row: RunRow,
    header: bytes,
    *,
    entries: Sequence[PackedEntry] = (),
    pins: Mapping[str, bytes],
    owner: str | None,
    lease_us: int,
    now: int,
    queues: bool = True,
    is_fork: bool = False,
) -> Lease | None:
    """Keep a new run and perhaps claim it; one that finds no place and does not queue leaves nothing."""
    if pages.row(row.id) is not None:
        raise Conflict(f"there is a run {_shown(row.id)} already")
    lease = None
    if owner is not None:
        if pages.under_limit(row, now):
            lease = row.take(owner, lease_us, now)
        elif not queues:
            return None
    pages.add(row, header)
    _kept(pages, row, entries)
    for name, flow in pins.items():
        pages.pin(row.id, name, flow)
    if is_fork:
        pages.pay(row.id, packed(_spend(pages, row.id)))
    return lease


def claim(pages: Pages, run: RunId, owner: str, *, lease_us: int, now: int) -> Lease | None:
    """Take one run."""
    row = found(pages, run)
    if row.status.is_final or row.is_held(now):
        return None
    return _taken(pages, row, owner, lease_us, now)


def claim_next(pages: Pages, owner: str, *, lease_us: int, now: int, max_takeovers: int) -> Lease | None:
    """Take the run that goes first; one that nobody may take up by itself, or not once more, to end it."""
    row = pages.next_row(now)
    if row is None:
        return None
    given_up = row.is_lost and not (row.auto_resume and row.takeovers < max_takeovers)
    return _taken(pages, row, owner, lease_us, now, given_up=given_up)


def renew(pages: Pages, lease: Lease, *, lease_us: int, now: int) -> Lease:
    """Move the end of a lease."""
    row = _fenced(pages, lease)
    row.lease_until = now + lease_us
    pages.changed(row)
    return row.lease()


def release(pages: Pages, lease: Lease, status: RunStatus, now: int) -> None:
    """Give a run back."""
    row = _fenced(pages, lease)
    row.let_go(status)
    row.wake_at = min(_wake_ups(pages, row.id).values(), default=now)
    pages.changed(row)


def put(pages: Pages, lease: Lease, entries: Sequence[PackedEntry], now: int) -> tuple[int, ...]:
    """Keep outcomes and events."""
    row = _fenced(pages, lease)
    seqs = _kept(pages, row, entries)
    row.updated_at = now
    pages.changed(row)
    return seqs


def put_attempt(
    pages: Pages, lease: Lease, path: str, attempt: int, *, wake_at: datetime | None, spent: int, now: int
) -> None:
    """Keep a failed attempt."""
    row = _fenced(pages, lease)
    pages.keep_attempt(row.id, path, attempt, None if wake_at is None else to_us(wake_at), spent)
    row.takeovers = 0
    row.updated_at = now
    pages.changed(row)


def try_again(
    pages: Pages, lease: Lease, retry: int, *, forget: Sequence[str], wake_at: datetime, event: bytes, now: int
) -> int:
    """Forget what failed, and keep when the run goes on."""
    row = _fenced(pages, lease)
    _forget(pages, row.id, forget, attempt=retry, wake_at=to_us(wake_at))
    row.takeovers = 0
    seq = _told(pages, row, event)
    row.updated_at = now
    pages.changed(row)
    return seq


def set_timer(pages: Pages, lease: Lease, path: str, wake_at: datetime) -> datetime:
    """Keep until when a step waits."""
    row = _fenced(pages, lease)
    return from_us(pages.set_timer(row.id, path, to_us(wake_at)))


def pin(pages: Pages, lease: Lease, name: str, flow: bytes) -> PinnedFlow:
    """Keep which flow a name means in a run."""
    row = _fenced(pages, lease)
    return pages.pin(row.id, name, flow)


def finish(
    pages: Pages,
    lease: Lease,
    entries: Sequence[PackedEntry],
    result: bytes,
    status: RunStatus,
    event: bytes | None,
    now: int,
) -> tuple[int, ...]:
    """Keep what is left, and end a run."""
    row = _fenced(pages, lease)
    seqs = _kept(pages, row, entries)
    if event is not None:
        _told(pages, row, event)
    row.let_go(status)
    row.updated_at = now
    pages.end(row.id, result)
    pages.changed(row)
    _to_call_back(pages, row, now)
    return seqs


def request_cancel(pages: Pages, run: RunId, now: int) -> bool:
    """Ask for the end of a run, or end it, if nobody runs it."""
    row = found(pages, run)
    if row.status.is_final:
        return False
    row.updated_at = now
    if row.is_held(now):
        row.cancel_requested = True
        pages.changed(row)
    else:
        _end(pages, row, ended.cancelled(pages.header(run), pages.outcomes(run), _spent(pages, run)), now)
    return True


def reopen(pages: Pages, run: RunId, forget: Sequence[str], now: int) -> None:
    """Make an ended run queued again."""
    row = found(pages, run)
    if not row.status.is_final:
        raise Conflict(f"run {run} is {row.status}: only one that has ended can be taken up again")
    times = min((attempt for path, attempt, _, _ in pages.attempts(run) if path == _RUN), default=0)
    _forget(pages, run, forget, attempt=min(times, 0) - 1, wake_at=None)
    pages.pay(run, packed(_spend(pages, run)))
    row.let_go(RunStatus.QUEUED)
    row.cancel_requested = False
    row.takeovers = 0
    row.updated_at = now
    pages.changed(row)


def take_callback(pages: Pages, *, hold_us: int, now: int) -> Callback | None:
    """Take the callback that is due first; nobody else gets it while it is held."""
    run = pages.due_callback(now)
    kept = None if run is None else pages.callback(run)
    if run is None or kept is None:
        return None
    seq, tries = kept
    pages.call_back(run, seq, tries + 1, now + hold_us)
    return Callback(run=run, seq=seq, tries=tries + 1)


def end_callback(pages: Pages, callback: Callback, event: bytes, again_at: int | None) -> bool:
    """Keep what became of one try; `False` if the run has been taken up again meanwhile."""
    row = found(pages, callback.run)
    if pages.callback(callback.run) != (callback.seq, callback.tries):
        return False
    if again_at is None:
        pages.called_back(callback.run)
    else:
        pages.call_back(callback.run, callback.seq, callback.tries, again_at)
    _told(pages, row, event)
    pages.changed(row)
    return True


def load(pages: Pages, run: RunId, now: int) -> RunView:
    """Return a run as it stands."""
    return view(pages, found(pages, run), pages.outcomes(run), now)


def view(pages: Pages, row: RunRow, outcomes: Mapping[str, StepOutcome] | None, now: int) -> RunView:
    """Return a row as others see it."""
    header, result = pages.header(row.id), pages.result(row.id) if row.status.is_final else None
    ended_costs = pages.costs(row.id)
    attempts = pages.attempts(row.id)
    failed = [each for each in attempts if each[0] not in ended_costs and each[0] != _RUN]
    retries = [(attempt, wake_at) for path, attempt, wake_at, _ in attempts if path == _RUN and attempt > 0]
    retried, retry_at = retries[-1] if retries else (0, None)
    reopened = -min((attempt for path, attempt, _, _ in attempts if path == _RUN), default=0)
    known = result.cost_microusd if result is not None else None
    spent = _spent(pages, row.id) if known is None else known
    paid = NOTHING
    if outcomes is not None and (reopened > 0 or header.parent is not None):
        # Nothing is kept of that in a journal of an older version: then all that it has cost has a record.
        paid = pages.paid(row.id) or spend_of(outcomes, spent)
    return RunView(
        header=header,
        status=row.status,
        outcomes={} if outcomes is None else outcomes,
        attempts={path: attempt for path, attempt, _, _ in failed},
        timers={path: from_us(wake_at) for path, wake_at in _wake_ups(pages, row.id).items()},
        cancel_requested=row.cancel_requested,
        result=result,
        spent_microusd=spent,
        updated_at=from_us(row.updated_at),
        events=row.events,
        lease=row.lease() if row.is_held(now) else None,
        retries=retried,
        reopened=max(0, reopened),
        retry_at=None if retry_at is None else from_us(retry_at),
        paid=paid,
    )


def rows_seen(
    pages: Pages,
    tenant: TenantId | None,
    status: RunStatus | None,
    before: str | None,
    limit: int,
    sees: Callable[[str], bool],
) -> Sequence[RunRow]:
    """Return rows by id, newest first, of the flows that are seen: of each its newest, whatever else there is."""
    flows = pages.flows(tenant)
    seen = [flow for flow in flows if sees(flow)]
    if len(seen) == len(flows):
        return pages.rows(tenant, None, status, before, limit)
    newest = (row for flow in seen for row in pages.rows(tenant, flow, status, before, limit))
    return nlargest(limit, newest, key=lambda row: row.id)


def found(pages: Pages, run: RunId) -> RunRow:
    """Return the row of a run; raise `NotFound`."""
    row = pages.row(run)
    if row is None:
        raise NotFound(f"there is no run {_shown(run)}")
    return row


def _fenced(pages: Pages, lease: Lease) -> RunRow:
    row = found(pages, lease.run)
    row.require(lease)
    return row


def _taken(pages: Pages, row: RunRow, owner: str, lease_us: int, now: int, *, given_up: bool = False) -> Lease:
    lease = row.take(owner, lease_us, now, given_up=given_up)
    row.updated_at = now
    pages.changed(row)
    return lease


def _kept(pages: Pages, row: RunRow, entries: Sequence[PackedEntry]) -> tuple[int, ...]:
    seqs: list[int] = []
    for entry in entries:
        if entry.outcome is not None:
            row.takeovers = 0
            pages.keep(row.id, entry.path, entry.cost_microusd, entry.outcome)
        if entry.event is not None:
            seqs.append(_told(pages, row, entry.event))
    return tuple(seqs)


def _told(pages: Pages, row: RunRow, event: bytes) -> int:
    row.events += 1
    pages.tell(row.id, row.events, event)
    return row.events


def _end(pages: Pages, row: RunRow, result: FlowResult, now: int) -> None:
    _told(pages, row, ended.end_event(result, from_us(row.created_at), from_us(now)))
    row.let_go(result.status)
    row.updated_at = now
    pages.end(row.id, packed(result))
    pages.changed(row)
    _to_call_back(pages, row, now)


def _to_call_back(pages: Pages, row: RunRow, now: int) -> None:
    if row.calls_back:
        pages.call_back(row.id, row.events, 0, now)


def _wake_ups(pages: Pages, run: RunId) -> dict[str, int]:
    """Return when steps that have not ended go on, by path: the later of a timer and of the next attempt."""
    costs = pages.costs(run)
    found_at = dict(pages.timers(run))
    for path, _, wake_at, _ in pages.attempts(run):
        if wake_at is not None and path != _RUN:
            found_at[path] = max(wake_at, found_at.get(path, 0))
    return {path: at for path, at in found_at.items() if path not in costs}


def _spent(pages: Pages, run: RunId) -> int:
    failed: dict[str, int] = {}
    for path, _, _, cost in pages.attempts(run):
        failed[path] = failed.get(path, 0) + cost
    return spent_microusd(pages.costs(run), failed) + failed.get(_RUN, 0)


def _spend(pages: Pages, run: RunId) -> Spend:
    return spend_of(pages.outcomes(run), _spent(pages, run))


def _forget(pages: Pages, run: RunId, paths: Sequence[str], *, attempt: int, wake_at: int | None) -> None:
    """Forget outcomes, but not what they have cost."""
    before = _spent(pages, run)
    pages.reopen(run, paths)
    lost = before - _spent(pages, run)
    if lost or wake_at is not None or attempt < 0:
        pages.keep_attempt(run, _RUN, attempt, wake_at, lost)


def _shown(run: str) -> str:
    return repr(run[:_SHOWN_CHARACTERS])


def lease_length(lease_s: float) -> int:
    """Return how long a lease is, in microseconds."""
    if lease_s <= 0:
        raise ValueError(f"a lease must last: {lease_s!r} seconds")
    return seconds_to_us(lease_s)
