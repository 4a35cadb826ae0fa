"""What a step has used until now."""

from quorate.flows.outcome import StepError, StepOutcome
from quorate.model.usage import NOTHING, Spend, Usage


class Tally:
    """What all attempts of one step have used, and the errors inside of the last one; a live object.

    `began_s` is when it began, in seconds since the run did.
    `has_inside`: outcomes of other steps were kept below it, so that a failure of its own is not kept: taken up again,
    the step finds out anew how it ends, from theirs. `simulated`: no real model answered.
    """

    __slots__ = ("attempts", "began_s", "cached", "errors", "has_inside", "last_spend", "simulated", "spend")

    def __init__(self, *, attempts: int, began_s: float) -> None:
        self.attempts = attempts
        self.began_s = began_s
        self.spend: Spend = NOTHING
        self.last_spend: Spend = NOTHING
        self.errors: list[StepError] = []
        self.has_inside = False
        self.cached = False
        self.simulated = False

    def add(self, spend: Spend) -> None:
        """Add what an attempt, or a step inside of it, has used."""
        if spend is not NOTHING:
            self.spend += spend
            self.last_spend += spend

    def begin(self, attempt: int) -> None:
        """Begin a further attempt: the errors of the one before were overcome."""
        self.attempts = attempt
        self.last_spend = NOTHING
        self.simulated = False
        self.errors.clear()


def spend_of(outcome: StepOutcome) -> Spend:
    """Return what a step has used, by its outcome."""
    if not (outcome.cost_microusd is None or outcome.cost_microusd or outcome.prompt_tokens):
        return NOTHING
    return Spend(
        usage=Usage(prompt_tokens=outcome.prompt_tokens, completion_tokens=outcome.completion_tokens),
        known_microusd=outcome.cost_microusd or 0,
        unpriced=outcome.cost_microusd is None,
    )
