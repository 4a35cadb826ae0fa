import itertools
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from quorate.core.errors import RateLimited, Unavailable
from quorate.wire.chat import ChatResponse, FunctionCall, ToolCall
from quorate.wire.responses import read_responses
from quorate.wire.responses_answer import response_head
from quorate.wire.responses_stream import ResponsesStream
from quorate.wire.sse import SseDecoder
from quorate.wire.stream import ChatChunk, ChunkChoice, ChunkDelta, Joiner

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
REQUEST = read_responses(b'{"model": "m", "input": "hi", "stream": true}')
LOGPROBS: dict[str, Any] = {"content": [{"token": "Four", "logprob": -0.1, "bytes": None, "top_logprobs": None}]}
TOLD = ("response.created", "response.in_progress")


def piece(finish_reason: str | None = None, *, logprobs: Any = None, **fields: Any) -> ChatChunk:
    delta = ChunkDelta(**fields)
    return ChatChunk(choices=(ChunkChoice(delta=delta, finish_reason=finish_reason, logprobs=logprobs),))


def call(index: int | None, arguments: str | None, *, name: str | None = None, id: str | None = None) -> ChatChunk:  # noqa: A002 - the wire's word
    return piece(tool_calls=(ToolCall(index=index, id=id, function=FunctionCall(name=name, arguments=arguments)),))


def new_stream() -> ResponsesStream:
    return ResponsesStream(response_head(REQUEST, id="resp_1", created_at=7))


def read(data: bytes) -> list[Any]:
    """The events as OpenAI's client reads them; the name of each is also its `event:` line."""
    events = SseDecoder().feed(data)
    values = [msgspec.json.decode(event.data) for event in events]
    assert [event.event for event in events] == [value["type"] for value in values]
    assert [value["sequence_number"] for value in values] == list(range(len(values)))
    return [EVENT.validate_json(event.data, strict=True) for event in events]


def told(chunks: Iterable[ChatChunk]) -> list[Any]:
    stream, joiner = new_stream(), Joiner()
    data = stream.begin()
    for chunk in chunks:
        joiner.add(chunk)
        data += stream.chunk(chunk)
    return read(data + stream.end(joiner.response()))


def test_text() -> None:
    events = told([piece(role="assistant"), piece(content="Par"), piece(content="is"), piece("stop")])
    assert [event.type for event in events] == [
        *TOLD,
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert events[-1].response.output_text == "Paris"
    assert events[6].text == "Paris"
    assert len({event.item_id for event in events if hasattr(event, "item_id")}) == 1


def test_reasoning_then_text_then_a_call() -> None:
    events = told(
        [
            piece(reasoning_content="hm"),
            piece(content="Let me see."),
            call(0, None, name="f", id="c1"),
            call(0, '{"a":'),
            call(0, "1}"),
            piece("tool_calls"),
        ]
    )
    output = events[-1].response.output
    assert [item.type for item in output] == ["reasoning", "message", "function_call"]
    assert output[2].arguments == '{"a":1}'
    assert (output[2].call_id, output[2].name) == ("c1", "f")
    added = [event for event in events if event.type == "response.output_item.added"]
    assert [event.output_index for event in added] == [0, 1, 2]
    done = [event.output_index for event in events if event.type == "response.output_item.done"]
    assert done == [0, 1, 2]


def test_pieces_of_parallel_calls_in_turns() -> None:
    chunks = [call(0, "", name="f", id="c1"), call(1, "", name="g", id="c2"), call(0, "{}"), call(1, "[]")]
    output = told([*chunks, piece("tool_calls")])[-1].response.output
    assert [(item.call_id, item.arguments) for item in output] == [("c1", "{}"), ("c2", "[]")]


def test_calls_that_share_an_index_are_told_apart() -> None:
    output = told([call(None, "{}", name="f", id="c1"), call(None, "[]", name="f", id="c2")])[-1].response.output
    assert [item.arguments for item in output] == ["{}", "[]"]


def test_a_refusal() -> None:
    events = told([piece(refusal="No"), piece(refusal="."), piece("stop")])
    assert "response.refusal.done" in [event.type for event in events]
    assert events[-1].response.output[0].content[0].refusal == "No."


def test_logprobs() -> None:
    events = told([piece("stop", content="Four", logprobs=LOGPROBS)])
    assert events[4].logprobs[0].token == "Four"
    assert events[-1].response.output[0].content[0].logprobs[0].logprob == -0.1


def test_an_answer_that_was_cut() -> None:
    events = told([piece("length", content="Fo")])
    assert events[-1].type == "response.incomplete"
    assert [item.status for item in events[-1].response.output] == ["incomplete"]
    assert [event.item.status for event in events if event.type == "response.output_item.done"] == ["incomplete"]


def test_an_empty_answer_is_a_message() -> None:
    events = told([piece("stop")])
    assert events[-1].response.output[0].type == "message"


def test_other_choices_are_not_told() -> None:
    other = ChatChunk(choices=(ChunkChoice(index=1, delta=ChunkDelta(content="x")),))
    assert new_stream().chunk(other) == b""


@pytest.mark.parametrize(
    ("error", "code"), [(Unavailable("cut"), "server_error"), (RateLimited("slow down"), "rate_limit_exceeded")]
)
def test_a_failure_is_told_with_what_there_was(error: Any, code: str) -> None:
    stream = new_stream()
    done = [piece(reasoning_content="hm"), piece(content="Par")]
    data = stream.begin() + b"".join(stream.chunk(chunk) for chunk in done) + stream.fail(error)
    *_, first, last = read(data)
    assert (first.type, first.message) == ("error", error.message)
    assert (last.type, last.response.status, last.response.error.code) == ("response.failed", "failed", code)
    assert [item.type for item in last.response.output] == ["reasoning"]


def test_what_fails_or_ends_before_it_began_begins_first() -> None:
    failed = read(new_stream().fail(Unavailable("down")))
    assert [event.type for event in failed] == [*TOLD, "error", "response.failed"]
    ended = read(new_stream().end(ChatResponse(choices=())))
    assert [event.type for event in ended[:2]] == [*TOLD]


texts = st.text(max_size=4)


@st.composite
def any_piece(draw: st.DrawFn) -> ChatChunk:
    kind = draw(st.sampled_from(["content", "reasoning", "refusal", "call"]))
    if kind != "call":
        return piece(**{kind: draw(texts)})
    index, opens = draw(st.integers(0, 2)), draw(st.booleans())
    return call(index, draw(texts), name="f" if opens else None, id=f"c{index}" if opens else None)


@given(st.lists(any_piece(), max_size=12))
def test_the_events_add_up_to_the_response(chunks: list[ChatChunk]) -> None:
    events = told([*chunks, piece("stop")])
    response = events[-1].response
    joined = Joiner()
    for chunk in chunks:
        joined.add(chunk)
    message = joined.response().message if chunks else ChatResponse(choices=()).message
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert response.output_text == "".join(deltas) == message.text
    opened = [event.item.id for event in events if event.type == "response.output_item.added"]
    closed = [event.item.id for event in events if event.type == "response.output_item.done"]
    assert opened == [item.id for item in response.output]
    assert sorted(closed) == sorted(opened)
    arguments = [item.arguments for item in response.output if item.type == "function_call"]
    assert sorted(arguments) == sorted((c.function and c.function.arguments) or "" for c in message.tool_calls or ())
    assert all(one.sequence_number < other.sequence_number for one, other in itertools.pairwise(events))
