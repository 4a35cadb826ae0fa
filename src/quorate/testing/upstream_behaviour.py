"""What the loopback provider does with a request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias


class StallAt(StrEnum):
    """Where an answer stops for good: before its status line, after its headers, or after the first chunk."""

    HEADERS = "headers"
    BODY = "body"
    MIDDLE = "middle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Respond:
    """A proper answer: after `delay_s`, streamed in `pieces` that are `gap_s` apart if the request asks for a stream.

    Without `pieces` the text is one piece. `usage` (`None`: left out) goes with the body, or with a last chunk if the
    request asks for it; `done` says whether a stream ends with `[DONE]`. `extra` is added to the body or every chunk.
    """

    text: str = "Hello from the loopback provider."
    pieces: tuple[str, ...] = ()
    delay_s: float = 0.0
    gap_s: float = 0.0
    finish_reason: str | None = "stop"
    usage: Mapping[str, Any] | None = field(
        default_factory=lambda: {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    )
    done: bool = True
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail:
    """An error status with an OpenAI error body, or with `body` as it is."""

    status: int = 500
    message: str = "The server had an error."
    code: str | None = None
    error_type: str = "server_error"
    delay_s: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """Stops at a place of a streamed answer and keeps the connection open until the client closes it."""

    at: StallAt = StallAt.HEADERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Sends `pieces` of a streamed answer and then closes the connection without an end."""

    pieces: tuple[str, ...] = ("This answer", " ends")
    gap_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """Sends these `chunks` of bytes, `gap_s` apart, as the body: for malformed and unusual answers."""

    chunks: tuple[bytes, ...]
    status: int = 200
    content_type: str = "text/event-stream"
    gap_s: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


Behaviour: TypeAlias = Respond | Fail | Stall | Cut | Raw
