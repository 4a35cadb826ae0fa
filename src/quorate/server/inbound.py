"""Reading a request: the headers we care about, and the body up to its cap."""

import re
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from itertools import accumulate, product
from operator import add
from sys import byteorder
from typing import Any

from quorate.core.errors import ClientGone, InvalidRequest, TooLarge, UnsupportedMedia
from quorate.providers.http1_errors import Undecodable
from quorate.providers.http1_inflate import Inflater, inflater

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

#: Where a connection of ours (`GuardedProtocol`) offers the body without a wait.
BODY_KEY = "quorate.body"

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_JSON_TYPES = frozenset({b"application/json"})
#: One level down for an opening bracket, one up (-1 as a byte) for a closing one; quotation marks are left as they are.
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_MARKS = bytes(set(range(256)) - set(b'[]{}"'))
_DOWN_OR_UP = (b"\x01", b"\xff")
#: Eight steps at once, read as one number: where they lead, and how deep between.
_EIGHT = 8
_EIGHTS = {
    b"".join(steps): [*accumulate(1 if step == b"\x01" else -1 for step in steps)]
    for steps in product(_DOWN_OR_UP, repeat=_EIGHT)
}
_SUMS = {int.from_bytes(steps, byteorder): depths[-1] for steps, depths in _EIGHTS.items()}
_PEAKS = {int.from_bytes(steps, byteorder): max(depths) for steps, depths in _EIGHTS.items()}
_BLOCK = 65_536
#: What is sent small is not taken large, for what it costs to read: prompts are packed ten times, hardly ever fifty.
_MOST_EXPANSION = 200
_UNSUSPECTED_BYTES = 1_048_576


class Inbound:
    """The facts of one request; a live object. Header values are bytes as they came, `None` if absent.

    `arrived` gives the body if all of it is there already, where the server is ours.
    """

    __slots__ = (
        "api_key",
        "arrived",
        "authorization",
        "content_encoding",
        "content_length",
        "content_type",
        "host",
        "idempotency_key",
        "origin",
        "path",
        "peer",
        "prefer",
        "request_id",
        "sec_fetch_site",
        "timeout",
        "traceparent",
        "tracestate",
    )

    def __init__(self, scope: Scope) -> None:
        self.path: str = scope["path"]
        client = scope.get("client")
        self.peer: str = client[0] if client else ""
        self.arrived: Callable[[], bytes | None] | None = scope.pop(BODY_KEY, None)
        self.authorization: bytes | None = None
        self.api_key: bytes | None = None
        self.content_type: bytes | None = None
        self.host: bytes | None = None
        self.content_encoding: bytes | None = None
        self.content_length: bytes | None = None
        self.request_id: str | None = None
        self.timeout: bytes | None = None
        self.traceparent: bytes | None = None
        self.tracestate: bytes | None = None
        self.idempotency_key: bytes | None = None
        self.prefer: bytes | None = None
        self.origin: bytes | None = None
        self.sec_fetch_site: bytes | None = None
        for name, value in scope["headers"]:
            attribute = _HEADERS.get(name)
            if attribute is not None:
                setattr(self, attribute, value)
        given = self.request_id
        if given is not None:
            self.request_id = request_id(given)


_HEADERS = {
    b"authorization": "authorization",
    b"x-api-key": "api_key",
    b"content-type": "content_type",
    b"content-encoding": "content_encoding",
    b"content-length": "content_length",
    b"x-request-id": "request_id",
    b"x-request-timeout-s": "timeout",
    b"traceparent": "traceparent",
    b"tracestate": "tracestate",
    b"idempotency-key": "idempotency_key",
    b"host": "host",
    b"prefer": "prefer",
    b"origin": "origin",
    b"sec-fetch-site": "sec_fetch_site",
}


def request_id(given: bytes | str) -> str | None:
    """Return the caller's own id of the request if it can go into headers and logs, else `None`."""
    text = given if isinstance(given, str) else given.decode("latin-1")
    return text if _REQUEST_ID.fullmatch(text) else None


def require_json(inbound: Inbound) -> None:
    """Raise `UnsupportedMedia` unless the request says that its body is JSON."""
    kind = inbound.content_type or b""
    if kind != b"application/json" and kind.split(b";", 1)[0].strip().lower() not in _JSON_TYPES:
        raise UnsupportedMedia(f"the content type is {kind.decode('latin-1')!r}; send application/json")


