"""Writing answers: JSON, errors in the form that the path promises, headers."""

from collections.abc import Iterable
from typing import Any, Protocol

import msgspec

from quorate.core.errors import MethodNotAllowed, QuorateError
from quorate.server.inbound import Send
from quorate.wire.problem import openai_error_body, problem_body

Header = tuple[bytes, bytes]
Headers = list[Header]

#: Where a connection of ours (`GuardedProtocol`) offers to send whole answers.
ANSWER_KEY = "quorate.answer"

_encode = msgspec.json.encode
_JSON: Header = (b"content-type", b"application/json")
_PROBLEM: Header = (b"content-type", b"application/problem+json")
_NO_STORE: Header = (b"cache-control", b"no-store")
_UNAUTHENTICATED = 401
_WAITS = frozenset({429, 503})
_DEFAULT_WAIT_S = 1.0


class AnswersAtOnce(Protocol):
    """A connection that takes an answer without the way through ASGI; `False`: this has to go that way."""

    def send(self, status: int, headers: Iterable[Header], body: bytes) -> bool:
        """Send a whole answer."""
        ...

    def begin(self, status: int, headers: Iterable[Header], piece: bytes) -> bool:
        """Begin an answer of unknown length with its first piece."""
        ...

    def piece(self, piece: bytes) -> bool:
        """Send one more piece of it."""
        ...

    def end(self, piece: bytes) -> bool:
        """Send its last piece, which may be empty, and end it."""
        ...


async def send_bytes(
    send: Send, status: int, body: bytes, headers: Headers, *, at_once: AnswersAtOnce | None = None
) -> None:
    """Send a whole answer."""
    headers.append((b"content-length", b"%d" % len(body)))
    if at_once is not None and at_once.send(status, headers, body):
        return
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_json(
    send: Send, status: int, body: bytes, headers: Headers, *, at_once: AnswersAtOnce | None = None
) -> None:
    """Send JSON; `headers` are added to the content type."""
    await send_bytes(send, status, body, [_JSON, *headers], at_once=at_once)


async def send_error(send: Send, error: QuorateError, *, path: str, headers: Headers, request_id: str) -> None:
    """Send an error: OpenAI's envelope below `/v1`, problem details (RFC 9457) everywhere else."""
    status = error.http_status
    kind = _JSON if is_openai(path) else _PROBLEM
    body = error_body(error, path=path, request_id=request_id)
    await send_bytes(send, status, body, [kind, _NO_STORE, *headers, *error_headers(error)])


def is_openai(path: str) -> bool:
    """Whether errors at this path are OpenAI's."""
    return path.startswith("/v1/")


def error_body(error: QuorateError, *, path: str, request_id: str) -> bytes:
    """Return the body of an error in the form that `path` promises."""
    body: dict[str, Any] = (
        openai_error_body(error) if is_openai(path) else problem_body(error, instance=path, request_id=request_id)
    )
    return _encode(body)


def error_headers(error: QuorateError) -> Headers:
    """Return what tells a client whether and when to try again, and what its credential has to be."""
    headers: Headers = [(b"x-should-retry", b"true" if error.retryable else b"false")]
    status = error.http_status
    wait_s = error.retry_after_s
    if wait_s is None and status in _WAITS and error.retryable:
        wait_s = _DEFAULT_WAIT_S
    if wait_s is not None and error.retryable:
        headers.append((b"retry-after", b"%d" % max(1, -int(-wait_s // 1))))
        headers.append((b"retry-after-ms", b"%d" % max(1, int(wait_s * 1000))))
    if isinstance(error, MethodNotAllowed):
        headers.append((b"allow", ", ".join(error.allowed).encode()))
    if status == _UNAUTHENTICATED:
        headers.append((b"www-authenticate", b'Bearer realm="quorate"'))
    return headers


def cost_headers(cost_microusd: int | None) -> Headers:
    """Return what the answer cost, in US dollars; nothing if that is not known."""
    return [] if cost_microusd is None else [(b"x-quorate-cost-usd", b"%.6f" % (cost_microusd / 1_000_000))]


def internal_error() -> QuorateError:
    """Return what a caller is told of a fault of ours; what it was is in the log, under the request's id."""
    return QuorateError("an internal error; the log has it under this request id")
