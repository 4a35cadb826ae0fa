"""A journal in memory: for runs that need not outlive the process, and for tests."""

import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from quorate.core.clock import Clock
from quorate.core.ids import RunId, TenantId
from quorate.flows.journal import JournalEvent, PinnedFlow, RunHeader
from quorate.flows.journals.facade import JournalFacade, Operation
from quorate.flows.journals.packing import unpacked
from quorate.flows.journals.pages import Pages
from quorate.flows.journals.run_row import RunRow
from quorate.flows.outcome import FlowResult, RunStatus, StepOutcome
from quorate.flows.path import is_below
from quorate.model.usage import Spend

T = TypeVar("T")

_header = msgspec.json.Decoder(RunHeader)
_pinned = msgspec.json.Decoder(PinnedFlow)
_outcome = msgspec.json.Decoder(StepOutcome)
_result = msgspec.json.Decoder(FlowResult)
_spend = msgspec.json.Decoder(Spend)


@dataclass(slots=True, kw_only=True)
class _Kept:
    """All of one run; JSON, as in the other journals, so that nobody changes a kept value by accident."""

    row: RunRow
    header: bytes
    outcomes: dict[str, bytes] = field(default_factory=dict[str, bytes])
    costs: dict[str, int] = field(default_factory=dict[str, int])
    attempts: dict[tuple[str, int], tuple[int | None, int]] = field(
        default_factory=dict[tuple[str, int], tuple[int | None, int]]
    )
    pins: dict[str, bytes] = field(default_factory=dict[str, bytes])
    timers: dict[str, int] = field(default_factory=dict[str, int])
    events: list[JournalEvent] = field(default_factory=list[JournalEvent])
    result: bytes | None = None
    paid: bytes | None = None
    callback: tuple[int, int, int] | None = None


