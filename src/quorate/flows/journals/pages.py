"""What a journal's operations need of a place that keeps runs: in memory, or a transaction of a database."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from quorate.core.ids import RunId, TenantId
from quorate.flows.journal import JournalEvent, PinnedFlow, RunHeader
from quorate.flows.journals.run_row import RunRow
from quorate.flows.outcome import FlowResult, RunStatus, StepOutcome
from quorate.model.usage import Spend


class Pages(Protocol):
    """Reads and writes of one operation. Moments are microseconds, costs micro-USD."""

    def row(self, run: RunId) -> RunRow | None:
        """Return the row of a run, this operation's own until it is done."""
        ...

    def add(self, row: RunRow, header: bytes) -> None:
        """Keep a new run; `header` is packed."""
        ...

    def changed(self, row: RunRow) -> None:
        """Keep the row as it is now."""
        ...

    def next_row(self, now: int) -> RunRow | None:
        """Return the row that should be taken first: queued, due, or lost by its worker; within its key's limit."""
        ...

    def under_limit(self, row: RunRow, now: int) -> bool:
        """Whether fewer runs of its queue key are held than may be."""
        ...

    def keep(self, run: RunId, path: str, cost_microusd: int, outcome: bytes) -> None:
        """Keep an outcome (packed) unless the path has one."""
        ...

    def tell(self, run: RunId, seq: int, event: bytes) -> None:
        """Keep an event."""
        ...

    def keep_attempt(self, run: RunId, path: str, attempt: int, wake_at: int | None, cost_microusd: int) -> None:
        """Keep a failed attempt; the same one again changes nothing."""
        ...

    def set_timer(self, run: RunId, path: str, wake_at: int) -> int:
        """Keep a timer unless the path has one; return the one that holds."""
        ...

    def pin(self, run: RunId, name: str, flow: bytes) -> PinnedFlow:
        """Keep which flow (packed) a name means unless there is one; return the one that holds."""
        ...

    def pay(self, run: RunId, paid: bytes) -> None:
        """Keep what of a run's costs is in another record (packed), instead of what was kept of that."""
        ...

    def paid(self, run: RunId) -> Spend | None:
        """Return what of a run's costs is in another record; `None`: nothing is kept of that."""
        ...

    def pins(self, run: RunId) -> Mapping[str, PinnedFlow]:
        """Return what names of flows mean."""
        ...

    def end(self, run: RunId, result: bytes) -> None:
        """Keep a result (packed)."""
        ...

    def reopen(self, run: RunId, paths: Sequence[str]) -> None:
        """Delete the result, and outcomes, attempts and timers at these paths and below."""
        ...

    def delete_before(self, moment: int) -> int:
        """Delete ended runs and everything of theirs."""
        ...

    def header(self, run: RunId) -> RunHeader:
        """Return the header of a run that exists."""
        ...

    def outcomes(self, run: RunId) -> Mapping[str, StepOutcome]:
        """Return the outcomes by path, oldest first."""
        ...

    def costs(self, run: RunId) -> Mapping[str, int]:
        """Return what each outcome cost, by path."""
        ...

    def attempts(self, run: RunId) -> Sequence[tuple[str, int, int | None, int]]:
        """Return (path, attempt, wake_at, cost) of all failed attempts, in order of their number."""
        ...

    def timers(self, run: RunId) -> Mapping[str, int]:
        """Return the timers that were set, by path."""
        ...

    def result(self, run: RunId) -> FlowResult | None:
        """Return how it ended."""
        ...

    def events(self, run: RunId, after: int, limit: int) -> Sequence[JournalEvent]:
        """Return events in order."""
        ...

    def rows(
        self, tenant: TenantId | None, flow: str | None, status: RunStatus | None, before: str | None, limit: int
    ) -> Sequence[RunRow]:
        """Return rows by id, newest first."""
        ...

    def flows(self, tenant: TenantId | None) -> Sequence[str]:
        """Return the flows of which there are runs."""
        ...

    def cancels(self, owner: str) -> Sequence[RunId]:
        """Return the runs that a worker holds and that somebody wants to stop."""
        ...

    def call_back(self, run: RunId, seq: int, tries: int, due_at: int) -> None:
        """Keep that somebody is to be told of the run's end at a moment, instead of what was kept of that."""
        ...

    def callback(self, run: RunId) -> tuple[int, int] | None:
        """Return (seq, tries) of what somebody is to be told of a run; `None`: nothing."""
        ...

    def called_back(self, run: RunId) -> None:
        """Nobody is to be told of the run's end any more."""
        ...

    def due_callback(self, now: int) -> RunId | None:
        """Return the run of whose end somebody should have been told first, and that no other process is at."""
        ...

    def queued(self) -> int:
        """Return how many runs wait for a worker."""
        ...
