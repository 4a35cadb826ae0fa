from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response

from quorate.core.errors import InvalidRequest
from quorate.wire.chat import (
    ChatRequest,
    ChatResponse,
    Choice,
    CompletionTokensDetails,
    FunctionCall,
    Message,
    PromptTokensDetails,
    ToolCall,
    WireUsage,
)
from quorate.wire.open import dump
from quorate.wire.responses import REFUSED, WITHOUT_EFFECT, chat_request, read_responses
from quorate.wire.responses_answer import response_head, whole_response

WEATHER = {"type": "function", "name": "weather", "description": "d", "parameters": {"type": "object"}, "strict": True}
USAGE = WireUsage(
    prompt_tokens=9,
    completion_tokens=4,
    total_tokens=13,
    prompt_tokens_details=PromptTokensDetails(cached_tokens=3),
    completion_tokens_details=CompletionTokensDetails(reasoning_tokens=2),
)


def chat(input: Any = "hi", **fields: Any) -> ChatRequest:  # noqa: A002 - the wire's word
    return chat_request(read_responses(msgspec.json.encode({"model": "m", "input": input, **fields})))


def test_a_text_with_instructions() -> None:
    request = chat("hi", instructions="Be brief.", temperature=0.5, top_p=0.9, max_output_tokens=7, user="u")
    assert dump(request) == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}],
        "temperature": 0.5,
        "top_p": 0.9,
        "max_completion_tokens": 7,
        "user": "u",
    }


def test_items_of_a_conversation_with_a_tool() -> None:
    request = chat(
        [
            {"role": "developer", "content": "Be brief."},
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "Where is this?"},
                    {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
                ],
            },
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"role": "assistant", "content": [{"type": "output_text", "text": "Let me see.", "annotations": []}]},
            {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}", "id": "fc_1"},
            {"type": "function_call", "call_id": "c2", "name": "weather", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "rain"},
            {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "sun"}]},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        ]
    )
    calls = [{"id": f"c{i}", "type": "function", "function": {"name": "weather", "arguments": "{}"}} for i in (1, 2)]
    assert [dump(message) for message in request.messages] == [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Where is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
            ],
        },
        {"role": "assistant", "content": "Let me see.", "tool_calls": calls},
        {"role": "tool", "content": "rain", "tool_call_id": "c1"},
        {"role": "tool", "content": "sun", "tool_call_id": "c2"},
        {"role": "assistant", "content": None, "refusal": "No."},
    ]


def test_calls_without_a_message_before_them_make_one() -> None:
    request = chat(
        [
            {"role": "user", "content": "hi"},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": ""},
        ]
    )
    assert request.messages[1].content is None
    assert [call.id for call in request.messages[1].tool_calls or ()] == ["c1"]


def test_tools_and_formats_take_the_nested_form() -> None:
    schema = {"type": "json_schema", "name": "place", "schema": {"type": "object"}, "strict": True}
    request = chat(
        tools=[WEATHER],
        tool_choice={"type": "function", "name": "weather"},
        parallel_tool_calls=False,
        text={"format": schema, "verbosity": "low"},
        reasoning={"effort": "low", "summary": "auto"},
        top_logprobs=2,
    )
    function = {name: value for name, value in WEATHER.items() if name != "type"}
    assert request.tools == ({"type": "function", "function": function},)
    assert request.tool_choice == {"type": "function", "function": {"name": "weather"}}
    assert request.response_format == {
        "type": "json_schema",
        "json_schema": {"name": "place", "schema": {"type": "object"}, "strict": True},
    }
    assert request.extra == {"parallel_tool_calls": False, "verbosity": "low"}
    assert request.reasoning_effort == "low"
    assert (request.logprobs, request.top_logprobs) == (True, 2)
    assert chat(text={"format": {"type": "json_object"}}).response_format == {"type": "json_object"}
    assert chat(text={"format": {"type": "text"}}).response_format is None
    assert chat(include=["message.output_text.logprobs"]).logprobs
    assert chat(include=["reasoning.encrypted_content"]).logprobs is None
    assert chat(tool_choice="auto").tool_choice is None


@pytest.mark.parametrize(("name", "value"), [(name, {"id": "x"}) for name in REFUSED] + [("store", True)])
def test_what_needs_a_state_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(InvalidRequest, match=f"{name} is not supported, because this gateway keeps no state") as caught:
        chat(**{name: value})
    assert caught.value.param == name


@pytest.mark.parametrize(
    "fields", [{"store": False}, {"background": False}, {"truncation": "disabled"}, {"prompt": None}]
)
def test_what_asks_for_nothing_is_no_error(fields: dict[str, Any]) -> None:
    assert chat(**fields) == chat()


