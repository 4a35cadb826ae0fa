"""Chat completions of every kind of model through OpenAI's Python client, which validates each answer strictly."""

import base64
import json
from typing import Any

import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageFunctionToolCall
from pydantic import BaseModel

from client_questions import DOUBLE_AND_HALVE, arithmetic_tools, asked
from running_gateway import RunningGateway

#: One relayed, one translated from another language, three kinds that the gateway composes itself.
KINDS = ["plain", "translated", "panel", "swift", "invented"]
#: Those behind which the test upstream answers, which follows tools and forms.
FOLLOWING = ["plain", "translated", "panel", "swift"]
PICTURE = f"data:image/png;base64,{base64.b64encode(bytes(64)).decode()}"  # nobody here looks into it


class Trip(BaseModel):
    city: str
    days: int
    stops: list[str]
    guide: str | None


@pytest.mark.parametrize("model", KINDS)
def test_whole(client: OpenAI, model: str) -> None:
    answer = client.chat.completions.create(
        model=model, messages=asked("Say it."), temperature=0, max_tokens=50, seed=1
    )
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert 0 < answer.usage.completion_tokens < answer.usage.total_tokens
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


@pytest.mark.parametrize("include_usage", [True, False])
@pytest.mark.parametrize("model", KINDS)
def test_stream(client: OpenAI, model: str, include_usage: bool) -> None:
    options: Any = {"stream_options": {"include_usage": True}} if include_usage else {}
    chunks = list(client.chat.completions.create(model=model, messages=asked("Say it."), stream=True, **options))
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason] == ["stop"]
    assert len({chunk.id for chunk in chunks}) == 1
    counted = [chunk for chunk in chunks if chunk.usage is not None]
    if not include_usage:
        assert not counted
        return
    assert counted == chunks[-1:]
    assert not chunks[-1].choices
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens > 0


@pytest.mark.parametrize("model", FOLLOWING)
def test_streamed_and_whole_answers_are_the_same(client: OpenAI, model: str) -> None:
    whole = client.chat.completions.create(model=model, messages=asked("Say it twice."))
    with client.chat.completions.stream(
        model=model, messages=asked("Say it twice."), stream_options={"include_usage": True}
    ) as stream:
        streamed = stream.get_final_completion()
    assert streamed.choices[0].message.content == whole.choices[0].message.content
    if model != "swift":  # a race pays for as much of its losers as they had said when it was over
        assert streamed.usage is not None
        assert whole.usage is not None
        assert streamed.usage.total_tokens == whole.usage.total_tokens


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("model", FOLLOWING)
def test_tools_to_the_answer(client: OpenAI, model: str, stream: bool) -> None:
    messages = asked("Please double 21 and halve 8.")
    tools = arithmetic_tools()
    if stream:
        with client.chat.completions.stream(model=model, messages=messages, tools=tools) as events:
            choice: Any = events.get_final_completion().choices[0]
    else:
        choice = client.chat.completions.create(model=model, messages=messages, tools=tools).choices[0]
    calls: list[ChatCompletionMessageFunctionToolCall] = choice.message.tool_calls
    assert choice.finish_reason == "tool_calls"
    assert [(call.function.name, json.loads(call.function.arguments)) for call in calls] == DOUBLE_AND_HALVE
    assert len({call.id for call in calls}) == len(DOUBLE_AND_HALVE)

    messages.append(choice.message.model_dump(exclude_none=True, exclude={"tool_calls": {"__all__": {"index"}}}))
    messages += [{"role": "tool", "tool_call_id": call.id, "content": "42"} for call in calls]
    final = client.chat.completions.create(model=model, messages=messages, tools=tools)
    assert final.choices[0].finish_reason == "stop"
    assert "42" in (final.choices[0].message.content or "")


@pytest.mark.parametrize("model", FOLLOWING)
def test_programs_are_told_of_each_tool_call_of_a_stream_once(client: OpenAI, model: str) -> None:
    messages = asked("Please double 21 and halve 8.")
    with client.chat.completions.stream(model=model, messages=messages, tools=arithmetic_tools()) as events:
        told: list[Any] = [event for event in events if event.type == "tool_calls.function.arguments.done"]
    assert [(event.name, json.loads(event.arguments)) for event in told] == DOUBLE_AND_HALVE


@pytest.mark.parametrize("model", FOLLOWING)
def test_one_tool_is_demanded_and_then_none(client: OpenAI, model: str) -> None:
    demanded: Any = {"type": "function", "function": {"name": "halve"}}
    first = client.chat.completions.create(
        model=model, messages=asked("Hello"), tools=arithmetic_tools(), tool_choice=demanded, parallel_tool_calls=False
    )
    call: Any = (first.choices[0].message.tool_calls or [None])[0]
    assert call.function.name == "halve"
    second = client.chat.completions.create(
        model=model, messages=asked("Please double 21."), tools=arithmetic_tools(), tool_choice="none"
    )
    assert second.choices[0].message.tool_calls is None


