import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from plans import CAPITAL, after, ask_virtually, models
from quorate.core.errors import InvalidRequest, Unavailable
from quorate.model import Call, Charge, Completion, Delta, Usage, opens_reply
from quorate.parallel.plan import Member, Mode, Score, Select, Synthesis
from quorate.testing import ScriptedModel
from quorate.wire.chat import ChatRequest, ChatResponse, Choice, Message


class LabelJudge:
    """Chooses the answer that holds a word, whatever its label; or always the same label."""

    name = "judge"

    def __init__(self, word: str = "", *, label: str = "") -> None:
        self._word = word
        self._label = label
        self.prompts: list[str] = []

    @opens_reply
    async def open(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta | Completion]:
        prompt = request.messages[-1].text
        self.prompts.append(prompt)
        label = self._label or self._label_of(prompt)
        call.budget.charge(Charge(usage=Usage(prompt_tokens=9, completion_tokens=1), cost_microusd=7))
        message = Message(content=json.dumps({"best": label, "reason": "it says so"}))
        yield Completion(response=ChatResponse(choices=(Choice(message=message, finish_reason="stop"),)), model="judge")

    def _label_of(self, prompt: str) -> str:
        before = prompt[: prompt.index(self._word)]
        return before.rpartition('label="')[2].partition('"')[0]


THREE = {"a": "Lyon", "b": "Paris", "c": "The capital of France is Paris."}


def test_first_is_the_earliest() -> None:
    named = models(a=after(3), b=after(1, "Lyon"), c=after(2))
    assert ask_virtually(named, select=Select.FIRST).chosen == "b"


def test_random_is_the_same_for_the_same_seed() -> None:
    chosen = {ask_virtually(models(**THREE), select=Select.RANDOM).chosen for _ in range(5)}
    assert len(chosen) == 1


def test_consensus_takes_the_leading_answer_though_it_came_late() -> None:
    named = models(a=after(1, "Lyon"), b=after(2), c=after(3))
    result = ask_virtually(named, select=Select.CONSENSUS)
    assert result.answer == "Paris"
    assert result.reason.startswith("no consensus: 2 of 3")


def test_weights_decide_the_vote() -> None:
    members = (Member(model="a", weight=3.0), Member(model="b"), Member(model="c"))
    result = ask_virtually(models(**THREE), members=members)
    assert result.answer == "Lyon"


@pytest.mark.parametrize(
    ("score", "chosen"),
    [
        (Score.AGREEMENT, "b"),
        (Score.CHEAPEST, "c"),
        (Score.FASTEST, "a"),
        (Score.LONGEST, "c"),
        (Score.SHORTEST, "a"),
        (Score.WEIGHT, "b"),
    ],
)
def test_best_by_score(score: Score, chosen: str) -> None:
    named = models(
        a=after(1, "Lyon", cost_microusd=50),
        b=after(2, "Paris", cost_microusd=None),
        c=after(3, "The capital of France is Paris.", cost_microusd=20),
    )
    members = (Member(model="a"), Member(model="b", weight=2.0), Member(model="c"))
    result = ask_virtually(named, members=members, select=Select.BEST, score=score)
    assert result.chosen == chosen
    assert score.value in result.reason


def test_best_by_logprob_takes_the_most_confident() -> None:
    def sure(name: str, logprob: float | None) -> ScriptedModel:
        class Sure(ScriptedModel):
            @opens_reply
            async def open(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta | Completion]:
                choice = Choice(
                    message=Message(content=name), logprobs={"content": [{"token": "x", "logprob": logprob}]}
                )
                yield Completion(response=ChatResponse(choices=(choice,)), model=name)

        return Sure(name)

    named = {"a": sure("a", -2.0), "b": sure("b", -0.1), "n": sure("n", None), **models(c="no logprobs")}
    result = ask_virtually(named, select=Select.BEST, score=Score.LOGPROB)
    assert result.chosen == "b"


def test_no_score_at_all_is_said() -> None:
    result = ask_virtually(models(a="x", b="y"), select=Select.BEST, score=Score.LOGPROB)
    assert result.chosen == "a"
    assert "no candidate has" in result.reason


def test_a_judge_that_chooses_the_same_in_both_orders_is_followed() -> None:
    judge = LabelJudge("Lyon")
    result = ask_virtually(
        {**models(**THREE), "judge": judge}, members=_members(), select=Select.PROMPT_SELECTOR, judge="judge"
    )
    assert result.chosen == "a"
    assert [helper.branch for helper in result.helpers] == ["judge#1", "judge#2"]
    assert result.cost_microusd == 14
    assert len({prompt.index("Lyon") for prompt in judge.prompts}) == 2


def test_a_judge_that_follows_the_place_is_not_followed() -> None:
    result = ask_virtually(
        {**models(**THREE), "judge": LabelJudge(label="A")},
        members=_members(),
        select=Select.PROMPT_SELECTOR,
        judge="judge",
    )
    assert result.method is Select.CONSENSUS
    assert result.answer.find("Paris") >= 0
    assert "changed places" in result.reason


