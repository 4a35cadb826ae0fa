"""Which failure a provider's error is: a table of statuses, words and phrases, first match wins."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from quorate.core.errors import Failure, Filtered, Malformed, ProviderError, Rejected, Unavailable
from quorate.providers.fault import Fault
from quorate.providers.retry_after import retry_after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """An error is `failure` if everything that is set here fits it: one of `codes` or `phrase`, and the rest.

    `statuses` and `dialects` `None` fit all; `codes` are compared without regard to case.
    """

    failure: Failure
    codes: frozenset[str] = frozenset()
    phrase: re.Pattern[str] | None = None
    statuses: frozenset[int] | None = None
    dialects: frozenset[str] | None = None

    def fits(self, dialect: str, fault: Fault) -> bool:
        """Whether the rule is about this error."""
        if self.statuses is not None and fault.status not in self.statuses:
            return False
        if self.dialects is not None and dialect not in self.dialects:
            return False
        if not self.codes and self.phrase is None:
            return True
        words = {code.lower() for code in fault.codes}
        return bool(self.codes & words) or (self.phrase is not None and self.phrase.search(fault.message) is not None)


def _phrase(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


#: Statuses whose message is about the request; in a 5xx the same words may be an echo of the prompt.
_REQUEST = frozenset({200, 400, 403, 404, 413, 422, 429})

RULES: tuple[Rule, ...] = (
    Rule(
        failure=Failure.CONTENT_REFUSAL,
        codes=frozenset(
            {"content_filter", "content_policy_violation", "responsibleaipolicyviolation", "moderation"}
            | {"moderation_blocked", "safety_block", "prompt_blocked", "data_inspection_failed"}
        ),
        phrase=_phrase(
            r"content (management |usage |filtering )?polic(y|ies)",
            r"safety system",
            r"content exists risk",
            r"input (was|has been) flagged",
        ),
        statuses=_REQUEST,
    ),
    Rule(
        failure=Failure.CONTEXT_LENGTH,
        codes=frozenset({"context_length_exceeded", "exceed_context_size_error", "request_too_large"}),
        phrase=_phrase(
            r"maximum context (length|size|window)",
            r"context (length|window|limit|size) (is |was )?exceeded",
            r"exceeds? (the )?(available |maximum |model'?s? )*context",
            r"prompt is too long",
            r"input (token count|is too long)",
            r"request too large",
            r"reduce the length of the (messages|prompt|input)",
        ),
        statuses=_REQUEST,
    ),
    Rule(failure=Failure.CONTEXT_LENGTH, statuses=frozenset({413})),
    Rule(
        failure=Failure.QUOTA,
        codes=frozenset(
            {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "insufficient_balance"}
            | {"billing_error", "insufficient_credits", "daily_quota", "account_deactivated"}
        ),
        phrase=_phrase(
            r"insufficient (balance|credits?|funds)", r"credit balance is too low", r"requires more credits"
        ),
        statuses=frozenset({200, 400, 402, 403, 429}),
    ),
    Rule(failure=Failure.QUOTA, statuses=frozenset({402})),
    Rule(
        failure=Failure.AUTHENTICATION,
        codes=frozenset({"invalid_api_key", "authentication_error", "api_key_invalid", "api_key_expired"}),
        phrase=_phrase(r"api key (not valid|expired|is invalid|was reported as leaked)"),
        statuses=frozenset({200, 400, 401, 403}),
    ),
    # Google's word for an account that may not be used from here or has no billing.
    Rule(failure=Failure.AUTHENTICATION, codes=frozenset({"failed_precondition"}), dialects=frozenset({"gemini"})),
    Rule(failure=Failure.AUTHENTICATION, statuses=frozenset({401, 403})),
    Rule(
        failure=Failure.OVERLOAD,
        codes=frozenset(
            {"overloaded_error", "overloaded", "rate_limit_exceeded", "rate_limit_error", "resource_exhausted"}
            | {"engine_overloaded", "server_overloaded", "slow_down"}
        ),
        phrase=_phrase(
            r"overloaded", r"(at|over|exceeded|insufficient) capacity", r"high demand", r"too many requests"
        ),
        statuses=frozenset({200, 500, 502, 503}),
    ),
    # 498 is Groq's, 529 Anthropic's.
    Rule(failure=Failure.OVERLOAD, statuses=frozenset({429, 498, 529})),
    Rule(failure=Failure.TRANSIENT, statuses=frozenset({408, 409, 425})),
    # In the body or the stream of an answer that had begun with status 200.
    Rule(
        failure=Failure.BAD_REQUEST,
        codes=frozenset({"invalid_request_error", "not_found_error", "invalid_argument", "badrequesterror"}),
        statuses=frozenset({200}),
    ),
)

_FIRST_SERVER_ERROR = 500
_FIRST_REQUEST_ERROR = 400


def classify(dialect: str, fault: Fault) -> Failure:
    """Return the failure that the first fitting rule names; else a 4xx is the request's, anything else transient."""
    for rule in RULES:
        if rule.fits(dialect, fault):
            return rule.failure
    return Failure.BAD_REQUEST if _FIRST_REQUEST_ERROR <= fault.status < _FIRST_SERVER_ERROR else Failure.TRANSIENT


def error_of(failure: Failure) -> type[ProviderError]:
    """Return the class of error for a failure."""
    match failure:
        case Failure.TRANSIENT | Failure.OVERLOAD | Failure.SILENCE | Failure.CUT_STREAM:
            return Unavailable
        case Failure.MALFORMED | Failure.OUTPUT_INVALID:  # the latter is never what a provider says
            return Malformed
        case Failure.CONTENT_REFUSAL:
            return Filtered
        case Failure.CONTEXT_LENGTH | Failure.AUTHENTICATION | Failure.QUOTA | Failure.BAD_REQUEST | Failure.BLOCKED:
            return Rejected


def fault_error(
    dialect: str, fault: Fault, *, headers: Mapping[str, str] | None = None, now: datetime | None = None
) -> ProviderError:
    """Return the error for a fault; its message is the provider's reason.

    Without `headers` the fault came inside a body or a stream that had begun well.
    """
    failure = classify(dialect, fault)
    wait = retry_after_s(headers, now=now) if headers is not None and now is not None else None
    reason = fault.message or "no reason given"
    return error_of(failure)(
        f"HTTP {fault.status}: {reason}" if headers is not None else reason,
        failure=failure,
        upstream_status=fault.status,
        upstream_code=fault.code,
        retry_after_s=fault.retry_delay_s if wait is None else wait,
    )
