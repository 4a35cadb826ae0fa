"""W3C Trace Context: reading and writing `traceparent` and `tracestate`, by the recommendation of November 2021."""

import random
import re

import msgspec

from quorate.model.call import TraceContext

_TRACEPARENT = re.compile(
    r"(?!ff)(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<rest>-.*)?",
    re.ASCII,
)
_NO_TRACE = "0" * 32
_NO_SPAN = "0" * 16
_SAMPLED = 0x01
#: Bits of the flags that mean something: sampled, and (level 2) that the trace id is random.
_FLAGS = 0x03
_MEMBER = re.compile(
    r"(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})"
    r"=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]",
    re.ASCII,
)
_MAX_MEMBERS = 32
_MAX_STATE = 512


class TraceParent(msgspec.Struct, frozen=True, kw_only=True):
    """A place in a distributed trace: 32 and 16 lower-case hexadecimal digits, and the flags."""

    trace_id: str
    span_id: str
    flags: int = _SAMPLED

    @property
    def sampled(self) -> bool:
        """Whether the caller keeps this trace."""
        return bool(self.flags & _SAMPLED)

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags & _FLAGS:02x}"

    def child(self, ids: random.Random) -> "TraceParent":
        """Return the place of a span of ours below this one."""
        return TraceParent(trace_id=self.trace_id, span_id=_new_hex(ids, 64), flags=self.flags)


def parse_traceparent(header: str | None) -> TraceParent | None:
    """Return what the header says, or `None` if there is none or it is malformed. About 1 us.

    A later version than 00 may have more fields; they are ignored, as the recommendation asks.
    """
    if header is None:
        return None
    found = _TRACEPARENT.fullmatch(header)
    if found is None:
        return None
    version, trace_id, span_id, flags, rest = found.groups()
    if trace_id == _NO_TRACE or span_id == _NO_SPAN or (rest is not None and version == "00"):
        return None
    return TraceParent(trace_id=trace_id, span_id=span_id, flags=int(flags, 16) & _FLAGS)


def new_traceparent(ids: random.Random, *, sampled: bool) -> TraceParent:
    """Return the root of a new trace; `ids` need not be unguessable, only different."""
    return TraceParent(trace_id=_new_hex(ids, 128), span_id=_new_hex(ids, 64), flags=_SAMPLED if sampled else 0)


def parse_tracestate(header: str | None) -> str:
    """Return the header as it may be passed on: at most 32 members and 512 characters; malformed gives nothing."""
    if not header:
        return ""
    members = [member for part in header.split(",") if (member := part.strip(" \t"))]
    keys = {member.partition("=")[0] for member in members}
    if len(members) > _MAX_MEMBERS or len(keys) < len(members) or not all(map(_MEMBER.fullmatch, members)):
        return ""
    while members and len(",".join(members)) > _MAX_STATE:
        members.pop()  # the rightmost are the oldest
    return ",".join(members)


def read_trace(traceparent: str | None, tracestate: str | None) -> TraceContext | None:
    """Return the caller's trace context from two headers; `None` unless `traceparent` is well-formed."""
    parent = parse_traceparent(traceparent)
    if parent is None:
        return None
    return TraceContext(traceparent=str(parent), tracestate=parse_tracestate(tracestate))


def _new_hex(ids: random.Random, bits: int) -> str:
    while not (value := ids.getrandbits(bits)):
        pass  # all zeros means "none"
    return f"{value:0{bits // 4}x}"
