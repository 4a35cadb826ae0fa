"""Error bodies, both derived from one `QuorateError`: OpenAI's envelope and RFC 9457 problem details."""

from http import HTTPStatus
from typing import Any

from quorate.core.errors import AllFailed, BudgetSpent, OutputInvalid, ProviderError, QuorateError

#: Where each `code` is explained, relative to the server that answers (RFC 9457 section 3.1.1 allows it).
PROBLEM_TYPE_BASE = "/errors/"

_TITLES = {status.value: status.phrase for status in HTTPStatus}
_FIRST_SERVER_STATUS = 500
_OPENAI_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    429: "rate_limit_error",
}


def openai_error_body(error: QuorateError) -> dict[str, Any]:
    """Return `{"error": {...}}` as every OpenAI client reads it.

    `code` is ours, or the provider's own where it gave one. Where a budget refused, `budget` says which and why; where
    an answer does not keep its output contract, `problems` say where and what.
    """
    code = error.upstream_code if isinstance(error, ProviderError) and error.upstream_code else error.code
    body: dict[str, Any] = {
        "message": error.message,
        "type": _openai_type(error.http_status),
        "param": error.param,
        "code": code,
    }
    return {"error": body | _facts(error)}


def _facts(error: QuorateError) -> dict[str, Any]:
    """Return what programs are told of an error beside its code."""
    if isinstance(error, OutputInvalid):
        return {"problems": [{"path": path, "message": message} for path, message in error.problems]}
    return {"budget": dict(error.budget)} if isinstance(error, BudgetSpent) and error.budget is not None else {}


def _openai_type(status: int) -> str:
    others = "invalid_request_error" if status < _FIRST_SERVER_STATUS else "server_error"
    return _OPENAI_TYPES.get(status, others)


def problem_body(error: QuorateError, *, instance: str | None = None, request_id: str | None = None) -> dict[str, Any]:
    """Return RFC 9457 problem details with our `code`, `retryable` and `request_id`.

    A provider's own word, which is the `code` in OpenAI's envelope, is `upstream_code` here.
    When all branches failed, `errors` lists them; where a budget refused, `budget` says which and why; where an answer
    does not keep its output contract, `problems` say where and what.
    """
    status = error.http_status
    body: dict[str, Any] = {
        "type": PROBLEM_TYPE_BASE + error.code,
        "title": _TITLES.get(status, "Client Closed Request"),
        "status": status,
        "detail": error.message,
        "code": error.code,
        "retryable": error.retryable,
    }
    if instance is not None:
        body["instance"] = instance
    if request_id is not None:
        body["request_id"] = request_id
    if error.param is not None:
        body["param"] = error.param
    if isinstance(error, ProviderError) and error.upstream_code:
        body["upstream_code"] = error.upstream_code
    if isinstance(error, AllFailed):
        body["errors"] = [
            {"branch": branch, "code": each.code, "detail": each.message} for branch, each in error.errors
        ]
    return body | _facts(error)
