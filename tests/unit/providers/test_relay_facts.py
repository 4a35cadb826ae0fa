"""The few facts that are read from an answer that is passed on."""

from typing import Any

import msgspec
import pytest

from quorate.model.usage import Usage
from quorate.providers.relay_facts import Heard, read_answer, read_chunk
from quorate.wire.chat import FunctionCall, ToolCall, WireUsage
from quorate.wire.stream import ChatChunk

CHOICES = b'"choices":[{"index":0,"message":{"content":"x"}}]'


def answer(usage: str) -> bytes:
    return b"{" + CHOICES + b',"usage":' + usage.encode() + b"}"


def test_plain_counts() -> None:
    usage = read_answer(
        answer(
            '{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,'
            '"prompt_tokens_details":{"cached_tokens":5,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":3}}'
        )
    )
    assert usage == Usage(prompt_tokens=9, completion_tokens=4, cached_tokens=5, reasoning_tokens=3)


@pytest.mark.parametrize(
    "body",
    [
        b"no JSON",
        b"[]",
        b"{}",
        b'{"choices":[]}',
        b"{" + CHOICES + b"}",
        answer("null"),
        answer('{"prompt_tokens":"9"}'),
        answer('{"prompt_tokens":9,"completion_tokens":4,"total_tokens":99}'),  # some count reasoning beside
        answer('{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_cache_hit_tokens":2}'),
        answer('{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"cached_tokens":2}'),
        answer('{"prompt_tokens":-3,"completion_tokens":10,"total_tokens":7}'),
        answer('{"prompt_tokens":18446744073709551615,"completion_tokens":1,"total_tokens":18446744073709551616}'),
        answer(
            '{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":1000000001}}'
        ),
        answer('{"prompt_tokens":9,"completion_tokens":-1,"total_tokens":8}'),
        answer(
            '{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":-5}}'
        ),
        answer(
            '{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"completion_tokens_details":{"reasoning_tokens":-1}}'
        ),
        answer('{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}').replace(
            b'"x"}', b'"x"},"finish_reason":"abort"'
        ),
        answer('{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}').replace(
            b'"x"}', b'"x"},"error":{"code":502}'
        ),
        b"{"
        + CHOICES
        + b',"error":{"message":"x"},"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}',
        b"\xff\xfe",
    ],
)
def test_what_takes_the_full_parser(body: bytes) -> None:
    assert read_answer(body) is None


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        b'{"error":{"message":"x"}}',
        b'{"x_groq":{"usage":{}}}',
        b'{"choices":[{"delta":{"content":[]}}]}',
        b'{"choices":[{"delta":{},"finish_reason":"insufficient_system_resource"}]}',
        b'{"choices":[{"delta":{},"error":{"code":502},"finish_reason":"stop"}]}',
    ],
)
def test_chunks_that_take_the_full_parser(data: bytes) -> None:
    assert read_chunk(data) is None


def heard_of(*chunks: dict[str, Any]) -> Heard:
    heard = Heard()
    for chunk in chunks:
        facts = read_chunk(msgspec.json.encode(chunk))
        assert facts is not None
        heard.add(facts)
    return heard


def piece(index: int = 0, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


def test_nothing_is_heard_of_nothing() -> None:
    heard = Heard()
    assert (heard.finished, heard.spoke, heard.ended) == (False, False, 0)
    assert heard.response().choices == ()


def test_every_kind_of_text_counts() -> None:
    call = {"index": 0, "function": {"name": "f", "arguments": '{"a":1}'}}
    heard = heard_of(
        piece(role="assistant", content=""),
        piece(reasoning_content="why "),
        piece(reasoning="so "),
        piece(reasoning_content="both ", reasoning="both "),
        piece(reasoning={"of another shape": 1}),
        piece(content="what "),
        piece(refusal="no "),
        piece(tool_calls=[call]),
    )
    assert heard.spoke
    (choice,) = heard.response().choices
    said = choice.message
    assert (said.content, said.thoughts, said.refusal) == ("what ", "why so both ", "no ")
    assert said.tool_calls == (ToolCall(type="function", function=FunctionCall(name="f", arguments='{"a":1}')),)


def test_pieces_of_calls_belong_together() -> None:
    heard = heard_of(
        piece(tool_calls=[{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}}]),
        piece(tool_calls=[{"index": 1, "id": "b", "function": {"name": "g", "arguments": "{}"}}]),
        piece(tool_calls=[{"index": 0, "id": 7, "function": {"arguments": "}"}}, {"index": "odd"}]),
    )
    calls = heard.response().message.tool_calls or ()
    told = [
        (call.id, call.function and call.function.name, call.function and call.function.arguments) for call in calls
    ]
    assert told == [("a", "f", "{}"), ("b", "g", "{}")]


def test_all_answers_that_began_have_to_end() -> None:
    heard = heard_of(piece(0, content="a"), piece(1, content="b"), piece(0, "stop"))
    assert (heard.finished, heard.ended) == (False, 1)
    facts = read_chunk(msgspec.json.encode(piece(1, "length")))
    assert facts is not None
    heard.add(facts)
    assert (heard.finished, heard.ended) == (True, 2)


def test_counts_are_not_replaced_by_none() -> None:
    """Some servers send a usage of zeros after the real one."""
    heard = Heard()
    heard.add_chunk(ChatChunk(usage=WireUsage(prompt_tokens=3, completion_tokens=2, total_tokens=5)))
    heard.add_chunk(ChatChunk(usage=WireUsage()))
    assert heard.usage == Usage(prompt_tokens=3, completion_tokens=2)
