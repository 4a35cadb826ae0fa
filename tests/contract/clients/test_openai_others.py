"""Embeddings, models and the Responses API through OpenAI's Python client."""

import json
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI, RateLimitError
from pydantic import BaseModel

from client_questions import DOUBLE_AND_HALVE, arithmetic_tools, asked

KINDS = ["plain", "translated", "panel", "swift", "invented"]
FOLLOWING = ["plain", "translated", "panel"]


class Trip(BaseModel):
    city: str
    days: int


@pytest.mark.parametrize("model", ["plain", "hashed"])
def test_embeddings_as_numbers_and_as_bytes(client: OpenAI, patient_client: OpenAI, model: str) -> None:
    plain = client.embeddings.create(model=model, input=["a b", "c"], dimensions=8, encoding_format="float")
    # Bytes are the client's default, and its strict form takes them for invalid before it decodes them.
    packed = patient_client.embeddings.create(model=model, input=["a b", "c"], dimensions=8)
    assert [item.index for item in plain.data] == [0, 1]
    assert plain.usage.total_tokens > 0
    for one, other in zip(plain.data, packed.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
        assert sum(value * value for value in one.embedding) == pytest.approx(1, abs=1e-6)


def test_an_ensemble_embeds_nothing(client: OpenAI) -> None:
    with pytest.raises(BadRequestError) as raised:
        client.embeddings.create(model="panel", input="a", encoding_format="float")
    assert raised.value.param == "model"


def test_models(client: OpenAI) -> None:
    listed = {model.id: model for model in client.models.list()}
    assert {*KINDS, "left", "middle", "right"} <= listed.keys()
    for name in KINDS:
        assert client.models.retrieve(name) == listed[name]
    panel: Any = listed["panel"]
    assert panel.members == ["left", "middle", "right"]
    assert client.models.retrieve("upstream:fast#asked").id == "upstream:fast#asked"
    with pytest.raises(NotFoundError):
        client.models.retrieve("nowhere")


@pytest.mark.parametrize("model", KINDS)
def test_responses(client: OpenAI, model: str) -> None:
    response = client.responses.create(model=model, input="Say it.", instructions="Be brief.", max_output_tokens=50)
    assert response.status == "completed"
    assert response.output_text
    assert response.usage is not None
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens


@pytest.mark.parametrize("model", KINDS)
def test_responses_as_a_stream(client: OpenAI, model: str) -> None:
    with client.responses.stream(model=model, input="Say it.") as stream:
        events = list(stream)
        final = stream.get_final_response()
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")
    numbers = [event.sequence_number for event in events]
    assert numbers == list(range(len(numbers)))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert final.output_text == text != ""


@pytest.mark.parametrize("model", FOLLOWING)
def test_responses_with_tools_to_the_answer(client: OpenAI, model: str) -> None:
    tools: Any = [{"type": "function", "strict": None, **tool["function"]} for tool in arithmetic_tools()]
    conversation = asked("Please double 21 and halve 8.")
    first = client.responses.create(model=model, input=conversation, tools=tools)
    calls = [item for item in first.output if item.type == "function_call"]
    assert [(call.name, json.loads(call.arguments)) for call in calls] == DOUBLE_AND_HALVE
    conversation += [item.model_dump(exclude_none=True) for item in first.output]
    conversation += [{"type": "function_call_output", "call_id": call.call_id, "output": "42"} for call in calls]
    final = client.responses.create(model=model, input=conversation, tools=tools)
    assert "42" in final.output_text


@pytest.mark.parametrize("model", FOLLOWING)
def test_responses_in_a_form(client: OpenAI, model: str) -> None:
    parsed = client.responses.parse(model=model, input="'Rome' for 4 days", text_format=Trip).output_parsed
    assert parsed == Trip(city="Rome", days=4)


@pytest.mark.parametrize("provider", ["upstream", "messages"])
def test_a_stream_of_a_response_that_breaks(client: OpenAI, provider: str) -> None:
    events: list[Any] = list(client.responses.create(model=f"{provider}:f08#response", input="Hello", stream=True))
    assert [event.type for event in events[-2:]] == ["error", "response.failed"]
    assert events[-1].response.status == "failed"
    assert any(event.type == "response.output_text.delta" for event in events)


@pytest.mark.parametrize("stream", [True, False])
def test_a_response_that_never_begins(client: OpenAI, stream: bool) -> None:
    with pytest.raises(RateLimitError):
        client.responses.create(model="upstream:f02#response", input="Hello", stream=stream)


def test_what_needs_a_memory_is_refused(client: OpenAI) -> None:
    with pytest.raises(BadRequestError) as raised:
        client.responses.create(model="plain", input="Hello", previous_response_id="resp_1")
    assert raised.value.param == "previous_response_id"
