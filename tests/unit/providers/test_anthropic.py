"""The Anthropic dialect: requests, answers and streams of the Messages API."""

import json
from typing import Any

import pytest

from quorate.core.errors import Failure, InvalidRequest, Malformed, Unavailable
from quorate.core.secret import Secret
from quorate.model.usage import Usage
from quorate.providers.anthropic import AnthropicDialect
from quorate.providers.anthropic_request import DEFAULT_MAX_TOKENS
from quorate.providers.dialect import Target
from quorate.providers.translate import JSON_INSTRUCTION
from quorate.wire.chat import ChatRequest, ChatResponse, user_request
from quorate.wire.open import load
from quorate.wire.sse import SseDecoder, SseEvent
from quorate.wire.stream import Joiner
from raw_server import events

DIALECT = AnthropicDialect()
TARGET = Target(model_id="claude-x", base_url="https://api.anthropic.com", api_key=Secret("sk-ant-123"))
TOOL = {"type": "function", "function": {"name": "add", "description": "Adds", "parameters": {"type": "object"}}}


def body_of(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return json.loads(DIALECT.build(load({"messages": list(messages), **fields}, ChatRequest), TARGET).body)


def user(content: Any = "hi") -> dict[str, Any]:
    return {"role": "user", "content": content}


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def join(data: bytes) -> tuple[ChatResponse, bool]:
    parser, joiner = DIALECT.stream(), Joiner()
    for event in SseDecoder().feed(data):
        for chunk in parser.feed(event):
            joiner.add(chunk)
    return joiner.response(), parser.finished


def test_the_request() -> None:
    sent = DIALECT.build(user_request("hi", system="Be brief."), TARGET)
    assert sent.url == "https://api.anthropic.com/v1/messages"
    assert sent.headers["x-api-key"] == "sk-ant-123"
    assert sent.headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in sent.headers
    assert json.loads(sent.body) == {
        "model": "claude-x",
        "max_tokens": DEFAULT_MAX_TOKENS,
        "system": [text("Be brief.")],
        "messages": [user([text("hi")])],
    }
    versioned = Target(model_id="m", base_url="https://api.anthropic.com/v1/")
    assert DIALECT.build(user_request("hi"), versioned).url == "https://api.anthropic.com/v1/messages"


def test_parameters() -> None:
    body = body_of(
        user(), max_completion_tokens=9, temperature=1.7, top_p=0.5, stop="END", user="u1", stream=True, top_k=4, seed=1
    )
    assert body["max_tokens"] == 9
    assert body["temperature"] == 1.0
    assert body["top_p"] == 0.5
    assert body["stop_sequences"] == ["END"]
    assert body["metadata"] == {"user_id": "u1"}
    assert body["stream"] is True
    assert body["top_k"] == 4
    assert "seed" not in body
    assert body_of(user(), stop=["a", "b"])["stop_sequences"] == ["a", "b"]


def test_fields_that_only_openai_knows_stay_behind() -> None:
    body = body_of(user(), store=True, logit_bias={}, api_base="https://evil.example", stream_options={})
    assert body.keys() == {"model", "max_tokens", "messages"}


def test_neighbours_of_one_role_are_merged() -> None:
    body = body_of(
        user("a"),
        {"role": "developer", "content": "d"},
        user("b"),
        {"role": "assistant", "content": "c"},
        {"role": "assistant", "content": ""},
    )
    assert body["messages"] == [user([text("a"), text("b")]), {"role": "assistant", "content": [text("c")]}]
    assert body["system"] == [text("d")]


def test_pictures_and_files() -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,BB==", "filename": "a.pdf"}},
        {"type": "text", "text": "t", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": ""},
    ]
    assert body_of(user(parts))["messages"][0]["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
        {"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "BB=="}},
        {"type": "text", "text": "t", "cache_control": {"type": "ephemeral"}},
    ]


def test_tools_and_their_results() -> None:
    call = {"id": "toolu_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    thinking = {"type": "thinking", "thinking": "hm", "signature": "s"}
    body = body_of(
        user(),
        {"role": "assistant", "content": "Wait.", "tool_calls": [call], "thinking_blocks": [thinking]},
        {"role": "tool", "tool_call_id": "toolu_1", "content": "2"},
        user("go on"),
        tools=[TOOL],
        tool_choice="required",
        parallel_tool_calls=False,
    )
    assert body["tools"] == [{"name": "add", "description": "Adds", "input_schema": {"type": "object"}}]
    assert body["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    assert "parallel_tool_calls" not in body
    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": [
                thinking,
                text("Wait."),
                {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1}},
            ],
        },
        user([{"type": "tool_result", "tool_use_id": "toolu_1", "content": [text("2")]}, text("go on")]),
    ]


