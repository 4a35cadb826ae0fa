"""What a failure says about the provider: an outage, a key that is not served, or nothing."""

from enum import StrEnum

from quorate.core.errors import Failure, ProviderError

_FORBIDDEN = 403
_BUSY = 503


class Verdict(StrEnum):
    """`outage` counts against the provider, `key` is enough by itself, `nothing` is about the request alone."""

    OUTAGE = "outage"
    KEY = "key"
    NOTHING = "nothing"


#: A request that is wrong, too long or refused says nothing about the provider. A key that is not taken and an account
#: without money fail every request until a person mends them.
VERDICTS: dict[Failure, Verdict] = {
    Failure.TRANSIENT: Verdict.OUTAGE,
    Failure.OVERLOAD: Verdict.OUTAGE,
    Failure.SILENCE: Verdict.OUTAGE,
    Failure.CUT_STREAM: Verdict.OUTAGE,
    Failure.MALFORMED: Verdict.OUTAGE,
    Failure.OUTPUT_INVALID: Verdict.NOTHING,
    Failure.CONTEXT_LENGTH: Verdict.NOTHING,
    Failure.CONTENT_REFUSAL: Verdict.NOTHING,
    Failure.AUTHENTICATION: Verdict.KEY,
    Failure.QUOTA: Verdict.KEY,
    Failure.BAD_REQUEST: Verdict.NOTHING,
    Failure.BLOCKED: Verdict.NOTHING,
}


def verdict_on(error: ProviderError) -> Verdict:
    """Return what an error says about its provider.

    Status 403 is an outage, not the key's: firewalls before a provider answer with it to the words of a single prompt,
    and one caller's prompt must not close the provider to all others at once.
    """
    verdict = VERDICTS[error.failure]
    if error.failure is Failure.AUTHENTICATION and error.upstream_status == _FORBIDDEN:
        return Verdict.OUTAGE
    return verdict


def says_overload(error: ProviderError) -> bool:
    """Return whether fewer requests at once may help: 429, 503, 529, or words that say so."""
    return error.failure is Failure.OVERLOAD or error.upstream_status == _BUSY
