"""The one error tree. Status, retryability and both error bodies derive from these objects and nothing else.

QuorateError
├─ InvalidRequest 400 · Unauthenticated 401 · Forbidden 403 · NotFound 404
├─ MethodNotAllowed 405 · Conflict 409 · TooLarge 413 · UnsupportedMedia 415 · Unprocessable 422
├─ OverLimit 429: RateLimited (retryable) · BudgetSpent (not retryable) · QueueFull (retryable)
├─ Overloaded 503 · DeadlineExceeded 504 · ClientGone 499 (log only)
├─ ProviderError (provider, model, failure, upstream_status, retry_after_s)
│   ├─ Unavailable   transient, overload, silence, cut stream
│   │   └─ CircuitOpen   not asked at all, because it failed so often
│   ├─ Rejected      bad request, context length, authentication, quota, blocked address
│   ├─ Malformed     an answer that does not follow the provider's own format
│   ├─ OutputInvalid an answer that does not keep its output contract (carries the problems)
│   └─ Filtered      the provider refused the content
├─ AllFailed 502, or what every branch agrees on (carries every branch's error)
└─ Misconfigured (only at start-up; names file, key, value)
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import ClassVar, TypeVar


class QuorateError(Exception):
    """What a caller may be shown: `message` is safe to print, the cause (`__cause__`) is private.

    `code` is stable and machine-readable; `http_status` and `retryable` are what an HTTP client should see;
    `retry_after_s` is how long the caller should wait, `None` if unknown. `settled_at` is the call and the branch in
    which a policy of retries has given up on it, so that no layer above tries as often again for each of its attempts.
    """

    code: ClassVar[str] = "internal_error"
    default_status: ClassVar[int] = 500
    default_retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, param: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s
        self.settled_at: tuple[str, str] | None = None

    @property
    def http_status(self) -> int:
        """HTTP status for the caller."""
        return self.default_status

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed when it is sent again."""
        return self.default_retryable


class InvalidRequest(QuorateError):
    """The request cannot be understood or asks for something impossible; `param` names the field."""

    code = "invalid_request"
    default_status = 400


class Unauthenticated(QuorateError):
    """No valid credential came with the request."""

    code = "unauthenticated"
    default_status = 401


class Forbidden(QuorateError):
    """The credential is valid and does not allow this."""

    code = "forbidden"
    default_status = 403


class NotFound(QuorateError):
    """The thing does not exist, or exists and is not the caller's: both look the same."""

    code = "not_found"
    default_status = 404


