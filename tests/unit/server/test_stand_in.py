"""An endpoint whose bytes are passed on fails, and another model stands in: through the whole application."""

import json
from typing import Any

import pytest

from asgi import JSON, RunList, ask, chat_body, runs_of, services_of
from fake_transport import FakeResponse, relay_to
from quorate.core.errors import Failure, Unavailable
from quorate.model import Model, State
from quorate.resilience.fallbacks import Fallbacks
from quorate.resilience.resilient import OnCut, Resilient
from quorate.server.app import Gateway
from quorate.server.services import Services
from quorate.testing import ScriptedAnswer, ScriptedModel

CHAT = "/v1/chat/completions"
DOWN = FakeResponse(status=503, chunks=(b'{"error":{"message":"down"}}',))
SILENT = Unavailable("no headers", failure=Failure.SILENCE)
BEGUN = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"Lon"}}]}\n\n'


def serving(*answers: FakeResponse | Exception, on_cut: OnCut = OnCut.ERROR) -> tuple[Services, ScriptedModel]:
    """A gateway whose model `m` is relayed and falls back on `spare`, without retries."""
    relay, _ = relay_to(*answers)
    spare = ScriptedModel("spare", "Paris")
    models: dict[str, Model] = {"spare": spare}
    models["m"] = Resilient(
        relay.endpoint,
        fallbacks=Fallbacks(models=("spare",)),
        on_cut=on_cut,
        resolve=models.__getitem__,
        window=lambda _: None,
    )
    return services_of(models, writer=RunList()), spare


def texts(body: bytes) -> tuple[str, list[Any]]:
    chunks = [json.loads(line[6:]) for line in body.decode().splitlines() if line.startswith("data: {")]
    said = [choice["delta"].get("content") or "" for chunk in chunks for choice in chunk.get("choices", ())]
    return "".join(said), chunks


async def test_a_whole_answer_names_the_one_that_answered_and_who_failed() -> None:
    services, _ = serving(SILENT)
    answer = await ask(Gateway(services), "POST", CHAT, chat_body())
    told = json.loads(answer.body)
    assert (told["model"], told["choices"][0]["message"]["content"]) == ("spare", "Paris")
    assert told["quorate"]["answered_by"] == "spare"
    assert [(each["model"], each["code"]) for each in told["quorate"]["failed"]] == [("m", "provider_unavailable")]
    (run,) = runs_of(services)
    assert (run.model, run.state, run.status) == ("m", State.FINISHED, 200)
    assert [(row.model, row.state, row.selected) for row in run.branches] == [
        ("m", State.FAILED, False),
        ("spare", State.FINISHED, True),
    ]


async def test_a_stream_of_which_nothing_came_is_another_ones() -> None:
    services, _ = serving(SILENT)
    answer = await ask(Gateway(services), "POST", CHAT, chat_body(stream=True))
    said, chunks = texts(answer.body)
    assert said == "Paris"
    assert {chunk["model"] for chunk in chunks} == {"spare"}
    assert answer.body.endswith(b"data: [DONE]\n\n")


async def test_a_stream_that_was_read_ends_with_an_error() -> None:
    services, spare = serving(FakeResponse(chunks=(BEGUN,)))
    answer = await ask(Gateway(services), "POST", CHAT, chat_body(stream=True))
    said, chunks = texts(answer.body)
    assert said == "Lon"
    assert "error" in chunks[-1]
    assert b"[DONE]" not in answer.body
    assert spare.opens == 0


async def test_a_stream_that_is_held_back_begins_anew_elsewhere() -> None:
    services, _ = serving(FakeResponse(chunks=(BEGUN,)), on_cut=OnCut.RESTART)
    answer = await ask(Gateway(services), "POST", CHAT, chat_body(stream=True))
    assert texts(answer.body)[0] == "Paris"
    assert answer.body.endswith(b"data: [DONE]\n\n")


async def test_a_request_that_is_at_fault_is_nobody_elses() -> None:
    services, spare = serving(FakeResponse(status=400, chunks=(b'{"error":{"message":"no such field"}}',)))
    answer = await ask(Gateway(services), "POST", CHAT, chat_body())
    assert (answer.status, spare.opens) == (400, 0)


@pytest.mark.parametrize("stream", [False, True])
async def test_when_all_fail_the_caller_hears_of_the_model_it_asked(stream: bool) -> None:
    relay, _ = relay_to(SILENT)
    models: dict[str, Model] = {"spare": ScriptedModel("spare", Unavailable("down as well"))}
    models["m"] = Resilient(
        relay.endpoint,
        fallbacks=Fallbacks(models=("spare",)),
        on_cut=OnCut.ERROR,
        resolve=models.__getitem__,
        window=lambda _: None,
    )
    services = services_of(models, writer=RunList())
    answer = await ask(Gateway(services), "POST", CHAT, chat_body(stream=stream))
    assert answer.status == 504
    assert "no headers" in json.loads(answer.body)["error"]["message"]
    (run,) = runs_of(services)
    assert [(row.model, row.state) for row in run.branches] == [("m", State.FAILED), ("spare", State.FAILED)]


async def test_the_callers_time_is_the_time_of_the_call() -> None:
    slow = ScriptedModel("m", ScriptedAnswer(text="late", delay_s=5))
    services = services_of({"m": slow}, writer=RunList())
    answer = await ask(Gateway(services), "POST", CHAT, chat_body(timeout=0.05))
    assert answer.status == 504
    assert json.loads(answer.body)["error"]["code"] == "deadline_exceeded"
    headers = [*JSON, (b"x-request-timeout-s", b"0.05")]
    assert (await ask(Gateway(services), "POST", CHAT, chat_body(timeout=500), headers)).status == 504


@pytest.mark.parametrize("stream", [False, True])
async def test_a_response_of_the_other_api_names_it_too(stream: bool) -> None:
    services, _ = serving(SILENT)
    body = json.dumps({"model": "m", "input": "?", "stream": stream}).encode()
    answer = await ask(Gateway(services), "POST", "/v1/responses", body)
    told = answer.body.decode()
    assert "Paris" in told
    assert '"model":"spare"' in told
    assert '"model":"m"' not in told
