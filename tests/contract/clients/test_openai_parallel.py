"""The `parallel` field through OpenAI's Python client: the answer reads as a completion and tells of every branch."""

from typing import Any

import pytest
from openai import APIError, InternalServerError, OpenAI
from openai.types.chat import ChatCompletion

from client_questions import DOUBLE_AND_HALVE, arithmetic_tools, asked
from running_gateway import RunningGateway

PANEL = ["left", "middle", "right"]
BLUE = ["upstream:says-blue#1", "upstream:says-blue#2", "upstream:says-red#3"]


@pytest.mark.parametrize("mode", ["all", "quorum", "race"])
def test_whole(patient_client: OpenAI, mode: str) -> None:
    answer: Any = patient_client.chat.completions.create(
        model="plain", messages=asked("Hello"), extra_body={"parallel": {"mode": mode, "models": PANEL}}
    )
    assert answer.object == "parallel.completion"
    assert [response["model"] for response in answer.responses] == PANEL
    assert answer.synthesis["content"] == answer.choices[0].message.content
    assert answer.usage.total_tokens > 0
    assert answer.usage.total_cost_usd > 0
    ChatCompletion.model_validate({**answer.to_dict(), "object": "chat.completion"}, strict=True)


def test_the_majority_is_the_answer(patient_client: OpenAI) -> None:
    answer: Any = patient_client.chat.completions.create(
        model="plain", messages=asked("Which colour?"), extra_body={"parallel": {"models": BLUE, "kind": "short"}}
    )
    assert answer.choices[0].message.content == "blue"
    assert answer.synthesis["consensus_score"] == pytest.approx(2 / 3, abs=0.01)
    assert [response["content"] for response in answer.responses] == ["blue", "blue", "red"]


def test_a_branch_may_fail(patient_client: OpenAI) -> None:
    models = ["left", "upstream:f12#branch", "right"]
    answer: Any = patient_client.chat.completions.create(
        model="plain", messages=asked("Hello"), extra_body={"parallel": {"models": models}}
    )
    failed = answer.responses[1]
    assert (failed["state"], failed["content"]) == ("failed", None)
    assert failed["error"]["code"]
    assert answer.choices[0].message.content


def test_all_branches_may_fail(client: OpenAI) -> None:
    models = ["upstream:fail-100pct#1", "upstream:fail-100pct#2"]
    with pytest.raises(InternalServerError) as raised:
        client.chat.completions.create(
            model="plain", messages=asked("Hello"), extra_body={"parallel": {"models": models}}
        )
    assert raised.value.code == "all_failed"


@pytest.mark.parametrize("progress", ["comments", "chunks", "none"])
@pytest.mark.parametrize("mode", ["all", "quorum", "race"])
def test_stream(client: OpenAI, mode: str, progress: str) -> None:
    chunks: list[Any] = list(
        client.chat.completions.create(
            model="plain",
            messages=asked("Hello"),
            stream=True,
            extra_body={"parallel": {"mode": mode, "models": PANEL, "progress": progress}},
        )
    )
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text
    assert [response["model"] for response in chunks[-1].responses] == PANEL
    assert chunks[-1].synthesis["content"] == text
    assert [chunk.usage for chunk in chunks if chunk.usage is not None] == [chunks[-1].usage]
    assert any("quorate" in (chunk.model_extra or {}) for chunk in chunks) == (progress == "chunks")


def test_tools(patient_client: OpenAI) -> None:
    answer: Any = patient_client.chat.completions.create(
        model="plain",
        messages=asked("Please double 21 and halve 8."),
        tools=arithmetic_tools(),
        extra_body={"parallel": {"models": PANEL}},
    )
    assert [call.function.name for call in answer.choices[0].message.tool_calls] == [
        name for name, _ in DOUBLE_AND_HALVE
    ]


def test_switched_off_it_is_a_plain_completion(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="plain", messages=asked("Hello"), extra_body={"parallel": {"enabled": False, "models": PANEL}}
    )
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.content


def test_a_race_that_breaks_raises(client: OpenAI) -> None:
    models = ["upstream:f08#race-1", "upstream:f08#race-2"]
    with pytest.raises(APIError) as raised:
        list(
            client.chat.completions.create(
                model="plain",
                messages=asked("Hello"),
                stream=True,
                extra_body={"parallel": {"mode": "race", "models": models}},
            )
        )
    assert raised.value.message


@pytest.mark.parametrize("mode", ["all", "race"])
def test_closing_the_stream_ends_every_branch(gateway: RunningGateway, client: OpenAI, mode: str) -> None:
    behaviours = [f"delay-20s#{mode}-{number}" for number in range(2)]
    with client.chat.completions.create(
        model="plain",
        messages=asked("Hello"),
        stream=True,
        extra_body={
            "parallel": {"mode": mode, "models": [f"upstream:{name}" for name in behaviours], "progress": "chunks"}
        },
    ) as stream:
        assert next(stream).id
        gateway.upstream.wait_for_requests(behaviours)
    for behaviour in behaviours:
        assert gateway.upstream.wait_for_hangup(behaviour).model == behaviour
