"""Answers under a contract: asked again exactly as often as it says, each attempt paid and told."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plans import ask, virtual_call
from quorate.contracts.contract import Contract, OutputType, Validation
from quorate.contracts.schema import read_schema
from quorate.core.errors import OutputInvalid, QuorateError, Unavailable
from quorate.model import Completion, Usage, complete, stream
from quorate.model.event import BranchRetry, Warned
from quorate.parallel.plan import Member, Mode, Select
from quorate.resilience.contracted import Contracted
from quorate.resilience.failover import Failover
from quorate.resilience.fallbacks import Fallbacks
from quorate.resilience.resilient import OnCut, Resilient
from quorate.resilience.retry_policy import RetryPolicy
from quorate.testing import RecordingSink, ScriptedAnswer, ScriptedModel, run_virtual
from quorate.wire.chat import ChatRequest, user_request

NUMBER = Contract(type=OutputType.NUMBER)
ITEM = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
QUESTION = user_request("How many?")


def priced(text: str, cost_microusd: int = 10, **fields: Any) -> ScriptedAnswer:
    usage = Usage(prompt_tokens=3, completion_tokens=2)
    return ScriptedAnswer(text=text, usage=usage, cost_microusd=cost_microusd, **fields)


def item(**fields: Any) -> Contract:
    return Contract(schema=read_schema(ITEM, param="schema"), **fields)


def contracted(model: ScriptedModel, contract: Contract, *others: ScriptedModel) -> Contracted:
    return Contracted(model=model, contract=contract, resolve={each.name: each for each in others}.__getitem__)


def answer(model: Contracted | Failover, sink: RecordingSink | None = None, **fields: Any) -> Completion:
    async def run() -> Completion:
        return await complete(model, QUESTION, virtual_call(sink, **fields))

    return run_virtual(run())


def test_a_valid_answer_is_asked_for_once() -> None:
    model = ScriptedModel("m", priced("It is $1,200.00."))
    found = answer(contracted(model, NUMBER))
    assert (found.text, found.output and found.output.value, model.opens) == ("1200", 1200, 1)
    assert (found.cost_microusd, found.usage.total_tokens) == (10, 5)


def test_the_model_is_told_what_is_wrong() -> None:
    model, sink = ScriptedModel("m", priced('{"n": "one"}'), priced('{"n": 1}')), RecordingSink()
    found = answer(contracted(model, item()), sink)
    assert (found.text, found.output and found.output.attempts, model.opens) == ('{"n":1}', 2, 2)
    first, answered, told = model.requests[1].messages
    assert (first.text, answered.role, answered.text) == ("How many?", "assistant", '{"n": "one"}')
    assert told.role == "user"
    assert "$.n: the value is not of type" in told.text
    assert '"required":["n"]' in told.text
    (retry,) = sink.of(BranchRetry)
    assert (retry.code, retry.attempt, retry.delay_s) == ("output_invalid", 1, 0.0)
    assert (found.cost_microusd, found.usage.total_tokens) == (20, 10)


@pytest.mark.parametrize("max_retries", [0, 1, 3])
def test_after_the_last_attempt_it_has_failed(max_retries: int) -> None:
    model = ScriptedModel("m", priced('{"n": "secret words"}'))
    with pytest.raises(OutputInvalid) as caught:
        answer(contracted(model, item(max_retries=max_retries)))
    assert model.opens == max_retries + 1
    assert model.calls[0].budget.spend.cost_microusd == 10 * (max_retries + 1)
    assert caught.value.problems == (("$.n", 'the value is not of type "integer"'),)
    assert (caught.value.http_status, caught.value.retryable, caught.value.code) == (502, True, "output_invalid")
    assert "secret" not in caught.value.message


def test_no_layer_above_asks_again_for_what_the_contract_gave_up() -> None:
    model = ScriptedModel("m", "no number")
    policy = RetryPolicy(max_retries=4)
    around = Failover(model=contracted(model, NUMBER), policy=policy, claim=lambda _: False)
    with pytest.raises(OutputInvalid):
        answer(around)
    assert model.opens == NUMBER.max_retries + 1


def test_failures_of_the_provider_do_not_use_up_the_attempts_of_the_contract() -> None:
    down = Unavailable("down")
    model = ScriptedModel("m", down, "no number", down, "7")
    around = Failover(model=contracted(model, NUMBER), policy=RetryPolicy(max_retries=1), claim=lambda _: False)
    assert (answer(around).text, model.opens) == ("7", 4)


def test_warnings_and_no_checks_ask_once() -> None:
    for validation, valid in ((Validation.WARN, False), (Validation.NONE, True)):
        model = ScriptedModel("m", '{"n": "one"}')
        found = answer(contracted(model, item(validation=validation, max_retries=3)))
        assert found.output is not None
        assert (found.output.valid, found.output.value, model.opens) == (valid, {"n": "one"}, 1)


def test_another_model_repairs() -> None:
    model, mender, sink = (
        ScriptedModel("m", priced("n is one")),
        ScriptedModel("mender", priced('{"n": 1}', 7)),
        RecordingSink(),
    )
    found = answer(contracted(model, item(repair_model="mender"), mender), sink)
    assert found.output is not None
    assert (found.text, found.output.repaired, found.output.attempts) == ('{"n":1}', True, 1)
    assert (found.cost_microusd, model.opens, mender.opens) == (17, 1, 1)
    (warned,) = sink.of(Warned)
    assert "repaired by mender, which cost $0.000007" in warned.message
    system, user = mender.requests[0].messages
    nonce = user.text.partition("<text-")[2].partition(">")[0]
    assert f"<text-{nonce}>\nn is one\n</text-{nonce}>" in user.text
    assert f"markers that carry {nonce}" in system.text


def test_what_the_other_model_makes_is_held_to_the_contract_too() -> None:
    model, mender = ScriptedModel("m", "n is one", '{"n": 2}'), ScriptedModel("mender", '{"n": "1"}')
    found = answer(contracted(model, item(repair_model="mender"), mender))
    assert (found.text, model.opens, mender.opens) == ('{"n":2}', 2, 1)


def test_a_repair_that_fails_is_no_failure_of_its_own() -> None:
    model, mender = ScriptedModel("m", "n is one", '{"n": 2}'), ScriptedModel("mender", Unavailable("down"))
    sink = RecordingSink()
    assert answer(contracted(model, item(repair_model="mender"), mender), sink).text == '{"n":2}'
    assert "not repaired: down" in sink.of(Warned)[0].message


def test_a_repair_is_not_repaired() -> None:
    model = ScriptedModel("m", "n is one")
    inner = ScriptedModel("mender", "still words")
    models: dict[str, Any] = {}
    mender = Contracted(model=inner, contract=item(repair_model="mender", max_retries=0), resolve=models.__getitem__)
    models["mender"] = mender
    whole = Contracted(model=model, contract=item(repair_model="mender", max_retries=0), resolve=models.__getitem__)
    with pytest.raises(OutputInvalid):
        answer(whole)
    assert inner.opens == 1


def test_what_was_cut_off_is_not_mended() -> None:
    model = ScriptedModel("m", ScriptedAnswer(text='{"n": 1, "more": [1, 2', finish_reason="length"))
    with pytest.raises(OutputInvalid, match="cut off"):
        answer(contracted(model, item()))
    for text, finish in (("The answer is 12", "length"), ("The answer is 12", "content_filter")):
        with pytest.raises(OutputInvalid, match="cut off"):
            answer(contracted(ScriptedModel("m", ScriptedAnswer(text=text, finish_reason=finish)), NUMBER))
    whole = ScriptedModel("m", ScriptedAnswer(text='{"n": 1}', finish_reason="length"))
    assert answer(contracted(whole, item())).text == '{"n":1}'


def test_nothing_of_a_stream_is_read_before_it_is_valid() -> None:
    model = ScriptedModel("m", ScriptedAnswer(pieces=("no ", "number")), ScriptedAnswer(pieces=("4", "2")))

    async def pieces() -> list[str]:
        request = ChatRequest(messages=QUESTION.messages, stream=True)
        return [delta.text async for delta in stream(contracted(model, NUMBER), request, virtual_call())]

    assert run_virtual(pieces()) == ["42"]


def test_the_deadline_ends_it() -> None:
    model = ScriptedModel("m", ScriptedAnswer(text="no number", delay_s=2.0))
    with pytest.raises(OutputInvalid):
        answer(contracted(model, Contract(type=OutputType.NUMBER, max_retries=5)), timeout_s=3.0)
    assert model.opens == 2


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text(max_size=40), min_size=1, max_size=4), kind=st.sampled_from([None, *OutputType]))
def test_it_answers_or_raises_its_own_error(texts: list[str], kind: OutputType | None) -> None:
    model = ScriptedModel("m", *texts)
    try:
        found = answer(contracted(model, Contract(type=kind, max_retries=2)))
    except OutputInvalid:
        assert model.opens == 3
    else:
        assert found.output is not None
        assert found.output.valid
        assert kind is OutputType.STRING or json.loads(found.text) == found.output.value


NUMBERS: dict[str, Any] = {"output": Contract(type=OutputType.NUMBER, max_retries=0)}


def test_an_invalid_answer_does_not_vote() -> None:
    named = {
        "bad": ScriptedModel("bad", "I would rather not say"),
        "slow": ScriptedModel("slow", ScriptedAnswer(text="It is 42.", delay_s=1.0)),
        "last": ScriptedModel("last", ScriptedAnswer(text="42", delay_s=2.0)),
    }
    result = run_virtual(ask(named, "How many?", mode=Mode.QUORUM, min_models=2, **NUMBERS))
    assert (result.value, result.answer, result.consensus) == (42, "42", True)
    assert [code for _, error in result.failures for code in [error.code]] == ["output_invalid"]


def test_the_first_valid_answer_wins_a_race() -> None:
    for streamed in (False, True):
        bad = ScriptedModel("bad", ScriptedAnswer(pieces=("no ", "idea"), delay_s=0.1))
        good = ScriptedModel("good", ScriptedAnswer(pieces=("4", "2"), delay_s=1.0))
        late = ScriptedModel("late", ScriptedAnswer(text="43", delay_s=9.0))
        request = ChatRequest(messages=QUESTION.messages, stream=streamed or None)
        named = {"bad": bad, "good": good, "late": late}
        result = run_virtual(ask(named, request, mode=Mode.RACE, **NUMBERS))
        assert (result.chosen, result.value, late.cancelled) == ("good", 42, 1)


def test_where_nobody_keeps_it_nobody_has_answered() -> None:
    named = {"bad": ScriptedModel("bad", "no"), "worse": ScriptedModel("worse", "neither")}
    with pytest.raises(QuorateError) as caught:
        run_virtual(ask(named, "How many?", **NUMBERS))
    assert (caught.value.code, caught.value.http_status) == ("all_failed", 502)


def test_a_warning_names_the_branch() -> None:
    named = {"m": ScriptedModel("m", '{"n": "one"}')}
    result = run_virtual(ask(named, output=item(validation=Validation.WARN)))
    assert result.output is not None
    assert not result.output.valid
    assert any("m does not keep its output contract: $.n" in warning for warning in result.warnings)


def test_a_synthesis_keeps_the_contract_or_is_none() -> None:
    for written, value in (("So it is 5.", 5), ("I cannot tell.", 4)):
        named = {"a": ScriptedModel("a", "4"), "b": ScriptedModel("b", "4"), "w": ScriptedModel("w", written)}
        plan: dict[str, Any] = {"select": Select.SYNTHESIS, "synthesiser": "w", **NUMBERS}
        members = (Member(model="a"), Member(model="b"))
        result = run_virtual(ask(named, "How many?", **plan, members=members))
        assert result.value == value


def test_the_schema_of_a_request_holds_for_an_ensemble() -> None:
    named = {"a": ScriptedModel("a", '{"n": 1}'), "b": ScriptedModel("b", '{"n": "x"}')}
    given = {"type": "json_schema", "json_schema": {"name": "item", "schema": ITEM, "strict": True}}
    request = ChatRequest(messages=QUESTION.messages, response_format=given)
    result = run_virtual(ask(named, request))
    assert (result.value, [branch for branch, _ in result.failures]) == ({"n": 1}, ["b"])
    assert all(model.requests[0].response_format == given and model.opens == 1 for model in named.values())
    loose = ChatRequest(
        messages=QUESTION.messages, response_format={"type": "json_schema", "json_schema": {"schema": ITEM}}
    )
    assert not run_virtual(ask(named, loose)).failures


def test_a_fallback_stands_in_for_a_model_that_does_not_keep_it() -> None:
    other = ScriptedModel("other", "7")
    resilient = Resilient(
        contracted(ScriptedModel("m", "no number"), NUMBER),
        fallbacks=Fallbacks(models=("other",)),
        on_cut=OnCut.ERROR,
        resolve={"other": other}.__getitem__,
        window=lambda _: None,
    )
    found = answer(Failover(model=resilient, policy=RetryPolicy(), claim=lambda _: True))
    assert (found.text, found.model) == ("7", "other")
