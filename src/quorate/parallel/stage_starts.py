"""Starting the stages of a cascade: each when it is its turn, the next one ahead of it, none beyond the cap."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Self

from quorate.core.tasks import background
from quorate.core.units import format_usd
from quorate.model import Call
from quorate.parallel.live import Live
from quorate.parallel.stage import Stage


@dataclass(slots=True, kw_only=True)
class Cap:
    """A live object: what a cascade may spend, `None` for no limit; `why` tells what did not fit.

    What runs holds its worst case until it has ended, so that two that run at once fit together.
    """

    limit_microusd: int | None
    call: Call
    why: str = ""
    _held: dict[str, int] = field(default_factory=dict[str, int])

    def take(self, what: str, worst: Callable[[], int | None]) -> bool:
        """Hold the worst case of `what`; `False` if it does not fit into what is left, or is not known."""
        if self.limit_microusd is None:
            return True
        most = worst()
        left = max(0, self.limit_microusd - self.call.budget.spend.known_microusd - sum(self._held.values()))
        if most is None:
            self.why = f"what {what} may cost is not known, which max_cost_usd does not allow"
            return False
        if most > left:
            limit = format_usd(self.limit_microusd)
            self.why = f"{what} may cost {format_usd(most)} and {format_usd(left)} of max_cost_usd ({limit}) is left"
            return False
        self._held[what] = most
        return True

    def release(self, what: str) -> None:
        """Hold nothing for it any more: what it cost is spent by now."""
        self._held.pop(what, None)


@dataclass(slots=True, kw_only=True)
class StageStarts:
    """A live object, used as an async context: leaving it cancels what still runs and waits for its end.

    `began_s` is when each stage that was started began, in seconds since the call did. Stages count from 1. `live` is
    for the last stage, unless it began ahead of its turn: then its pieces may be of an answer that is not needed.
    """

    stages: Sequence[Stage]
    cap: Cap
    worst: Callable[[int], int | None]
    live: Live | None
    began_s: dict[int, float] = field(default_factory=dict[int, float])
    _running: AsyncExitStack = field(default_factory=AsyncExitStack)
    _tasks: dict[int, asyncio.Task[None]] = field(default_factory=dict[int, asyncio.Task[None]])
    _turns: dict[int, asyncio.Event] = field(default_factory=dict[int, asyncio.Event])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._running.aclose()

    async def ahead(self, number: int, after_s: float) -> None:
        """Start a stage in `after_s` seconds, should its turn not have come and should it fit beside what runs."""
        await self._begin(number, after_s)

    async def finish(self, number: int) -> bool:
        """Wait for the end of a stage whose turn it is; `False` if the cap did not let it begin."""
        if number not in self._tasks:
            await self._begin(number, 0.0)
        self._turns[number].set()
        await self._tasks[number]
        return number in self.began_s

    def withdraw(self, reason: str) -> None:
        """Say why everything that still runs is about to be cancelled."""
        for number, task in self._tasks.items():
            if not task.done():
                self.stages[number - 1].give_up(reason)

    async def _begin(self, number: int, after_s: float) -> None:
        self._turns[number] = asyncio.Event()
        self._tasks[number] = await self._running.enter_async_context(background(self._run(number, after_s)))

    async def _run(self, number: int, after_s: float) -> None:
        stage, turn, what = self.stages[number - 1], self._turns[number], f"stage {number}"
        with suppress(TimeoutError):
            async with asyncio.timeout(None if turn.is_set() else after_s):
                await turn.wait()
        if not self.cap.take(what, lambda: self.worst(number)):
            if turn.is_set():
                return
            await turn.wait()
            if not self.cap.take(what, lambda: self.worst(number)):
                return
        self.began_s[number] = stage.call.at_s
        if turn.is_set() and number == len(self.stages):
            stage.live = self.live
        try:
            await stage.run()
        finally:
            self.cap.release(what)
