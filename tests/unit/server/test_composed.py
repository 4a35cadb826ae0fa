"""Answers that are ours to write: ensembles, and models that do not speak OpenAI's language."""

import json
from typing import Any

import pytest

from asgi import RunList, ask, chat_body, runs_of, services_of
from quorate.consensus.calibration import Label, fit
from quorate.consensus.kind import Kind
from quorate.consensus.trust import Evidence, Weighting
from quorate.core.errors import Unavailable
from quorate.model import Model, Usage
from quorate.model.event import State
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import Member, Mode, Plan
from quorate.parallel.resources import Resources
from quorate.resilience.retry_policy import NO_RETRY
from quorate.server.app import Gateway
from quorate.server.services import Services
from quorate.testing import ScriptedAnswer, ScriptedModel, run_virtual

CHAT = "/v1/chat/completions"


def answering(text: str, delay_s: float = 0, **fields: Any) -> ScriptedAnswer:
    usage = Usage(prompt_tokens=3, completion_tokens=2)
    return ScriptedAnswer(text=text, delay_s=delay_s, usage=usage, cost_microusd=10, **fields)


def serving(mode: Mode = Mode.ALL, **answers: ScriptedAnswer) -> tuple[Services, dict[str, ScriptedModel]]:
    members = {name: ScriptedModel(name, answer) for name, answer in answers.items()}
    models: dict[str, Model] = dict(members)
    plan = Plan(
        members=tuple(Member(model=name) for name in members), mode=mode, retry=NO_RETRY, max_concurrent=9, timeout_s=30
    )
    panel = Ensemble(name="panel", plan=plan, resources=Resources(resolve=lambda name: models[name]))
    return services_of({**models, "panel": panel}, writer=RunList()), members


def asked(services: Services, **body: Any) -> Any:
    return run_virtual(ask(Gateway(services), "POST", CHAT, chat_body(**body)))


def events_of(answer: Any) -> list[Any]:
    data = [block for block in answer.body.decode().split("\n\n") if block.startswith("data: ")]
    return [block[6:] if block == "data: [DONE]" else json.loads(block[6:]) for block in data]


def text_of(answer: Any) -> str:
    chunks = [event for event in events_of(answer) if event != "[DONE]" and event.get("choices")]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


def test_one_model_is_one_branch() -> None:
    services, _ = serving(m=answering("hi"))
    answer = asked(services, model="m")
    body = answer.json
    assert (body["object"], body["model"], body["usage"]["total_tokens"]) == ("chat.completion", "m", 5)
    assert "quorate" not in body
    (run,) = runs_of(services)
    assert (run.mode, [branch.branch for branch in run.branches]) == ("single", ["m"])


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("stream", [False, True])
def test_a_panel(mode: Mode, stream: bool) -> None:
    services, members = serving(mode, a=answering("Paris", 1), b=answering("Paris", 2), c=answering("Paris", 60))
    answer = asked(services, model="panel", stream=stream)
    assert answer.status == 200
    if stream:
        assert text_of(answer) == "Paris"
        assert events_of(answer)[-1] == "[DONE]"
        assert {event["model"] for event in events_of(answer)[:-1]} == {"panel"}
        assert len({event["id"] for event in events_of(answer)[:-1]}) == 1
    else:
        assert answer.json["choices"][0]["message"]["content"] == "Paris"
        ours = answer.json["quorate"]
        assert ours["run_id"] == answer.headers["x-quorate-run-id"]
        assert ours["cost_microusd"] == round(float(answer.headers["x-quorate-cost-usd"]) * 1_000_000)
        if mode is not Mode.RACE:
            assert ours["agreement"] == float(answer.headers["x-quorate-agreement"]) == 1.0
            assert (ours["calibrated"], ours["confidence"]) == (False, None)
            assert "x-quorate-confidence" not in answer.headers
    (run,) = runs_of(services)
    assert (run.mode, run.state, run.status, run.stream) == (mode.value, State.FINISHED, 200, stream)
    assert len(run.branches) == 3
    assert sum(branch.selected for branch in run.branches) == 1
    assert run.cost_microusd == sum(branch.cost_microusd or 0 for branch in run.branches if branch.leaf)
    assert run.prompt_tokens == sum(branch.prompt_tokens for branch in run.branches if branch.leaf)
    assert all(member.running == 0 for member in members.values())
    if mode is not Mode.ALL:
        assert run.branches[2].state in {State.CANCELLED, State.FAILED}


def test_a_panel_that_is_calibrated_tells_its_confidence() -> None:
    said = Evidence(
        kind=Kind.SHORT,
        panel_size=2,
        weighting=Weighting.EQUAL,
        share=1.0,
        runner_up=0.0,
        clusters=1,
        supporters=("a", "b"),
        panel=("a", "b"),
    )
    learned = fit(Label(evidence=said, correct=number < 90) for number in range(120))
    models: dict[str, Model] = {name: ScriptedModel(name, answering("Paris")) for name in ("a", "b")}
    plan = Plan(members=tuple(Member(model=name) for name in models), retry=NO_RETRY)
    resources = Resources(resolve=models.__getitem__, trust=learned)
    services = services_of(
        {**models, "panel": Ensemble(name="panel", plan=plan, resources=resources)}, writer=RunList()
    )
    answer = asked(services, model="panel")
    assert answer.headers["x-quorate-confidence"] == "0.7500"
    ours = answer.json["quorate"]
    assert (ours["calibrated"], ours["confidence"]) == (True, 0.75)


