"""Budgets counted in the database, for all processes that share it."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from quorate.model.budget import Hold, Reserved, Standing
from quorate.model.ledger import LedgerLine
from quorate.storage.budget_batch import BudgetStep
from quorate.storage.budget_table import BudgetTable


class StoredBudgets:
    """A `BudgetStore` in SQLite or PostgreSQL. Transactions run in threads; operations that wait share one.

    Writes the lines of the ledger itself. Raises `StorageUnavailable` while the database is away.
    """

    writes_ledger: bool = True

    def __init__(self, table: BudgetTable) -> None:
        self._table = table

    async def reserve(self, hold: Hold, now: datetime) -> Reserved:
        """Reserve every claim, unless one of a hard book does not fit."""
        reserved = await self._do(BudgetStep(hold=hold, now=now))
        assert reserved is not None
        return reserved

    async def settle(self, hold: Hold, attempts: Sequence[LedgerLine], now: datetime) -> Sequence[LedgerLine]:
        """Charge attempts and release the rest; every line is written."""
        await self._do(BudgetStep(hold=hold, now=now, attempts=attempts))
        return ()

    async def _do(self, step: BudgetStep) -> Reserved | None:
        """Queue a step at once, so that it is done before all later ones, and wait for it in a thread."""
        self._table.queue(step)
        return await asyncio.to_thread(self._table.finish, step)

    async def read(self, budget: str, since: datetime | None, now: datetime) -> Sequence[Standing]:
        """Return how the books of a budget stand whose window began at `since`."""
        return await asyncio.to_thread(self._table.read, budget, since, now)

    async def expire(self, now: datetime) -> int:
        """Release everything that expired."""
        return await asyncio.to_thread(self._table.expire, now)

    async def close(self) -> None:
        """The database is closed by whoever opened it."""