@pytest.mark.parametrize(
    ("choice", "alone", "sent"),
    [
        (None, False, None),
        (None, True, {"type": "auto", "disable_parallel_tool_use": True}),
        ("auto", False, {"type": "auto"}),
        ("none", True, {"type": "none"}),
        ({"type": "function", "function": {"name": "add"}}, False, {"type": "tool", "name": "add"}),
    ],
)
def test_tool_choice(choice: Any, alone: bool, sent: Any) -> None:
    fields = {"parallel_tool_calls": False} if alone else {}
    assert body_of(user(), tools=[TOOL], tool_choice=choice, **fields).get("tool_choice") == sent


def test_formats_and_effort() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    body = body_of(user(), response_format=wanted, reasoning_effort="minimal")
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": schema}, "effort": "low"}
    assert body["thinking"] == {"type": "adaptive"}
    assert body_of(user(), reasoning_effort="none")["thinking"] == {"type": "disabled"}
    assert body_of(user(), response_format={"type": "json_object"})["system"] == [text(JSON_INSTRUCTION)]
    enabled = {"type": "enabled", "budget_tokens": 2000}
    assert body_of(user(), thinking=enabled)["thinking"] == enabled


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"response_format": {"type": "grammar"}}, "response_format"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"tools": [{"type": "web_search"}]}, "tools[0]"),
        ({"tools": [TOOL], "tool_choice": "perhaps"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function"}}, "tool_choice"),
        ({"reasoning_effort": "heroic"}, "reasoning_effort"),
        ({"messages": [{"role": "system", "content": "only"}]}, "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0]"),
        ({"messages": [user([{"type": "input_audio", "input_audio": {}}])]}, "messages[0]"),
        ({"messages": [user([{"type": "image_url", "image_url": {"url": "data:nonsense"}}])]}, "messages"),
        ({"messages": [user([{"type": "file", "file": {"file_id": "f"}}])]}, "messages"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "c", "function": {"arguments": "["}}]}]}, None),
    ],
)
def test_what_cannot_be_said_is_refused(fields: dict[str, Any], param: str | None) -> None:
    request = load({"messages": [user()], **fields}, ChatRequest)
    with pytest.raises(InvalidRequest) as caught:
        DIALECT.build(request, TARGET)
    assert caught.value.param == param


ANSWER: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x-1",
    "content": [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "text", "text": "Fo", "citations": None},
        {"type": "text", "text": "ur"},
        {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1}},
        {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 10,
        "cache_creation_input_tokens": 3,
        "cache_read_input_tokens": 5,
        "output_tokens": 7,
        "service_tier": "standard",
    },
}
COUNTED = Usage(prompt_tokens=18, completion_tokens=7, cached_tokens=5, cache_write_tokens=3)


def check_answer(response: ChatResponse) -> None:
    assert response.id == "msg_1"
    assert response.model == "claude-x-1"
    assert response.text == "Four"
    assert response.message.reasoning_content == "hm"
    assert response.message.extra["thinking_blocks"] == [{"type": "thinking", "thinking": "hm", "signature": "sig"}]
    assert response.message.tool_calls is not None
    call = response.message.tool_calls[0]
    assert call.function is not None
    assert (call.id, call.function.name, json.loads(call.function.arguments or "")) == ("toolu_1", "add", {"a": 1})
    assert response.finish_reason == "tool_calls"
    assert response.usage is not None
    assert Usage.from_wire(response.usage) == COUNTED


def test_the_whole_answer() -> None:
    response = DIALECT.parse(json.dumps(ANSWER).encode())
    check_answer(response)
    assert response.message.extra["provider_blocks"] == [ANSWER["content"][4]]
    assert response.choices[0].extra == {"native_finish_reason": "tool_use"}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("pause_turn", "stop"),
        ("something_new", "stop"),
    ],
)
def test_stop_reasons(theirs: str, ours: str) -> None:
    assert DIALECT.parse(json.dumps({**ANSWER, "stop_reason": theirs}).encode()).finish_reason == ours


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"type": "message", "content": []}', b"\xff"])
def test_bodies_that_are_no_answer_are_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        DIALECT.parse(body)


