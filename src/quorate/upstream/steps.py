"""A response as the connection plays it: bytes, waits, and ends that are no proper ones."""

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import TypeAlias

import msgspec

SIMULATED = b"x-quorate-simulated: true\r\n"


class Until(msgspec.Struct, frozen=True, kw_only=True):
    """Go on `at_s` seconds after the request came in; at once if that is over."""

    at_s: float


class End(Enum):
    """Close the connection in mid-response, or reset it."""

    CLOSE = "close"
    RESET = "reset"


Step: TypeAlias = bytes | Until | End


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """A response in steps; `status` is that of its head, 0 if it has none."""

    status: int
    steps: Iterable[Step]


_REASONS = {
    200: b"OK",
    400: b"Bad Request",
    401: b"Unauthorized",
    404: b"Not Found",
    405: b"Method Not Allowed",
    413: b"Content Too Large",
    429: b"Too Many Requests",
    431: b"Request Header Fields Too Large",
    500: b"Internal Server Error",
    503: b"Service Unavailable",
}


def head(status: int, *, length: int, headers: bytes = b"", kind: bytes = b"application/json") -> bytes:
    """Return the head of a response whose body has `length` bytes; `headers` are whole lines."""
    return b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\n%b%bcontent-length: %d\r\n\r\n" % (
        status,
        _REASONS.get(status, b"Error"),
        kind,
        SIMULATED,
        headers,
        length,
    )


def stream_head(headers: bytes) -> bytes:
    """Return the head of a stream of events."""
    return (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-store\r\n"
        + SIMULATED
        + headers
        + b"transfer-encoding: chunked\r\n\r\n"
    )


def chunked(data: bytes) -> bytes:
    """Return `data` as one chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"


def json_response(status: int, body: bytes, *, headers: bytes = b"") -> Response:
    """Return a response that is sent at once."""
    return Response(status=status, steps=(head(status, length=len(body), headers=headers) + body,))


def after(wait_s: float, steps: Iterable[Step]) -> Iterator[Step]:
    """Yield the steps once `wait_s` has passed."""
    if wait_s > 0:
        yield Until(at_s=wait_s)
    yield from steps
