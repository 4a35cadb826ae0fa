"""The error tree: every class has a code, a status, a retryability and both bodies."""

from collections.abc import Iterator
from typing import Any

import pytest

from quorate.core.errors import (
    FAILURES,
    AllFailed,
    BudgetSpent,
    CircuitOpen,
    ClientGone,
    Conflict,
    DeadlineExceeded,
    Failure,
    Filtered,
    Forbidden,
    InvalidRequest,
    Malformed,
    MethodNotAllowed,
    Misconfigured,
    NotFound,
    OutputInvalid,
    OverLimit,
    Overloaded,
    ProviderError,
    QueueFull,
    QuorateError,
    RateLimited,
    Rejected,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Unprocessable,
    UnsupportedMedia,
    untraced,
)
from quorate.wire.problem import openai_error_body, problem_body

#: class -> (code, status, retryable), as the documentation promises them.
PROMISED: dict[type[QuorateError], tuple[str, int, bool]] = {
    InvalidRequest: ("invalid_request", 400, False),
    Unauthenticated: ("unauthenticated", 401, False),
    Forbidden: ("forbidden", 403, False),
    NotFound: ("not_found", 404, False),
    Conflict: ("conflict", 409, False),
    TooLarge: ("too_large", 413, False),
    MethodNotAllowed: ("method_not_allowed", 405, False),
    UnsupportedMedia: ("unsupported_media_type", 415, False),
    Overloaded: ("overloaded", 503, True),
    Unprocessable: ("unprocessable", 422, False),
    OverLimit: ("over_limit", 429, False),
    RateLimited: ("rate_limited", 429, True),
    BudgetSpent: ("budget_spent", 429, False),
    QueueFull: ("queue_full", 429, True),
    DeadlineExceeded: ("deadline_exceeded", 504, True),
    ClientGone: ("client_gone", 499, False),
    Misconfigured: ("misconfigured", 500, False),
    ProviderError: ("provider_error", 502, True),
    Unavailable: ("provider_unavailable", 502, True),
    CircuitOpen: ("circuit_open", 503, True),
    Rejected: ("provider_rejected", 400, False),
    Malformed: ("provider_malformed", 502, True),
    OutputInvalid: ("output_invalid", 502, True),
    Filtered: ("content_filtered", 400, False),
    AllFailed: ("all_failed", 502, False),
}


def subclasses(kind: type[QuorateError]) -> Iterator[type[QuorateError]]:
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


def make(kind: type[QuorateError], **fields: Any) -> QuorateError:
    if kind is AllFailed:
        return AllFailed("none answered", errors=())
    if kind is OutputInvalid:
        return OutputInvalid("what was wrong", model="m", problems=(("$", "it is no object"),), **fields)
    return kind("what was wrong", **fields)


def ours() -> set[type[QuorateError]]:
    return {kind for kind in subclasses(QuorateError) if kind.__module__ == "quorate.core.errors"}


def test_every_class_is_promised() -> None:
    assert ours() == set(PROMISED)


def test_codes_are_unique() -> None:
    codes = [kind.code for kind in subclasses(QuorateError) if "code" in vars(kind)]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("kind", PROMISED, ids=lambda kind: kind.__name__)
def test_status_and_retryability(kind: type[QuorateError]) -> None:
    error = make(kind)
    assert (error.code, error.http_status, error.retryable) == PROMISED[kind]
    assert str(error) == error.message


@pytest.mark.parametrize("kind", PROMISED, ids=lambda kind: kind.__name__)
def test_both_bodies(kind: type[QuorateError]) -> None:
    error = make(kind)
    openai = openai_error_body(error)["error"]
    assert set(openai) == {"message", "type", "param", "code"} | ({"problems"} if kind is OutputInvalid else set())
    assert (openai["message"], openai["code"]) == (error.message, error.code)
    assert openai["type"].endswith("_error")
    problem = problem_body(error, instance="/v1/x", request_id="req_1")
    assert problem["type"] == f"/errors/{error.code}"
    assert problem["title"]
    assert (problem["status"], problem["detail"]) == (error.http_status, error.message)
    assert (problem["code"], problem["retryable"]) == (error.code, error.retryable)
    assert (problem["instance"], problem["request_id"]) == ("/v1/x", "req_1")


