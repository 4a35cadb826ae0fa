from collections.abc import Mapping
from typing import Any

import pytest

from plans import after, ask_virtually, models, plan
from quorate.core.errors import AllFailed, InvalidRequest, Unavailable
from quorate.model import Model, State
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import Member, Mode, Params, Plan, Select
from quorate.parallel.resources import Resources
from quorate.parallel.result import Result
from quorate.parallel.stop import Stopped
from quorate.templating import TemplateError
from quorate.wire.chat import ChatRequest, Message

NEXT = "{{ prompt }} | {% for answer in answers %}{{ answer.model }}: {{ answer.text }}; {% endfor %}"


def inner(name: str, named: Mapping[str, Model], **fields: Any) -> Ensemble:
    return Ensemble(name=name, plan=plan(named, **fields), resources=Resources(resolve=named.__getitem__))


def test_a_member_that_hangs_does_not_cost_an_inner_ensemble_its_other_answers() -> None:
    panel = inner("panel", models(x=after(1), y=after(1000)), timeout_s=10)
    result = ask_virtually({"panel": panel, **models(z="Paris")}, timeout_s=10)
    assert result.branches[0].text == "Paris"
    assert 9 < result.branches[0].latency_s < 10
    detail = result.branches[0].completion and result.branches[0].completion.detail
    assert isinstance(detail, Result)
    assert detail.stopped is Stopped.DEADLINE
    assert [branch for branch, _ in detail.failures] == ["y"]


def test_the_calls_of_an_inner_ensemble_count_one_by_one() -> None:
    panel = inner("panel", models(x=after(10), y=after(10)))
    latency = ask_virtually({"panel": panel, **models(z=after(10))}).latency
    assert (latency.total_s, latency.critical_path_s, latency.sequential_s) == (10, 10, 30)


def test_depth_is_counted_in_ensembles_not_in_slashes() -> None:
    slashes = "a/b/c/d/e/f/g/h/i/j"
    panel = inner(slashes, models(x="Paris"))
    assert ask_virtually({slashes: panel}).answer == "Paris"


def test_an_ensemble_inside_itself_is_refused() -> None:
    named: dict[str, Model] = {}
    named["loop"] = Ensemble(
        name="loop", plan=Plan(members=(Member(model="loop"),)), resources=Resources(resolve=named.__getitem__)
    )
    with pytest.raises(InvalidRequest, match="nested deeper than 8"):
        ask_virtually(named)


def test_groups_run_one_after_another() -> None:
    members = (Member(model="b", group=2), Member(model="a", group=1), Member(model="c", group=1))
    result = ask_virtually(models(a=after(2), b=after(3), c=after(1)), members=members)
    assert result.latency.total_s == 5
    assert result.latency.critical_path_s == 5
    assert [outcome.branch for outcome in result.branches] == ["a", "c", "b"]
    assert result.branches[2].started_s == 2


def test_a_quorum_of_cheap_models_spares_the_dear_ones() -> None:
    named = models(cheap1=after(1), cheap2=after(1), dear=after(5, "Lyon"))
    members = (Member(model="cheap1"), Member(model="cheap2"), Member(model="dear", group=1))
    result = ask_virtually(named, members=members, mode=Mode.QUORUM)
    assert named["dear"].opens == 0
    assert result.branches[2].state is State.CANCELLED
    assert result.branches[2].attempts == 0
    assert result.stopped is Stopped.AGREEMENT


def test_disagreement_escalates_to_the_next_group() -> None:
    named = models(cheap1=after(1, "Lyon"), cheap2=after(1), dear=after(5))
    members = (Member(model="cheap1"), Member(model="cheap2"), Member(model="dear", group=1, weight=3))
    result = ask_virtually(named, members=members, mode=Mode.QUORUM)
    assert named["dear"].opens == 1
    assert result.answer == "Paris"
    assert result.consensus


