"""Time that passes only when nothing else can happen: waits of hours take microseconds, and in the same order."""

import asyncio
import heapq
import math
import selectors
from collections.abc import Callable, Coroutine, Mapping
from contextvars import Context
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

#: How long a loop with nothing scheduled waits (in real time) for a thread or socket before it gives up.
_GRACE_S = 1.0


class _JumpingSelector(selectors.BaseSelector):
    """Passes everything on to a real selector, except the wait: that only moves `now_s` forward."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.due_s: list[float] = []
        self._real = selectors.DefaultSelector()

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if ready or timeout == 0:
            return ready
        if timeout is not None:
            self._jump(timeout)
            return []
        if not (ready := self._real.select(_GRACE_S)):
            raise RuntimeError("every task waits for something that nobody will do, and no time is being waited for")
        return ready

    def _jump(self, seconds: float) -> None:
        """Move forward, exactly to the timer that is due then: the sum alone may fall short of it by a rounding."""
        target_s = self.now_s + seconds
        while self.due_s and self.due_s[0] <= self.now_s:
            heapq.heappop(self.due_s)
        if self.due_s and math.isclose(self.due_s[0], target_s, rel_tol=1e-12, abs_tol=1e-12):
            target_s = self.due_s[0]
        self.now_s = target_s


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop whose `time()` begins at 0 and jumps to the next timer when no task can run.

    `asyncio.sleep`, `asyncio.timeout` and `call_later` agree with it. It does not wait for sockets or threads while a
    timer is pending: use it for code that only computes and sleeps. A deadlock raises `RuntimeError`.
    """

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Seconds since the loop was made, in virtual time."""
        return self._jumping.now_s

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the base class's
        """Wait for threads without a limit: the one that Python 3.12 and newer set would pass in no time here."""
        del timeout
        await super().shutdown_default_executor()

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call `callback` when the loop's time is `when`."""
        heapq.heappush(self._jumping.due_s, when)
        return super().call_at(when, callback, *args, context=context)


class VirtualClock:
    """A `Clock` that reads the running loop: inside `run_virtual` it agrees with every sleep and timeout."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start

    def now(self) -> datetime:
        """The start time plus the loop's time."""
        return self._start + timedelta(seconds=self.monotonic())

    def unix_s(self) -> float:
        """The same as seconds since 1970."""
        return self.now().timestamp()

    def monotonic(self) -> float:
        """The running loop's time, in seconds."""
        return asyncio.get_running_loop().time()


def run_virtual(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return the result of `coroutine`, run on a new `VirtualLoop`; for ordinary (not async) test functions.

    Give calls `clock=VirtualClock()`, so that their deadlines and latencies are virtual as well.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)
