"""How long to wait before a step is tried again."""

import random
from typing import assert_never

from quorate.core.errors import QuorateError
from quorate.flows.outcome import StepError
from quorate.flows.plan import Backoff, Jitter, RetryRule


def retry_delay_s(
    rule: RetryRule,
    error: StepError,
    cause: QuorateError | None,
    *,
    attempt: int,
    remaining_s: float | None,
    rng: random.Random,
) -> float | None:
    """Return the seconds until the attempt after number `attempt`; `None` if there is none.

    There is none after the last one, after an error that stays (not `retryable`, one of `never`, none of `only`), and
    where the wait would outlast `remaining_s`. A provider that says when to come back is not asked before.
    """
    if attempt >= rule.max_attempts or not error.retryable or error.code in rule.never:
        return None
    if rule.only and error.code not in rule.only:
        return None
    delay_s = _jittered(rule, _grown_s(rule, attempt), rng)
    if cause is not None and cause.retry_after_s is not None:
        delay_s = max(delay_s, cause.retry_after_s)
    return None if remaining_s is not None and delay_s >= remaining_s else delay_s


def _grown_s(rule: RetryRule, attempt: int) -> float:
    match rule.backoff:
        case Backoff.FIXED:
            grown_s = rule.initial_s
        case Backoff.LINEAR:
            grown_s = rule.initial_s * attempt
        case Backoff.EXPONENTIAL:
            # Beyond this the product is past any limit, and the power would leave the range of floats.
            grown_s = rule.initial_s * rule.factor ** min(attempt - 1, 60)
        case _:
            assert_never(rule.backoff)
    return min(grown_s, rule.most_s)


def _jittered(rule: RetryRule, delay_s: float, rng: random.Random) -> float:
    match rule.jitter:
        case Jitter.NONE:
            return delay_s
        case Jitter.EQUAL:
            return delay_s / 2 + rng.uniform(0, delay_s / 2)
        case Jitter.FULL:
            return rng.uniform(0, delay_s)
        case _:
            assert_never(rule.jitter)
