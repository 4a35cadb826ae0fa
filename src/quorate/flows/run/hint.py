"""What somebody can do about a step that has failed, by the kind of its error."""

from quorate.core.errors import BudgetSpent, DeadlineExceeded, Filtered, OutputInvalid, QuorateError, Rejected
from quorate.flows.executor import StepRejected

#: The first class that an error is of counts.
_HINTS: tuple[tuple[type[QuorateError], str], ...] = (
    (DeadlineExceeded, "give the step or the run a longer `timeout`"),
    (BudgetSpent, "allow the run a higher cost, or ask cheaper models"),
    (OutputInvalid, "say in the prompt which form the answer has, or ask another model"),
    (Filtered, "change what the model is shown, or let another one stand in with `on_error`"),
    (Rejected, "change what the model is asked, or let another one stand in with `on_error`"),
)
_PASSING = "this may pass: give the step `retry`, or resume the run later"


def hint_for(error: QuorateError) -> str:
    """Return a sentence without its end; empty where the error's own message says all that can be said."""
    if isinstance(error, StepRejected):
        return error.hint
    known = next((hint for kind, hint in _HINTS if isinstance(error, kind)), "")
    return known or (_PASSING if error.retryable else "")