@pytest.mark.parametrize("model", FOLLOWING)
def test_structured_output(client: OpenAI, model: str) -> None:
    answer = client.chat.completions.parse(model=model, messages=asked("'Rome' for 4 days"), response_format=Trip)
    trip = answer.choices[0].message.parsed
    assert trip is not None
    assert (trip.city, trip.days) == ("Rome", 4)


@pytest.mark.parametrize("model", FOLLOWING)
def test_structured_output_as_a_stream(client: OpenAI, model: str) -> None:
    with client.chat.completions.stream(
        model=model, messages=asked("'Rome' for 4 days"), response_format=Trip
    ) as stream:
        kinds = {event.type for event in stream}
        trip = stream.get_final_completion().choices[0].message.parsed
    assert {"content.delta", "content.done"} <= kinds
    assert trip is not None
    assert (trip.city, trip.days) == ("Rome", 4)


@pytest.mark.parametrize("stream", [True, False])
def test_log_probabilities(client: OpenAI, stream: bool) -> None:
    fields: Any = {"model": "upstream:tokens-4", "messages": asked("Hello"), "logprobs": True, "top_logprobs": 3}
    answer: Any = client.chat.completions.create(**fields, stream=stream)
    pieces: list[Any] = [choice for chunk in answer for choice in chunk.choices] if stream else answer.choices
    tokens = [token for piece in pieces if piece.logprobs for token in piece.logprobs.content]
    assert [len(token.top_logprobs) for token in tokens] == [3, 3, 3, 3]
    assert all(token.logprob < 0 and bytes(token.bytes) == token.token.encode() for token in tokens)


@pytest.mark.parametrize("stream", [True, False])
def test_several_choices(client: OpenAI, stream: bool) -> None:
    fields: Any = {"model": "upstream:tokens-4", "messages": asked("Hello"), "n": 2}
    answer: Any = client.chat.completions.create(**fields, stream=stream)
    texts = {0: "", 1: ""}
    for choice in [choice for chunk in answer for choice in chunk.choices] if stream else answer.choices:
        texts[choice.index] += (choice.delta if stream else choice.message).content or ""
    assert texts[0] == texts[1] != ""


@pytest.mark.parametrize("model", FOLLOWING)
def test_pictures_reach_the_model(client: OpenAI, model: str) -> None:
    content = [
        {"type": "text", "text": "What is in it?"},
        {"type": "image_url", "image_url": {"url": PICTURE, "detail": "low"}},
    ]
    with_picture = client.chat.completions.create(model=model, messages=asked(content))
    without = client.chat.completions.create(model=model, messages=asked(content[:1]))
    assert with_picture.usage is not None
    assert without.usage is not None
    assert with_picture.usage.prompt_tokens > without.usage.prompt_tokens


def test_what_nobody_here_knows_reaches_the_provider(client: OpenAI, gateway: RunningGateway) -> None:
    messages = [{"role": "user", "content": "Hello", "mood": "merry"}]
    client.chat.completions.create(
        model="upstream:fast#unknown",
        messages=messages,  # pyright: ignore[reportArgumentType] - a field of tomorrow
        extra_body={"brand_new": {"deep": [1.5, None, "ü"]}},
        reasoning_effort="low",
        metadata={"who": "a test"},
    )
    sent = gateway.upstream.requests("fast#unknown")[0].json
    assert sent["brand_new"] == {"deep": [1.5, None, "ü"]}
    assert sent["messages"] == messages
    assert (sent["reasoning_effort"], sent["metadata"]) == ("low", {"who": "a test"})


@pytest.mark.parametrize("model", KINDS)
def test_answers_come_with_their_headers(client: OpenAI, model: str) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=asked("Hello"), extra_headers={"x-request-id": "from-a-test"}
    )
    assert raw.headers["x-request-id"] == "from-a-test"
    assert raw.request_id == "from-a-test"
    assert raw.headers["x-quorate-run-id"].startswith("run_")
    assert float(raw.headers["x-quorate-cost-usd"]) > 0
    assert raw.parse()._request_id == "from-a-test"  # pyright: ignore[reportPrivateUsage] - public, its manual says


def test_an_ensemble_says_how_much_its_members_agree(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="panel", messages=asked("Hello"))
    extra: Any = raw.parse().model_extra
    assert extra["quorate"]["agreement"] == 1.0
    assert extra["quorate"]["method"] == "consensus"
    assert raw.headers["x-quorate-agreement"] == "1.0000"