async def read_body(inbound: Inbound, receive: Receive, *, limit_bytes: int) -> bytes:
    """Return the body, decompressed.

    Raises `TooLarge` as soon as it is known to be (before it is read, if the length is declared), `UnsupportedMedia`
    for an unknown encoding, `ClientGone` if the caller left.
    """
    declared = inbound.content_length
    if declared is not None and declared.isdigit() and int(declared) > limit_bytes:
        raise _too_large(limit_bytes)
    body = None if inbound.arrived is None else inbound.arrived()
    if body is None:
        body = await _received(receive, limit_bytes)
    elif len(body) > limit_bytes:
        raise _too_large(limit_bytes)
    encoding = inbound.content_encoding
    return body if encoding is None else _decompressed(body, encoding.decode("latin-1"), limit_bytes)


async def _received(receive: Receive, limit_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone("the caller left before the request was complete")
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > limit_bytes:
            raise _too_large(limit_bytes)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _decompressed(body: bytes, encoding: str, limit_bytes: int) -> bytes:
    try:
        inflate = inflater(encoding)
    except Undecodable:
        raise UnsupportedMedia(f"the encoding {encoding!r} is not read here; send gzip or nothing") from None
    if inflate is None:
        return body
    allowed = max(_UNSUSPECTED_BYTES, _MOST_EXPANSION * len(body))
    too_large = (
        _too_large(limit_bytes)
        if allowed >= limit_bytes
        else TooLarge(f"the compressed body is more than {_MOST_EXPANSION} times as large; send it as it is")
    )
    try:
        data = b"".join(_within(min(limit_bytes, allowed), inflate, body, too_large))
    except Undecodable as error:
        raise InvalidRequest(f"the body is not {encoding}: {error}") from None
    if not body or not inflate.ended:
        raise InvalidRequest("the compressed body is cut")
    return data


def _within(limit_bytes: int, inflate: Inflater, body: bytes, too_large: TooLarge) -> Iterator[bytes]:
    """Give the pieces of what is compressed in `body`; in small steps, as each part of it copies what follows it."""
    size = 0
    for start in range(0, len(body), _BLOCK):
        inflate.push(body[start : start + _BLOCK])
        while piece := inflate.pull():
            size += len(piece)
            if size > limit_bytes:
                raise too_large
            yield piece


def _too_large(limit_bytes: int) -> TooLarge:
    return TooLarge(f"the body is larger than {limit_bytes} bytes; send less, or raise server.max_body_bytes")


def require_depth(body: bytes, limit: int) -> None:
    """Raise `InvalidRequest` if JSON is nested deeper than `limit`.

    Nothing can be deeper than it has opening brackets, which is all that is counted for a short request. A long one is
    read once more: about 2 ms for a megabyte of text, 20 ms to 50 ms for one of nothing but brackets. That is done in
    large steps, since such a megabyte comes packed into a kilobyte, and all other requests wait for it.
    """
    if body.count(b"{") + body.count(b"[") <= limit:
        return
    depth = 0
    for steps in _outside_of_strings(body):
        whole = len(steps) // _EIGHT * _EIGHT
        eights = memoryview(steps)[:whole].cast("Q").tolist()
        depths = list(accumulate(map(_SUMS.__getitem__, eights), initial=depth))
        deepest = max(depths)
        if deepest + _EIGHT > limit:
            deepest = max(deepest, max(map(add, depths, map(_PEAKS.__getitem__, eights)), default=0))
        rest = list(accumulate(memoryview(steps)[whole:].cast("b"), initial=depths[-1]))
        if max(deepest, *rest) > limit:
            raise InvalidRequest(f"the body is nested deeper than {limit} levels; send a flatter one")
        depth = rest[-1]


def _outside_of_strings(body: bytes) -> Iterator[bytes]:
    """Return the brackets of JSON, as steps, but not those in its strings; in blocks, for little memory."""
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Where one string follows another, with no bracket between or in one of them, what is inside of a string stays so
    # without the two marks.
    marks = body.translate(_STEPS, _NO_MARKS).replace(b'""', b"")
    inside = False
    for start in range(0, len(marks), _BLOCK):
        parts = marks[start : start + _BLOCK].split(b'"')
        yield b"".join(parts[inside::2])
        inside ^= len(parts) % 2 == 0
