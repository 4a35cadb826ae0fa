from dataclasses import replace
from typing import Any

import msgspec
import pytest
from openai.types.chat import ChatCompletion

from plans import after, ask_virtually, models, plan
from quorate.core.errors import Unavailable
from quorate.model import Completion, Usage
from quorate.parallel.plan import Mode, Select
from quorate.parallel.result import Result
from quorate.server.parallel_answer import ParallelCompletion, parallel_body, result_of
from quorate.testing import ScriptedAnswer
from quorate.wire.chat import ChatResponse

USAGE = Usage(prompt_tokens=10, completion_tokens=2)


def said(text: str, delay_s: float = 1.0, cost_microusd: int | None = 1500) -> ScriptedAnswer:
    return after(delay_s, text, usage=USAGE, cost_microusd=cost_microusd)


def answered(**answers: Any) -> tuple[Result, dict[str, Any]]:
    named = models(**{name: answers.pop(name) for name in tuple(answers) if len(name) == 1})
    result = ask_virtually(named, **answers)
    body = parallel_body(result, plan=plan(named, **answers), request_model="panel", id="par_1", created=7)
    return result, msgspec.json.decode(body)


def test_every_branch_and_the_consensus() -> None:
    result, body = answered(a=said("Paris"), b=said("Paris.", 2.5), c=said("Lyon"))
    assert (body["id"], body["object"], body["created"], body["model"]) == ("par_1", "parallel.completion", 7, "panel")
    assert [(each["model"], each["content"], each["latency_ms"]) for each in body["responses"]] == [
        ("a", "Paris", 1000),
        ("b", "Paris.", 2500),
        ("c", "Lyon", 1000),
    ]
    assert [each["error"] for each in body["responses"]] == [None, None, None]
    assert [each["selected"] for each in body["responses"]] == [name == result.chosen for name in "abc"]
    assert body["responses"][0]["cost_usd"] == 0.0015
    assert body["responses"][0]["tokens"] == 12
    synthesis = body["synthesis"]
    assert synthesis["content"] == result.answer == body["choices"][0]["message"]["content"]
    assert synthesis["consensus_score"] == pytest.approx(2 / 3)
    assert (synthesis["method"], synthesis["consensus"]) == ("consensus", False)
    assert synthesis["agreement"]["kind"] == "short"
    assert synthesis["agreement"]["calibrated"] is False
    assert synthesis["agreement"]["confidence"] is None
    assert synthesis["agreement"]["weighting"] == "equal"
    assert synthesis["agreement"]["dissent"] == ["Lyon"]
    assert synthesis["agreement"]["clusters"][0]["branches"] == ["a", "b"]
    assert body["usage"] == {
        "prompt_tokens": 30,
        "completion_tokens": 6,
        "total_tokens": 36,
        "total_cost_usd": 0.0045,
        "estimated": False,
    }
    assert body["total_latency_ms"] == 2500
    assert body["stopped"] == "all_settled"


def test_the_body_is_what_the_struct_says() -> None:
    _, body = answered(a=said("Paris"), b=Unavailable("down"))
    read = msgspec.convert(body, ParallelCompletion)
    assert read.responses[1].error is not None
    assert set(ParallelCompletion.__struct_fields__) <= body.keys()


def test_a_branch_that_failed_says_why_and_one_that_was_cancelled_that_it_was() -> None:
    _, body = answered(a=Unavailable("the line is dead"), b=said("Paris"), c=said("Paris", 9), mode=Mode.RACE)
    failed, won, cancelled = body["responses"]
    assert failed["error"] == {"code": "provider_unavailable", "message": "the line is dead"}
    assert (failed["content"], failed["state"]) == (None, "failed")
    assert (won["selected"], won["state"]) == (True, "finished")
    assert (cancelled["error"], cancelled["content"], cancelled["state"]) == (None, None, "cancelled")
    assert body["synthesis"]["method"] == "first"
    assert body["synthesis"]["consensus_score"] is None
    assert body["synthesis"]["agreement"] is None


def test_a_synthesis_is_written_by_a_helper() -> None:
    named = models(a=said("Paris"), b=said("Lyon"), s=said("Paris, they say"))
    fields: dict[str, Any] = {
        "members": plan(models(a="", b="")).members,
        "select": Select.SYNTHESIS,
        "synthesiser": "s",
    }
    result = ask_virtually(named, **fields)
    written = plan(named, **fields)
    body = msgspec.json.decode(parallel_body(result, plan=written, request_model="", id="par_1", created=7))
    assert body["synthesis"]["method"] == "weighted_merge"
    assert body["synthesis"]["content"] == "Paris, they say"
    assert [each["model"] for each in body["helpers"]] == ["s"]
    assert not any(each["selected"] for each in body["responses"])
    assert body["usage"]["total_cost_usd"] == 0.0045


def test_a_cost_that_is_not_known_is_null() -> None:
    _, body = answered(a=said("Paris"), b=said("Paris", cost_microusd=None))
    assert body["responses"][1]["cost_usd"] is None
    assert body["usage"]["total_cost_usd"] is None
    assert any("no price is known for b" in warning for warning in body["warnings"])


def test_it_is_a_chat_completion_for_openais_client() -> None:
    _, body = answered(a=said("Paris"), b=said("Paris"))
    strict = ChatCompletion.model_validate({**body, "object": "chat.completion"})
    loose = ChatCompletion.construct(**body)
    assert strict.choices[0].message.content == loose.choices[0].message.content == "Paris"
    assert loose.usage is not None
    assert loose.usage.total_tokens == 24


def test_further_fields_of_the_providers_answer_are_kept_and_ours_win() -> None:
    result, _ = answered(a=said("Paris"))
    chosen = result.completion
    response = msgspec.structs.replace(chosen.response, extra={"service_tier": "default", "responses": "not ours"})
    changed = Completion(response=response, model="a")
    result = replace(result, completion=changed)
    named = models(a="")
    body = msgspec.json.decode(parallel_body(result, plan=plan(named), request_model="m", id="par_1", created=7))
    assert body["service_tier"] == "default"
    assert body["responses"][0]["model"] == "a"


def test_a_completion_without_a_result_is_a_bug() -> None:
    with pytest.raises(TypeError, match="carries no result"):
        result_of(Completion(response=ChatResponse(choices=()), model="a"))


def test_what_an_answer_comes_from_and_what_contradicts_it() -> None:
    fields = {"a": '{"x": 1, "y": 1}', "b": '{"x": 1, "y": 2}', "c": '{"x": 1, "y": 3}'}
    _, body = answered(**{name: said(text) for name, text in fields.items()}, select=Select.FIELD_VOTE)
    synthesis = body["synthesis"]
    assert synthesis["provenance"] == {
        "basis": "vote",
        "sources": [
            {"part": "$.x", "branches": ["a", "b", "c"], "share": 1.0},
            {"part": "$.y", "branches": ["a"], "share": pytest.approx(1 / 3)},
        ],
        "note": "",
    }
    assert [(each["part"], each["answer"], each["branches"]) for each in synthesis["contradictions"]] == [
        ("$.y", "2", ["b"]),
        ("$.y", "3", ["c"]),
    ]
    assert (synthesis["method"], synthesis["no_consensus"], synthesis["content"]) == (
        "field_vote",
        False,
        body["choices"][0]["message"]["content"],
    )


def test_an_answer_under_the_floor_is_flagged() -> None:
    _, body = answered(a=said("Paris"), b=said("Lyon"), c=said("Rome"))
    assert body["synthesis"]["no_consensus"] is True
    assert len(body["synthesis"]["contradictions"]) == 2
