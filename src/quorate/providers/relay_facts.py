"""The few facts read from an answer that is passed on byte for byte: how it ended, what it used, what it says."""

from collections.abc import Sequence
from typing import Any

import msgspec

from quorate.model.usage import Usage
from quorate.providers.broken_off import BROKEN_OFF
from quorate.wire.chat import MOST_TOKENS, ChatResponse, Choice, FunctionCall, Message, ToolCall
from quorate.wire.joined_calls import JoinedCalls
from quorate.wire.stream import ChatChunk


class _Details(msgspec.Struct, frozen=True, kw_only=True):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None

    @property
    def is_plain(self) -> bool:
        counts = (self.cached_tokens, self.cache_write_tokens, self.reasoning_tokens)
        return all(count is None or 0 <= count <= MOST_TOKENS for count in counts)


class PlainUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Counts as OpenAI gives them. Those of others, who count otherwise, are left to the dialect's parser."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    prompt_cache_hit_tokens: int | None = None
    cached_tokens: int | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the counts mean what OpenAI's mean, and are counts."""
        if self.prompt_cache_hit_tokens is not None or self.cached_tokens is not None:
            return False
        prompt, completion, total = self.prompt_tokens, self.completion_tokens, self.total_tokens
        if prompt < 0 or completion < 0 or total != prompt + completion or not 0 < total <= MOST_TOKENS:
            return False
        prompt_details, completion_details = self.prompt_tokens_details, self.completion_tokens_details
        return (prompt_details is None or prompt_details.is_plain) and (
            completion_details is None or completion_details.is_plain
        )

    def usage(self) -> Usage:
        """Return the counts as ours."""
        prompt, completion = self.prompt_tokens_details, self.completion_tokens_details
        if prompt is None and completion is None:
            return Usage(prompt_tokens=self.prompt_tokens, completion_tokens=self.completion_tokens)
        return Usage(
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            cached_tokens=(prompt.cached_tokens or 0) if prompt else 0,
            cache_write_tokens=(prompt.cache_write_tokens or 0) if prompt else 0,
            reasoning_tokens=(completion.reasoning_tokens or 0) if completion else 0,
        )


class _FunctionFacts(msgspec.Struct, frozen=True, kw_only=True):
    name: str | None = None
    arguments: str | None = None


class _ToolCallFacts(msgspec.Struct, frozen=True, kw_only=True):
    function: _FunctionFacts | None = None
    index: Any = None  # whatever else servers put here is passed on; a number and a text tell calls apart
    id: Any = None

    def piece(self) -> ToolCall:
        called = self.function or _FunctionFacts()
        return ToolCall(
            index=self.index if isinstance(self.index, int) else None,
            id=self.id if isinstance(self.id, str) else None,
            function=FunctionCall(name=called.name, arguments=called.arguments),
        )


class _MessageFacts(msgspec.Struct, frozen=True, kw_only=True):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: Any = None  # text under this name is reasoning; whatever else is, is not ours to judge
    refusal: str | None = None
    tool_calls: tuple[_ToolCallFacts, ...] | None = None

    def only_text(self) -> str | None:
        """Return the text if there is nothing else."""
        if self.tool_calls is None and self.reasoning_content is None and self.reasoning is None:
            return self.content if self.refusal is None else None
        return None

    def thoughts(self) -> str | None:
        return self.reasoning_content or (self.reasoning if isinstance(self.reasoning, str) else None)


class _EndFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How an answer ended. One with an error of its own is not plain: decoding it fails."""

    finish_reason: str | None = None
    error: None = None


class _ChoiceFacts(_EndFacts, frozen=True, kw_only=True):
    index: int = 0
    delta: _MessageFacts | None = None


class AnswerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of a whole answer: the choices have to be there, and none of them broken off."""

    choices: tuple[_EndFacts, ...]
    usage: PlainUsage | None = None
    error: msgspec.Raw | None = None


class ChunkFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of one chunk of a stream."""

    choices: tuple[_ChoiceFacts, ...] = ()
    usage: PlainUsage | None = None
    error: msgspec.Raw | None = None
    x_groq: msgspec.Raw | None = None


#: What an odd answer raises here; the dialect's own parser then says what it means.
UNREAD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_answer = msgspec.json.Decoder(AnswerFacts)
_chunk = msgspec.json.Decoder(ChunkFacts)


def read_answer(body: bytes) -> Usage | None:
    """Return the counts of a whole answer; `None` if it takes the dialect's parser to read it."""
    try:
        facts = _answer.decode(body)
    except UNREAD:
        return None
    if facts.error is not None or not facts.choices or facts.usage is None or not facts.usage.is_plain:
        return None
    return None if _broken_off(facts.choices) else facts.usage.usage()


