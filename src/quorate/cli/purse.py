"""Money for many questions at once: nobody is asked unless the dearest outcome of it can be paid."""

import asyncio
from typing import Unpack

from quorate.core.errors import InvalidRequest
from quorate.library.options import AskOptions, Prompt
from quorate.library.quorate import Quorate


class Purse:
    """What all questions together may cost, in micro-USD (`limit_microusd`, None for no limit); a live object.

    `reserve` sets the worst case of a question aside, waiting while questions under way may still give some back;
    `settle` returns it and books what was spent.
    """

    def __init__(self, limit_microusd: int | None, spent_microusd: int = 0) -> None:
        self.limit_microusd = limit_microusd
        self.spent_microusd = spent_microusd
        self._reserved = 0
        self._settled = asyncio.Condition()

    async def reserve(self, most_microusd: int) -> bool:
        """Set an amount aside and return True; False if it cannot be paid even when nothing is under way."""
        async with self._settled:
            await self._settled.wait_for(lambda: self._fits(most_microusd) or not self._reserved)
            if not self._fits(most_microusd):
                return False
            self._reserved += most_microusd
            return True

    async def settle(self, most_microusd: int, spent_microusd: int) -> None:
        """Give back what was set aside and book what it became."""
        async with self._settled:
            self._reserved -= most_microusd
            self.spent_microusd += spent_microusd
            self._settled.notify_all()

    def _fits(self, most_microusd: int) -> bool:
        limit = self.limit_microusd
        return limit is None or self.spent_microusd + self._reserved + most_microusd <= limit


def most_microusd(quorate: Quorate, prompt: Prompt, **options: Unpack[AskOptions]) -> int:
    """Return the worst case of a question; raises InvalidRequest naming the models whose price is not known."""
    found = quorate.estimate(prompt, **options)
    if found.most_microusd is None:
        names = ", ".join(dict.fromkeys(part.model for part in found.branches if part.most_microusd is None))
        raise InvalidRequest(
            f"no price is known for {names}, so --max-cost cannot hold; give it a price, or leave --max-cost out",
            param="max_cost",
        )
    return found.most_microusd