@pytest.mark.parametrize("name", sorted(WITHOUT_EFFECT))
def test_what_has_no_effect_is_taken_and_not_passed_on(name: str) -> None:
    assert chat(**{name: {"a": "b"}}) == chat()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"surprise": 1}, "surprise"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0]"),
        ({"tools": [WEATHER], "tool_choice": "some"}, "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": {"type": "file_search"}}, "tool_choice"),
        ({"text": {"format": {"type": "xml"}}}, "text.format"),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format"),
        ({"input": []}, "input"),
        ({"input": [5]}, "input[0]"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type"),
        ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": 5}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "input[0].content[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
            "input[0].content[0].image_url",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x", "detail": 5}]}]},
            "input[0].content[0].detail",
        ),
        ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": 5}]}, "input[0].output"),
        ({"temperature": "hot"}, "temperature"),
        ({"model": None}, "model"),
    ],
)
def test_errors_name_the_place(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        chat(**fields)
    assert caught.value.param == param


def answer(message: Message, finish_reason: str = "stop", **fields: Any) -> ChatResponse:
    return ChatResponse(
        choices=(Choice(message=message, finish_reason=finish_reason, **fields),), model="provider's", usage=USAGE
    )


def whole(given: ChatResponse, **fields: Any) -> Any:
    request = read_responses(msgspec.json.encode({"model": "m", "input": "hi", **fields}))
    return msgspec.json.encode(whole_response(response_head(request, id="resp_1", created_at=7), given))


CALL = ToolCall(id="c1", type="function", function=FunctionCall(name="weather", arguments="{}"))
LOGPROBS = {
    "content": [{"token": "Four", "logprob": -0.1, "bytes": None, "top_logprobs": [{"token": "F", "logprob": -1}]}]
}
ANSWERS = [
    answer(Message(content="Four", reasoning_content="hm"), logprobs=LOGPROBS),
    answer(Message(content="Let me see.", tool_calls=(CALL, CALL)), "tool_calls"),
    answer(Message(content=None, refusal="No.")),
    answer(Message(content="Fo"), "length"),
    answer(Message(content=None), "content_filter"),
    ChatResponse(choices=()),
]


@pytest.mark.parametrize("given", ANSWERS)
def test_answers_are_what_openais_client_reads_strictly(given: ChatResponse) -> None:
    body = whole(
        given,
        tools=[WEATHER],
        tool_choice="required",
        metadata={"k": "v"},
        instructions="Be brief.",
        reasoning={"effort": "low"},
        text={"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}},
    )
    read = Response.model_validate_json(body, strict=True)
    assert read.output_text == given.text
    assert read.model == "m"
    assert read.metadata == {"k": "v"}


def test_items_and_usage_of_an_answer() -> None:
    read = Response.model_validate_json(whole(ANSWERS[0]))
    assert [item.type for item in read.output] == ["reasoning", "message"]
    assert read.status == "completed"
    assert read.usage is not None
    assert (read.usage.input_tokens, read.usage.output_tokens, read.usage.total_tokens) == (9, 4, 13)
    assert read.usage.input_tokens_details.cached_tokens == 3
    assert read.usage.output_tokens_details.reasoning_tokens == 2
    assert "Four" in str(read.output[1])
    called = Response.model_validate_json(whole(ANSWERS[1]))
    assert [item.type for item in called.output] == ["message", "function_call", "function_call"]
    assert len({item.id for item in called.output}) == 3


@pytest.mark.parametrize(("given", "reason"), [(ANSWERS[3], "max_output_tokens"), (ANSWERS[4], "content_filter")])
def test_an_answer_that_was_cut_says_why(given: ChatResponse, reason: str) -> None:
    read = Response.model_validate_json(whole(given))
    assert read.status == "incomplete"
    assert read.incomplete_details is not None
    assert read.incomplete_details.reason == reason


def test_an_answer_can_be_sent_back_as_input() -> None:
    output = msgspec.json.decode(whole(ANSWERS[1]))["output"]
    request = chat([{"role": "user", "content": "hi"}, *output])
    assert request.messages[1].content == "Let me see."
    assert [call.function and call.function.name for call in request.messages[1].tool_calls or ()] == ["weather"] * 2


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
parts = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(
            ["message", "function_call", "function_call_output", "reasoning", "input_text", "refusal"]
        ),
        "role": st.sampled_from(["user", "assistant", "tool"]),
        "content": json_values,
        "text": json_values,
        "call_id": json_values,
        "output": json_values,
        "name": json_values,
        "arguments": json_values,
    },
)


@given(
    st.text(max_size=4) | st.lists(parts | json_values, max_size=4) | json_values,
    st.dictionaries(st.sampled_from(["tools", "text", "tool_choice", "include", "store", "metadata"]), json_values),
)
def test_anything_is_a_request_or_an_error_of_the_callers(value: object, fields: dict[str, Any]) -> None:
    try:
        messages = chat(value, **fields).messages
    except InvalidRequest:
        return
    assert messages
