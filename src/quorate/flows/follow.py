"""Following a run: its kept events from any point on, without gap or repetition, and the passing ones as they come."""

import asyncio
from collections.abc import AsyncGenerator

import msgspec

from quorate.core.ids import RunId
from quorate.flows.event import FlowFinished
from quorate.flows.queue_journal import QueueJournal
from quorate.flows.run.watch import Seen, Watch
from quorate.flows.runner import FlowRunner

_FIRST_LOOK_S = 0.05
_PAGE = 500
_ENDS = frozenset({"step.finished", "step.failed", "step.skipped"})
_BEGINNING = "flow.started"
_encode = msgspec.json.Encoder().encode


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a run as JSON. `seq` is its number in the journal; `None`: it passes and can not be had again."""

    kind: str
    data: bytes
    seq: int | None = None


class _Head(msgspec.Struct, frozen=True):
    event: str
    step: str = ""


_head = msgspec.json.Decoder(_Head).decode


class Follower:
    """Follows one run that is in the journal, whoever runs it; a live object, iterated over once with `told`.

    Events of this process come at once; of another process's run only the kept ones come, after `look_s` at the latest.
    """

    def __init__(
        self, journal: QueueJournal, runner: FlowRunner, run: RunId, *, after: int = 0, look_s: float = 1.0
    ) -> None:
        self._journal = journal
        self._runner = runner
        self._run = run
        self._last = after
        self._look_s = look_s
        self._wait_s = _FIRST_LOOK_S
        self._over: set[str] = set()

    async def told(self) -> AsyncGenerator[Told]:
        """Yield the events after number `after`, until the run has ended; raise `NotFound`."""
        watch = self._runner.watch(self._run)
        try:
            while True:
                # In this order: what is kept before the end is seen before the end.
                has_ended = (await self._journal.status(self._run)).is_final
                async for told in self._kept():
                    yield told
                if has_ended:
                    return
                async for told in self._passing(watch):
                    yield told
                if watch.is_over:
                    self._runner.unwatch(self._run, watch)
                    watch = self._runner.watch(self._run)
        finally:
            self._runner.unwatch(self._run, watch)

    async def _kept(self) -> AsyncGenerator[Told]:
        """Yield what the journal has and was not told yet."""
        while found := await self._journal.events(self._run, after=self._last, limit=_PAGE):
            for event in found:
                yield self._numbered(event.data, event.seq)

    async def _passing(self, watch: Watch) -> AsyncGenerator[Told]:
        """Yield what this process tells, as long as nothing kept was missed before it."""
        while (seen := await _next(watch, self._wait_s)) is not None:
            self._wait_s = _FIRST_LOOK_S
            if seen.seq is None:
                if isinstance(seen.event, FlowFinished):
                    return  # it has a number, which is in the journal
                if (told := self._unnumbered(seen)) is not None:
                    yield told
            elif seen.seq == self._last + 1:
                yield self._numbered(_encode(seen.event), seen.seq)
            elif seen.seq > self._last:
                return
        self._wait_s = min(2 * self._wait_s, self._look_s)

    def _numbered(self, data: bytes, seq: int) -> Told:
        head = _head(data)
        self._last = seq
        if head.event in _ENDS:
            self._over.add(head.step)
        elif head.event == _BEGINNING:
            self._over.clear()
        return Told(kind=head.event, data=data, seq=seq)

    def _unnumbered(self, seen: Seen) -> Told | None:
        """Return a passing event, unless the end of its step was told: the journal may have been quicker."""
        data = _encode(seen.event)
        head = _head(data)
        return None if head.step in self._over else Told(kind=head.event, data=data)


async def _next(watch: Watch, timeout_s: float) -> Seen | None:
    try:
        async with asyncio.timeout(timeout_s):
            return await anext(watch)
    except (TimeoutError, StopAsyncIteration):
        return None
