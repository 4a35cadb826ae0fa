"""Answers and errors as they leave."""

import json
from typing import Any

import pytest

from asgi import Exchange
from quorate.core import errors
from quorate.core.errors import (
    AllFailed,
    BudgetSpent,
    Failure,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    OutputInvalid,
    Overloaded,
    QuorateError,
    RateLimited,
    Rejected,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
)
from quorate.server.outbound import (
    cost_headers,
    error_headers,
    internal_error,
    is_openai,
    send_error,
    send_json,
)


async def told(error: QuorateError, path: str = "/v1/chat/completions") -> Any:
    exchange = Exchange()
    await send_error(exchange.send, error, path=path, headers=[(b"x-request-id", b"r")], request_id="r")
    return exchange.answer


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/x"])
async def test_openai_s_envelope(path: str) -> None:
    answer = await told(InvalidRequest("no", param="model"), path)
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json == {
        "error": {"message": "no", "type": "invalid_request_error", "param": "model", "code": "invalid_request"}
    }


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MethodNotAllowed("no", allowed=("POST",)), "invalid_request_error"),
        (UnsupportedMedia("no"), "invalid_request_error"),
        (TooLarge("no"), "invalid_request_error"),
        (NotFound("no"), "not_found_error"),
        (Overloaded("no"), "server_error"),
    ],
)
async def test_openai_s_type_says_whose_fault_it_is(error: QuorateError, kind: str) -> None:
    assert (await told(error)).json["error"]["type"] == kind


@pytest.mark.parametrize("path", ["/api/v1/runs", "/", "/v1", "/V1/models", "/api/v1/chat/completions"])
async def test_problem_details(path: str) -> None:
    answer = await told(NotFound("no"), path)
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json
    assert (problem["status"], problem["code"], problem["request_id"]) == (404, "not_found", "r")
    assert (problem["instance"], problem["type"], problem["retryable"]) == (path, "/errors/not_found", False)


@pytest.mark.parametrize(
    ("error", "retry", "wait"),
    [
        (InvalidRequest("x"), "false", None),
        (BudgetSpent("x"), "false", None),
        (RateLimited("x", retry_after_s=2.2), "true", ("3", "2200")),
        (RateLimited("x"), "true", ("1", "1000")),
        (Overloaded("x", retry_after_s=0.0001), "true", ("1", "1")),
        (Unavailable("x", failure=Failure.OVERLOAD, retry_after_s=7), "true", ("7", "7000")),
        (Unavailable("x"), "true", None),
        (Rejected("x", failure=Failure.AUTHENTICATION, retry_after_s=9), "false", None),
        (AllFailed("x", errors=[("a", RateLimited("y", retry_after_s=4))]), "true", ("4", "4000")),
    ],
)
def test_hints(error: QuorateError, retry: str, wait: tuple[str, str] | None) -> None:
    headers = {name.decode(): value.decode() for name, value in error_headers(error)}
    assert headers["x-should-retry"] == retry
    given = (headers.get("retry-after"), headers.get("retry-after-ms"))
    assert given == (wait or (None, None))


def test_a_missing_credential_is_asked_for() -> None:
    assert (b"www-authenticate", b'Bearer realm="quorate"') in error_headers(Unauthenticated("x"))


#: What an error is told beside its message.
NEEDED: dict[type[QuorateError], dict[str, Any]] = {
    AllFailed: {"errors": []},
    OutputInvalid: {"model": "m", "problems": [("$", "it is no object")]},
}


async def test_every_error_has_a_body_and_hints() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, QuorateError)]
    assert len(kinds) > 20
    for kind in kinds:
        error = kind("said", **NEEDED.get(kind, {}))
        for path in ("/v1/x", "/api/x"):
            answer = await told(error, path)
            assert answer.status == error.http_status >= 400
            assert "said" in json.dumps(answer.json)
            assert answer.headers["x-should-retry"] in {"true", "false"}


async def test_whole_answers() -> None:
    exchange = Exchange()
    await send_json(exchange.send, 200, b'{"a":1}', [(b"x-a", b"b")])
    assert exchange.answer.headers == {"content-type": "application/json", "x-a": "b", "content-length": "7"}
    assert exchange.answer.complete


def test_small_things() -> None:
    assert cost_headers(None) == []
    assert cost_headers(1_234_567) == [(b"x-quorate-cost-usd", b"1.234567")]
    assert internal_error().http_status == 500
    assert is_openai("/v1/models")
    assert not is_openai("/v1x/models")
