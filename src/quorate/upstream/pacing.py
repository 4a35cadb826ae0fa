"""When which part of an answer leaves: one answer in one piece or as a stream, with its waits and its fault."""

from collections.abc import Iterator, Sequence

import msgspec

from quorate.upstream.behaviour import Behaviour
from quorate.upstream.fate import HEALTHY, Fate
from quorate.upstream.steps import LAST_CHUNK, End, Response, Step, Until, chunked, head, stream_head

_GARBAGE = b'data: {"this is": no JSON\n\n'


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """A stream as bytes of its format: what opens it, an event for each token, what closes it, its last word."""

    opening: bytes
    tokens: Sequence[bytes]
    closing: bytes
    last: bytes


def whole(body: bytes, tokens: int, behaviour: Behaviour, fate: Fate, headers: bytes) -> Response:
    """Return the answer in one piece; it comes when its last token would have come."""
    wait_s = _first_s(behaviour, fate) + behaviour.gap_s * max(0, tokens - 1)
    start = head(200, length=len(body), headers=headers)
    if fate.garbled:
        body = b"{" * len(body)
    if fate.stop_at is not None:
        return Response(status=200, steps=_broken(start, body[: int(len(body) * fate.stop_at)], wait_s, fate))
    if fate.first_s:
        return Response(status=200, steps=(start, Until(at_s=wait_s), body))
    return Response(status=200, steps=(start + body,) if wait_s <= 0 else (Until(at_s=wait_s), start + body))


def streamed(events: Events, behaviour: Behaviour, fate: Fate, headers: bytes) -> Response:
    """Return the answer as a stream."""
    if fate is HEALTHY and behaviour.gap_s <= 0 and behaviour.first_s <= 0:
        body = b"".join((events.opening, *events.tokens, events.closing, events.last))
        all_at_once = stream_head(headers) + chunked(body) + LAST_CHUNK
        steps = (all_at_once,) if behaviour.delay_s <= 0 else (Until(at_s=behaviour.delay_s), all_at_once)
        return Response(status=200, steps=steps)
    return Response(status=200, steps=_paced(events, behaviour, fate, headers))


def _first_s(behaviour: Behaviour, fate: Fate) -> float:
    return behaviour.delay_s + behaviour.first_s + fate.first_s


def _paced(events: Events, behaviour: Behaviour, fate: Fate, headers: bytes) -> Iterator[Step]:
    if behaviour.delay_s > 0:
        yield Until(at_s=behaviour.delay_s)
    yield stream_head(headers)
    count = len(events.tokens)
    stop = count if fate.stop_at is None else max(1, round(count * fate.stop_at))
    garbage_at = count // 2 if fate.garbled else -1
    at_s = _first_s(behaviour, fate)
    for position, event in enumerate(events.tokens[:stop]):
        yield Until(at_s=at_s)
        if position == 0:
            yield chunked(events.opening)
        yield chunked(event) if position != garbage_at else chunked(_GARBAGE + event)
        at_s += behaviour.gap_s
    if not count:
        yield chunked(events.opening)
    if fate.stop_at is not None:
        yield Until(at_s=at_s + fate.stop_s)
        yield End.CLOSE
        return
    yield chunked(events.closing if fate.unended else events.closing + events.last) + LAST_CHUNK


def _broken(start: bytes, part: bytes, wait_s: float, fate: Fate) -> Iterator[Step]:
    yield Until(at_s=wait_s)
    yield start + part
    yield Until(at_s=wait_s + fate.stop_s)
    yield End.CLOSE
