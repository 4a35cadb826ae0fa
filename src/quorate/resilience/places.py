"""Places for requests at a provider: so many at once, the others wait in a fair queue or are told to come back."""

import asyncio
from dataclasses import dataclass

from quorate.core.errors import DeadlineExceeded, QueueFull
from quorate.model.call import Call
from quorate.resilience.aimd import Limit
from quorate.resilience.fair_queue import FairQueue

_WEIGHT = 0.1
#: What a caller is told when nothing is known about how long requests take.
_COME_BACK_S = 1.0
_START = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacesPolicy:
    """At most `max_concurrent` requests at once and `queue` more that wait.

    With `adaptive` the limit finds its own size between `min_concurrent` and `max_concurrent`, beginning with 10.
    """

    max_concurrent: int
    adaptive: bool = False
    min_concurrent: int = 1
    queue: int = 100

    def limit(self) -> Limit:
        """Return a new limit."""
        most = self.max_concurrent
        if not self.adaptive:
            return Limit(least=most, most=most, start=most)
        return Limit(least=self.min_concurrent, most=most, start=min(max(_START, self.min_concurrent), most))


class Places:
    """The live places of one account at one provider; `name` is what messages call it. Belongs to one event loop.

    `in_use` counts the requests that have one. Whoever took one calls `free`.
    """

    __slots__ = ("_name", "_queue", "_queue_size", "_service_s", "in_use", "limit")

    def __init__(self, name: str, policy: PlacesPolicy) -> None:
        self._name = name
        self._queue_size = policy.queue
        self._queue: FairQueue[asyncio.Future[None]] = FairQueue()
        self._service_s: float | None = None
        self.limit = policy.limit()
        self.in_use = 0

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._queue)

    def try_take(self) -> bool:
        """Take a place if one is free and nobody waits for it."""
        if self.in_use < self.limit.current and not self._queue:
            self.in_use += 1
            return True
        return False

    async def take(self, call: Call) -> None:
        """Wait for a place and take it; an interruption leaves none taken.

        Raises `QueueFull` at once if too many wait, or if it could not be had before the call's deadline as far as the
        latest requests tell; later if a tenant that waits with fewer needs the room. Raises `DeadlineExceeded`.
        """
        if self.try_take():
            return
        tenant, remaining_s = call.tenant, call.deadline.remaining_s()
        self._make_room(tenant, remaining_s)
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.add(tenant, waiter)
        try:
            async with asyncio.timeout(remaining_s):
                await waiter
        except TimeoutError:
            self._withdraw(tenant, waiter)
            raise DeadlineExceeded(
                f"the deadline passed while requests to {self._name!r} waited for their turn; allow more time"
            ) from None
        except BaseException:
            self._withdraw(tenant, waiter)
            raise

    def free(self) -> None:
        """Give a place back; it goes to whoever is next."""
        self.in_use -= 1
        self.hand_over()

    def hand_over(self) -> None:
        """Give free places to those who wait."""
        while self._queue and self.in_use < self.limit.current:
            waiter = self._queue.pop()
            if not waiter.done():
                self.in_use += 1
                waiter.set_result(None)

    def served(self, seconds: float) -> None:
        """Take note of how long a request had its place."""
        before_s = self._service_s
        self._service_s = seconds if before_s is None else before_s + _WEIGHT * (seconds - before_s)

    def wait_s(self, tenant: str) -> float | None:
        """Return about how long a new request would wait; `None` if nothing is known yet."""
        if self._service_s is None:
            return None
        return (self._queue.ahead_of(tenant) + 1) * self._service_s / self.limit.current

    def _make_room(self, tenant: str, remaining_s: float | None) -> None:
        wait_s = self.wait_s(tenant)
        if wait_s is not None and remaining_s is not None and wait_s > remaining_s:
            raise self._full(f"a place would be free in {wait_s:.1f} s and {remaining_s:.1f} s are left", wait_s)
        if len(self._queue) < self._queue_size:
            return
        waiter = self._queue.drop_for(tenant) if self._queue_size else None
        if waiter is None:
            raise self._full("the queue is full", wait_s)
        if not waiter.done():
            waiter.set_exception(self._full("the queue is full, and others wait with fewer requests", wait_s))

    def _full(self, reason: str, wait_s: float | None) -> QueueFull:
        message = f"{self._name!r} is busy: {reason}; try again later"
        return QueueFull(message, retry_after_s=_COME_BACK_S if wait_s is None else wait_s)

    def _withdraw(self, tenant: str, waiter: "asyncio.Future[None]") -> None:
        if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
            self.free()  # the place came at the moment of the interruption
        else:
            self._queue.discard(tenant, waiter)