class MemoryPages:
    """A live dictionary of runs, and those that have not ended by themselves."""

    def __init__(self) -> None:
        self._runs: dict[RunId, _Kept] = {}
        self._open: dict[RunId, RunRow] = {}

    def row(self, run: RunId) -> RunRow | None:
        """Return the row itself: an operation changes it only when nothing can refuse it any more."""
        kept = self._runs.get(run)
        return None if kept is None else kept.row

    def add(self, row: RunRow, header: bytes) -> None:
        """Keep a new run."""
        self._runs[row.id] = _Kept(row=row, header=header)
        self._open[row.id] = row

    def changed(self, row: RunRow) -> None:
        """Keep the row as it is now."""
        self._runs[row.id].row = row
        if row.status.is_final:
            self._open.pop(row.id, None)
        else:
            self._open[row.id] = row

    def next_row(self, now: int) -> RunRow | None:
        """Return the first of those that are ready."""
        ready = (row for row in self._open.values() if (row.ready_at or 0) <= now and self.under_limit(row, now))
        return min(ready, key=lambda row: (-row.priority, row.created_at, row.id), default=None)

    def under_limit(self, row: RunRow, now: int) -> bool:
        """Whether its queue key has room."""
        if row.max_runs is None:
            return True
        held = sum(other.queue_key == row.queue_key and other.is_held(now) for other in self._open.values())
        return held < row.max_runs

    def keep(self, run: RunId, path: str, cost_microusd: int, outcome: bytes) -> None:
        """Keep an outcome unless there is one."""
        kept = self._runs[run]
        if path not in kept.outcomes:
            kept.outcomes[path] = outcome
            kept.costs[path] = cost_microusd

    def tell(self, run: RunId, seq: int, event: bytes) -> None:
        """Keep an event."""
        self._runs[run].events.append(JournalEvent(seq=seq, data=event))

    def keep_attempt(self, run: RunId, path: str, attempt: int, wake_at: int | None, cost_microusd: int) -> None:
        """Keep a failed attempt."""
        self._runs[run].attempts.setdefault((path, attempt), (wake_at, cost_microusd))

    def set_timer(self, run: RunId, path: str, wake_at: int) -> int:
        """Keep a timer unless there is one."""
        return self._runs[run].timers.setdefault(path, wake_at)

    def pin(self, run: RunId, name: str, flow: bytes) -> PinnedFlow:
        """Keep a flow's meaning unless there is one."""
        return unpacked(self._runs[run].pins.setdefault(name, flow), _pinned)

    def pay(self, run: RunId, paid: bytes) -> None:
        """Keep what is in another record."""
        self._runs[run].paid = paid

    def paid(self, run: RunId) -> Spend | None:
        """Return it."""
        data = self._runs[run].paid
        return None if data is None else unpacked(data, _spend)

    def pins(self, run: RunId) -> Mapping[str, PinnedFlow]:
        """Return them."""
        kept = self._runs.get(run)
        return {} if kept is None else {name: unpacked(data, _pinned) for name, data in kept.pins.items()}

    def end(self, run: RunId, result: bytes) -> None:
        """Keep a result."""
        self._runs[run].result = result

    def reopen(self, run: RunId, paths: Sequence[str]) -> None:
        """Forget the result and what is at and below the paths."""
        kept = self._runs[run]
        kept.result = kept.callback = None

        def stays(path: str) -> bool:
            return not any(is_below(path, forgotten) for forgotten in paths)

        kept.outcomes = {path: data for path, data in kept.outcomes.items() if stays(path)}
        kept.costs = {path: cost for path, cost in kept.costs.items() if stays(path)}
        kept.attempts = {key: value for key, value in kept.attempts.items() if stays(key[0])}
        kept.timers = {path: at for path, at in kept.timers.items() if stays(path)}

    def delete_before(self, moment: int) -> int:
        """Delete ended runs."""
        old = [run for run, kept in self._runs.items() if kept.row.status.is_final and kept.row.updated_at < moment]
        for run in old:
            del self._runs[run]
        return len(old)

    def call_back(self, run: RunId, seq: int, tries: int, due_at: int) -> None:
        """Keep that somebody is to be told."""
        self._runs[run].callback = (seq, tries, due_at)

    def callback(self, run: RunId) -> tuple[int, int] | None:
        """Return what somebody is to be told."""
        kept = self._runs[run].callback
        return None if kept is None else kept[:2]

    def called_back(self, run: RunId) -> None:
        """Forget it."""
        self._runs[run].callback = None

    def due_callback(self, now: int) -> RunId | None:
        """Return the run whose turn it is."""
        due = [(kept.callback[2], run) for run, kept in self._runs.items() if kept.callback is not None]
        first = min(due, default=None)
        return None if first is None or first[0] > now else first[1]

    def header(self, run: RunId) -> RunHeader:
        """Return the header."""
        return unpacked(self._runs[run].header, _header)

    def outcomes(self, run: RunId) -> dict[str, StepOutcome]:
        """Return the outcomes."""
        return {path: unpacked(data, _outcome) for path, data in self._runs[run].outcomes.items()}

    def costs(self, run: RunId) -> Mapping[str, int]:
        """Return the costs of outcomes."""
        return self._runs[run].costs

    def attempts(self, run: RunId) -> Sequence[tuple[str, int, int | None, int]]:
        """Return failed attempts."""
        return [
            (path, attempt, *rest) for (path, attempt), rest in sorted(self._runs[run].attempts.items(), key=_order)
        ]

    def timers(self, run: RunId) -> Mapping[str, int]:
        """Return the timers."""
        return self._runs[run].timers

    def result(self, run: RunId) -> FlowResult | None:
        """Return the result."""
        data = self._runs[run].result
        return None if data is None else unpacked(data, _result)

    def events(self, run: RunId, after: int, limit: int) -> Sequence[JournalEvent]:
        """Return events."""
        kept = self._runs.get(run)
        if kept is None:
            return ()
        begin = bisect.bisect_right(kept.events, after, key=lambda event: event.seq)
        return kept.events[begin : begin + limit]

    def rows(
        self, tenant: TenantId | None, flow: str | None, status: RunStatus | None, before: str | None, limit: int
    ) -> Sequence[RunRow]:
        """Return rows."""
        found = [
            kept.row
            for run, kept in self._runs.items()
            if (tenant is None or kept.row.tenant == tenant)
            and (flow is None or kept.row.flow == flow)
            and (status is None or kept.row.status is status)
            and (before is None or run < before)
        ]
        return sorted(found, key=lambda row: row.id, reverse=True)[:limit]

    def flows(self, tenant: TenantId | None) -> Sequence[str]:
        """Return the flows of which there are runs."""
        return list({kept.row.flow for kept in self._runs.values() if tenant is None or kept.row.tenant == tenant})

    def cancels(self, owner: str) -> Sequence[RunId]:
        """Return what this worker is to stop."""
        return [row.id for row in self._open.values() if row.cancel_requested and row.owner == owner]

    def queued(self) -> int:
        """Return how many wait."""
        return sum(row.status is RunStatus.QUEUED for row in self._open.values())


def _order(item: tuple[tuple[str, int], tuple[int | None, int]]) -> int:
    return item[0][1]


class MemoryJournal(JournalFacade):
    """A live journal that ends with its process. Costs some 20 us for an outcome."""

    def __init__(self, *, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self._pages = MemoryPages()

    async def _change(self, operation: Operation[Pages, T]) -> T:
        result = operation.do(self._pages)
        self._ring(operation.tells)
        return result

    async def _look(self, read: Callable[[Pages], T]) -> T:
        return read(self._pages)

    async def close(self) -> None:
        """Do nothing: nothing waits, and nothing is open."""
