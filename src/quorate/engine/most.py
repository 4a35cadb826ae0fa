"""The most that can be needed of models: how often they are asked, and what that costs."""

from collections.abc import Iterable
from dataclasses import dataclass

from quorate.engine.catalog import Catalog, ModelKind
from quorate.engine.reckoning import Ask, Reckoning
from quorate.parallel.plan import Plan
from quorate.wire.chat import ChatRequest

_SEVERAL = frozenset({ModelKind.ENSEMBLE, ModelKind.CASCADE, ModelKind.PROMPT, ModelKind.FLOW})


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstCase:
    """The most that can be needed: calls of models, and micro-USD; `None` if it is not known."""

    calls: int | None = 0
    cost_microusd: int | None = 0


UNKNOWN = WorstCase(calls=None, cost_microusd=None)


def plus(parts: Iterable[WorstCase]) -> WorstCase:
    """Return the sum; not known if one part is not."""
    calls: int | None = 0
    cost: int | None = 0
    for part in parts:
        calls = None if calls is None or part.calls is None else calls + part.calls
        cost = None if cost is None or part.cost_microusd is None else cost + part.cost_microusd
    return WorstCase(calls=calls, cost_microusd=cost)


def largest(parts: Iterable[WorstCase]) -> WorstCase:
    """Return the most of each; not known if one is not."""
    known = list(parts)
    return WorstCase(
        calls=_largest(part.calls for part in known), cost_microusd=_largest(part.cost_microusd for part in known)
    )


def _largest(numbers: Iterable[int | None]) -> int | None:
    most = 0
    for number in numbers:
        if number is None:
            return None
        most = max(most, number)
    return most


def most_of_plan(
    plan: Plan, catalog: Catalog, *, prompt_tokens: int | None = None, max_tokens: int | None = None
) -> WorstCase:
    """Return the most that running a plan once can need: every branch with all its attempts, and all helpers.

    `prompt_tokens` `None`: as long as its models can read; `max_tokens` is what the request says. Calls are not known
    where a model asks others; the cost is not where a price or a length is not. Raises `InvalidRequest` for a plan
    that cannot run, `NotFound` for a model that is not there.
    """
    cards = [catalog.card(member.model) for member in plan.members]
    windows = [card.context_window for card in cards]
    known = None if None in windows else max((window for window in windows if window is not None), default=0)
    tokens = known if prompt_tokens is None else prompt_tokens
    ask = Ask(prompt_tokens=tokens or 0, images=0, request=ChatRequest(messages=(), max_tokens=max_tokens))
    parts = Reckoning(resolve=catalog.resolve, params={}).parts(plan, ask)
    retries = 1 if plan.output is None else 1 + plan.output.retries
    calls = sum(part.attempts for part in parts.branches) * retries + sum(part.attempts for part in parts.helpers)
    several = any(card.kind in _SEVERAL for card in cards)
    return WorstCase(
        calls=None if several else calls, cost_microusd=None if tokens is None else parts.whole.cost_microusd
    )