def test_a_judge_that_takes_two_answers_which_agree_is_followed() -> None:
    named = models(a="Paris", b="Paris.")
    judge = LabelJudge(label="A")
    members = tuple(Member(model=name) for name in named)
    result = ask_virtually({**named, "judge": judge}, members=members, select=Select.PROMPT_SELECTOR, judge="judge")
    assert result.method is Select.PROMPT_SELECTOR
    assert "which agree" in result.reason


def test_what_a_judge_costs_without_a_price_is_said() -> None:
    named = {**models(**THREE), "judge": ScriptedModel("judge", after(1, '{"best": "A"}', cost_microusd=None))}
    result = ask_virtually(named, members=_members(), select=Select.PROMPT_SELECTOR, judge="judge")
    assert result.cost_microusd is None
    assert "no price is known for judge; the cost is not known" in result.warnings


@pytest.mark.parametrize("label", ["Z", "", "A and B"])
def test_an_unusable_verdict_falls_back_with_its_reason(label: str) -> None:
    judge = ScriptedModel("judge", json.dumps({"best": label}))
    result = ask_virtually(
        {**models(**THREE), "judge": judge}, members=_members(), select=Select.PROMPT_SELECTOR, judge="judge"
    )
    assert result.method is Select.CONSENSUS
    assert "verdict cannot be used" in result.reason


def test_a_failed_judge_falls_back_with_its_reason() -> None:
    judge = ScriptedModel("judge", Unavailable("down"))
    result = ask_virtually(
        {**models(**THREE), "judge": judge}, members=_members(), select=Select.PROMPT_SELECTOR, judge="judge"
    )
    assert "the judge failed: down" in result.reason


def test_the_judge_never_sees_which_model_said_what() -> None:
    judge = LabelJudge("Lyon")
    named = models(claude="Lyon", gemini="Paris")
    members = tuple(Member(model=name) for name in named)
    ask_virtually({**named, "judge": judge}, members=members, select=Select.PROMPT_SELECTOR, judge="judge")
    assert not any(name in prompt for prompt in judge.prompts for name in named)


@pytest.mark.parametrize("method", [Synthesis.WEIGHTED_MERGE, Synthesis.BEST_PARTS])
def test_a_synthesis_is_written_from_all_answers(method: Synthesis) -> None:
    writer = ScriptedModel("writer", "Paris; one source says Lyon.")
    result = ask_virtually(
        {**models(**THREE), "writer": writer},
        members=_members(),
        select=Select.SYNTHESIS,
        synthesis=method,
        synthesiser="writer",
    )
    assert result.answer == "Paris; one source says Lyon."
    assert result.chosen is None
    assert method.value in result.reason
    prompt = "".join(message.text for message in writer.requests[0].messages)
    assert all(text in prompt for text in (*THREE.values(), CAPITAL, "Open contradiction"))


@pytest.mark.parametrize("answer", ["", Unavailable("down")])
def test_a_failed_synthesis_falls_back(answer: str | Unavailable) -> None:
    named = {**models(**THREE), "writer": ScriptedModel("writer", answer)}
    result = ask_virtually(named, members=_members(), select=Select.SYNTHESIS, synthesiser="writer")
    assert result.method is Select.CONSENSUS
    assert "synthesiser" in result.reason
    assert "Paris" in result.answer


def test_without_a_writer_the_heaviest_member_writes() -> None:
    named = models(**THREE)
    members = (Member(model="a"), Member(model="b", weight=2.0), Member(model="c"))
    result = ask_virtually(named, members=members, select=Select.SYNTHESIS)
    assert named["b"].opens == 2
    assert result.helpers[0].model == "b"


def test_a_single_answer_needs_no_judge() -> None:
    judge = LabelJudge("x")
    named = {**models(a="Paris", b=Unavailable("down")), "judge": judge}
    result = ask_virtually(
        named, members=(Member(model="a"), Member(model="b")), select=Select.PROMPT_SELECTOR, judge="judge"
    )
    assert result.reason == "the only answer"
    assert judge.prompts == []


def test_a_truncated_answer_does_not_win_the_vote() -> None:
    named = models(a=after(1, "Lyon", finish_reason="length"), b=after(2, "Lyon", finish_reason="length"), c=after(3))
    result = ask_virtually(named)
    assert result.answer == "Paris"
    assert result.agreement is not None
    assert result.agreement.abstentions == (0, 1)


def test_an_impossible_threshold_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="threshold"):
        ask_virtually(models(**THREE), threshold=1.5, mode=Mode.QUORUM)


def _members() -> tuple[Member, ...]:
    return tuple(Member(model=name) for name in THREE)


@pytest.mark.parametrize(
    "fields", [{"select": Select.SYNTHESIS, "synthesiser": "x"}, {"select": Select.PROMPT_SELECTOR, "judge": "x"}]
)
def test_a_selectors_model_that_does_not_exist_is_found_before_anybody_is_asked(fields: dict[str, Any]) -> None:
    named = models(**THREE)
    members = tuple(Member(model=name) for name in THREE)
    with pytest.raises(KeyError):
        ask_virtually(named, members=members, **fields)
    assert named["a"].opens == 0
