"""The answer to a `parallel` request with `dryRun`: what it would cost and take."""

import msgspec

from quorate.core.units import usd
from quorate.engine.estimate import Estimate, PartEstimate

OBJECT = "parallel.estimate"


class BranchEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """What one branch would cost and take; of a helper, all its calls together.

    `max_output_tokens` is the limit of one answer, `attempts` how often the model is asked at most. `measured`: the
    expected figures are those of answers on record, else a share of the limit. Costs are null where the price is not
    known, `expected_latency_ms` where nothing is on record.
    """

    model: str
    branch: str
    prompt_tokens: int
    max_output_tokens: int
    expected_output_tokens: int
    attempts: int
    max_cost_usd: float | None
    expected_cost_usd: float | None
    expected_latency_ms: float | None
    measured: bool


class ParallelEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a `parallel` request would cost and take; nobody was asked.

    `max_cost_usd`: all branches with all their attempts and whole limits, and the helpers. `expected_cost_usd`: each of
    them asked once, nothing stopped early. `expected_latency_ms`: the slowest branch of each group, of a race the
    quickest. Null where a price is not known, or a time not on record. `helpers` are the calls of the pair
    judge and those that the selector makes: a judge's, reviews, a synthesiser's.
    """

    id: str
    created: int
    model: str
    branches: tuple[BranchEstimate, ...]
    helpers: tuple[BranchEstimate, ...]
    max_cost_usd: float | None
    expected_cost_usd: float | None
    expected_latency_ms: float | None
    object: str = OBJECT


def estimate_body(found: Estimate, *, id: str, created: int, model: str) -> bytes:  # noqa: A002 - the wire's name
    """Return the answer as JSON."""
    answer = ParallelEstimate(
        id=id,
        created=created,
        model=model,
        branches=tuple(map(_branch, found.branches)),
        helpers=tuple(map(_branch, found.helpers)),
        max_cost_usd=_usd(found.most_microusd),
        expected_cost_usd=_usd(found.expected_microusd),
        expected_latency_ms=_ms(found.expected_latency_s),
    )
    return msgspec.json.encode(answer)


def _branch(part: PartEstimate) -> BranchEstimate:
    return BranchEstimate(
        model=part.model,
        branch=part.branch,
        prompt_tokens=part.prompt_tokens,
        max_output_tokens=part.most_output_tokens,
        expected_output_tokens=part.expected_output_tokens,
        attempts=part.attempts,
        max_cost_usd=_usd(part.most_microusd),
        expected_cost_usd=_usd(part.expected_microusd),
        expected_latency_ms=_ms(part.expected_latency_s),
        measured=part.measured,
    )


def _usd(microusd: int | None) -> float | None:
    return None if microusd is None else usd(microusd)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
