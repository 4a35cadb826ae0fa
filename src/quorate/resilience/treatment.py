"""What each kind of failure leads to: the one table that retries and fallbacks go by."""

from dataclasses import dataclass
from enum import StrEnum

from quorate.core.errors import AllFailed, Failure, ProviderError, QueueFull, QuorateError


class Elsewhere(StrEnum):
    """Which other models a request may go to after a failure: all fallbacks, larger ones only, or none."""

    ANY = "any"
    LARGER = "larger"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """`retried`: the same request goes to the same model again. `elsewhere`: then, or else, to which fallbacks."""

    retried: bool
    elsewhere: Elsewhere
    why: str


#: Failure -> what is done about it.
TREATMENTS: dict[Failure, Treatment] = {
    Failure.TRANSIENT: Treatment(retried=True, elsewhere=Elsewhere.ANY, why="most such failures pass in a moment"),
    Failure.OVERLOAD: Treatment(
        retried=True, elsewhere=Elsewhere.ANY, why="after the wait that the provider asks for, or a growing one"
    ),
    Failure.SILENCE: Treatment(
        retried=False, elsewhere=Elsewhere.ANY, why="the wait would be paid again; a silent route is not asked twice"
    ),
    Failure.CUT_STREAM: Treatment(
        retried=True, elsewhere=Elsewhere.ANY, why="as long as the caller has read nothing of the answer"
    ),
    Failure.MALFORMED: Treatment(
        retried=True, elsewhere=Elsewhere.ANY, why="as long as the caller has read nothing of the answer"
    ),
    Failure.OUTPUT_INVALID: Treatment(
        retried=True,
        elsewhere=Elsewhere.ANY,
        why="told what is wrong a model often mends it; another one may do better",
    ),
    Failure.CONTEXT_LENGTH: Treatment(
        retried=False, elsewhere=Elsewhere.LARGER, why="the same model says the same again; a larger one may do"
    ),
    Failure.CONTENT_REFUSAL: Treatment(
        retried=False, elsewhere=Elsewhere.NONE, why="a refusal is an answer; it is not routed around"
    ),
    Failure.AUTHENTICATION: Treatment(
        retried=False, elsewhere=Elsewhere.ANY, why="the key stays wrong; another provider has another one"
    ),
    Failure.QUOTA: Treatment(
        retried=False, elsewhere=Elsewhere.ANY, why="the account stays empty; another provider has another one"
    ),
    Failure.BAD_REQUEST: Treatment(retried=False, elsewhere=Elsewhere.NONE, why="the request itself is at fault"),
    Failure.BLOCKED: Treatment(retried=False, elsewhere=Elsewhere.NONE, why="the configuration is to be mended"),
}


def elsewhere(error: QuorateError) -> Elsewhere:
    """Return where a request may go after `error`.

    What is not a provider's: an ensemble of which nobody answered may be replaced by another model, and so may one that
    has too many waiting; a deadline, a budget or a mistake of the caller's holds everywhere.
    """
    if isinstance(error, ProviderError):
        return TREATMENTS[error.failure].elsewhere
    if isinstance(error, AllFailed):
        refused = {elsewhere(each) for _, each in error.errors} == {Elsewhere.NONE}
        return Elsewhere.NONE if refused else Elsewhere.ANY
    return Elsewhere.ANY if isinstance(error, QueueFull) else Elsewhere.NONE
