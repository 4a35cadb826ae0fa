"""What a run has cost until now, by the costs of its steps."""

from collections.abc import Mapping

from quorate.flows.outcome import StepOutcome
from quorate.flows.path import ancestors, parent
from quorate.model.usage import Spend, Usage


def spent_microusd(ended: Mapping[str, int], failed: Mapping[str, int]) -> int:
    """Return the sum over all steps: `ended` are costs of outcomes, `failed` those of attempts, by path.

    The outcome of a step counts for its attempts and for what is below it (a group's for its steps), unless those cost
    more by themselves. O(paths x depth).
    """
    own = {**failed, **ended}
    below: dict[str, int] = {}
    total = 0
    # From the deepest up: what a path costs is known before the one above it asks.
    paths = {above for each in own if each for above in (each, *ancestors(each))}
    for path in sorted(paths, key=_depth, reverse=True):
        cost = max(own.get(path, 0), below.get(path, 0))
        if above := parent(path):
            below[above] = below.get(above, 0) + cost
        else:
            total += cost
    return total


def spend_of(outcomes: Mapping[str, StepOutcome], microusd: int) -> Spend:
    """Return what a run has used that has cost `microusd`: the outermost outcomes count for what is inside of them."""
    outermost = [each for path, each in outcomes.items() if not any(above in outcomes for above in ancestors(path))]
    return Spend(
        usage=Usage(
            prompt_tokens=sum(each.prompt_tokens for each in outermost),
            completion_tokens=sum(each.completion_tokens for each in outermost),
        ),
        known_microusd=microusd,
        unpriced=sum(each.cost_microusd is None for each in outcomes.values()),
    )


def _depth(path: str) -> int:
    return sum(path.count(mark) for mark in "/[#")
