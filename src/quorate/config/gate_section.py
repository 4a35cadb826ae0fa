"""When a provider is left alone (circuit breaker), and how many requests it gets at once."""

from dataclasses import replace
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from quorate.resilience.breaker import BreakerPolicy
from quorate.resilience.places import PlacesPolicy
from quorate.source.section import Seconds, Section

_USUAL = BreakerPolicy()


class BreakerSection(Section):
    """When a model that keeps failing is left alone, and for how long; `false` switches it off, `true` on.

    What is not given comes from the provider, then from `defaults`, then is built in: 5 failures, 0.5 of 20 calls in
    30 s, 5 s of rest and 20 s at most.
    """

    enabled: bool | None = None
    """Whether there is one."""
    failures: Annotated[int, Field(ge=1, le=1000)] | None = None
    """So many failures in a row open it."""
    failure_rate: Annotated[float, Field(gt=0, le=1)] | None = None
    """So large a share of failures among the latest calls opens it."""
    min_calls: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """The share counts from so many calls on."""
    window_s: Seconds | None = None
    """Which calls are the latest, in seconds."""
    cooldown_s: Seconds | None = None
    """Seconds until the first probe; twice as many after each that fails. From half of it to all is waited."""
    max_cooldown_s: Seconds | None = None
    """Seconds between two probes at most."""


def _switch(value: object) -> object:
    return {"enabled": value} if isinstance(value, bool) else value


#: A section, or `true` and `false` for its switch.
Breaker = Annotated[BreakerSection, BeforeValidator(_switch, json_schema_input_type=BreakerSection | bool)]


class ConcurrencySection(Section):
    """How many requests a provider gets at once, all its models together; the others wait for their turn."""

    max_concurrent: Annotated[int, Field(ge=1, le=10_000)]
    """Requests under way at once."""
    adaptive: bool = False
    """Find the limit up to `max_concurrent` by itself: one more after success, less when the provider is overloaded."""
    min_concurrent: Annotated[int, Field(ge=1, le=10_000)] = 1
    """An adaptive limit goes no lower."""
    queue: Annotated[int, Field(ge=0, le=100_000)] = 100
    """Requests that may wait; tenants take turns, and more are refused with 429."""

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.min_concurrent > self.max_concurrent:
            raise PydanticCustomError("concurrency", "`min_concurrent` is above `max_concurrent`")
        if "min_concurrent" in self.model_fields_set and not self.adaptive:
            raise PydanticCustomError("concurrency", "`min_concurrent` means nothing without `adaptive: true`")
        return self

    def policy(self) -> PlacesPolicy:
        """Return the policy it describes."""
        return PlacesPolicy(
            max_concurrent=self.max_concurrent,
            adaptive=self.adaptive,
            min_concurrent=self.min_concurrent,
            queue=self.queue,
        )


def breaker_policy(*sections: BreakerSection) -> BreakerPolicy | None:
    """Return what the sections say together, the later ones first; `None` if there is to be no breaker."""
    given = {name: value for section in sections for name, value in section if value is not None}
    if not given.pop("enabled", True):
        return None
    policy = replace(_USUAL, **given)
    return replace(policy, max_cooldown_s=max(policy.max_cooldown_s, policy.cooldown_s))
