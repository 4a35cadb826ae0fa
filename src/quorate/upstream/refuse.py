"""Error responses in the format of the route that was asked."""

import math
from enum import Enum
from typing import Any

import msgspec

from quorate.upstream.fate import Refusal
from quorate.upstream.steps import Response, json_response

_encode = msgspec.json.Encoder().encode


class Format(Enum):
    """Whose words an error is told in."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"


_ANTHROPIC_KINDS = {
    401: "authentication_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}


def refuse(refusal: Refusal, form: Format, headers: bytes) -> Response:
    """Return the error response, with `Retry-After` (in whole seconds, and exact in milliseconds) if it has one."""
    if refusal.retry_after_s is not None:
        seconds, milliseconds = math.ceil(refusal.retry_after_s), round(refusal.retry_after_s * 1000)
        headers += b"retry-after: %d\r\nretry-after-ms: %d\r\n" % (seconds, milliseconds)
    return json_response(refusal.status, _encode(_body(refusal, form)), headers=headers)


def invalid(message: str, *, status: int = 400, code: str | None = None) -> Refusal:
    """Return the refusal of a request that is not one, of what is not there, or of what is too large."""
    kinds = {401: "authentication_error", 404: "invalid_request_error"}
    return Refusal(status=status, message=message, kind=kinds.get(status, "invalid_request_error"), code=code)


def _body(refusal: Refusal, form: Format) -> dict[str, Any]:
    if form is Format.OPENAI:
        error = {"message": refusal.message, "type": refusal.kind, "param": None, "code": refusal.code}
        return {"error": error}
    kind = _ANTHROPIC_KINDS.get(
        refusal.status, "api_error" if refusal.kind == "server_error" else "invalid_request_error"
    )
    return {"type": "error", "error": {"type": kind, "message": refusal.message}}
