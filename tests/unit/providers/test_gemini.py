"""The Gemini dialect: requests, answers and streams of generateContent."""

import json
from typing import Any

import pytest

from quorate.core.errors import Failure, Filtered, InvalidRequest, Malformed, Rejected, Unavailable
from quorate.core.secret import Secret
from quorate.model.usage import Usage
from quorate.providers.dialect import Target
from quorate.providers.gemini import GeminiDialect
from quorate.wire.chat import ChatRequest, ChatResponse, user_request
from quorate.wire.open import load
from quorate.wire.sse import SseDecoder, SseEvent
from quorate.wire.stream import Joiner
from raw_server import events

DIALECT = GeminiDialect()
BASE = "https://generativelanguage.googleapis.com"
TARGET = Target(model_id="gemini-x", base_url=BASE, api_key=Secret("AIza-123"))
TOOL = {"type": "function", "function": {"name": "add", "description": "Adds", "parameters": {"type": "object"}}}


def body_of(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return json.loads(DIALECT.build(load({"messages": list(messages), **fields}, ChatRequest), TARGET).body)


def user(content: Any = "hi") -> dict[str, Any]:
    return {"role": "user", "content": content}


def join(data: bytes) -> ChatResponse:
    parser, joiner = DIALECT.stream(), Joiner()
    for event in SseDecoder().feed(data):
        for chunk in parser.feed(event):
            joiner.add(chunk)
    assert not parser.finished
    return joiner.response()


def test_the_request() -> None:
    sent = DIALECT.build(user_request("hi", system="Be brief."), TARGET)
    assert sent.url == f"{BASE}/v1beta/models/gemini-x:generateContent"
    assert sent.headers["x-goog-api-key"] == "AIza-123"
    assert json.loads(sent.body) == {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
    }


@pytest.mark.parametrize(
    ("model", "base", "path"),
    [
        ("models/gemini-x", BASE + "/v1beta/", "/v1beta/models/gemini-x"),
        ("gemini-x", BASE + "/v1alpha", "/v1alpha/models/gemini-x"),
        ("tunedModels/t-1", BASE, "/v1beta/tunedModels/t-1"),
        ("a?key=b", BASE, "/v1beta/models/a%3Fkey%3Db"),
    ],
)
def test_urls(model: str, base: str, path: str) -> None:
    request = ChatRequest(messages=user_request("x").messages, stream=True)
    sent = DIALECT.build(request, Target(model_id=model, base_url=base, api_key=Secret("AIza-123")))
    assert sent.url == BASE + path + ":streamGenerateContent?alt=sse"
    assert "stream" not in json.loads(sent.body)


def test_generation_settings() -> None:
    schema = {"type": "object"}
    body = body_of(
        user(),
        max_tokens=9,
        temperature=0.5,
        top_p=0.9,
        n=2,
        stop=["a"],
        seed=7,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        logprobs=True,
        top_logprobs=3,
        response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema}},
        reasoning_effort="low",
        generationConfig={"topK": 4, "seed": 8},
        safetySettings=[{"category": "c", "threshold": "OFF"}],
        store=True,
    )
    assert body["generationConfig"] == {
        "maxOutputTokens": 9,
        "temperature": 0.5,
        "topP": 0.9,
        "candidateCount": 2,
        "stopSequences": ["a"],
        "seed": 8,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
        "responseLogprobs": True,
        "logprobs": 3,
        "responseMimeType": "application/json",
        "responseJsonSchema": schema,
        "thinkingConfig": {"thinkingLevel": "low", "includeThoughts": True},
        "topK": 4,
    }
    assert body["safetySettings"] == [{"category": "c", "threshold": "OFF"}]
    assert "store" not in body
    assert body_of(user(), reasoning_effort="none")["generationConfig"] == {"thinkingConfig": {"thinkingBudget": 0}}
    json_mode = body_of(user(), response_format={"type": "json_object"})["generationConfig"]
    assert json_mode == {"responseMimeType": "application/json"}