def read_chunk(data: bytes) -> ChunkFacts | None:
    """Return the facts of one chunk; `None` if it takes the dialect's parser to read it."""
    try:
        facts = _chunk.decode(data)
    except UNREAD:
        return None
    if facts.error is not None or facts.x_groq is not None or (facts.usage is not None and not facts.usage.is_plain):
        return None
    return None if _broken_off(facts.choices) else facts


def _broken_off(choices: Sequence[_EndFacts]) -> bool:
    """Whether the provider failed in one of the answers; a loop, because every chunk of every stream passes here."""
    for choice in choices:  # noqa: SIM110 - `any` over a generator would cost four times as much
        if choice.finish_reason in BROKEN_OFF:
            return True
    return False


class _Said:
    """What has come of one answer; a live object. To `content` the short way adds as well."""

    __slots__ = ("_calls", "_refusal", "_thoughts", "content")

    def __init__(self) -> None:
        self.content: list[str] = []
        self._thoughts: list[str] = []
        self._refusal: list[str] = []
        self._calls: JoinedCalls | None = None

    @property
    def anything(self) -> bool:
        return bool(self.content or self._thoughts or self._refusal or self._calls)

    def add(self, content: str | None, thoughts: str | None, refusal: str | None, calls: Sequence[ToolCall]) -> None:
        if content:
            self.content.append(content)
        if thoughts:
            self._thoughts.append(thoughts)
        if refusal:
            self._refusal.append(refusal)
        if calls:
            self._calls = self._calls or JoinedCalls()
            self._calls.add(calls)

    def message(self) -> Message:
        return Message(
            content="".join(self.content),
            reasoning_content="".join(self._thoughts) or None,
            refusal="".join(self._refusal) or None,
            tool_calls=None if self._calls is None else self._calls.whole(),
        )


class Heard:
    """What has arrived of a relayed stream, to know when it is whole, what it used and what it says; a live object."""

    __slots__ = ("_began", "_ended", "usage")

    def __init__(self) -> None:
        self._began: dict[int, _Said] = {}
        self._ended: set[int] = set()
        self.usage: Usage | None = None

    @property
    def finished(self) -> bool:
        """Whether every answer that began has said why it ended."""
        return bool(self._began) and len(self._began) == len(self._ended)

    @property
    def ended(self) -> int:
        """How many answers have said why they ended."""
        return len(self._ended)

    @property
    def spoke(self) -> bool:
        """Whether anything of an answer has come."""
        return any(said.anything for said in self._began.values())

    def continues(self, data: bytes) -> bool:
        """Take a chunk into account that only continues one answer; `False`, with nothing done, for any other."""
        facts = read_chunk(data)
        if facts is None or facts.usage is not None or len(facts.choices) != 1:
            return False
        choice = facts.choices[0]
        text = None if choice.delta is None else choice.delta.only_text()
        if not text or choice.finish_reason or (said := self._began.get(choice.index)) is None:
            return False
        said.content.append(text)
        return True

    def add(self, facts: ChunkFacts) -> None:
        """Take the facts of one chunk into account."""
        if facts.usage is not None:
            self.usage = facts.usage.usage()
        for choice in facts.choices:
            said, delta = self._begin(choice.index), choice.delta
            if delta is not None:
                calls = [call.piece() for call in delta.tool_calls or ()]
                said.add(delta.content, delta.thoughts(), delta.refusal, calls)
            if choice.finish_reason:
                self._ended.add(choice.index)

    def add_chunk(self, chunk: ChatChunk) -> None:
        """Take a chunk into account that the dialect's parser had to read."""
        if chunk.usage is not None and (self.usage is None or chunk.usage.total_tokens > 0):
            self.usage = Usage.from_wire(chunk.usage)
        for choice in chunk.choices:
            said, delta = self._begin(choice.index), choice.delta
            thoughts = delta.reasoning_content or delta.reasoning
            said.add(delta.content, thoughts, delta.refusal, delta.tool_calls or ())
            if choice.finish_reason:
                self._ended.add(choice.index)

    def response(self) -> ChatResponse:
        """Return what has come, of the answers that have said something."""
        said = [(index, said.message()) for index, said in sorted(self._began.items()) if said.anything]
        usage = None if self.usage is None else self.usage.to_wire()
        return ChatResponse(choices=tuple(Choice(index=index, message=one) for index, one in said), usage=usage)

    def _begin(self, index: int) -> _Said:
        said = self._began.get(index)
        if said is None:
            self._began[index] = said = _Said()
        return said
