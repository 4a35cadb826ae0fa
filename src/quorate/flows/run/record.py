"""What a run remembers: outcomes by path, in memory and, if there is a journal, there first."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from quorate.flows.journal import Entry, Journal, Lease, LeaseLost, PinnedFlow
from quorate.flows.outcome import FlowResult, StepError, StepOutcome, StepStatus
from quorate.flows.path import is_below
from quorate.model.event import Event

T = TypeVar("T")
#: Passes an event on to whoever watches, with its number in the journal if it is kept.
Tell = Callable[[Event, int | None], None]
#: Outcomes with the events that tell of them.
_Ends = Sequence[tuple[StepOutcome | None, Event | None]]
_encode = msgspec.json.Encoder().encode
#: Why a step was skipped that would have run if nothing had failed.
UPSTREAM_FAILED = "upstream failed"
RUN_STOPPED = "run stopped"


class Record:
    """The outcomes, failed attempts and timers of one run; a live object.

    With a journal, an outcome is in it before anybody hears of it. `unkept` are ends that are not: those of steps that
    failed for what is inside of them, which is kept. `retries`: so often the run was taken up again by itself, the last
    time to go on at `retry_at`. Without one it lives as long as the run. After
    `LeaseLost` everything raises it: who has lost the run writes nothing more.
    """

    def __init__(
        self,
        journal: Journal | None,
        lease: Lease | None,
        tell: Tell,
        *,
        outcomes: Mapping[str, StepOutcome] | None = None,
        attempts: Mapping[str, int] | None = None,
        timers: Mapping[str, datetime] | None = None,
        retries: int = 0,
        retry_at: datetime | None = None,
        pins: Mapping[str, PinnedFlow] | None = None,
    ) -> None:
        self._journal = journal
        self._lease = lease
        self._tell = tell
        self.outcomes: dict[str, StepOutcome] = dict(outcomes or {})
        self.attempts: dict[str, int] = dict(attempts or {})
        self.timers: dict[str, datetime] = dict(timers or {})
        self.unkept: dict[str, StepOutcome] = {}
        self.retries = retries
        self.retry_at = retry_at
        self.lost: LeaseLost | None = None
        self._pins: dict[str, PinnedFlow] = dict(pins or {})
        self._knows_pins = pins is not None
        self._held_back: list[tuple[StepOutcome | None, Event | None]] = []
        self._note_errors()

    def _note_errors(self) -> None:
        self._errors = [(path, each.error) for path, each in self.outcomes.items() if each.error is not None]

    @property
    def is_kept(self) -> bool:
        """Whether there is a journal."""
        return self._journal is not None

    async def begin(self, event: Event, *, at_once: bool) -> None:
        """Keep that the run begins: now, or, if nobody waits to hear of it, together with what is kept next."""
        self._held_back.append((None, event))
        if at_once or self._journal is None:
            await self.flush()

    def hold_back(self, outcome: StepOutcome, event: Event | None) -> None:
        """Keep the end of the last step together with how the run ends, which follows at once."""
        self.outcomes[outcome.path] = outcome
        self._held_back.append((outcome, event))

    async def flush(self) -> None:
        """Keep what was held back."""
        if self._held_back:
            await self.put(())

    async def put(self, ends: _Ends) -> None:
        """Keep ends of steps and tell of them. An outcome without an event, or the other way round, is fine."""
        if self._held_back:
            ends = self._with_held_back(ends)
        if self._journal is None or self._lease is None:
            self._remember(ends, ())
        else:
            self._remember(ends, await self._held(self._journal.put(self._lease, _entries(ends))))

    def _with_held_back(self, ends: _Ends) -> _Ends:
        held_back, self._held_back = self._held_back, []
        return (*held_back, *ends)

    def _remember(self, ends: _Ends, numbers: Sequence[int]) -> None:
        left = iter(numbers)
        for outcome, event in ends:
            if outcome is not None:
                self.outcomes[outcome.path] = outcome
            if event is not None:
                self._tell(event, next(left, None))

    async def put_attempt(self, path: str, attempt: int, *, wake_at: datetime, spent_microusd: int) -> None:
        """Keep that an attempt failed and when the next one is due."""
        self.attempts[path] = attempt
        if self._journal is not None and self._lease is not None:
            await self._held(
                self._journal.put_attempt(self._lease, path, attempt, wake_at=wake_at, spent_microusd=spent_microusd)
            )

    async def try_again(self, retry: int, *, forget: Sequence[str], wake_at: datetime, event: Event) -> None:
        """Forget the outcomes at these paths and below: the run goes on at `wake_at` for the `retry`th time."""
        number = None
        await self.flush()
        if self._journal is not None and self._lease is not None:
            data = _encode(event)
            number = await self._held(
                self._journal.try_again(self._lease, retry, forget=forget, wake_at=wake_at, event=data)
            )
        self.retries, self.retry_at = retry, wake_at
        for known in (self.outcomes, self.attempts, self.timers):
            for path in [path for path in known if any(is_below(path, gone) for gone in forget)]:
                del known[path]
        self.unkept.clear()
        self._note_errors()
        self._tell(event, number)

    async def timer(self, path: str, wake_at: datetime) -> datetime:
        """Keep until when something waits; return the time that holds, which is that of the first time asked."""
        if (known := self.timers.get(path)) is not None:
            return known
        if self._journal is not None and self._lease is not None:
            wake_at = await self._held(self._journal.set_timer(self._lease, path, wake_at))
        self.timers[path] = wake_at
        return wake_at

    async def pin(self, name: str, choose: Callable[[], PinnedFlow]) -> PinnedFlow:
        """Return the flow that a name means in this run: what was kept, else what `choose` gives; that is kept."""
        if not self._knows_pins and self._journal is not None and self._lease is not None:
            self._pins.update(await self._journal.pins(self._lease.run))
            self._knows_pins = True
        if (known := self._pins.get(name)) is not None:
            return known
        flow = choose()
        if self._journal is not None and self._lease is not None:
            flow = await self._held(self._journal.pin(self._lease, name, flow))
        return self._pins.setdefault(name, flow)

    async def finish(self, result: FlowResult, event: Event | None) -> None:
        """Keep how the run ended, and tell, if anybody hears it."""
        ends = self._with_held_back(())
        if self._journal is None or self._lease is None:
            self._remember(ends, ())
        else:
            data = None if event is None else _encode(event)
            finishing = self._journal.finish(self._lease, result, data, entries=_entries(ends))
            self._remember(ends, await self._held(finishing))
        if event is not None:
            self._tell(event, None)

    async def _held(self, writing: Coroutine[Any, Any, T]) -> T:
        if self.lost is not None:
            writing.close()
            raise self.lost
        try:
            return await writing
        except LeaseLost as lost:
            self.lost = lost
            raise

    def errors_below(self, path: str) -> list[StepError]:
        """Return the errors of outcomes below a path that were there when the run was taken up."""
        return [error for each, error in self._errors if each != path and is_below(each, path)]


def _entries(ends: _Ends) -> list[Entry]:
    return [Entry(outcome=outcome, event=None if event is None else _encode(event)) for outcome, event in ends]


def is_broken(outcome: StepOutcome) -> bool:
    """Return whether a step has no result because of a failure that nobody handled, its own or an earlier one."""
    match outcome.status:
        case StepStatus.SUCCEEDED:
            return False
        case StepStatus.FAILED:
            return not outcome.handled_by
        case StepStatus.SKIPPED:
            return outcome.reason in (UPSTREAM_FAILED, RUN_STOPPED)
        case StepStatus.CANCELLED:
            return True
