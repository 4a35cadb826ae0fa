"""Limits counted in Redis, for all workers and machines together."""

import asyncio
import secrets
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, ClassVar, cast

from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import Redis

from quorate.access.admission import Admission
from quorate.access.bound import WINDOW_S, Bounds, Count, Places, Window, standings
from quorate.access.limit_headers import limit_headers
from quorate.access.redis_scripts import ADJUST_WINDOWS, RENEW_PLACES, TAKE_PLACES
from quorate.access.refusal import LimitReached, LimitTooSmall, too_many, too_many_at_once
from quorate.storage.redis_pool import AWAY, redis_pool

_PREFIX = "quorate"
_CONNECTIONS = 32
_ANSWER_S = 0.5
#: How long a command waits for one of the connections: they are taken by commands that each end within `_ANSWER_S`.
_QUEUE_S = 5.0


class _Minute(RateLimitItemPerMinute):
    """A window for the library; its name in Redis is put together once."""

    __slots__ = ("key",)

    def __init__(self, amount: int, name: str) -> None:
        super().__init__(amount)
        self.key = super().key_for(name)

    def key_for(self, *identifiers: bytes | str | float) -> str:  # noqa: ARG002 - the library's signature
        """Return the name."""
        return self.key


class SharedCounts:
    """A live client of one Redis. Each request costs a round trip per limit and one for all headers.

    Places are leases that `renew` prolongs: those of a worker that died are free again after `lease_s`. Made inside the
    event loop that uses it; every call raises one of `away` when Redis does not answer within half a second.
    """

    #: What is raised when Redis is away, slow, or answers with an error of its own.
    away: ClassVar[tuple[type[Exception], ...]] = AWAY

    def __init__(self, url: str, *, lease_s: float) -> None:
        self.renew_s = lease_s / 3
        self._pool = redis_pool(url, connections=_CONNECTIONS, answer_s=_ANSWER_S, queue_s=_QUEUE_S)
        client = Redis(connection_pool=self._pool)
        #: Whoever takes first waits for a turn, and looks again whether Redis is there: waiting for a connection is
        #: this process's haste and not Redis's absence. Half of the connections are left to those who settle.
        self.turns = asyncio.Semaphore(_CONNECTIONS // 2)
        self._client = client
        # The storage is given the pool; of the address it looks at the scheme alone.
        options: dict[str, Any] = {"connection_pool": self._pool}
        self._storage = RedisStorage("async+redis://", implementation="redispy", key_prefix=_PREFIX, **options)
        self._windows = SlidingWindowCounterRateLimiter(self._storage)
        self._take_places = client.register_script(TAKE_PLACES)
        self._renew_places = client.register_script(RENEW_PLACES)
        self._adjust_windows = client.register_script(ADJUST_WINDOWS)
        self._lease_s = lease_s
        self._leases: dict[str, Bounds] = {}

    async def take(self, bounds: Bounds, tokens: int) -> Admission:
        """Take places and the estimate from every limit; raise `LimitReached` or `LimitTooSmall` and take nothing."""
        lease = secrets.token_hex(8)
        taken: list[Window] = []
        try:
            refusal = await self._take(bounds, tokens, lease, taken)
            counts = await self._counts(bounds.windows)
        except asyncio.CancelledError:
            await self._undo(bounds, lease, taken, tokens)
            raise
        except self.away:
            self._leases.pop(lease, None)
            raise
        if refusal is not None:
            await self._undo(bounds, lease, taken, tokens)
            counts = await self._counts(bounds.windows)
        headers = limit_headers(bounds.windows, standings(bounds.windows, counts))
        if refusal is not None:
            refusal.headers = headers
            raise refusal
        return Admission(headers=headers, bounds=bounds, tokens=tokens, lease=lease)

    async def settle(self, admission: Admission, tokens_used: int) -> None:
        """Free the places, then charge what was used beyond the estimate, or give back what was not."""
        assert admission.bounds is not None
        bounds = admission.bounds
        self._leases.pop(admission.lease, None)  # not renewed any more, whatever happens next
        try:
            await self._release(bounds, admission.lease)
        except asyncio.CancelledError:
            await self._release(bounds, admission.lease)  # harmless twice; a second interruption leaves it to expire
            raise
        await self._adjust(
            (window, window.cost(tokens_used) - window.cost(admission.tokens)) for window in bounds.windows
        )

    async def renew(self) -> None:
        """Prolong the places of all requests under way."""
        held = [(places.name, lease) for lease, bounds in self._leases.items() for places in bounds.places]
        if held:
            names, leases = zip(*held, strict=True)
            await self._renew_places([_key(name) for name in names], [self._lease_s, *leases])

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
        await self._pool.aclose()

    async def _take(
        self, bounds: Bounds, tokens: int, lease: str, taken: list[Window]
    ) -> LimitReached | LimitTooSmall | None:
        full = await self._lease(bounds, lease)
        if full is not None:
            return too_many_at_once(full)
        for window in bounds.windows:
            if not await self._windows.hit(_item(window), cost=window.cost(tokens)):
                return too_many(window, (await self._counts([window]))[0], tokens)
            taken.append(window)
        return None

    async def _lease(self, bounds: Bounds, lease: str) -> Places | None:
        if not bounds.places:
            return None
        self._leases[lease] = bounds
        amounts = [places.amount for places in bounds.places]
        keys = [_key(places.name) for places in bounds.places]
        full = cast("int", await self._take_places(keys, [lease, self._lease_s, *amounts]))
        return bounds.places[full - 1] if full else None

    async def _release(self, bounds: Bounds, lease: str) -> None:
        for places in bounds.places:
            await self._client.zrem(_key(places.name), lease)

    async def _undo(self, bounds: Bounds, lease: str, taken: Iterable[Window], tokens: int) -> None:
        if self._leases.pop(lease, None) is not None:
            await self._release(bounds, lease)
        await self._adjust((window, -window.cost(tokens)) for window in taken)

    async def _adjust(self, differences: Iterable[tuple[Window, int]]) -> None:
        wanted = [(window, difference) for window, difference in differences if difference]
        if wanted:
            keys = [key for window, _ in wanted for key in _window_keys(window)]
            await self._adjust_windows(keys, [WINDOW_S, *(difference for _, difference in wanted)])

    async def _counts(self, windows: Sequence[Window]) -> list[Count]:
        if not windows:
            return []
        # The library reads one window per round trip; this reads all of them in one.
        pipeline = self._client.pipeline(transaction=False)
        for window in windows:
            for key in _window_keys(window):
                pipeline.get(key)
                pipeline.pttl(key)
        replies = iter(cast("list[bytes | int | None]", await pipeline.execute()))
        return [_count(*(int(next(replies) or 0) for _ in range(4))) for _ in windows]


def _count(current: int, current_ttl_ms: int, previous: int, previous_ttl_ms: int) -> Count:
    current_ttl_s = max(0, current_ttl_ms) / 1000
    if 0 < current_ttl_s < WINDOW_S:  # its minute is over, and nothing was added since: the library moves it then
        return Count(previous=current, previous_ttl_s=current_ttl_s, current=0, current_ttl_s=current_ttl_s + WINDOW_S)
    return Count(
        previous=previous,
        previous_ttl_s=max(0, previous_ttl_ms) / 1000,
        current=current,
        current_ttl_s=current_ttl_s,
    )


def _item(window: Window) -> _Minute:
    return _minute(window.amount, window.name)


@lru_cache(maxsize=10_000)
def _minute(amount: int, name: str) -> _Minute:
    return _Minute(amount, name)


def _key(name: str) -> str:
    return f"{_PREFIX}:{name}"


def _window_keys(window: Window) -> tuple[str, str]:
    # As the library names them; a test holds that both mean the same counts.
    current = _key(f"{{{_item(window).key}}}")
    return current, f"{current}/-1"
