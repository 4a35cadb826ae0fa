"""Joining the chunks of a response gives the response back, however it was cut."""

import random
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from quorate.wire.chat import (
    ChatResponse,
    Choice,
    CompletionTokensDetails,
    FunctionCall,
    Message,
    Part,
    ToolCall,
    WireUsage,
)
from quorate.wire.open import decode, encode
from quorate.wire.stream import ChatChunk, ChunkChoice, ChunkDelta, Joiner, chunk_of, encode_chunk, text_chunk

TEXTS = ("content", "refusal", "reasoning_content", "reasoning")

functions = st.builds(FunctionCall, name=st.text(min_size=1), arguments=st.text())
calls = st.builds(ToolCall, id=st.text(min_size=1), type=st.just("function"), function=functions)
messages = st.builds(
    Message,
    role=st.just("assistant"),
    content=st.none() | st.text(),
    refusal=st.none() | st.text(),
    reasoning_content=st.none() | st.text(),
    reasoning=st.none() | st.text(),
    tool_calls=st.none() | st.lists(calls, min_size=1, max_size=3).map(tuple),
)
logprobs = st.none() | st.lists(st.text(), max_size=5).map(
    lambda words: {"content": [{"token": word} for word in words]}
)
counts = st.integers(0, 1000)
usages = st.none() | st.builds(
    WireUsage,
    prompt_tokens=counts,
    completion_tokens=counts,
    total_tokens=counts,
    completion_tokens_details=st.none() | st.builds(CompletionTokensDetails, reasoning_tokens=counts),
)


@st.composite
def responses(draw: st.DrawFn) -> ChatResponse:
    choices = tuple(
        Choice(
            index=index,
            message=draw(messages),
            finish_reason=draw(st.sampled_from(["stop", "length", "tool_calls"])),
            logprobs=draw(logprobs),
        )
        for index in range(draw(st.integers(1, 3)))
    )
    extra = draw(st.dictionaries(st.text().map(lambda name: f"x_{name}"), st.integers(), max_size=2))
    return ChatResponse(
        id=draw(st.text(min_size=1)),
        created=draw(counts),
        model=draw(st.text()),
        choices=choices,
        usage=draw(usages),
        system_fingerprint=draw(st.none() | st.text(min_size=1)),
        extra=extra,
    )


