"""The few facts read from an answer that is passed on byte for byte: how it ended, what it used, what it says."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from quorate.model.usage import Usage
from quorate.providers.broken_off import BROKEN_OFF
from quorate.wire.chat import MOST_TOKENS, ChatResponse, Choice, Message
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

    def texts(self) -> Iterator[str]:
        reasoning = self.reasoning if isinstance(self.reasoning, str) else None
        for text in (self.content, self.reasoning_content or reasoning, self.refusal):
            if text:
                yield text
        for call in self.tool_calls or ():
            for text in (call.function.name, call.function.arguments) if call.function is not None else ():
                if text:
                    yield text


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


class _WholeChoice(msgspec.Struct, frozen=True, kw_only=True):
    message: _MessageFacts = _MessageFacts()


class _WholeTexts(msgspec.Struct, frozen=True, kw_only=True):
    choices: tuple[_WholeChoice, ...] = ()


def text_of(body: bytes) -> str:
    """Return the texts of a whole answer; empty if it cannot be read."""
    try:
        found = msgspec.json.decode(body, type=_WholeTexts)
    except UNREAD:
        return ""
    return "\n".join(text for choice in found.choices for text in choice.message.texts())


class Heard:
    """What has arrived of a relayed stream, for estimating its tokens when it breaks off; a live object."""

    __slots__ = ("_began", "_ended", "_texts", "usage")

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._began: set[int] = set()
        self._ended: set[int] = set()
        self.usage: Usage | None = None

    @property
    def finished(self) -> bool:
        """Whether every answer that began has said why it ended."""
        return bool(self._began) and self._began == self._ended

    @property
    def ended(self) -> int:
        """How many answers have said why they ended."""
        return len(self._ended)

    @property
    def spoke(self) -> bool:
        """Whether anything of an answer has come."""
        return bool(self._texts)

    def continues(self, data: bytes) -> bool:
        """Take a chunk into account that only continues one answer; `False`, with nothing done, for any other."""
        facts = read_chunk(data)
        if facts is None or facts.usage is not None or len(facts.choices) != 1:
            return False
        choice = facts.choices[0]
        text = None if choice.delta is None else choice.delta.only_text()
        if not text or choice.finish_reason or choice.index not in self._began:
            return False
        self._texts.append(text)
        return True

    def add(self, facts: ChunkFacts) -> None:
        """Take the facts of one chunk into account."""
        if facts.usage is not None:
            self.usage = facts.usage.usage()
        for choice in facts.choices:
            self._began.add(choice.index)
            if choice.delta is not None:
                self._texts.extend(choice.delta.texts())
            if choice.finish_reason:
                self._ended.add(choice.index)

    def add_chunk(self, chunk: ChatChunk) -> None:
        """Take a chunk into account that the dialect's parser had to read."""
        if chunk.usage is not None and (self.usage is None or chunk.usage.total_tokens > 0):
            self.usage = Usage.from_wire(chunk.usage)
        for choice in chunk.choices:
            self._began.add(choice.index)
            delta = choice.delta
            functions = [call.function for call in delta.tool_calls or () if call.function]
            called = [text for function in functions for text in (function.name, function.arguments)]
            thoughts = delta.reasoning_content or delta.reasoning
            self._texts.extend(text for text in (delta.content, thoughts, delta.refusal, *called) if text)
            if choice.finish_reason:
                self._ended.add(choice.index)

    def response(self) -> ChatResponse:
        """Return what has come, its texts in one."""
        message = Message(content="".join(self._texts))
        usage = None if self.usage is None else self.usage.to_wire()
        return ChatResponse(choices=(Choice(message=message),) if self._texts else (), usage=usage)