def test_a_later_group_sees_the_earlier_answers_and_replaces_them() -> None:
    named = models(a=after(1, "draft A"), b=after(2, "draft B"), editor=after(3, "final"))
    members = (Member(model="a"), Member(model="b"), Member(model="editor", group=1))
    result = ask_virtually(named, "Write.", members=members, group_prompts={1: NEXT})
    assert result.answer == "final"
    assert result.latency.total_s == 5
    assert named["editor"].requests[0].messages[-1].text == "Write. | a: draft A; b: draft B; "


def test_groups_are_reachable_by_number() -> None:
    named = models(a="one", b="two", editor="final")
    members = (Member(model="a"), Member(model="b", group=1), Member(model="editor", group=2))
    source = "{% for i in range(2) %}{{ groups[i][0].text }}{{ '+' if not i }}{% endfor %}"
    ask_virtually(named, members=members, group_prompts={2: source})
    assert named["editor"].requests[0].messages[-1].text == "one+two"


def test_an_answer_is_data_in_a_later_prompt_never_a_template() -> None:
    named = models(a="{{ prompt }}{% for x in range(10) %}!{% endfor %}", editor="final")
    members = (Member(model="a"), Member(model="editor", group=1))
    ask_virtually(named, "Write.", members=members, group_prompts={1: "{{ answers[0].text }}"})
    assert named["editor"].requests[0].messages[-1].text == "{{ prompt }}{% for x in range(10) %}!{% endfor %}"


def test_a_stage_without_an_answer_ends_the_plan() -> None:
    named = models(a=Unavailable("down"), b=Unavailable("down"), editor="final")
    members = (Member(model="a"), Member(model="b"), Member(model="editor", group=1))
    with pytest.raises(AllFailed):
        ask_virtually(named, members=members, group_prompts={1: NEXT})
    assert named["editor"].opens == 0


@pytest.mark.parametrize("source", ["{{ nobody }}", "{{ prompt", "{% for i in range(10000000) %}x{% endfor %}"])
def test_a_wrong_template_says_which_group(source: str) -> None:
    members = (Member(model="a"), Member(model="editor", group=1))
    with pytest.raises(TemplateError, match=r"group_prompts\[1\]"):
        ask_virtually(models(a="x", editor="y"), members=members, group_prompts={1: source})


def test_a_name_that_a_group_prompt_does_not_have_is_found_before_anybody_is_asked() -> None:
    named = models(a="x", editor="y")
    members = (Member(model="a"), Member(model="editor", group=1))
    with pytest.raises(TemplateError, match="`nobody` is undefined; a group's prompt sees answers, groups, prompt"):
        ask_virtually(named, members=members, group_prompts={1: "{{ nobody }}"})
    assert named["a"].opens == 0


def test_members_have_parameters_of_their_own() -> None:
    params = Params(
        temperature=0.2,
        top_p=0.5,
        max_tokens=9,
        seed=3,
        stop=("x",),
        system="Be brief.",
        extra={"top_k": 4, "user": "u", "model": "other", "messages": [], "stream": True},
    )
    named = models(a="x")
    request = ChatRequest(messages=(Message(role="user", content="?"),), max_completion_tokens=99, extra={"keep": 1})
    ask_virtually(named, request, members=(Member(model="a", params=params),))
    sent = named["a"].requests[0]
    assert (sent.temperature, sent.top_p, sent.max_completion_tokens, sent.seed, sent.stop) == (0.2, 0.5, 9, 3, ("x",))
    assert sent.extra == {"keep": 1, "top_k": 4}
    assert sent.user == "u"
    assert sent.model == "a"
    assert [message.role for message in sent.messages] == ["system", "user"]


def test_the_calls_of_a_selector_have_numbers_of_their_own() -> None:
    named = models(a="draft", b="Paris", c="Lyon", writer="Paris, mostly")
    members = (Member(model="a"), Member(model="b", group=1), Member(model="c", group=1))
    result = ask_virtually(
        named, members=members, group_prompts={1: NEXT}, select=Select.SYNTHESIS, synthesiser="writer"
    )
    numbers = [outcome.index for outcome in (*result.branches, *result.helpers)]
    assert numbers == [0, 1, 2, 3]