def test_parts() -> None:
    parts = [
        {"type": "text", "text": "t"},
        {"type": "text", "text": ""},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        {"type": "image_url", "image_url": {"url": "https://x.example/a.webp?x=1"}},
        {"type": "input_audio", "input_audio": {"data": "BB==", "format": "mp3"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,CC=="}},
    ]
    assert body_of(user(parts))["contents"][0]["parts"] == [
        {"text": "t"},
        {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
        {"fileData": {"mimeType": "image/webp", "fileUri": "https://x.example/a.webp?x=1"}},
        {"inlineData": {"mimeType": "audio/mp3", "data": "BB=="}},
        {"inlineData": {"mimeType": "application/pdf", "data": "CC=="}},
    ]


def test_tools_and_their_results() -> None:
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "add", "arguments": '{"a": 1}'},
        "extra_content": {"google": {"thought_signature": "sig"}},
    }
    body = body_of(
        user("a"),
        user("b"),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": '{"sum": 2}'},
        {"role": "tool", "tool_call_id": "c2", "name": "other", "content": "plain"},
        tools=[TOOL],
        tool_choice={"type": "function", "function": {"name": "add"}},
    )
    declaration = {"name": "add", "description": "Adds", "parametersJsonSchema": {"type": "object"}}
    assert body["tools"] == [{"functionDeclarations": [declaration]}]
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["add"]}}
    assert body["contents"] == [
        {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
        {
            "role": "model",
            "parts": [{"functionCall": {"name": "add", "args": {"a": 1}, "id": "c1"}, "thoughtSignature": "sig"}],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "add", "response": {"sum": 2}, "id": "c1"}},
                {"functionResponse": {"name": "other", "response": {"result": "plain"}, "id": "c2"}},
            ],
        },
    ]


def called(call_id: str, name: str) -> dict[str, Any]:
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}}
    return {"role": "assistant", "tool_calls": [call]}


def test_a_result_belongs_to_the_latest_call_of_its_id() -> None:
    results = [{"role": "tool", "tool_call_id": "call_0", "content": text} for text in ("sun", "noon")]
    body = body_of(user(), called("call_0", "weather"), results[0], called("call_0", "time"), results[1])
    responses = [
        part["functionResponse"]
        for turn in body["contents"]
        for part in turn["parts"]
        if len(part) == 1 and "functionResponse" in part
    ]
    assert [(each["name"], each["response"]) for each in responses] == [
        ("weather", {"result": "sun"}),
        ("time", {"result": "noon"}),
    ]


def test_results_nested_too_deeply_are_text() -> None:
    deep = "[" * 100_000
    body = body_of(user(), called("1", "f"), {"role": "tool", "tool_call_id": "1", "content": deep})
    assert body["contents"][-1]["parts"][0]["functionResponse"]["response"] == {"result": deep}


@pytest.mark.parametrize(
    ("model", "signature"),
    [
        ("gemini-3-pro-preview", "skip_thought_signature_validator"),
        ("gemini-flash-latest", "skip_thought_signature_validator"),
        ("gemini-pro-latest", "skip_thought_signature_validator"),
        ("gemini-2.5-pro", None),
        ("gemma-3-27b-it", None),
    ],
)
def test_calls_of_other_models_are_signed_where_it_is_asked_for(model: str, signature: str | None) -> None:
    parallel = {"role": "assistant", "tool_calls": called("b", "f")["tool_calls"] + called("c", "f")["tool_calls"]}
    history = [user(), called("a", "f"), user(), parallel, {"role": "tool", "tool_call_id": "b", "content": "1"}]
    target = Target(model_id=model, base_url=BASE)
    sent = json.loads(DIALECT.build(load({"messages": history}, ChatRequest), target).body)
    calls = [part for turn in sent["contents"] for part in turn["parts"] if "functionCall" in part]
    assert [part.get("thoughtSignature") for part in calls] == [None, signature, None]


@pytest.mark.parametrize(("choice", "mode"), [("auto", "AUTO"), ("required", "ANY"), ("none", "NONE")])
def test_tool_choice(choice: str, mode: str) -> None:
    assert body_of(user(), tools=[TOOL], tool_choice=choice)["toolConfig"] == {"functionCallingConfig": {"mode": mode}}


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": []},
        {"messages": [{"role": "wizard", "content": "x"}]},
        {"messages": [{"role": "tool", "tool_call_id": "nobody", "content": "x"}]},
        {"messages": [user([{"type": "video", "video": {}}])]},
        {"tools": [TOOL], "tool_choice": "perhaps"},
        {"tools": [{"type": "web_search"}]},
        {"reasoning_effort": "heroic"},
        {"response_format": {"type": "grammar"}},
    ],
)
def test_what_cannot_be_said_is_refused(fields: dict[str, Any]) -> None:
    request = load({"messages": [user()], **fields}, ChatRequest)
    with pytest.raises(InvalidRequest):
        DIALECT.build(request, TARGET)


COUNTS = {
    "promptTokenCount": 10,
    "toolUsePromptTokenCount": 2,
    "candidatesTokenCount": 5,
    "thoughtsTokenCount": 3,
    "cachedContentTokenCount": 4,
    "totalTokenCount": 20,
}
COUNTED = Usage(prompt_tokens=12, completion_tokens=8, cached_tokens=4, reasoning_tokens=3)