def pieces(text: str, rng: random.Random) -> list[str]:
    """The text cut at random places, never into nothing at all."""
    cuts = sorted(rng.randrange(len(text) + 1) for _ in range(rng.randrange(3)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def call_deltas(position: int, call: ToolCall, rng: random.Random) -> list[ChunkDelta]:
    assert call.function is not None
    first = ToolCall(index=position, id=call.id, type=call.type, function=FunctionCall(name=call.function.name))
    rest = [
        ToolCall(index=position, function=FunctionCall(arguments=piece))
        for piece in pieces(call.function.arguments or "", rng)
    ]
    return [ChunkDelta(tool_calls=(each,)) for each in (first, *rest)]


def deltas(message: Message, rng: random.Random) -> list[ChunkDelta]:
    """What a provider may send for the message: its texts and tool calls in pieces, mixed but each in order."""
    texts = [(name, text) for name in TEXTS if (text := getattr(message, name)) is not None]
    queues = [[msgspec.convert({name: piece}, ChunkDelta) for piece in pieces(text, rng)] for name, text in texts]
    queues += [call_deltas(position, call, rng) for position, call in enumerate(message.tool_calls or ())]
    return [ChunkDelta(role=message.role), *interleaved(queues, rng)]


def interleaved(queues: list[list[Any]], rng: random.Random) -> list[Any]:
    out: list[Any] = []
    while queues := [queue for queue in queues if queue]:
        out.append(rng.choice(queues).pop(0))
    return out


def choice_chunks(choice: Choice, rng: random.Random) -> list[ChunkChoice]:
    chunks = [ChunkChoice(index=choice.index, delta=delta) for delta in deltas(choice.message, rng)]
    if choice.logprobs is not None:
        chunks += [ChunkChoice(index=choice.index, logprobs={"content": []})]
        chunks += [ChunkChoice(index=choice.index, logprobs={"content": [each]}) for each in choice.logprobs["content"]]
    return [*chunks, ChunkChoice(index=choice.index, finish_reason=choice.finish_reason)]


def chunked(response: ChatResponse, rng: random.Random) -> list[ChatChunk]:
    """The response as a stream: the choices mixed, the usage in some chunk."""
    queues = [choice_chunks(choice, rng) for choice in response.choices]
    chunks = [
        ChatChunk(
            id=response.id,
            created=response.created,
            model=response.model,
            system_fingerprint=response.system_fingerprint,
            choices=(choice,),
        )
        for choice in interleaved(queues, rng)
    ]
    at = rng.randrange(len(chunks))
    chunks[at] = msgspec.structs.replace(chunks[at], usage=response.usage, extra=response.extra)
    return chunks


def join(*chunks: ChatChunk) -> Joiner:
    joiner = Joiner()
    for chunk in chunks:
        joiner.add(chunk)
    return joiner


@given(responses(), st.randoms(use_true_random=False))
def test_joining_any_cut_gives_the_response_back(response: ChatResponse, rng: random.Random) -> None:
    joiner = join(*chunked(response, rng))
    assert joiner.finished
    assert joiner.response() == response


@given(responses(), st.randoms(use_true_random=False))
def test_it_does_on_the_wire_as_well(response: ChatResponse, rng: random.Random) -> None:
    joiner = join(*(decode(encode(chunk), ChatChunk) for chunk in chunked(response, rng)))
    assert encode(joiner.response()) == encode(response)


@given(responses())
def test_a_stream_of_one_chunk_is_the_response(response: ChatResponse) -> None:
    assert join(chunk_of(response)).response() == response


@given(responses(), st.randoms(use_true_random=False), st.data())
def test_a_cut_stream_is_not_finished(response: ChatResponse, rng: random.Random, data: st.DataObject) -> None:
    chunks = chunked(response, rng)
    ends = [chunk for chunk in chunks if chunk.choices[0].finish_reason]
    lost = data.draw(st.sampled_from(ends))
    assert not join(*(chunk for chunk in chunks if chunk is not lost)).finished


def test_nothing_is_not_finished() -> None:
    assert not Joiner().finished
    assert not join(ChatChunk(usage=WireUsage(total_tokens=1))).finished
    assert join(ChatChunk(usage=WireUsage(total_tokens=1))).response().choices == ()


def test_what_arrived_so_far_can_be_read() -> None:
    joiner = join(text_chunk("Pa"), text_chunk("ris"))
    assert joiner.response().text == "Paris"
    assert not joiner.finished
    joiner.add(text_chunk("", finish_reason="stop"))
    assert joiner.finished


def test_the_last_usage_counts_wherever_it_comes() -> None:
    first, last = WireUsage(completion_tokens=1), WireUsage(completion_tokens=9)
    joiner = join(ChatChunk(usage=first), text_chunk("a", finish_reason="stop"), ChatChunk(usage=last))
    assert joiner.response().usage == last


def test_zeros_behind_the_counts_do_not_replace_them() -> None:
    counts = WireUsage(prompt_tokens=3, completion_tokens=1, total_tokens=4)
    assert join(ChatChunk(usage=counts), ChatChunk(usage=WireUsage())).response().usage == counts
    assert join(ChatChunk(usage=WireUsage())).response().usage == WireUsage()


def test_tool_calls_without_an_index_are_told_apart_by_their_place() -> None:
    both = (ToolCall(id="1", function=FunctionCall(name="a")), ToolCall(id="2", function=FunctionCall(name="b")))
    joined = join(ChatChunk(choices=(ChunkChoice(delta=ChunkDelta(tool_calls=both)),))).response().message.tool_calls
    assert joined is not None
    assert [(call.id, call.function and call.function.name) for call in joined] == [("1", "a"), ("2", "b")]


def test_parallel_tool_calls_under_one_index_are_told_apart_by_their_ids() -> None:
    def chunk(call_id: str | None, name: str | None, arguments: str, index: int | None = 0) -> ChatChunk:
        call = ToolCall(index=index, id=call_id, function=FunctionCall(name=name, arguments=arguments))
        return ChatChunk(choices=(ChunkChoice(delta=ChunkDelta(tool_calls=(call,))),))

    for index in (0, None):
        pieces = (chunk("1", "a", "{", index), chunk(None, None, "}", index), chunk("2", "b", "[]", index))
        joined = join(*pieces).response().message.tool_calls or ()
        assert [(call.id, call.function and call.function.arguments) for call in joined] == [("1", "{}"), ("2", "[]")]
    # An id that changes without a name is a server's carelessness, not another call.
    joined = join(chunk("1", "a", "{"), chunk("x", None, "}")).response().message.tool_calls or ()
    assert [call.function and call.function.arguments for call in joined] == ["{}"]


def test_facts_that_every_chunk_repeats_are_not_joined() -> None:
    def chunk(native: str | None, **extra: object) -> ChatChunk:
        choice = ChunkChoice(extra={"native_finish_reason": native}, delta=ChunkDelta(content="x"))
        return ChatChunk(choices=(choice,), extra=extra)

    first = chunk("a", service_tier="default", provider="P", citations=["u"], prompt_ids=[1])
    last = chunk("b", service_tier="default", provider="P", citations=["u", "v"], prompt_ids=None)
    response = join(first, last, chunk(None)).response()
    facts = {"service_tier": "default", "provider": "P", "citations": ["u", "v"], "prompt_ids": [1]}
    assert response.extra == facts
    assert response.choices[0].extra == {"native_finish_reason": "b"}


def test_joining_leaves_the_chunks_as_they_were() -> None:
    chunks = [ChatChunk(choices=(ChunkChoice(delta=ChunkDelta(extra={"parts": [n]})),)) for n in range(3)]
    assert join(*chunks).response().message.extra == {"parts": [0, 1, 2]}
    assert chunks[0].choices[0].delta.extra == {"parts": [0]}


def test_unknown_fields_of_pieces_are_joined() -> None:
    def chunk(**extra: object) -> ChatChunk:
        return ChatChunk(choices=(ChunkChoice(delta=ChunkDelta(extra=extra)),))

    joined = join(chunk(signature="ab", parts=[1], flag=True), chunk(signature="cd", parts=[2], flag=False)).response()
    assert joined.message.extra == {"signature": "abcd", "parts": [1, 2], "flag": False}


def test_the_end_of_an_answer_comes_after_its_tool_calls() -> None:
    call = ToolCall(index=0, id="c1", function=FunctionCall(name="f", arguments="{}"))
    called = ChunkChoice(delta=ChunkDelta(role="assistant", tool_calls=(call,)), finish_reason="tool_calls")
    said = ChunkChoice(index=1, delta=ChunkDelta(content="x"))
    usage = WireUsage(prompt_tokens=1, completion_tokens=1, total_tokens=2)
    first, last = _events(encode_chunk(ChatChunk(id="1", choices=(called, said), usage=usage)))
    assert [(choice.index, choice.finish_reason) for choice in first.choices] == [(0, None), (1, None)]
    assert first.choices[0].delta.tool_calls == (call,)
    assert first.usage is None
    assert last == ChatChunk(id="1", choices=(ChunkChoice(finish_reason="tool_calls"),), usage=usage)
    for whole in (ChatChunk(choices=(said,)), text_chunk("x", finish_reason="stop")):
        assert _events(encode_chunk(whole)) == [whole]


def _events(data: bytes) -> list[ChatChunk]:
    return [decode(event.removeprefix(b"data: "), ChatChunk) for event in data.split(b"\n\n") if event]


def test_a_message_in_parts_streams_as_its_text() -> None:
    parts = (Part(type="text", text="a"), Part(type="text", text="b"))
    response = ChatResponse(choices=(Choice(message=Message(content=parts), finish_reason="stop"),))
    assert join(chunk_of(response)).response().text == "ab"


def test_the_text_of_a_chunk_is_the_first_choice_s() -> None:
    other = ChunkChoice(index=1, delta=ChunkDelta(content="other"))
    assert ChatChunk(choices=(other,)).text == ""
    assert ChatChunk(choices=(other, ChunkChoice(delta=ChunkDelta(content="mine")))).text == "mine"
    assert text_chunk("x", model="m").model == "m"
