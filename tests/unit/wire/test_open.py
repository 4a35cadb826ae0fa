"""Unknown fields survive at every level; what does not fit is named by its path."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.errors import InvalidRequest
from quorate.wire.chat import ChatRequest, ChatResponse, Message, Part, user_request
from quorate.wire.open import Open, decode, dump, encode, load
from quorate.wire.stream import ChatChunk

Fields = dict[str, st.SearchStrategy[Any]]

numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text()
values: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
# A prefix that no field of the wire has, so that these are unknown for sure.
unknown = st.dictionaries(st.text().map(lambda name: f"x_{name}"), values, max_size=3)
tokens = st.integers(0, 10**6)


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {**one, **other}


def objects(required: Fields, optional: Fields) -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects with these fields and with unknown ones."""
    return st.builds(merged, st.fixed_dictionaries(required, optional=optional), unknown)


parts = objects(
    {"type": st.just("image_url")},
    {"text": st.text(), "image_url": objects({"url": st.text()}, {"detail": st.text()})},
)
calls = objects({}, {"id": st.text(), "function": objects({"arguments": st.text()}, {"name": st.text()})})
texts = {name: st.text() for name in ("refusal", "reasoning_content", "reasoning", "name")}
messages = objects(
    {"role": st.text(), "content": st.none() | st.text() | st.lists(parts, max_size=2)},
    {"tool_calls": st.lists(calls, max_size=2), **texts},
)
usages = objects(
    {"prompt_tokens": tokens, "completion_tokens": tokens, "total_tokens": tokens},
    {
        "prompt_tokens_details": objects({}, {"cached_tokens": tokens}),
        "completion_tokens_details": objects({}, {"reasoning_tokens": tokens}),
    },
)
requests = objects(
    {"messages": st.lists(messages, max_size=3)},
    {
        "stop": st.text() | st.lists(st.text(), max_size=2),
        "tools": st.lists(st.dictionaries(st.text(), values, max_size=2), max_size=2),
        "stream_options": objects({}, {"include_usage": st.booleans()}),
        "tool_choice": st.text() | st.dictionaries(st.text(), values, max_size=2),
        "n": st.integers(1, 9),
    },
)
heads = {"id": st.text(), "object": st.text(), "created": tokens, "model": st.text(min_size=1)}
ends = {"index": st.integers(0, 3), "finish_reason": st.none() | st.text()}
responses = objects(
    {"choices": st.lists(objects({"message": messages, **ends}, {}), max_size=2), **heads}, {"usage": usages}
)
deltas = objects({}, {"content": st.text(), "role": st.text(), "tool_calls": st.lists(calls, max_size=2)})
chunks = objects({"choices": st.lists(objects({"delta": deltas, **ends}, {}), max_size=2), **heads}, {"usage": usages})


KINDS = [(ChatRequest, requests), (ChatResponse, responses), (ChatChunk, chunks)]


@pytest.mark.parametrize(("kind", "strategy"), KINDS)
def test_unknown_fields_survive_at_every_level(kind: type[Open], strategy: st.SearchStrategy[dict[str, Any]]) -> None:
    @given(strategy)
    def survives(body: dict[str, Any]) -> None:
        wire = json.dumps(body).encode()
        assert json.loads(encode(decode(wire, kind))) == body

    survives()


@given(requests)
def test_a_round_trip_of_the_struct_is_the_struct(body: Any) -> None:
    request = load(body, ChatRequest)
    assert decode(encode(request), ChatRequest) == request


def test_known_and_unknown_are_told_apart() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi", "cache": {"a": 1}}], "top_k": 5}
    request = load(body, ChatRequest)
    assert request.extra == {"top_k": 5}
    assert request.messages[0].extra == {"cache": {"a": 1}}
    assert dump(request) == body


def test_a_field_named_extra_is_unknown_like_any_other() -> None:
    body: dict[str, Any] = {"model": "m", "messages": [], "extra": {"top_k": 5}}
    assert dump(load(body, ChatRequest)) == body


def test_a_field_named_extra_may_stand_among_others_at_any_level() -> None:
    message: dict[str, Any] = {"role": "user", "content": "hi", "x": 1, "extra": None, "tool_calls": [{"extra": 2}]}
    body: dict[str, Any] = {"messages": [message], "extra": {"extra": 3}, "top_k": 5}
    request = load(body, ChatRequest)
    assert list(request.extra.items()) == [("extra", {"extra": 3}), ("top_k", 5)]
    assert request.messages[0].extra == {"x": 1, "extra": None}
    assert dump(request) == body


@pytest.mark.parametrize(("kind", "strategy"), KINDS)
def test_what_is_loaded_stays_as_it_was(kind: type[Open], strategy: st.SearchStrategy[dict[str, Any]]) -> None:
    @given(strategy)
    def stays(body: dict[str, Any]) -> None:
        before = json.dumps(body)
        value = load(body, kind)
        value.extra["ours"] = dump(value)
        assert json.dumps(body) == before

    stays()


def test_no_two_structs_share_their_unknown_fields() -> None:
    one, other = Message(), Message()
    assert one.extra is not other.extra
    body = {"role": "user", "x": 1}
    assert load(body, Message).extra is not load(body, Message).extra


def test_what_is_not_set_is_not_written() -> None:
    assert dump(user_request("hi")) == {"messages": [{"role": "user", "content": "hi"}]}
    assert dump(Message(content="hi")) == {"role": "assistant", "content": "hi"}
    assert dump(Message()) == {"role": "assistant", "content": None}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"messages": "x"}, "$.messages"),
        ({"messages": [{"role": 1}]}, "$.messages[0].role"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": 7}]}]},
            "$.messages[0].content[0].text",
        ),
        ({"messages": [], "temperature": "hot"}, "$.temperature"),
        ({}, "$"),
        ([], "$"),
        (None, "$"),
    ],
)
def test_errors_name_the_path(body: object, path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        load(body, ChatRequest)
    assert caught.value.message.endswith(f" at {path}")
    assert caught.value.param == (path[2:] or None)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b'{"a": 1} x', "[1,]", b"[" * 100_000])
def test_what_is_not_json_is_refused(data: bytes | str) -> None:
    with pytest.raises(InvalidRequest, match="not JSON"):
        decode(data, ChatRequest)


@given(values)
def test_nothing_but_invalid_request_comes_out(body: object) -> None:
    try:
        load(body, ChatRequest)
    except InvalidRequest:
        return
    assert isinstance(body, dict)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        assert isinstance(decode(data, ChatRequest), ChatRequest)
    except InvalidRequest:
        return


def test_texts() -> None:
    parts = (Part(type="text", text="a"), Part(type="image_url"), Part(type="text", text="b"))
    assert Message(content=parts).text == "ab"
    assert (Message().text, Message(content="x").text) == ("", "x")
    assert (Message(reasoning="r").thoughts, Message(reasoning_content="c", reasoning="r").thoughts) == ("r", "c")
    assert user_request("q", system="s").prompt_text == "q"
    assert ChatRequest(messages=()).prompt_text == ""
    assert (ChatResponse(choices=()).text, ChatResponse(choices=()).finish_reason) == ("", None)


def test_the_output_limit_has_two_names() -> None:
    request = user_request("q")
    assert request.output_limit is None
    assert msgspec.structs.replace(request, max_tokens=5).output_limit == 5
    assert msgspec.structs.replace(request, max_tokens=5, max_completion_tokens=7).output_limit == 7
