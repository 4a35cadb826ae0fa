"""Budgets counted in Redis, for all workers and machines together."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, ClassVar, cast

import msgspec
from redis.asyncio import Redis

from quorate.access.budget_scripts import LOOK, RESERVE, SETTLE
from quorate.core.errors import Overloaded
from quorate.model.budget import BudgetBook, Hold, Reserved, Standing
from quorate.model.ledger import LedgerLine, settlement
from quorate.storage.redis_pool import AWAY, redis_pool

_PREFIX = "quorate:budget"
_OPEN = f"{_PREFIX}:open"
_CONNECTIONS = 16
_ANSWER_S = 1.0
_QUEUE_S = 10.0
#: Books are kept for so long after their window, and what was settled of a run is remembered.
_KEPT_S = 7 * 86_400
_REMEMBERED_S = 86_400
_NO_LIMIT = -1


class SharedBudgets:
    """A `BudgetStore` in Redis: one script, one round trip, for each operation; a live client.

    Made inside the event loop that uses it. Raises `Overloaded` when Redis does not answer: money that nobody can count
    is not spent.
    """

    writes_ledger: bool = False

    #: What is raised when Redis is away, slow, or answers with an error of its own.
    away: ClassVar[tuple[type[Exception], ...]] = AWAY

    def __init__(self, url: str) -> None:
        self._pool = redis_pool(url, connections=_CONNECTIONS, answer_s=_ANSWER_S, queue_s=_QUEUE_S)
        self._client = Redis(connection_pool=self._pool)
        self._reserve = self._client.register_script(RESERVE)
        self._settle = self._client.register_script(SETTLE)
        self._look = self._client.register_script(LOOK)

    async def reserve(self, hold: Hold, now: datetime) -> Reserved:
        """Reserve every claim, unless one of a hard book does not fit."""
        keys = [_OPEN]
        expires_s = hold.expires_at.timestamp()
        given: list[Any] = [now.timestamp(), hold.run, expires_s]
        for claim in hold.claims:
            book = claim.book
            keys += _keys(book)
            limit = book.limit_microusd if book.hard else _NO_LIMIT
            given += [book.id, _identity(book), _kept_s(book, hold, now), claim.amount_microusd, limit]
        refused, *numbers = await self._run(self._reserve, keys, given)
        return Reserved(
            standings=tuple(
                _standing(claim.book.id, claim.book.subject, claim.book.tenant, numbers[2 * i : 2 * i + 2])
                for i, claim in enumerate(hold.claims)
            ),
            refused_by=refused - 1 if refused else None,
        )

    async def settle(self, hold: Hold, attempts: Sequence[LedgerLine], now: datetime) -> Sequence[LedgerLine]:
        """Charge attempts and release the rest; returns the lines of the ledger."""
        count = max((line.position for line in attempts), default=0)
        keys = [f"{_PREFIX}:settled:{hold.run}"]
        given: list[Any] = [now.timestamp(), hold.run, _REMEMBERED_S, count]
        for claim in hold.claims:
            costs = [0] * count
            for line in claim.of(attempts):
                costs[line.position - 1] = line.amount_microusd or 0
            keys += _keys(claim.book)
            given += [claim.book.id, _identity(claim.book), _kept_s(claim.book, hold, now), *costs]
        done, *held = await self._run(self._settle, keys, given)
        new = [line for line in attempts if line.position > done]
        return [
            line
            for claim, amount in zip(hold.claims, held, strict=True)
            for line in settlement(claim.book.id, amount, claim.of(new), now.timestamp())
        ]

    async def read(self, budget: str, since: datetime | None, now: datetime) -> Sequence[Standing]:
        """Return how the books of a budget stand whose window began at `since`."""
        try:
            found = cast("dict[bytes, bytes]", await cast("Any", self._client).hgetall(_index(budget, since)))
        except self.away as error:
            raise _away() from error
        books = sorted((name.decode(), *msgspec.json.decode(identity)) for name, identity in found.items())
        if not books:
            return []
        keys = [key for name, _, _ in books for key in _three(name)]
        _, *numbers = await self._run(self._look, keys, [now.timestamp()])
        return [
            _standing(name, subject, tenant, numbers[2 * i : 2 * i + 2])
            for i, (name, subject, tenant) in enumerate(books)
        ]

    async def expire(self, now: datetime) -> int:
        """Release everything that expired in books whose last hold has."""
        client: Any = self._client
        try:
            due = cast("list[bytes]", await client.zrangebyscore(_OPEN, "-inf", now.timestamp()))
            if not due:
                return 0
            keys = [key for name in due for key in _three(name.decode())]
            released, *_ = await self._run(self._look, keys, [now.timestamp()])
            await client.zremrangebyscore(_OPEN, "-inf", now.timestamp())
        except self.away as error:
            raise _away() from error
        return released

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
        await self._pool.aclose()

    async def _run(self, script: Any, keys: Iterable[str], given: Iterable[Any]) -> list[int]:
        try:
            return cast("list[int]", await script(list(keys), list(given)))
        except self.away as error:
            raise _away() from error


def _away() -> Overloaded:
    return Overloaded("Redis, which counts the budgets, does not answer; try again in a moment", retry_after_s=2)


def _standing(book: str, subject: str, tenant: str, numbers: Sequence[int]) -> Standing:
    spent, reserved = numbers
    return Standing(book=book, subject=subject, tenant=tenant, spent_microusd=spent, reserved_microusd=reserved)


def _kept_s(book: BudgetBook, hold: Hold, now: datetime) -> int:
    """Return for how many seconds the book has to be kept; 0 for good."""
    if book.until is None:
        return 0
    return int((max(book.until, hold.expires_at, now) - now).total_seconds()) + _KEPT_S


def _identity(book: BudgetBook) -> str:
    return msgspec.json.encode((book.subject, book.tenant)).decode()


def _three(book: str) -> list[str]:
    return [f"{_PREFIX}:book:{book}", f"{_PREFIX}:held:{book}", f"{_PREFIX}:due:{book}"]


def _index(budget: str, since: datetime | None) -> str:
    return f"{_PREFIX}:books:{budget}:{'' if since is None else int(since.timestamp())}"


def _keys(book: BudgetBook) -> list[str]:
    return [*_three(book.id), _index(book.budget, book.since)]
