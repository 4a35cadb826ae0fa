"""The few facts read from an answer that is passed on byte for byte: how it ended, what it used, what it says."""

from collections.abc import Iterator

import msgspec

from quorate.model.usage import Usage
from quorate.wire.chat import ChatResponse, Choice, Message
from quorate.wire.stream import ChatChunk


class _Details(msgspec.Struct, frozen=True, kw_only=True):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


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
        """Whether the counts mean what OpenAI's mean."""
        if self.prompt_cache_hit_tokens is not None or self.cached_tokens is not None:
            return False
        return self.total_tokens > 0 and self.total_tokens == self.prompt_tokens + self.completion_tokens

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
    arguments: str | None = None


class _ToolCallFacts(msgspec.Struct, frozen=True, kw_only=True):
    function: _FunctionFacts | None = None


class _MessageFacts(msgspec.Struct, frozen=True, kw_only=True):
    content: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    tool_calls: tuple[_ToolCallFacts, ...] | None = None

    def texts(self) -> Iterator[str]:
        for text in (self.content, self.reasoning_content, self.refusal):
            if text:
                yield text
        for call in self.tool_calls or ():
            if call.function is not None and call.function.arguments:
                yield call.function.arguments


class _ChoiceFacts(msgspec.Struct, frozen=True, kw_only=True):
    index: int = 0
    finish_reason: str | None = None
    delta: _MessageFacts | None = None


class AnswerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of a whole answer: the choices only have to be there."""

    choices: tuple[msgspec.Raw, ...]
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
    return facts.usage.usage()


def read_chunk(data: bytes) -> ChunkFacts | None:
    """Return the facts of one chunk; `None` if it takes the dialect's parser to read it."""
    try:
        facts = _chunk.decode(data)
    except UNREAD:
        return None
    if facts.error is not None or facts.x_groq is not None or (facts.usage is not None and not facts.usage.is_plain):
        return None
    return facts


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
        if chunk.usage is not None:
            self.usage = Usage.from_wire(chunk.usage)
        for choice in chunk.choices:
            self._began.add(choice.index)
            delta = choice.delta
            arguments = [call.function.arguments for call in delta.tool_calls or () if call.function]
            self._texts.extend(
                text for text in (delta.content, delta.reasoning_content, delta.refusal, *arguments) if text
            )
            if choice.finish_reason:
                self._ended.add(choice.index)

    def response(self) -> ChatResponse:
        """Return what has come, its texts in one."""
        message = Message(content="".join(self._texts))
        usage = None if self.usage is None else self.usage.to_wire()
        return ChatResponse(choices=(Choice(message=message),) if self._texts else (), usage=usage)
