"""What a request can cost at most, and what it is expected to cost and take, before anybody is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from quorate.engine.reckoning import USUAL_SHARE, Ask, Part, Reckoning
from quorate.model import Model
from quorate.model.past import Past
from quorate.parallel.branch import Resolve
from quorate.parallel.plan import Plan
from quorate.providers.estimate import DEFAULT_OUTPUT_TOKENS, count_images, estimate_prompt_tokens
from quorate.wire.chat import ChatRequest

__all__ = [
    "DEFAULT_OUTPUT_TOKENS",
    "USUAL_SHARE",
    "Estimate",
    "PartEstimate",
    "estimate",
    "plan_worst_case_microusd",
    "worst_case_microusd",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartEstimate:
    """A branch, or the calls of a helper together; costs and times as in `Estimate`.

    `attempts` is how often the model is asked at most. `measured`: answers of the model are on record, and the expected
    figures are theirs.
    """

    model: str
    branch: str
    prompt_tokens: int
    most_output_tokens: int
    expected_output_tokens: int
    attempts: int
    most_microusd: int | None
    expected_microusd: int | None
    expected_latency_s: float | None
    measured: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a plan would cost and take.

    `helpers`: the calls of the pair judge and of the selector. `most_microusd`: all branches with all their attempts
    and whole limits, and the helpers.
    `expected_microusd`: each of them asked once, with answers of usual length, nothing stopped early: a race or a
    quorum costs less; a stage of a cascade counts as often as it is reached, where a fitted rule tells. Both are `None`
    where a price is not known. `expected_latency_s`: the slowest branch of each group (of a race: the quickest) and the
    selector; `None` unless all of them are on record.
    """

    branches: tuple[PartEstimate, ...]
    helpers: tuple[PartEstimate, ...]
    most_microusd: int | None
    expected_microusd: int | None
    expected_latency_s: float | None


def estimate(
    plan: Plan,
    request: ChatRequest,
    *,
    resolve: Resolve,
    past: Mapping[str, Past] | None = None,
    params: Mapping[str, Any] | None = None,
) -> Estimate:
    """Return what running `plan` on `request` would cost and take, without asking anybody.

    `past` is what is on record, by the name of the model. The prompt's tokens are an estimate (`estimate_prompt_tokens`
    states its error). Raises `InvalidRequest` for a plan that cannot run and what `resolve` raises. Cost: no I/O; 1 ms
    for an ensemble of five.
    """
    past = past or {}
    ask = _ask(request)
    most = Reckoning(resolve=resolve, params=params or {}).parts(plan, ask)
    expected = Reckoning(resolve=resolve, params=params or {}, past=past).parts(plan, ask)
    branches = zip(most.branches, expected.branches, strict=True)
    helpers = zip(most.helpers, expected.helpers, strict=True)
    return Estimate(
        branches=tuple(_part(*both, past) for both in branches),
        helpers=tuple(_part(*both, past) for both in helpers),
        most_microusd=most.whole.cost_microusd,
        expected_microusd=expected.whole.cost_microusd,
        expected_latency_s=expected.whole.latency_s,
    )


def _part(most: Part, expected: Part, past: Mapping[str, Past]) -> PartEstimate:
    return PartEstimate(
        model=most.model,
        branch=most.branch,
        prompt_tokens=expected.prompt_tokens,
        most_output_tokens=most.reckoned.answer_tokens,
        expected_output_tokens=expected.reckoned.answer_tokens,
        attempts=most.attempts,
        most_microusd=most.reckoned.cost_microusd,
        expected_microusd=expected.reckoned.cost_microusd,
        expected_latency_s=expected.reckoned.latency_s,
        measured=most.model in past,
    )


def _ask(request: ChatRequest) -> Ask:
    bare = msgspec.structs.replace(request, messages=())
    return Ask(prompt_tokens=estimate_prompt_tokens(request), images=count_images(request), request=bare)


def plan_worst_case_microusd(
    resolve: Resolve, plan: Plan, request: ChatRequest, params: Mapping[str, Any]
) -> int | None:
    """Return the most that running `plan` on `request` can cost, in micro-USD; `None` if a price is not known."""
    return Reckoning(resolve=resolve, params=params).parts(plan, _ask(request)).whole.cost_microusd


def worst_case_microusd(
    model: Model,
    *,
    prompt_tokens: int,
    max_output_tokens: int | None,
    attempts: int,
    resolve: Resolve,
    params: Mapping[str, Any] | None = None,
    images: int = 0,
) -> int | None:
    """Return the most that one request to `model` can cost, in micro-USD; `None` if a price it needs is not known.

    `attempts` is how often the model is asked at most (1 and the retries). An endpoint: the prompt at its dearest input
    price, cache writes included, and `max_output_tokens` (`None`: the model's own limit, else `DEFAULT_OUTPUT_TOKENS`)
    at its dearest output price; a model without a `price` is not known. A wrapper that shows its model as `inner` costs
    what that does. An ensemble: all branches that may start, each with all its attempts, as if nothing
    stopped early, its helpers (a judge asked twice, reviews, a synthesiser), whose prompts hold all answers, and its
    pair judge (asked twice about as many pairs as it may be).

    The counts of tokens, and of `images` in the prompt, are the caller's: an estimate of the prompt bounds the cost as
    well as it counts. `params` are the run's named parameters. Raises `InvalidRequest` for a plan that cannot run and
    what `resolve` raises. Cost: no I/O; less than 1 ms for an ensemble of five.
    """
    request = ChatRequest(messages=(), max_tokens=max_output_tokens)
    ask = Ask(prompt_tokens=prompt_tokens, images=images, request=request)
    cost = Reckoning(resolve=resolve, params=params or {}).of(model, ask).cost_microusd
    return None if cost is None else cost * attempts
