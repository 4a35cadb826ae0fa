"""The OpenAI dialect: nothing that is asked for is lost, nothing of ours leaves, streams join to the whole."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.errors import Failure, Filtered, InvalidRequest, Malformed, ProviderError, Unavailable
from quorate.core.secret import Secret
from quorate.model.usage import Usage
from quorate.providers.dialect import OWN_FIELDS, Target
from quorate.providers.openai import KeyHeader, OpenAIDialect
from quorate.providers.openai_liberties import put_right
from quorate.providers.presets import PRESETS
from quorate.wire.chat import ChatRequest, ChatResponse, user_request
from quorate.wire.open import decode, dump, load
from quorate.wire.sse import SseDecoder, SseEvent
from quorate.wire.stream import Joiner
from raw_server import events

DIALECT = OpenAIDialect()
TARGET = Target(model_id="gpt-x", base_url="https://api.example/v1/", api_key=Secret("sk-123"))

ANSWER: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_763_600_000,
    "model": "gpt-x-2026",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Four.",
                "refusal": None,
                "annotations": [],
                "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 2}'}}
                ],
            },
            "logprobs": None,
            "finish_reason": "stop",
            "content_filter_results": {"hate": {"filtered": False}},
        }
    ],
    "usage": {
        "prompt_tokens": 11,
        "completion_tokens": 7,
        "total_tokens": 18,
        "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 5},
        "cost": 0.01,
    },
    "service_tier": "default",
    "system_fingerprint": "fp_1",
}


def body_of(request: ChatRequest, dialect: OpenAIDialect = DIALECT) -> dict[str, Any]:
    return json.loads(dialect.build(request, TARGET).body)


def join(data: bytes) -> tuple[ChatResponse, bool]:
    parser, joiner = DIALECT.stream(), Joiner()
    for event in SseDecoder().feed(data):
        for chunk in parser.feed(event):
            joiner.add(chunk)
    return joiner.response(), parser.finished


def test_the_request() -> None:
    sent = DIALECT.build(user_request("2+2?", model="panel"), TARGET)
    assert sent.method == "POST"
    assert sent.url == "https://api.example/v1/chat/completions"
    assert sent.headers["authorization"] == "Bearer sk-123"
    assert sent.headers["content-type"] == "application/json"
    assert json.loads(sent.body) == {"model": "gpt-x", "messages": [{"role": "user", "content": "2+2?"}]}


def test_everything_that_is_asked_for_survives() -> None:
    asked: dict[str, Any] = {
        "messages": [
            {"role": "system", "content": "Be brief.", "cache_control": {"type": "ephemeral"}},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
                    {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
                ],
            },
        ],
        "model": "panel",
        "max_tokens": 5,
        "temperature": 0.0,
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": True}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "response_format": {"type": "json_object"},
        "logit_bias": {"50256": -100},
        "provider": {"order": ["a"]},
        "min_p": 0.1,
    }
    assert body_of(load(asked, ChatRequest)) == {**asked, "model": "gpt-x"}


@pytest.mark.parametrize("name", sorted(OWN_FIELDS))
def test_our_own_fields_and_transport_settings_never_leave(name: str) -> None:
    request = load({"messages": [], name: "https://evil.example"}, ChatRequest)
    sent = DIALECT.build(request, TARGET)
    assert name not in json.loads(sent.body)
    assert b"evil" not in sent.body
    assert "evil" not in sent.url + str(dict(sent.headers))


def test_both_names_of_the_output_limit_are_passed_as_they_came() -> None:
    assert body_of(ChatRequest(messages=(), max_tokens=5))["max_tokens"] == 5
    assert "max_tokens" not in body_of(ChatRequest(messages=(), max_completion_tokens=5))


def test_streams_ask_for_their_usage() -> None:
    request = load({"messages": [], "stream": True, "stream_options": {"x": 1}}, ChatRequest)
    assert body_of(request)["stream_options"] == {"x": 1, "include_usage": True}
    assert DIALECT.build(request, TARGET).headers["accept-encoding"] == "identity"
    quiet = OpenAIDialect(include_usage=False)
    assert "stream_options" not in body_of(ChatRequest(messages=(), stream=True), quiet)
    assert "stream_options" not in body_of(request, quiet)
    assert "stream" not in body_of(ChatRequest(messages=(), stream=False))
    assert "stream_options" not in body_of(load({"messages": [], "stream_options": {"x": 1}}, ChatRequest))


def test_keys_headers_and_queries() -> None:
    azure = OpenAIDialect(key_header=KeyHeader.API_KEY)
    target = Target(
        model_id="d",
        base_url="https://r.openai.azure.com/openai/v1",
        api_key=Secret("k" * 8),
        headers={"X-Title": "t", "Content-Type": "application/json; charset=utf-8"},
        query={"api-version": "preview"},
    )
    sent = azure.build(user_request("x"), target)
    assert sent.url.endswith("/openai/v1/chat/completions?api-version=preview")
    assert sent.headers["api-key"] == "kkkkkkkk"
    assert "authorization" not in sent.headers
    assert sent.headers["Content-Type"] == "application/json; charset=utf-8"
    assert "content-type" not in sent.headers
    anonymous = DIALECT.build(user_request("x"), Target(model_id="m", base_url="http://127.0.0.1:1/v1"))
    assert "authorization" not in anonymous.headers


def test_a_target_that_is_changed_asks_as_its_new_self() -> None:
    azure = replace(TARGET, headers={"Authorization": "Basic other"}, query={"api-version": "1"})
    first, second = DIALECT.build(user_request("x"), azure), DIALECT.build(user_request("y"), azure)
    assert first.url == second.url == "https://api.example/v1/chat/completions?api-version=1"
    assert first.headers == second.headers
    assert first.headers is not second.headers
    assert (first.headers["Authorization"], "authorization" in first.headers) == ("Basic other", False)
    assert "other" not in repr(azure)


def test_half_a_surrogate_pair_is_the_callers_mistake() -> None:
    with pytest.raises(InvalidRequest, match="surrogate"):
        DIALECT.build(user_request("\ud83d"), TARGET)


def test_the_whole_answer_survives() -> None:
    response = DIALECT.parse(json.dumps(ANSWER).encode())
    assert response.text == "Four."
    assert response.usage is not None
    assert response.usage.extra == {"cost": 0.01}
    out = dump(response)
    assert out["service_tier"] == "default"
    assert out["choices"][0]["content_filter_results"] == {"hate": {"filtered": False}}
    assert out["choices"][0]["message"]["annotations"] == []
    assert out["usage"] == ANSWER["usage"]


def test_reasoning_counted_beside_the_completion_is_added_to_it() -> None:
    usage = {**ANSWER["usage"], "total_tokens": 23}
    response = DIALECT.parse(json.dumps({**ANSWER, "usage": usage}).encode())
    assert response.usage is not None
    assert response.usage.completion_tokens == 12


@pytest.mark.parametrize(
    "liberty",
    [
        {"id": None},
        {"created": 1.5},
        {"created": None},
        {"usage": None},
        {"system_fingerprint": None},
        {"choices": [{"index": None, "message": {"role": "assistant", "content": "Four."}, "finish_reason": ""}]},
    ],
)
def test_harmless_liberties_are_understood(liberty: dict[str, Any]) -> None:
    assert DIALECT.parse(json.dumps({**ANSWER, **liberty}).encode()).text == "Four."


def with_nulls(value: Any, names: frozenset[str]) -> Any:
    """Return an answer with a `null` under each name in its top level, its choices and its usage."""
    nulls = dict.fromkeys(names)
    choices = [{**nulls, **choice} for choice in value["choices"]]
    return {**nulls, **value, "choices": choices, "usage": {**nulls, **value["usage"]}}


@given(st.frozensets(st.sampled_from(["service_tier", "x", "extra", "logprobs", "created", "delta", "error", "cost"])))
def test_null_is_as_good_as_nothing(names: frozenset[str]) -> None:
    given_nulls = DIALECT.parse(json.dumps(with_nulls(ANSWER, names)).encode())
    assert given_nulls == DIALECT.parse(json.dumps(ANSWER).encode())


def test_putting_right_leaves_what_came_as_it_was() -> None:
    call = {"id": "1", "function": {"name": "f", "arguments": {"a": 1}}}
    message = {"role": None, "content": [{"type": "text", "text": "Four"}], "tool_calls": [call]}
    usage: dict[str, Any] = {"prompt_tokens": -1, "x": None, "prompt_tokens_details": {"cached_tokens": 2.5}}
    choice = {"index": None, "message": message, "finish_reason": "eos"}
    value = {"id": None, "created": 1.5, "choices": [choice, 5], "usage": usage}
    before = json.dumps(value)
    right = put_right(value)
    assert json.dumps(value) == before
    assert right == {
        "created": 1,
        "choices": [
            {
                "message": {
                    "content": "Four",
                    "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": '{"a":1}'}}],
                },
                "finish_reason": "stop",
                "native_finish_reason": "eos",
            },
            5,
        ],
        "usage": {"prompt_tokens": 0, "prompt_tokens_details": {"cached_tokens": 2}},
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"choices": []}',
        b'{"choices": [1]}',
        b'{"choices": [{"message": "x"}]}',
        b'{"choices": [{"message": {"content": 5}}]}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"choices": [{"message": {}}], "usage": {"prompt_tokens": "many"}}',
    ],
)
def test_bodies_that_are_no_answer_are_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        DIALECT.parse(body)


@given(
    st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_any_body_gives_an_answer_or_an_error_of_ours(body: bytes) -> None:
    with pytest.raises(ProviderError):
        DIALECT.parse(body)


def test_an_error_in_a_good_looking_body_is_an_error() -> None:
    with pytest.raises(Unavailable) as caught:
        DIALECT.parse(b'{"error": {"code": 502, "message": "Provider returned error"}}')
    assert caught.value.failure is Failure.TRANSIENT
    with pytest.raises(Filtered):
        DIALECT.parse(b'{"error": {"code": "content_filter", "message": "no"}, "choices": []}')


def stream_of(*pieces: dict[str, Any], **last: Any) -> list[dict[str, Any]]:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    chunks: list[dict[str, Any]] = [
        {**head, "choices": [{"index": 0, "delta": piece, "finish_reason": None}]} for piece in pieces
    ]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], **last})
    return chunks


USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def test_a_stream_joins_to_the_whole() -> None:
    chunks = stream_of(
        {"role": "assistant", "content": ""},
        {"reasoning_content": "hm"},
        {"content": "Fo"},
        {"content": "ur"},
        {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a"'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}]},
    )
    usage: dict[str, Any] = {"id": "c", "created": 1, "model": "m", "choices": [], "usage": USAGE}
    response, finished = join(events(*chunks, usage, "[DONE]"))
    assert finished
    assert response.text == "Four"
    assert response.message.thoughts == "hm"
    assert response.message.tool_calls is not None
    call = response.message.tool_calls[0]
    assert call.function is not None
    assert (call.id, call.function.name, call.function.arguments) == ("call_1", "f", '{"a": 1}')
    assert response.usage is not None
    assert response.usage.total_tokens == 5
    assert response.finish_reason == "stop"


def test_usage_may_come_in_any_chunk() -> None:
    for where in ({"usage": USAGE}, {"x_groq": {"id": "r", "usage": USAGE}}):
        response, _ = join(events(*stream_of({"content": "x"}, **where)))
        assert response.usage is not None
        assert response.usage.prompt_tokens == 3
    response, _ = join(events(*stream_of({"content": "x"}, x_groq={"usage": {"prompt_tokens": "?"}})))
    assert response.usage is None


def test_nulls_and_empty_events_are_no_news() -> None:
    event = {"id": None, "choices": [{"index": 0, "delta": None, "finish_reason": None}]}
    response, finished = join(events(event, " ", *stream_of({"content": "x"}), " [DONE] "))
    assert (response.text, finished) == ("x", True)


def test_an_error_event_is_an_error() -> None:
    for event in (
        SseEvent('{"error": {"message": "The server is overloaded", "type": "server_error"}}'),
        SseEvent('{"message": "overloaded"}', event="error"),
    ):
        with pytest.raises(Unavailable) as caught:
            DIALECT.stream().feed(event)
        assert caught.value.failure is Failure.OVERLOAD


@pytest.mark.parametrize("data", ["{", "null", "[]", '{"choices": 5}', '{"choices": [{"delta": {"content": 1}}]}'])
def test_events_that_cannot_be_read_are_malformed(data: str) -> None:
    with pytest.raises(Malformed):
        DIALECT.stream().feed(SseEvent(data))


def test_presets_are_complete() -> None:
    for name, preset in PRESETS.items():
        assert preset.base_url or preset.base_url_form, name
        assert preset.key_variable or not preset.key_needed, name
        url = preset.base_url or preset.base_url_form
        assert url.startswith("https://") or not preset.key_needed, name
        target = Target(model_id="m", base_url=preset.base_url or "https://r.example/v1", api_key=Secret("sekret-key"))
        sent = preset.dialect.build(user_request("x"), target)
        assert "sekret-key" not in sent.url
        assert any("sekret-key" in value for value in sent.headers.values())


def test_an_error_beside_a_last_empty_choice_is_an_error() -> None:
    last = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
    event = {"id": "c", "error": {"code": "server_error", "message": "Provider disconnected"}, "choices": [last]}
    with pytest.raises(Unavailable, match="Provider disconnected"):
        join(events(*stream_of({"content": "x"})[:1], event))
    inside = {"index": 0, "message": {"content": ""}, "error": {"code": 429, "message": "Slow down"}}
    with pytest.raises(Unavailable, match="Slow down") as caught:
        DIALECT.parse(json.dumps({"choices": [inside]}).encode())
    assert caught.value.failure is Failure.OVERLOAD


@pytest.mark.parametrize(
    ("reason", "failure"),
    [
        ("error", Failure.TRANSIENT),
        ("abort", Failure.TRANSIENT),
        ("insufficient_system_resource", Failure.OVERLOAD),
    ],
)
def test_an_answer_that_was_broken_off_is_no_answer(reason: str, failure: Failure) -> None:
    choice = {"index": 0, "message": {"content": "half of"}, "finish_reason": reason}
    with pytest.raises(Unavailable, match=reason) as caught:
        DIALECT.parse(json.dumps({"choices": [choice]}).encode())
    assert caught.value.failure is failure
    with pytest.raises(Unavailable):
        join(events({"choices": [{"index": 0, "delta": {"content": "half of"}, "finish_reason": reason}]}))


@pytest.mark.parametrize(("theirs", "ours"), [("model_length", "length"), ("eos", "stop"), ("new_word", "new_word")])
def test_other_words_for_finish_reasons(theirs: str, ours: str) -> None:
    choice = {"index": 0, "message": {"content": "x"}, "finish_reason": theirs}
    found = DIALECT.parse(json.dumps({"choices": [choice]}).encode()).choices[0]
    assert found.finish_reason == ours
    assert found.extra == ({} if theirs == ours else {"native_finish_reason": theirs})


def test_an_error_told_in_a_later_choice_says_more_than_an_answer_broken_off() -> None:
    cut = {"index": 0, "message": {"content": "half of"}, "finish_reason": "abort"}
    told = {"index": 1, "message": {"content": ""}, "error": {"code": 429, "message": "Slow down"}}
    with pytest.raises(Unavailable, match="Slow down"):
        DIALECT.parse(json.dumps({"choices": [cut, told]}).encode())
    overloaded = {**cut, "finish_reason": "insufficient_system_resource"}
    with pytest.raises(Unavailable, match="'abort'"):
        DIALECT.parse(json.dumps({"choices": [7, cut, overloaded]}).encode())


def test_contents_in_parts_are_text_and_thoughts() -> None:
    thinking: dict[str, Any] = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    reference = {"type": "reference", "reference_ids": [1]}
    text = {"type": "text", "text": "Four"}
    streamed, _ = join(events(*stream_of({"content": [thinking]}, {"content": [text, reference]}), "[DONE]"))
    message = {"role": None, "content": [thinking, text, reference]}
    whole = DIALECT.parse(json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode())
    for response in (streamed, whole):
        assert (response.message.content, response.message.reasoning_content) == ("Four", "hm")
        assert response.message.extra == {"provider_blocks": [reference]}


def test_tool_arguments_may_be_an_object() -> None:
    call = {"id": "1", "function": {"name": "f", "arguments": {"a": 1}}}
    response, _ = join(events(*stream_of({"tool_calls": [call]}), "[DONE]"))
    assert response.message.tool_calls is not None
    function = response.message.tool_calls[0].function
    assert function is not None
    assert function.arguments == '{"a":1}'


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"prompt_tokens": 5, "completion_tokens": None}, Usage(prompt_tokens=5)),
        ({"prompt_tokens": 5.0, "completion_tokens": 2.0}, Usage(prompt_tokens=5, completion_tokens=2)),
        ({"prompt_tokens": -5, "completion_tokens": 2}, Usage(completion_tokens=2)),
        ({"prompt_tokens": True, "completion_tokens": False}, Usage(prompt_tokens=1)),
        ({"prompt_tokens": 5, "prompt_tokens_details": []}, Usage(prompt_tokens=5)),
        ({"prompt_tokens": 5, "prompt_cache_hit_tokens": 3}, Usage(prompt_tokens=5, cached_tokens=3)),
        ({"prompt_tokens": 5, "cached_tokens": 3}, Usage(prompt_tokens=5, cached_tokens=3)),
        (
            {"prompt_tokens": 5, "cached_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}},
            Usage(prompt_tokens=5, cached_tokens=2),
        ),
        (
            {
                "prompt_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 2.0, "cache_write_tokens": -9, "cost": 0.5},
            },
            Usage(prompt_tokens=5, cached_tokens=2),
        ),
        (
            {"prompt_tokens": 5, "completion_tokens_details": {"reasoning_tokens": -1}},
            Usage(prompt_tokens=5),
        ),
    ],
)
def test_counts_are_read_as_they_come(theirs: dict[str, Any], ours: Usage) -> None:
    response = DIALECT.parse(json.dumps({**ANSWER, "usage": theirs}).encode())
    assert response.usage is not None
    assert Usage.from_wire(response.usage) == ours


def test_the_wire_reads_what_the_dialect_gives() -> None:
    response = DIALECT.parse(json.dumps(ANSWER).encode())
    assert decode(json.dumps(dump(response)), ChatResponse) == response
