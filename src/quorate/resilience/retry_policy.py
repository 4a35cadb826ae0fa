"""When to try again, and how long to wait before: configuration and the pure decision."""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from quorate.core.errors import CircuitOpen, DeadlineExceeded, ProviderError, QuorateError
from quorate.resilience.treatment import TREATMENTS


class Backoff(StrEnum):
    """How the delay grows with the attempts: `d`, `d * n`, `d * 2^(n-1)`."""

    FIXED = "fixed"
    LINEAR = "linear"
    EXPONENTIAL = "exponential"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """At most `max_retries` further attempts, `delay_s` apart (growing by `strategy`, never above `max_delay_s`).

    With `jitter` the wait is drawn evenly from 0 to the computed delay ("full jitter"), so that many callers do not
    come back at the same moment. A provider's Retry-After is a lower bound of the wait.
    """

    max_retries: int = 2
    strategy: Backoff = Backoff.EXPONENTIAL
    delay_s: float = 0.5
    max_delay_s: float = 20.0
    jitter: bool = True


NO_RETRY = RetryPolicy(max_retries=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDecision:
    """`delay_s` is how long to wait before the next attempt, `None` to give up; `reason` says why."""

    delay_s: float | None
    reason: str


def backoff_s(policy: RetryPolicy, attempt: int) -> float:
    """Return the delay after the `attempt`-th attempt (1, 2, ...), before jitter, capped."""
    match policy.strategy:
        case Backoff.FIXED:
            delay = policy.delay_s
        case Backoff.LINEAR:
            delay = policy.delay_s * attempt
        case Backoff.EXPONENTIAL:
            delay = policy.delay_s * 2.0 ** min(attempt - 1, 62)
        case _:
            assert_never(policy.strategy)
    return min(delay, policy.max_delay_s)


def decide_retry(
    policy: RetryPolicy, error: QuorateError, *, attempt: int, remaining_s: float | None, rng: random.Random
) -> RetryDecision:
    """Return whether and when to try again after the `attempt`-th attempt failed with `error`.

    Never decides on a wait that would end after the deadline (`remaining_s` from now; `None` for none).
    """
    if isinstance(error, DeadlineExceeded) or not isinstance(error, ProviderError):
        return RetryDecision(delay_s=None, reason=f"{error.code} does not come from a provider")
    if isinstance(error, CircuitOpen):
        return RetryDecision(delay_s=None, reason="the circuit is open: the answer would be the same until it closes")
    if not TREATMENTS[error.failure].retried:
        return RetryDecision(delay_s=None, reason=f"{error.failure} is not transient")
    if attempt > policy.max_retries:
        return RetryDecision(delay_s=None, reason=f"{policy.max_retries} retries are used up")
    delay_s = backoff_s(policy, attempt)
    if policy.jitter:
        delay_s = rng.uniform(0.0, delay_s)
    delay_s = max(delay_s, error.retry_after_s or 0.0)
    if remaining_s is not None and delay_s >= remaining_s:
        return RetryDecision(delay_s=None, reason=f"waiting {delay_s:.2f} s would pass the deadline")
    return RetryDecision(delay_s=delay_s, reason=f"{error.failure} may pass")