def test_bodies_leave_out_what_is_not_known() -> None:
    assert set(problem_body(NotFound("no"))) == {"type", "title", "status", "detail", "code", "retryable"}
    assert problem_body(InvalidRequest("no", param="n"))["param"] == "n"
    assert openai_error_body(InvalidRequest("no", param="n"))["error"]["param"] == "n"


def test_the_provider_s_own_code_is_passed_on() -> None:
    error = Rejected("no", upstream_code="model_not_found", upstream_status=404)
    assert openai_error_body(error)["error"]["code"] == "model_not_found"
    problem = problem_body(error)
    assert (problem["code"], problem["upstream_code"]) == ("provider_rejected", "model_not_found")


def test_every_failure_has_a_status() -> None:
    assert set(FAILURES) == set(Failure)


@pytest.mark.parametrize("failure", Failure)
def test_a_provider_s_failure_decides(failure: Failure) -> None:
    error = Unavailable("down", failure=failure, retry_after_s=2.0, provider="p", model="m", upstream_status=500)
    assert (error.http_status, error.retryable) == FAILURES[failure]
    assert (error.provider, error.model, error.upstream_status, error.retry_after_s) == ("p", "m", 500, 2.0)


def overload(after_s: float | None = None) -> Unavailable:
    return Unavailable("busy", failure=Failure.OVERLOAD, retry_after_s=after_s)


@pytest.mark.parametrize(
    ("errors", "status", "retryable", "after_s"),
    [
        ((overload(), overload()), 429, True, None),
        ((overload(3.0), overload(1.0)), 429, True, 1.0),
        ((overload(), Rejected("no")), 502, True, None),
        ((Rejected("no"), Rejected("no")), 400, False, None),
        ((), 502, False, None),
    ],
)
def test_all_failed_is_what_the_branches_agree_on(
    errors: tuple[QuorateError, ...], status: int, *, retryable: bool, after_s: float | None
) -> None:
    error = AllFailed("none answered", errors=[(f"b{n}", each) for n, each in enumerate(errors)])
    assert (error.http_status, error.retryable, error.retry_after_s) == (status, retryable, after_s)


def test_all_failed_lists_its_branches() -> None:
    error = AllFailed("none answered", errors=[("panel/a", overload()), ("panel/b", Rejected("no"))])
    assert problem_body(error)["errors"] == [
        {"branch": "panel/a", "code": "provider_unavailable", "detail": "busy"},
        {"branch": "panel/b", "code": "provider_rejected", "detail": "no"},
    ]


def test_misconfigured_says_where() -> None:
    assert str(Misconfigured("bad", where="q.yaml:3:7")) == "q.yaml:3:7: bad"
    assert str(Misconfigured("bad")) == "bad"


@pytest.mark.parametrize(
    ("failure", "upstream_status", "status"),
    [
        (Failure.OVERLOAD, 503, 503),
        (Failure.OVERLOAD, 529, 503),
        (Failure.OVERLOAD, 429, 429),
        (Failure.BAD_REQUEST, 404, 404),
    ],
)
def test_the_provider_s_own_status_says_more(failure: Failure, upstream_status: int, status: int) -> None:
    assert Unavailable("no", failure=failure, upstream_status=upstream_status).http_status == status


def test_untraced_says_the_same_and_holds_no_frame() -> None:
    def fail() -> None:
        try:
            int("cut")
        except ValueError as error:
            raise Unavailable("no connection", failure=Failure.TRANSIENT) from error

    with pytest.raises(Unavailable) as raised:
        fail()
    cause = raised.value.__cause__
    assert untraced(raised.value) is raised.value
    assert (raised.value.message, raised.value.__cause__) == ("no connection", cause)
    assert raised.value.__traceback__ is None is getattr(cause, "__traceback__", "no cause")