class MethodNotAllowed(QuorateError):
    """The path exists and does not answer this method; `allowed` are those it answers."""

    code = "method_not_allowed"
    default_status = 405

    def __init__(self, message: str, *, allowed: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.allowed = tuple(allowed)


class Conflict(QuorateError):
    """The request contradicts the present state."""

    code = "conflict"
    default_status = 409


class TooLarge(QuorateError):
    """A body is larger than its cap."""

    code = "too_large"
    default_status = 413


class UnsupportedMedia(QuorateError):
    """The body is in a format or an encoding that is not read here."""

    code = "unsupported_media_type"
    default_status = 415


class Unprocessable(QuorateError):
    """The request is well-formed and its content contradicts itself."""

    code = "unprocessable"
    default_status = 422


class OverLimit(QuorateError):
    """A limit of ours was reached."""

    code = "over_limit"
    default_status = 429


class RateLimited(OverLimit):
    """Too many requests or tokens in the window."""

    code = "rate_limited"
    default_retryable = True


class BudgetSpent(OverLimit):
    """The money is gone; sending again changes nothing.

    `budget` are facts for programs, where a configured budget refused: its name, the limit, what is spent and reserved
    and what this request may cost in micro-USD, and when it begins anew (RFC 3339, `None` for never).
    """

    code = "budget_spent"

    def __init__(self, message: str, *, budget: Mapping[str, str | int | None] | None = None) -> None:
        super().__init__(message)
        self.budget = budget


class QueueFull(OverLimit):
    """Too much is waiting already."""

    code = "queue_full"
    default_retryable = True


class Overloaded(QuorateError):
    """The gateway cannot take more work now: it is shutting down, or records wait to be written."""

    code = "overloaded"
    default_status = 503
    default_retryable = True


class DeadlineExceeded(QuorateError):
    """The time allowed for the call ran out."""

    code = "deadline_exceeded"
    default_status = 504
    default_retryable = True


class ClientGone(QuorateError):
    """The caller hung up; never sent, only logged."""

    code = "client_gone"
    default_status = 499


class Misconfigured(QuorateError):
    """The configuration cannot be used. `where` is `file:line:column` or the name of a variable or flag."""

    code = "misconfigured"

    def __init__(self, message: str, *, where: str | None = None) -> None:
        super().__init__(f"{where}: {message}" if where else message)
        self.where = where


class Failure(StrEnum):
    """Why a provider failed, as far as it matters for what to do next."""

    TRANSIENT = "transient"
    OVERLOAD = "overload"
    SILENCE = "silence"
    CUT_STREAM = "cut_stream"
    MALFORMED = "malformed"
    OUTPUT_INVALID = "output_invalid"
    CONTEXT_LENGTH = "context_length"
    CONTENT_REFUSAL = "content_refusal"
    AUTHENTICATION = "authentication"
    QUOTA = "quota"
    BAD_REQUEST = "bad_request"
    BLOCKED = "blocked"


#: Failure -> (HTTP status for our caller, whether the same request to the same model may succeed).
#: Silence is worth a retry elsewhere, and the caller may try again; a bad key or an empty account is ours to mend: 502.
FAILURES: dict[Failure, tuple[int, bool]] = {
    Failure.TRANSIENT: (502, True),
    Failure.OVERLOAD: (429, True),
    Failure.SILENCE: (504, True),
    Failure.CUT_STREAM: (502, True),
    Failure.MALFORMED: (502, True),
    Failure.OUTPUT_INVALID: (502, True),
    Failure.CONTEXT_LENGTH: (400, False),
    Failure.CONTENT_REFUSAL: (400, False),
    Failure.AUTHENTICATION: (502, False),
    Failure.QUOTA: (502, False),
    Failure.BAD_REQUEST: (400, False),
    Failure.BLOCKED: (502, False),
}
#: Where the provider's own status tells the caller more than the table.
_OWN_STATUS: dict[tuple[Failure, int | None], int] = {
    (Failure.OVERLOAD, 503): 503,
    (Failure.OVERLOAD, 529): 503,
    (Failure.BAD_REQUEST, 404): 404,
}


class ProviderError(QuorateError):
    """A provider did not give an answer.

    `failure` classifies it; `upstream_status` is the provider's HTTP status, `None` when no response came;
    `upstream_code` is the provider's own word for it.
    """

    code = "provider_error"
    default_failure: ClassVar[Failure] = Failure.TRANSIENT

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        model: str = "",
        failure: Failure | None = None,
        upstream_status: int | None = None,
        upstream_code: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.provider = provider
        self.model = model
        self.failure = failure or self.default_failure
        self.upstream_status = upstream_status
        self.upstream_code = upstream_code

    @property
    def http_status(self) -> int:
        """HTTP status for the caller, from the `FAILURES` table.

        Two of the provider's own statuses say more: 503 for an overload that is nobody's rate limit, 404 for a model
        the provider does not have.
        """
        own = _OWN_STATUS.get((self.failure, self.upstream_status))
        return FAILURES[self.failure][0] if own is None else own

    @property
    def retryable(self) -> bool:
        """Whether the same request to the same model may succeed, from the `FAILURES` table."""
        return FAILURES[self.failure][1]


class Unavailable(ProviderError):
    """The provider could not be reached, is overloaded, fell silent or cut its answer."""

    code = "provider_unavailable"


class CircuitOpen(Unavailable):
    """The provider failed so often that it is not asked for a while: nothing was sent, nothing was charged.

    `retry_after_s` is the time until it is tried again. Another model may answer; this one is not asked again at once.
    """

    code = "circuit_open"
    default_failure = Failure.OVERLOAD

    @property
    def http_status(self) -> int:
        """503: the caller has asked neither too much nor too often."""
        return 503


class Rejected(ProviderError):
    """The provider will not serve this request as it is."""

    code = "provider_rejected"
    default_failure = Failure.BAD_REQUEST


class Malformed(ProviderError):
    """The provider's answer does not follow its own format."""

    code = "provider_malformed"
    default_failure = Failure.MALFORMED


class OutputInvalid(ProviderError):
    """An answer does not keep its output contract, after all attempts. `problems`: where in it, and what is wrong."""

    code = "output_invalid"
    default_failure = Failure.OUTPUT_INVALID

    def __init__(self, message: str, *, model: str, problems: Sequence[tuple[str, str]]) -> None:
        super().__init__(message, model=model)
        self.problems = tuple(problems)


class Filtered(ProviderError):
    """The provider refused the content; its reason is in the message. Never routed around."""

    code = "content_filtered"
    default_failure = Failure.CONTENT_REFUSAL


class AllFailed(QuorateError):
    """No branch gave an answer. `errors` maps each branch to its error, in plan order.

    Status and retryability are those of the branches when they all agree, else 502 and retryable if any branch is.
    """

    code = "all_failed"
    default_status = 502

    def __init__(self, message: str, *, errors: Sequence[tuple[str, QuorateError]]) -> None:
        waits = [error.retry_after_s for _, error in errors if error.retry_after_s is not None]
        super().__init__(message, retry_after_s=min(waits, default=None))
        self.errors = tuple(errors)

    @property
    def http_status(self) -> int:
        """The status all branches share, else 502."""
        statuses = {error.http_status for _, error in self.errors}
        return statuses.pop() if len(statuses) == 1 else self.default_status

    @property
    def retryable(self) -> bool:
        """Whether any branch may succeed next time."""
        return any(error.retryable for _, error in self.errors)


ErrorT = TypeVar("ErrorT", bound=QuorateError)


def untraced(error: ErrorT) -> ErrorT:
    """Return an error without the places where it, and what led to it, was raised.

    For whoever handles what nobody will look into: a traceback holds every frame that it passed, with all that is in
    them, and those that hold the error as well wait for the garbage collector.
    """
    seen: BaseException | None = error
    while seen is not None:
        seen.__traceback__ = None
        seen = seen.__cause__ or seen.__context__
    return error
