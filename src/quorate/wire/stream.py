"""Stream chunks, and joining them into the response they make up."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from quorate.wire.chat import ChatResponse, Choice, Message, ToolCall, WireUsage
from quorate.wire.joined_calls import JoinedCalls, merge
from quorate.wire.open import JsonObject, Open, encode, written
from quorate.wire.sse import encode_sse


class ChunkDelta(Open, frozen=True, kw_only=True):
    """What a chunk adds to a message."""

    role: str | None = None
    content: str | None = None
    tool_calls: tuple[ToolCall, ...] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class ChunkChoice(Open, frozen=True, kw_only=True):
    """What a chunk adds to one of the `n` answers."""

    delta: ChunkDelta = written(ChunkDelta())
    index: int = written(0)
    finish_reason: str | None = written(None)
    logprobs: dict[str, Any] | None = None


class ChatChunk(Open, frozen=True, kw_only=True):
    """One event of a streamed answer; the last one may carry `usage` and no choices."""

    choices: tuple[ChunkChoice, ...] = written(())
    id: str = written("")
    object: str = written("chat.completion.chunk")
    created: int = written(0)
    model: str = written("")
    usage: WireUsage | None = None
    system_fingerprint: str | None = None

    @property
    def text(self) -> str:
        """The text this chunk adds to the first choice."""
        return next((choice.delta.content or "" for choice in self.choices if choice.index == 0), "")

    @property
    def says_something(self) -> bool:
        """Whether it brings anything of an answer: text, reasoning, a refusal or a tool call, not only a role."""
        return any(
            delta.content or delta.tool_calls or delta.refusal or delta.reasoning_content or delta.reasoning
            for delta in (choice.delta for choice in self.choices)
        )


def text_chunk(text: str, *, model: str = "", finish_reason: str | None = None) -> ChatChunk:
    """Return a chunk that adds `text` to the first choice."""
    return ChatChunk(model=model, choices=(ChunkChoice(delta=ChunkDelta(content=text), finish_reason=finish_reason),))


def chunk_of(response: ChatResponse) -> ChatChunk:
    """Return the whole response as a stream of one chunk; joining it gives the response back."""
    return ChatChunk(
        id=response.id,
        created=response.created,
        model=response.model,
        usage=response.usage,
        system_fingerprint=response.system_fingerprint,
        extra=response.extra,
        choices=tuple(
            ChunkChoice(
                index=choice.index,
                finish_reason=choice.finish_reason,
                logprobs=choice.logprobs,
                extra=choice.extra,
                delta=_delta_of(choice.message),
            )
            for choice in response.choices
        ),
    )


def encode_chunk(chunk: ChatChunk) -> bytes:
    """Return a piece of an answer as server-sent events."""
    return b"".join(encode_sse(encode(part)) for part in _told_in_turn(chunk))


def _told_in_turn(chunk: ChatChunk) -> tuple[ChatChunk, ...]:
    """Return the chunk as OpenAI would send it: that an answer has ended comes in a chunk after its tool calls.

    Its SDKs tell a program of a whole tool call only when a further chunk has come.
    """
    if not any(choice.delta.tool_calls and choice.finish_reason for choice in chunk.choices):
        return (chunk,)
    called = tuple(msgspec.structs.replace(choice, finish_reason=None) for choice in chunk.choices)
    ended = tuple(
        ChunkChoice(index=choice.index, finish_reason=choice.finish_reason)
        for choice in chunk.choices
        if choice.finish_reason
    )
    return msgspec.structs.replace(chunk, choices=called, usage=None), msgspec.structs.replace(chunk, choices=ended)


def _delta_of(message: Message) -> ChunkDelta:
    calls = message.tool_calls
    return ChunkDelta(
        role=message.role,
        content=message.text if message.content is not None else None,
        refusal=message.refusal,
        reasoning_content=message.reasoning_content,
        reasoning=message.reasoning,
        extra=message.extra,
        tool_calls=calls and tuple(msgspec.structs.replace(call, index=i) for i, call in enumerate(calls)),
    )


_TEXTS = ("content", "refusal", "reasoning_content", "reasoning")


@dataclass(slots=True)
class _Answer:
    role: str | None = None
    texts: dict[str, list[str]] = field(default_factory=dict[str, "list[str]"])
    calls: JoinedCalls = field(default_factory=JoinedCalls)
    finish_reason: str | None = None
    logprobs: JsonObject | None = None
    message_extra: JsonObject = field(default_factory=dict[str, Any])
    extra: JsonObject = field(default_factory=dict[str, Any])

    def add(self, choice: ChunkChoice) -> None:
        delta = choice.delta
        self.role = delta.role or self.role
        for name in _TEXTS:
            text = getattr(delta, name)
            if text is not None:
                self.texts.setdefault(name, []).append(text)
        self.calls.add(delta.tool_calls or ())
        self.finish_reason = choice.finish_reason or self.finish_reason
        if choice.logprobs is not None:
            self.logprobs = self.logprobs or {}
            merge(self.logprobs, choice.logprobs)
        merge(self.message_extra, delta.extra)
        merge(self.extra, choice.extra, joins_texts=False)

    def whole(self, index: int) -> Choice:
        texts = {name: "".join(parts) for name, parts in self.texts.items()}
        calls = self.calls.whole()
        message = Message(role=self.role or "assistant", tool_calls=calls, extra=self.message_extra, **texts)
        return Choice(
            index=index, message=message, finish_reason=self.finish_reason, logprobs=self.logprobs, extra=self.extra
        )


class Joiner:
    """Adds up the chunks of one stream; `response()` is what has arrived so far.

    What a message consists of adds up: texts and tool arguments are concatenated, lists extended. Of everything else
    the last value wins that is not null: providers repeat the facts about an answer in each chunk. Usage is taken from
    whichever chunk carries it.
    """

    def __init__(self) -> None:
        self._head = ChatChunk()
        self._answers: dict[int, _Answer] = {}
        self._usage: WireUsage | None = None
        self._extra: JsonObject = {}

    def add(self, chunk: ChatChunk) -> None:
        """Add one chunk."""
        if not self._head.id:
            self._head = chunk
        for choice in chunk.choices:
            self._answers.setdefault(choice.index, _Answer()).add(choice)
        usage = chunk.usage
        if usage is not None and (self._usage is None or usage.counts_something):
            self._usage = usage  # some servers send zeros behind the counts
        self._extra.update(
            (key, value) for key, value in chunk.extra.items() if value is not None or key not in self._extra
        )

    @property
    def finished(self) -> bool:
        """Whether every answer that began has said why it ended: the sign that the stream was not cut."""
        return bool(self._answers) and all(answer.finish_reason for answer in self._answers.values())

    def response(self) -> ChatResponse:
        """Return the response the chunks make up."""
        head = self._head
        return ChatResponse(
            id=head.id,
            created=head.created,
            model=head.model,
            system_fingerprint=head.system_fingerprint,
            usage=self._usage,
            choices=tuple(self._answers[index].whole(index) for index in sorted(self._answers)),
            extra=self._extra,
        )
