"""Majority, medoid and field vote, the floor under them, and what every answer tells of where it comes from."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans import after, ask_virtually, models
from quorate.consensus import Kind
from quorate.core.errors import InvalidRequest, Unavailable
from quorate.parallel.plan import Member, Mode, Select, Synthesis
from quorate.parallel.provenance import Basis, Source
from quorate.testing import ScriptedModel

HOW_MANY = "How many moons has Mars?"


def weighted(**weights: float) -> tuple[Member, ...]:
    return tuple(Member(model=name, weight=weight) for name, weight in weights.items())


def test_the_majority_speaks_in_the_words_of_its_heaviest_member() -> None:
    named = models(a="2", b="Mars has 2 moons.", c="It has 7 moons.")
    result = ask_virtually(named, HOW_MANY, members=weighted(a=1.0, b=2.0, c=2.5), select=Select.MAJORITY)
    assert result.answer == "Mars has 2 moons."
    assert (result.method, result.no_consensus) == (Select.MAJORITY, False)
    assert [(each.branches, each.answer) for each in result.contradictions] == [(("c",), "7")]


def test_two_groups_of_the_same_weight_are_no_majority() -> None:
    named = models(a="2", b="2", c="7", d="7")
    result = ask_virtually(named, HOW_MANY, members=weighted(a=1.0, b=1.0, c=0.5, d=1.5), select=Select.MAJORITY)
    assert result.chosen == "d"
    assert result.no_consensus
    assert "no majority" in result.reason


def test_without_anything_to_compare_the_majority_falls_back() -> None:
    named = models(a=after(1, "1", finish_reason="length"), b=after(1, "2", finish_reason="length"))
    result = ask_virtually(named, HOW_MANY, members=weighted(a=1.0, b=2.0), select=Select.MAJORITY)
    assert result.chosen == "b"
    assert "can be compared" in result.reason


def test_the_medoid_is_closest_to_all_others_whatever_groups_they_form() -> None:
    named = models(
        a='{"x": 1, "y": 1, "z": 1, "u": 1}', b='{"x": 1, "y": 1, "z": 5, "u": 6}', c='{"x": 7, "y": 8, "z": 1, "u": 1}'
    )
    result = ask_virtually(named, "Give JSON.", select=Select.MEDOID)
    assert result.chosen == "a"
    assert result.reason == "closest to the other 2 answers (mean 0.50)"


def test_the_medoid_counts_the_others_with_their_weights() -> None:
    named = models(a='{"x": 1, "y": 1}', b='{"x": 1, "y": 2}', c='{"x": 3, "y": 2}', d='{"x": 3, "y": 9}')
    members = weighted(a=1.0, b=1.0, c=1.0, d=5.0)
    assert ask_virtually(named, "Give JSON.", members=members, select=Select.MEDOID).chosen == "c"


def test_a_medoid_that_is_close_to_nobody_falls_back() -> None:
    result = ask_virtually(models(a="1", b="2", c="3"), HOW_MANY, select=Select.MEDOID)
    assert result.method is Select.CONSENSUS
    assert "closer" in result.reason


@pytest.mark.parametrize("select", [Select.CONSENSUS, Select.MAJORITY, Select.SYNTHESIS])
def test_under_the_floor_the_heaviest_member_stands_alone(select: Select) -> None:
    named = models(a="1", b="2", c="3", d="3", e="4")
    members = weighted(a=1.0, b=2.0, c=0.9, d=0.9, e=1.0)
    result = ask_virtually(named, HOW_MANY, members=members, select=select, synthesiser="a")
    assert (result.answer, result.no_consensus, result.consensus) == ("2", True, False)
    assert "below the floor of 0.50" in result.reason
    assert result.helpers == ()
    assert {each.answer for each in result.contradictions} == {"1", "3", "4"}


def test_of_members_with_equal_votes_the_one_most_others_agree_with_is_the_heaviest() -> None:
    result = ask_virtually(models(a="1", b="2", c="3", d="3", e="4"), HOW_MANY)
    assert (result.answer, result.no_consensus) == ("3", True)


def test_the_floor_is_the_plans_and_half_is_not_below_a_half() -> None:
    named = {**models(a="1", b="2"), "writer": ScriptedModel("writer", "1 or 2")}
    members = weighted(a=1.0, b=1.0)
    fields = {"members": members, "select": Select.SYNTHESIS, "synthesiser": "writer"}
    assert ask_virtually(named, HOW_MANY, **fields).answer == "1 or 2"
    assert ask_virtually(named, HOW_MANY, floor=0.6, **fields).no_consensus
    assert not ask_virtually(models(a="1", b="2", c="3"), HOW_MANY, floor=0.0).no_consensus


@pytest.mark.parametrize("floor", [-0.1, 1.1])
def test_an_impossible_floor_is_refused(floor: float) -> None:
    with pytest.raises(InvalidRequest, match="floor"):
        ask_virtually(models(a="1", b="2"), floor=floor)


def test_prose_that_nobody_compared_is_merged_and_its_differences_are_listed() -> None:
    texts = {"a": "Wide and blue it lies.", "b": "Fish live in salt water.", "c": "Storms come in autumn."}
    named = {**models(**texts), "writer": ScriptedModel("writer", "The sea.")}
    result = ask_virtually(
        named,
        "Describe the sea.",
        members=weighted(a=1.0, b=1.0, c=1.0),
        kind=Kind.PROSE,
        select=Select.SYNTHESIS,
        synthesiser="writer",
    )
    assert (result.answer, result.no_consensus) == ("The sea.", False)
    assert len(result.contradictions) == 2


def test_fields_are_voted_on_and_each_knows_who_gave_it() -> None:
    named = models(
        a='{"city": "Paris", "people": 1}',
        b='{"city": "Paris", "people": 2}',
        c='```json\n{"city": "X", "people": 2}\n```',
    )
    result = ask_virtually(named, "Give JSON.", select=Select.FIELD_VOTE)
    assert json.loads(result.answer) == {"city": "Paris", "people": 2}
    assert (result.chosen, result.method, result.no_consensus) == (None, Select.FIELD_VOTE, False)
    assert result.provenance.basis is Basis.VOTE
    assert [(each.part, each.branches) for each in result.provenance.sources] == [
        ("$.city", ("a", "b")),
        ("$.people", ("b", "c")),
    ]
    assert result.cost_microusd == 0


def test_a_field_without_majority_is_listed_with_who_says_otherwise() -> None:
    named = models(a='{"x": 1, "y": 1}', b='{"x": 1, "y": 2}', c='{"x": 1, "y": 3}')
    result = ask_virtually(named, "Give JSON.", members=weighted(a=1.0, b=1.2, c=1.0), select=Select.FIELD_VOTE)
    assert json.loads(result.answer) == {"x": 1, "y": 2}
    assert [(each.part, each.answer, each.branches) for each in result.contradictions] == [
        ("$.y", "1", ("a",)),
        ("$.y", "3", ("c",)),
    ]
    assert "1 of 2 fields have a majority" in result.reason


def test_fields_that_hardly_anybody_shares_leave_it_to_the_heaviest_member() -> None:
    named = models(a='{"x": 1, "y": 1}', b='{"x": 2, "y": 2}', c='{"x": 3, "y": 3}')
    result = ask_virtually(named, "Give JSON.", members=weighted(a=1.0, b=1.1, c=1.0), select=Select.FIELD_VOTE)
    assert (result.chosen, result.no_consensus) == ("b", True)
    assert result.method is Select.FIELD_VOTE


def test_a_field_vote_without_json_falls_back() -> None:
    result = ask_virtually(models(a="Paris", b="Paris"), select=Select.FIELD_VOTE)
    assert result.method is Select.CONSENSUS
    assert result.reason.startswith("no answer is JSON; fell back to consensus")


def test_an_answer_that_is_no_json_counts_below_the_line() -> None:
    named = models(a='{"x": 1}', b='{"x": 1}', c="I cannot say", d="Sorry, no idea")
    result = ask_virtually(named, "Give JSON.", kind=Kind.JSON, select=Select.FIELD_VOTE)
    assert json.loads(result.answer) == {"x": 1}
    assert "0 of 1 fields have a majority of the 2 JSON answers of 4" in result.reason


fields = st.dictionaries(st.sampled_from("abc"), st.integers(0, 2), min_size=1, max_size=3)


@given(st.lists(fields, min_size=2, max_size=4), st.permutations(range(4)))
def test_the_order_of_arrival_changes_no_field(values: list[dict[str, int]], delays: list[int]) -> None:
    def run(waits: list[int]) -> tuple[object, ...]:
        answers = {f"m{i}": after(waits[i], json.dumps(value)) for i, value in enumerate(values)}
        result = ask_virtually(models(**answers), "Give JSON.", select=Select.FIELD_VOTE)
        return result.answer, result.provenance, result.contradictions, result.reason

    assert run(delays) == run([0] * 4)


@pytest.mark.parametrize("select", [Select.FIRST, Select.RANDOM, Select.BEST, Select.CONSENSUS, Select.MAJORITY])
def test_a_branchs_own_answer_says_whose_it_is_and_who_disagrees(select: Select) -> None:
    result = ask_virtually(models(a="2", b="2", c="7"), HOW_MANY, select=select)
    assert result.chosen is not None
    assert result.provenance.basis is Basis.ANSWER
    assert result.provenance.sources == (Source(part="", branches=(result.chosen,), share=1 / 3),)
    dissenters = {name for each in result.contradictions for name in each.branches}
    assert dissenters == ({"a", "b"} if result.chosen == "c" else {"c"})


def test_the_only_answer_contradicts_nobody() -> None:
    result = ask_virtually(models(a="2", b=Unavailable("down")), HOW_MANY, select=Select.MAJORITY)
    assert (result.reason, result.contradictions, result.no_consensus) == ("the only answer", (), False)


def test_a_result_as_json_has_its_provenance() -> None:
    result = ask_virtually(models(a='{"x": 1}', b='{"x": 1}', c='{"x": 2}'), "JSON!", select=Select.FIELD_VOTE)
    whole = json.loads(json.dumps(result.to_dict()))
    assert whole["no_consensus"] is False
    assert whole["provenance"] == {
        "basis": "vote",
        "sources": [{"part": "$.x", "branches": ["a", "b"], "share": pytest.approx(2 / 3)}],
        "note": "",
    }
    assert whole["contradictions"] == []


def test_judge_select_is_another_word_for_prompt_selector() -> None:
    assert Select("judge_select") is Select.PROMPT_SELECTOR


def test_the_time_of_helpers_that_wait_for_each_other_adds_up() -> None:
    named = {
        **models(a=after(1, "Wide."), b=after(1, "Blue.")),
        "writer": ScriptedModel("writer", after(2, "The sea."), after(3, '{"parts": {"1": ["A"]}}')),
    }
    result = ask_virtually(
        named,
        "Describe the sea.",
        members=weighted(a=1.0, b=1.0),
        mode=Mode.ALL,
        select=Select.SYNTHESIS,
        synthesis=Synthesis.BEST_PARTS,
        synthesiser="writer",
        provenance=True,
    )
    assert result.latency.critical_path_s == pytest.approx(1 + 2 + 3)
    assert [source.branches for source in result.provenance.sources] == [("a",)]