def test_an_error_in_a_good_looking_body_is_an_error() -> None:
    with pytest.raises(Unavailable) as caught:
        DIALECT.parse(b'{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}')
    assert caught.value.failure is Failure.OVERLOAD


def block(index: int, opened: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": opened},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


STREAM: list[dict[str, Any]] = [
    {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-x-1",
            "content": [],
            "stop_reason": None,
            "usage": {
                "input_tokens": 10,
                "cache_creation_input_tokens": 3,
                "cache_read_input_tokens": 5,
                "output_tokens": 1,
            },
        },
    },
    {"type": "ping"},
    *block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "h"},
        {"type": "thinking_delta", "thinking": "m"},
        {"type": "signature_delta", "signature": "sig"},
    ),
    *block(1, text("Fo"), {"type": "text_delta", "text": "ur"}, {"type": "citations_delta", "citation": {}}),
    *block(
        2,
        {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {}},
        {"type": "input_json_delta", "partial_json": '{"a'},
        {"type": "input_json_delta", "partial_json": '": 1}'},
    ),
    *block(
        3,
        {"type": "server_tool_use", "id": "srv_1", "name": "web_search"},
        {"type": "input_json_delta", "partial_json": "{}"},
    ),
    {"type": "something_new", "x": 1},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {"output_tokens": 7},
    },
    {"type": "message_stop"},
]


def test_a_stream_joins_to_the_whole() -> None:
    response, finished = join(events(*STREAM))
    check_answer(response)
    assert finished


def test_two_tool_calls_in_a_stream_keep_apart() -> None:
    def tool(index: int) -> list[dict[str, Any]]:
        opened: dict[str, Any] = {"type": "tool_use", "id": f"t{index}", "name": "f", "input": {}}
        return block(index, opened, {"type": "input_json_delta", "partial_json": f'{{"i": {index}}}'})

    response, _ = join(events(STREAM[0], *tool(0), *tool(1), *STREAM[-2:]))
    arguments = [call.function and call.function.arguments for call in response.message.tool_calls or ()]
    assert arguments == ['{"i": 0}', '{"i": 1}']


@pytest.mark.parametrize("pieces", [[], [""], ["", "{}"], ["{", "}"]])
def test_a_call_without_arguments_has_an_empty_object(pieces: list[str]) -> None:
    opened: dict[str, Any] = {"type": "tool_use", "id": "t", "name": "now", "input": {}}
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    response, _ = join(events(STREAM[0], *block(0, opened, *deltas), *STREAM[-2:]))
    assert [call.function and call.function.arguments for call in response.message.tool_calls or ()] == ["{}"]


def test_what_the_provider_s_own_tool_was_asked_is_kept() -> None:
    opened: dict[str, Any] = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ('{"query": ', '"x"}')]
    response, _ = join(events(STREAM[0], *block(0, opened, *deltas), *STREAM[-2:]))
    assert response.message.extra == {"provider_blocks": [{**opened, "input": {"query": "x"}}]}
    response, _ = join(events(STREAM[0], *block(0, opened, deltas[0]), *STREAM[-2:]))
    assert response.message.extra == {"provider_blocks": [{**opened, "input": '{"query": '}]}


def test_arguments_nested_too_deeply_are_the_callers_mistake() -> None:
    call = {"id": "1", "function": {"name": "f", "arguments": '{"a":' + "[" * 100_000}}
    with pytest.raises(InvalidRequest, match="not a JSON object"):
        body_of(user(), {"role": "assistant", "tool_calls": [call]})


def test_an_error_event_is_an_error() -> None:
    event = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    with pytest.raises(Unavailable) as caught:
        join(b"event: error\n" + events(event))
    assert caught.value.failure is Failure.OVERLOAD


def test_events_that_cannot_be_read_are_malformed() -> None:
    with pytest.raises(Malformed):
        DIALECT.stream().feed(SseEvent("{", event="content_block_delta"))


def test_a_stream_without_its_opening_still_gives_text() -> None:
    response, finished = join(events(*STREAM[6:]))
    assert response.text == "Four"
    assert finished
