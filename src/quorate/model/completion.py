"""What a model gives back: pieces (`Delta`), the whole (`Completion`), and how a branch ended (`Outcome`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from quorate.core.errors import QuorateError
from quorate.model.event import State
from quorate.model.output import Output
from quorate.model.usage import Spend, Usage
from quorate.wire.chat import ChatResponse
from quorate.wire.stream import ChatChunk, chunk_of


class Detail(Protocol):
    """How a composed model reached its answer; JSON-able."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A whole answer.

    `model` is the catalog name that answered, `provider` where it runs; `usage` is the provider's own count or our
    estimate (`estimated`); `cost_microusd` is `None` when the price is not known. `metadata` holds facts about the
    answer (`simulated: true`), `detail` how a composed model reached it, `output` its value under an output contract.
    """

    response: ChatResponse
    model: str
    provider: str = ""
    usage: Usage = field(default_factory=Usage)
    cost_microusd: int | None = None
    estimated: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    detail: Detail | None = None
    output: Output | None = None

    @property
    def text(self) -> str:
        """The first choice's text."""
        return self.response.text

    @property
    def finish_reason(self) -> str | None:
        """Why the first choice ended."""
        return self.response.finish_reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """A piece of an answer, as the wire carries it."""

    chunk: ChatChunk

    @property
    def text(self) -> str:
        """The text it adds to the first choice."""
        return self.chunk.text

    @property
    def says_something(self) -> bool:
        """Whether it brings anything of the answer. Many providers open with an empty piece."""
        return self.chunk.says_something

    @classmethod
    def of(cls, completion: Completion) -> "Delta":
        """Return a whole answer as one piece."""
        return cls(chunk=chunk_of(completion.response))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one branch ended: a completion or an error, never both, and what it cost either way.

    Times are seconds since the call began; `first_token_s` is `None` if nothing arrived.
    """

    branch: str
    model: str
    index: int
    group: int
    state: State
    started_s: float
    finished_s: float
    first_token_s: float | None = None
    completion: Completion | None = None
    error: QuorateError | None = None
    spend: Spend = field(default_factory=Spend)
    attempts: int = 1

    @property
    def ok(self) -> bool:
        """Whether the branch answered."""
        return self.completion is not None

    @property
    def text(self) -> str:
        """The answer's text; empty if there is none."""
        return self.completion.text if self.completion is not None else ""

    @property
    def latency_s(self) -> float:
        """Seconds from start to end."""
        return self.finished_s - self.started_s
