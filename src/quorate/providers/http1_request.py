"""The head of a request, as bytes: request line, our own headers, the given ones, the body's length."""

import re
from functools import lru_cache

from quorate.providers.http1_target import HttpTarget
from quorate.providers.transport import HttpRequest

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: How a message ends is the transport's to say; two opinions about it are what request smuggling is made of.
_FRAMING = frozenset({"content-length", "transfer-encoding", "upgrade", "trailer", "te"})
_WITHOUT_BODY = frozenset({"GET", "HEAD"})
_TRACE = "traceparent"
_ACCEPTED_ENCODINGS = "gzip, deflate"


def encode_head(request: HttpRequest, target: HttpTarget, user_agent: str) -> bytes:
    """Return everything up to the body; raise `ValueError` or `TypeError` for what HTTP forbids.

    Cost: about 1 us for headers that were sent before, 3 us for new ones.
    """
    headers = request.headers
    begin = _begin if _TRACE in headers else _known_begin  # a trace is never the same again
    head = begin(request.method, target, user_agent, tuple(headers.items()))
    body = request.body
    if body or request.method not in _WITHOUT_BODY:
        return b"%bcontent-length: %d\r\n\r\n" % (head, len(body))
    return head + b"\r\n"


def _begin(method: str, target: HttpTarget, user_agent: str, headers: tuple[tuple[str, str], ...]) -> bytes:
    """Return the request line and the headers but for the body's length."""
    given = {_name(name) for name, _ in headers}
    parts = [method, " ", target.path, " HTTP/1.1\r\n"]
    for name, value in _own(target, user_agent):
        if name not in given:
            parts += (name, ": ", value, "\r\n")
    for name, value in headers:
        parts += (name, ": ", value, "\r\n")
    head = "".join(parts)
    _require_lines(head, len(parts) // 4)  # four parts make a line
    _method(method)
    return head.encode()


_known_begin = lru_cache(maxsize=512)(_begin)


@lru_cache(maxsize=256)
def _own(target: HttpTarget, user_agent: str) -> tuple[tuple[str, str], ...]:
    return (
        ("host", target.host_header),
        ("user-agent", user_agent),
        ("accept", "*/*"),
        ("accept-encoding", _ACCEPTED_ENCODINGS),
    )


@lru_cache(maxsize=1024)
def _name(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise ValueError("not a header's name")
    lower = name.lower()
    if lower in _FRAMING:
        raise ValueError("a header that frames the message")
    return lower


@lru_cache(maxsize=64)
def _method(method: str) -> None:
    if not _TOKEN.fullmatch(method) or method == "CONNECT":
        raise ValueError("not a method")


def _require_lines(head: str, lines: int) -> None:
    """Raise unless the head has exactly the line ends that we put there: a value with one would add a header."""
    if head.count("\r") != lines or head.count("\n") != lines or "\0" in head:
        raise ValueError("a line end or NUL inside a value")
