"""How a flow is to be run, as a request says it: its headers and its query; the body is the inputs alone."""

import re
from typing import Annotated, Literal
from urllib.parse import parse_qsl

import msgspec

from quorate.core.errors import InvalidRequest
from quorate.flows.plan import Durability, FlowPlan
from quorate.server.inbound import Inbound
from quorate.server.top_level import timeout_of

_PREFERENCE = re.compile(r"\s*([A-Za-z-]+)\s*(?:=\s*\"?([^\",;]*)\"?)?\s*(?:;.*)?")


class FlowQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query of a run.

    `durability` stands in for what the flow says, `priority` goes before or after others in the queue (higher first;
    above that of the flow itself only for the operator's keys), `callback` names a webhook of the configuration, or is
    a URL, that is told of the end. `include=steps` puts how every step ended into the answer. `key` is what a split
    between versions sticks to.
    """

    durability: Durability | None = None
    priority: Annotated[int, msgspec.Meta(ge=-1000, le=1000)] | None = None
    callback: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)] | None = None
    include: Literal["steps"] | None = None
    key: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None


class FlowOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a flow is to be run: the query, and for how long the answer is waited for.

    `wait_s` `None`: to the end. `applied` are the preferences that were followed, as `Preference-Applied` says it.
    `timeout_s` is how long the run may take.
    """

    query: FlowQuery
    wait_s: float | None
    applied: str
    timeout_s: float | None


def read_options(inbound: Inbound, query: bytes) -> FlowOptions:
    """Return the options of a request; raises `InvalidRequest` for one that is not known or does not fit."""
    wait_s, applied = _preferred(inbound.prefer)
    return FlowOptions(query=_query(query), wait_s=wait_s, applied=applied, timeout_s=timeout_of({}, inbound.timeout))


def waits_s(options: FlowOptions, plan: FlowPlan) -> float | None:
    """Return for how long the answer waits: as preferred, else not at all for a flow that says `async`."""
    if options.applied:
        return options.wait_s
    return 0.0 if plan.limits.run_async else None


def _query(query: bytes) -> FlowQuery:
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=20) if query else []
    values = dict(pairs)
    if len(values) < len(pairs):
        raise InvalidRequest("the query says something twice", param=pairs[-1][0])
    try:
        return msgspec.convert(values, FlowQuery, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{error} (the query; inputs go into the body)") from None


def _preferred(header: bytes | None) -> tuple[float | None, str]:
    """Return what `Prefer` (RFC 7240) says of waiting; what is not known, or not well said, is not followed."""
    wait_s, at_once, applied = None, False, list[str]()
    for part in (header or b"").decode("latin-1").split(","):
        found = _PREFERENCE.fullmatch(part)
        if found is None:
            continue
        name, value = found[1].lower(), found[2] or ""
        if name == "wait" and value.strip().isdecimal() and len(value) < 7 and wait_s is None:  # noqa: PLR2004 - days
            wait_s = float(value)
            applied.append(f"wait={int(value)}")
        elif name == "respond-async" and not at_once:
            at_once = True
            applied.append("respond-async")
    if at_once and wait_s is None:
        wait_s = 0.0
    return wait_s, ", ".join(applied)
