"""What a route is: where, who may, what goes in, what comes out. Only the tables of routes say so."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from quorate.access.permission import Permission
from quorate.access.principal import Principal
from quorate.server.event_stream import EventStream
from quorate.server.services import Services


class NoQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query of a route that takes none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request to a route, already authenticated, permitted and decoded.

    `path` holds the parameters of the path, `query` and `body` are structs of the route's types. `headers` are looked
    up by their names in any case.
    """

    services: Services
    principal: Principal
    request_id: str
    path: Mapping[str, str]
    query: Any
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


#: Writes the events of a response; it is ended when this returns.
WriteEvents = Callable[[EventStream], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a handler returns: a struct to encode as JSON (or bytes as they are), status and further headers.

    With `events` it is a stream of server-sent events, and there is no value.
    """

    value: Any = None
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    events: WriteEvents | None = None


Handler = Callable[[Exchange], Awaitable[Answer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method at one path (`{name}` is a parameter).

    `permission` `None` means open to everybody; a test holds the list of those. `body` and `query` are msgspec structs
    that forbid unknown fields; query values are texts that are converted. With `body_optional`, a request without a
    content type has the body's defaults. `answer` is what a success returns (`None`: no JSON), `others` what successes
    with other statuses do, `stream` says what the events are if it may be a stream of them. With `idempotent`, an
    `Idempotency-Key` makes a repetition return the first answer. `accepts` describes a body that an application of its
    own reads, by media type.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    permission: Permission | None
    body: type[msgspec.Struct] | None = None
    body_optional: bool = False
    query: type[msgspec.Struct] = NoQuery
    answer: type[msgspec.Struct] | None = None
    status: int = 200
    stream: str = ""
    idempotent: bool = False
    tag: str = ""
    others: Mapping[int, type[msgspec.Struct]] = field(default_factory=dict[int, type[msgspec.Struct]])
    accepts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
