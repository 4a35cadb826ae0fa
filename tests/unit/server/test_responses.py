"""`/v1/responses` through the application."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from asgi import RunList, ask, runs_of, services_of
from quorate.core.errors import Unavailable
from quorate.model import Usage
from quorate.model.event import State
from quorate.providers.simulated import SimulatedModel
from quorate.providers.simulated_profile import default_profiles
from quorate.server import responses
from quorate.server.app import Gateway
from quorate.server.services import Services
from quorate.testing import ScriptedAnswer, ScriptedModel, run_virtual
from quorate.wire.responses_stream import ResponsesStream
from quorate.wire.stream import ChatChunk

GOOD = ScriptedAnswer(pieces=("he", "llo"), usage=Usage(prompt_tokens=3, completion_tokens=2), cost_microusd=10)


def serving(answer: ScriptedAnswer = GOOD) -> Services:
    return services_of({"m": ScriptedModel("m", answer)}, writer=RunList())


def asked(services: Services, **body: Any) -> Any:
    return run_virtual(ask(Gateway(services), "POST", "/v1/responses", {"model": "m", "input": "hi", **body}))


def events_of(answer: Any) -> list[Any]:
    lines = [line for line in answer.body.decode().splitlines() if line.startswith("data: ")]
    return [json.loads(line[6:]) for line in lines]


def test_whole() -> None:
    services = serving()
    answer = asked(services)
    assert answer.json["object"] == "response"
    assert answer.json["output"][0]["content"][0]["text"] == "hello"
    assert answer.json["usage"]["total_tokens"] == 5
    (run,) = runs_of(services)
    assert answer.json["id"] == "resp_" + run.id.removeprefix("run_")
    assert (run.operation, run.mode, run.cost_microusd) == ("responses", "single", 10)


def test_what_no_real_model_answered_says_so() -> None:
    simulated = {profile.name: SimulatedModel(profile) for profile in default_profiles()}
    services = services_of(dict(simulated), writer=RunList())
    assert asked(services, model="sim-cedar").json["simulated"] is True
    last = events_of(asked(services, model="sim-cedar", stream=True))[-1]
    assert (last["type"], last["response"]["simulated"]) == ("response.completed", True)
    assert "simulated" not in asked(serving()).json


def test_streamed() -> None:
    services = serving()
    events = events_of(asked(services, stream=True))
    assert (events[0]["type"], events[-1]["type"]) == ("response.created", "response.completed")
    assert "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta") == "hello"
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert runs_of(services)[0].state is State.FINISHED


def test_a_failure_in_the_middle_is_told_in_its_own_way() -> None:
    services = serving(ScriptedAnswer(pieces=("a",), error=Unavailable("cut")))
    answer = asked(services, stream=True)
    assert answer.status == 200
    assert [event["type"] for event in events_of(answer)][-1] == "response.failed"
    assert (runs_of(services)[0].state, runs_of(services)[0].error_code) == (State.FAILED, "provider_unavailable")


def test_a_failure_before_anything_has_a_status() -> None:
    for stream in (False, True):
        services = serving(ScriptedAnswer(error=Unavailable("down")))
        answer = asked(services, stream=stream)
        assert answer.status == 502
        assert answer.json["error"]["code"] in {"provider_unavailable", "all_failed"}


def test_a_failure_after_a_heartbeat_is_told_in_the_stream() -> None:
    services = serving(ScriptedAnswer(delay_s=20, error=Unavailable("down")))
    answer = asked(services, stream=True)
    assert answer.status == 200
    assert answer.body.startswith(b": ping\n\n")
    assert [event["type"] for event in events_of(answer)] == [
        "response.created",
        "response.in_progress",
        "error",
        "response.failed",
    ]
    assert runs_of(services)[0].state is State.FAILED


def test_what_needs_a_state_is_refused() -> None:
    for body in ({"previous_response_id": "resp_1"}, {"background": True}, {"input": 5}):
        answer = asked(serving(), **body)
        assert (answer.status, answer.json["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize(("pause_s", "status"), [(0, 500), (20, 200)])
def test_a_fault_of_ours_is_told_and_recorded_as_one(
    monkeypatch: pytest.MonkeyPatch, pause_s: float, status: int
) -> None:
    async def broken(*_: Any, **__: Any) -> AsyncGenerator[bytes]:
        await asyncio.sleep(pause_s)
        raise RuntimeError("a secret")
        yield b""

    monkeypatch.setattr(responses, "events", broken)
    services = serving()
    answer = asked(services, stream=True)
    assert (answer.status, answer.complete) == (status, True)
    assert b"internal_error" in answer.body
    assert b"a secret" not in answer.body
    (run,) = runs_of(services)
    assert (run.status, run.state, run.error_code) == (status, State.FAILED, "internal_error")


def test_a_fault_of_ours_in_the_middle_is_told_in_the_api_s_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ResponsesStream.chunk

    def breaking(stream: ResponsesStream, chunk: ChatChunk) -> bytes:
        if chunk.text == "llo":
            raise RuntimeError("a secret")
        return whole(stream, chunk)

    monkeypatch.setattr(ResponsesStream, "chunk", breaking)
    services = serving()
    answer = asked(services, stream=True)
    events = events_of(answer)
    assert [event["type"] for event in events[-2:]] == ["error", "response.failed"]
    assert events[-2]["code"] == "internal_error"
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert b"a secret" not in answer.body
    assert runs_of(services)[0].error_code == "internal_error"


@pytest.mark.parametrize("stream", [False, True])
def test_the_answer_is_kept_where_texts_are(stream: bool) -> None:
    services = services_of({"m": ScriptedModel("m", GOOD)}, writer=RunList(), keeps_texts=True)
    asked(services, stream=stream)
    assert [run.answer for run in runs_of(services)] == ["hello"]