def candidate(*parts: dict[str, Any], finish: str | None = "STOP", **more: Any) -> dict[str, Any]:
    fields = {"content": {"role": "model", "parts": list(parts)}, "index": 0, **more}
    return fields if finish is None else {**fields, "finishReason": finish}


def answer(*candidates: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"candidates": list(candidates), "modelVersion": "gemini-x-1", "responseId": "r1", **more}


CALL = {"functionCall": {"name": "add", "args": {"a": 1}}, "thoughtSignature": "sig"}


def check_answer(response: ChatResponse) -> None:
    assert (response.id, response.model, response.text) == ("r1", "gemini-x-1", "Four")
    assert response.message.reasoning_content == "hm"
    assert response.message.tool_calls is not None
    call = response.message.tool_calls[0]
    assert call.function is not None
    assert (call.id, call.function.name, call.function.arguments) == ("call_r1_0", "add", '{"a":1}')
    assert call.extra == {"extra_content": {"google": {"thought_signature": "sig"}}}
    assert response.finish_reason == "tool_calls"
    assert response.usage is not None
    assert Usage.from_wire(response.usage) == COUNTED


def test_the_whole_answer() -> None:
    parts = ({"text": "hm", "thought": True}, {"text": "Fo"}, {"text": "ur"}, CALL, {"executableCode": {"code": "1"}})
    rated = candidate(*parts, safetyRatings=[{"category": "c"}])
    response = DIALECT.parse(json.dumps(answer(rated, usageMetadata=COUNTS)).encode())
    check_answer(response)
    assert response.message.extra == {"provider_blocks": [{"executableCode": {"code": "1"}}]}
    assert response.choices[0].extra == {"native_finish_reason": "STOP", "safety_ratings": [{"category": "c"}]}


def test_a_stream_joins_to_the_whole() -> None:
    check_answer(
        join(
            events(
                answer(candidate({"text": "hm", "thought": True}, finish=None)),
                answer(candidate({"text": "Fo"}, finish=None), usageMetadata={"promptTokenCount": 10}),
                answer(candidate({"text": "ur"}, finish=None)),
                answer(candidate(CALL, finish=None)),
                answer(candidate(), usageMetadata=COUNTS),
            )
        )
    )


def test_several_candidates_and_calls() -> None:
    second = {**candidate({"text": "B"}), "index": 1}
    response = DIALECT.parse(json.dumps(answer(candidate({"text": "A"}), second)).encode())
    assert [choice.message.text for choice in response.choices] == ["A", "B"]
    assert response.usage is None
    named = {"functionCall": {"id": "x9", "name": "f"}}
    joined = join(events(answer(candidate(CALL, finish=None)), answer(candidate(named))))
    assert [call.id for call in joined.message.tool_calls or ()] == ["call_r1_0", "x9"]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("SPII", "content_filter"),
        ("OTHER", "stop"),
        ("SOMETHING_NEW", "stop"),
    ],
)
def test_finish_reasons(theirs: str, ours: str) -> None:
    assert DIALECT.parse(json.dumps(answer(candidate({"text": "x"}, finish=theirs))).encode()).finish_reason == ours


def test_a_refused_prompt_is_filtered() -> None:
    refused = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 3}}
    for give in (lambda: DIALECT.parse(json.dumps(refused).encode()), lambda: join(events(refused))):
        with pytest.raises(Filtered, match="PROHIBITED_CONTENT") as caught:
            give()
        assert caught.value.upstream_code == "PROHIBITED_CONTENT"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"candidates": []},
        answer(candidate({"text": "x"}, finish=None)),
        answer(candidate(finish="MALFORMED_FUNCTION_CALL", finishMessage="print(")),
        answer(candidate(finish="FINISH_REASON_UNSPECIFIED")),
        answer(candidate(finish="TOO_MANY_TOOL_CALLS")),
    ],
)
def test_bodies_that_are_no_answer_are_malformed(body: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        DIALECT.parse(json.dumps(body).encode())


def test_a_lost_signature_is_the_request_s_fault() -> None:
    lost = answer(candidate(finish="MISSING_THOUGHT_SIGNATURE"))
    for give in (lambda: DIALECT.parse(json.dumps(lost).encode()), lambda: join(events(lost))):
        with pytest.raises(Rejected, match="thought signature") as caught:
            give()
        assert not caught.value.retryable


def test_an_error_event_is_an_error() -> None:
    error = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    with pytest.raises(Unavailable) as caught:
        join(events(error))
    assert caught.value.failure is Failure.OVERLOAD
    with pytest.raises(Malformed):
        DIALECT.stream().feed(SseEvent("{"))