def test_the_usage_of_all_for_who_asks() -> None:
    services, _ = serving(a=answering("x"), b=answering("x"))
    answer = asked(services, model="panel", stream=True, stream_options={"include_usage": True})
    usage = [event for event in events_of(answer)[:-1] if event.get("usage")]
    assert [event["usage"]["total_tokens"] for event in usage] == [10]
    assert usage[0]["choices"] == []
    assert usage[0]["quorate"]["cost_microusd"] == 20
    assert not any(event.get("usage") for event in events_of(asked(services, model="panel", stream=True))[:-1])


def test_a_panel_that_fails_entirely() -> None:
    down = ScriptedAnswer(error=Unavailable("down"))
    services, _ = serving(a=down, b=down)
    for stream in (False, True):
        answer = asked(services, model="panel", stream=stream)
        assert (answer.status, answer.json["error"]["code"]) == (502, "all_failed")
        run = runs_of(services)[-1]
        assert (run.state, [branch.state for branch in run.branches]) == (State.FAILED, [State.FAILED] * 2)


def test_a_stream_that_breaks_off() -> None:
    services, _ = serving(m=ScriptedAnswer(pieces=("a", "b"), error=Unavailable("cut"), cost_microusd=10))
    answer = asked(services, model="m", stream=True)
    assert answer.status == 200
    assert events_of(answer)[-1]["error"]["code"] == "provider_unavailable"
    assert text_of(answer) == "ab"
    (run,) = runs_of(services)
    assert (run.state, run.status, run.error_code) == (State.FAILED, 200, "provider_unavailable")
    assert run.cost_microusd == run.branches[0].cost_microusd == 10


def test_silence_is_filled_while_a_panel_thinks() -> None:
    services, _ = serving(a=answering("x", 20), b=answering("x", 20))
    answer = asked(services, model="panel", stream=True)
    assert answer.body.startswith(b": ping\n\n")
    assert text_of(answer) == "x"


def test_an_error_after_a_heartbeat_is_told_in_the_stream() -> None:
    services, _ = serving(m=ScriptedAnswer(delay_s=20, error=Unavailable("down")))
    answer = asked(services, model="m", stream=True)
    assert answer.status == 200
    assert answer.body.startswith(b": ping\n\n")
    assert events_of(answer)[0]["error"]["code"] == "provider_unavailable"
    assert b"[DONE]" not in answer.body
    assert runs_of(services)[0].error_code == "provider_unavailable"


@pytest.mark.parametrize("body", [{"messages": "x"}, {"messages": [{"role": 1}]}, {"n": "two"}])
def test_what_is_no_request(body: dict[str, Any]) -> None:
    services, members = serving(a=answering("x"))
    answer = asked(services, **{"model": "panel", **body})
    assert (answer.status, answer.json["error"]["type"]) == (400, "invalid_request_error")
    assert members["a"].opens == 0


def test_the_text_is_not_shortened_by_odd_fields() -> None:
    services, members = serving(m=answering("hi"))
    asked(services, model="m", seed=7, mine={"x": [1, 2]})
    request = members["m"].requests[0]
    assert (request.seed, request.extra["mine"]) == (7, {"x": [1, 2]})


@pytest.mark.parametrize("stream", [False, True])
def test_a_switched_off_parallel_field_leaves_the_panel_as_it_is(stream: bool) -> None:
    services, members = serving(a=answering("Paris"), b=answering("Paris"), c=answering("Lyon"))
    off = {"parallel": {"enabled": False, "mode": "race", "models": ["c"]}}
    answer = asked(services, model="panel", stream=stream, stream_options={"include_usage": True}, **off)
    assert (text_of(answer) if stream else answer.json["choices"][0]["message"]["content"]) == "Paris"
    last = events_of(answer)[-2] if stream else answer.json
    assert (last["usage"]["total_tokens"], last["quorate"]["agreement"]) == (15, pytest.approx(2 / 3))
    assert [member.opens for member in members.values()] == [1, 1, 1]
    assert runs_of(services)[0].mode == "all"


def test_the_answer_of_a_switched_off_parallel_field_is_kept_where_texts_are() -> None:
    for stream in (False, True):
        services = services_of({"m": ScriptedModel("m", answering("hello"))}, writer=RunList(), keeps_texts=True)
        assert asked(services, model="m", stream=stream, parallel={"enabled": False}).status == 200
        assert [run.answer for run in runs_of(services)] == ["hello"]


def test_the_gateways_field_says_whether_the_answer_stands_for_all() -> None:
    services, _ = serving(a=answering("Paris"), b=answering("Lyon"), c=answering("Rome"))
    ours = asked(services, model="panel").json["quorate"]
    assert (ours["no_consensus"], ours["basis"], ours["contradictions"]) == (True, "answer", 2)
