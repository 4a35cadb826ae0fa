"""The context of one request, passed explicitly to everything that works for it."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from quorate.core.clock import Clock, Deadline, SystemClock
from quorate.core.ids import RunId, TenantId, new_id
from quorate.model.event import Event, EventSink, deliver, ignore_events
from quorate.model.usage import Budget

#: The tenant of everything that does not come through the gateway.
LOCAL = TenantId("local")


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceContext:
    """W3C trace context: where in a distributed trace this call stands."""

    traceparent: str
    tracestate: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """The headers that tell it to whoever is asked next."""
        given = {"traceparent": self.traceparent}
        return {**given, "tracestate": self.tracestate} if self.tracestate else given


class MoreAttempts:
    """How many attempts a plan may still make beyond the first one of each branch; a live object."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self) -> bool:
        """Take one; `False` if there is none left."""
        if self.left <= 0:
            return False
        self.left -= 1
        return True


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks (`tenant`, `principal`), until when (`deadline`), for how much (`budget`), watched by whom (`sink`).

    `branch` is the path of the part of the work this context belongs to (empty at the top), `depth` the number
    of its parts; `seed` makes every random choice of the call reproducible (`random`). `params` are named
    values of this run that a plan may read. `more_attempts` is what retries, fallbacks and hedges have left (`None`: no
    limit but their own).
    """

    id: RunId
    clock: Clock
    started_s: float
    deadline: Deadline
    tenant: TenantId = LOCAL
    principal: str = "local"
    budget: Budget = msgspec.field(default_factory=Budget)
    trace: TraceContext | None = None
    sink: EventSink = ignore_events
    seed: int = 0
    params: Mapping[str, Any] = {}  # msgspec gives each struct its own
    branch: str = ""
    depth: int = 0
    more_attempts: MoreAttempts | None = None

    @property
    def at_s(self) -> float:
        """Seconds since the call began."""
        return self.clock.monotonic() - self.started_s

    def may_try_again(self) -> bool:
        """Take one attempt beyond the first of a branch; `False` if the plan allows no more."""
        return self.more_attempts is None or self.more_attempts.take()

    def emit(self, event: Event) -> None:
        """Tell everybody who watches; one who raises is logged and disturbs nobody."""
        deliver(event, self.sink)

    def random(self, purpose: str) -> random.Random:
        """Return the generator for one purpose in one branch: the same for the same seed, whatever ran before."""
        return random.Random(f"{self.seed}/{self.branch}/{purpose}")

    def child(self, name: str, *, timeout_s: float | None = None) -> "Call":
        """Return the context for a part of this call, with a budget account of its own and at most `timeout_s` more."""
        branch = f"{self.branch}/{name}" if self.branch else name
        return msgspec.structs.replace(
            self,
            deadline=self.deadline if timeout_s is None else self.deadline.capped(timeout_s),
            budget=self.budget.child(branch),
            branch=branch,
            depth=self.depth + 1,
        )


def new_call(
    *,
    clock: Clock | None = None,
    timeout_s: float | None = None,
    limit_microusd: int | None = None,
    sink: EventSink = ignore_events,
    seed: int | None = None,
    tenant: TenantId = LOCAL,
    principal: str = "local",
    trace: TraceContext | None = None,
    params: Mapping[str, Any] | None = None,
) -> Call:
    """Return the context of a new request: made once, at the edge. `seed=None` draws one."""
    clock = clock or SystemClock()
    return Call(
        id=RunId(new_id("run", clock)),
        clock=clock,
        started_s=clock.monotonic(),
        deadline=Deadline.after(clock, timeout_s),
        tenant=tenant,
        principal=principal,
        budget=Budget(limit_microusd),
        trace=trace,
        sink=sink,
        seed=random.getrandbits(63) if seed is None else seed,
        params=params or {},
    )
