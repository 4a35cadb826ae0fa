"""A step cache in the database of a journal, for all processes that use it."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

from quorate.core.clock import Clock
from quorate.flows.journals.facade import Operation
from quorate.flows.journals.moment import seconds_to_us, to_us
from quorate.flows.journals.packing import packed
from quorate.flows.journals.table_pages import TablePages
from quorate.flows.outcome import StepOutcome

Look: TypeAlias = Callable[[TablePages], Any]
AnyOperation: TypeAlias = Operation[TablePages, Any]

_TIDY_EVERY = 100


class StoredStepCache:
    """A live `StepCache` in the database of a journal. Every hundredth outcome that is put, it is tidied."""

    def __init__(
        self,
        write: Callable[[AnyOperation], asyncio.Future[Any]],
        read: Callable[[Look], asyncio.Future[Any]],
        clock: Clock,
        *,
        max_entries: int,
    ) -> None:
        self._write = write
        self._read = read
        self._clock = clock
        self._max_entries = max_entries
        self._puts = 0

    async def get(self, key: str) -> StepOutcome | None:
        """Return what was put under a key, if it still holds."""
        now = to_us(self._clock.now())
        return await self._read(lambda pages: pages.cached(key, now))

    async def put(self, key: str, outcome: StepOutcome, ttl_s: float | None = None) -> None:
        """Keep an outcome, for ever or for some seconds."""
        now, data = to_us(self._clock.now()), packed(outcome)
        expires_at = None if ttl_s is None else now + seconds_to_us(ttl_s)
        tidies = self._puts % _TIDY_EVERY == 0
        self._puts += 1

        def do(pages: TablePages) -> None:
            pages.cache(key, data, expires_at=expires_at, now=now)
            if tidies:
                pages.tidy_cache(self._max_entries, now)

        await self._write(Operation(do=do))
