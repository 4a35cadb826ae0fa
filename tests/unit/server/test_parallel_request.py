from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.errors import InvalidRequest, NotFound
from quorate.engine.choose import Chosen, Wish
from quorate.model import Model
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import FailureStrategy, Member, Mode, Parallelization, Params, Plan, Score, Select, Synthesis
from quorate.parallel.resources import Resources
from quorate.server.fan_out import fan_out
from quorate.server.parallel_request import (
    MemberOptions,
    ParallelLimits,
    ParallelOptions,
    ParallelRequest,
    Progress,
    read_parallel,
)
from quorate.testing import ScriptedModel

NOBODY = Plan(members=())


def nobody(wish: Wish) -> tuple[Chosen, ...]:
    raise AssertionError(f"nothing was to be chosen: {wish}")


def read(value: object, base: Plan = NOBODY, **fields: Any) -> ParallelRequest:
    return read_parallel(value, base=base, choose=fields.pop("choose", nobody), **fields)


def members(request: ParallelRequest) -> list[str]:
    return [member.model for member in request.plan.members]


def test_the_whole_field_in_camel_case_and_in_snake_case() -> None:
    camel = {
        "enabled": True,
        "mode": "quorum",
        "models": ["a", {"model": "b", "weight": 2, "maxTokens": 9, "topP": 0.5, "timeoutMs": 100, "count": 2}],
        "minModels": 2,
        "maxModels": 3,
        "agiModelSelection": False,
        "domainHints": ["code"],
        "timeoutMs": 1500,
        "deadlineMs": 3000,
        "failureStrategy": "fail_fast",
        "select": "best",
        "score": "cheapest",
        "threshold": 0.9,
        "weighting": "learned",
        "stop": "posterior",
        "stopConfidence": 0.9,
        "floor": 0.4,
        "fuseTop": 2,
        "provenance": True,
        "kind": "number",
        "keyFields": ["id", "total"],
        "judge": "j",
        "synthesiser": "s",
        "pairJudge": "p",
        "maxJudgedPairs": 3,
        "maxConcurrent": 5,
        "retries": 0,
        "progress": "chunks",
    }
    snake = {
        "min_models": 2,
        "max_models": 3,
        "agi_model_selection": False,
        "domain_hints": ["code"],
        "timeout_ms": 1500,
        "deadline_ms": 3000,
        "failure_strategy": "fail_fast",
        "max_concurrent": 5,
        "pair_judge": "p",
        "max_judged_pairs": 3,
        "key_fields": ["id", "total"],
        "stop_confidence": 0.9,
        "fuse_top": 2,
        "models": ["a", {"model": "b", "weight": 2, "max_tokens": 9, "top_p": 0.5, "timeout_ms": 100, "count": 2}],
    }
    rest = {name: value for name, value in camel.items() if name.islower()}
    request = read(camel)
    assert read({**rest, **snake}) == request
    assert read(msgspec.json.encode(camel)) == request
    assert read(msgspec.Raw(msgspec.json.encode(camel))) == request
    plan = request.plan
    assert (plan.weighting, plan.stop, plan.stop_confidence) == ("learned", "posterior", 0.9)
    assert (plan.floor, plan.fuse_top, plan.provenance) == (0.4, 2, True)
    assert plan.members == (
        Member(model="a"),
        Member(model="b", weight=2, count=2, timeout_s=0.1, params=Params(max_tokens=9, top_p=0.5)),
    )
    assert (plan.mode, plan.min_models, plan.max_models) == (Mode.QUORUM, 2, 3)
    assert (plan.timeout_s, plan.deadline_s, plan.max_concurrent) == (1.5, 3.0, 5)
    assert (plan.failure_strategy, plan.select, plan.score) == (
        FailureStrategy.FAIL_FAST,
        Select.BEST,
        Score.CHEAPEST,
    )
    assert plan.retry.max_retries == 0
    assert request.progress is Progress.CHUNKS
    assert request.models == ("a", "b", "j", "s", "p")


WRONG: list[tuple[object, str, str]] = [
    (True, "parallel", "it must be an object"),
    ([], "parallel", "it must be an object"),
    (b"{", "parallel", "is not JSON"),
    (b"\xff", "parallel", "is not JSON"),
    ({"modle": 1}, "parallel.modle", "does not exist; there are agiModelSelection"),
    ({"minModels": 1, "min_models": 1}, "parallel.min_models", "given twice"),
    ({"mode": "zip"}, "parallel.mode", "is 'zip': choose one of all, race, quorum"),
    ({"minModels": "x"}, "parallel.minModels", "is 'x': expected"),
    ({"min_models": 0}, "parallel.min_models", "is 0: expected `int` >= 1"),
    ({"models": "a"}, "parallel.models", "is 'a': expected `array"),
    ({"models": []}, "parallel.models", "length >= 1"),
    ({"models": ["a", 5]}, "parallel.models[1]", "is 5"),
    ({"models": [{"count": 1}]}, "parallel.models[0].model", "is missing"),
    ({"models": [{"model": "a", "timeout_ms": -1}]}, "parallel.models[0].timeout_ms", "is -1"),
    ({"models": [{"model": "a", "modle": 1}]}, "parallel.models[0].modle", "does not exist"),
    ({"domainHints": ["code", 3]}, "parallel.domainHints[1]", "is 3"),
    ({"threshold": 1.5}, "parallel.threshold", "is 1.5"),
    ({"threshold": 0}, "parallel.threshold", "is 0"),
    ({"models": ["a", {"model": "b", "count": 2}], "maxAttempts": 2}, "parallel.maxAttempts", "is 2; each of the 3"),
    ({"weighting": "fair"}, "parallel.weighting", "fair"),
    ({"stopConfidence": 1}, "parallel.stopConfidence", "is 1"),
    ({"models": ["a"], "minModels": 3, "maxModels": 2}, "parallel.minModels", "more than parallel.maxModels 2"),
    ({"models": ["a"], "minModels": 3}, "parallel.minModels", "the plan has 1 branches"),
    ({"models": ["a"] * 17}, "parallel.models", "at most 16"),
    ({"models": ["a"] * 16, "count": 3}, "parallel.models", "makes 48 branches"),
    ({"models": [{"model": "a", "weight": 0}]}, "parallel.models", "weight above 0"),
    ({"models": ["a"], "timeoutMs": 600_001}, "parallel.timeoutMs", "allows 600000 at most"),
    ({"models": ["a"], "deadline_ms": 600_001}, "parallel.deadlineMs", "allows 600000 at most"),
    ({"models": [{"model": "a", "timeoutMs": 6e6}]}, "parallel.models[0].timeoutMs", "allows 600000 at most"),
    ({"models": ["a"], "judge": "x" * 500}, "parallel.judge", "..."),
    ({}, "parallel.models", "is missing"),
]


@pytest.mark.parametrize(("value", "param", "told"), WRONG)
def test_errors_name_the_field_and_the_value(value: object, param: str, told: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(value)
    assert caught.value.param == param
    assert told in caught.value.message
    assert caught.value.message.startswith(param.partition("[")[0])


def test_what_was_read_once_is_read_no_other_way_the_next_time() -> None:
    field = b'{"models": ["a", "b"], "maxAttempts": 5, "timeoutMs": 90000}'
    base, other = Plan(members=(), max_attempts=3), Plan(members=(), max_attempts=9)
    first = read(field, base)
    assert read(field, base) is first
    assert (first.plan.max_attempts, read(field, other).plan.max_attempts) == (3, 5)
    assert read(field, replace(base)).plan == first.plan
    with pytest.raises(InvalidRequest, match="allows 60000 at most"):
        read(field, base, limits=ParallelLimits(timeout_s=60))
    with pytest.raises(NotFound):
        read(field, base, resolve=unknown)
    long = field.removesuffix(b"}") + b" " * 5000 + b"}"
    assert read(long, base) == first
    assert read(long, base) is not read(long, base)


def unknown(name: str) -> Model:
    raise NotFound(f"no model {name!r}")


def test_null_is_nothing() -> None:
    assert read({"models": ["a"], "minModels": None, "enabled": None, "progress": None}) == read({"models": ["a"]})


def test_without_models_it_is_the_ensemble_that_was_named_or_the_model_alone() -> None:
    panel = Plan(members=(Member(model="a"), Member(model="b")), threshold=0.9, group_prompts={1: "{{ prompt }}"})
    request = read({"mode": "race"}, base=panel, model="panel")
    assert request.plan.members == panel.members
    assert (request.plan.mode, request.plan.threshold) == (Mode.RACE, 0.9)
    assert request.plan.group_prompts
    assert members(read({"count": 5}, model="a")) == ["a"]
    assert [member.count for member in read({"count": 5}, base=panel).plan.members] == [5, 5]
    assert read({"models": ["x"]}, base=panel).plan.group_prompts == {}


def test_what_the_operator_configured_may_be_larger_than_what_a_request_may_ask_for() -> None:
    large = Plan(members=tuple(Member(model=f"m{i}", count=3) for i in range(20)))
    assert len(read({}, base=large).plan.members) == 20
    with pytest.raises(InvalidRequest, match="at most"):
        read({"count": 4}, base=large)


def test_what_a_request_names_itself_is_told_from_what_is_configured() -> None:
    panel = Plan(members=(Member(model="a"), Member(model="b")), judge="j")
    assert read({}, panel).named == frozenset()
    assert read({"judge": "k", "output": {"type": "object", "repairModel": "r"}}, panel).named == {"k", "r"}
    assert read({"models": ["a", {"model": "c"}], "pairJudge": "p"}, panel).named == {"a", "c", "p"}
    assert read({"enabled": False, "models": ["a"]}, panel).named == {"a"}


def test_how_many_calls_a_request_starts() -> None:
    assert read({"models": ["a", {"model": "b", "count": 3}]}).calls == 4
    assert read({"models": ["a", "b", "c"], "maxModels": 2}).calls == 2
    assert read({"enabled": False, "models": ["a", "b"]}).calls == 1


def test_models_are_chosen_for_the_caller() -> None:
    wishes: list[Wish] = []

    def choose(wish: Wish) -> tuple[Chosen, ...]:
        wishes.append(wish)
        return tuple(Chosen(model=name, score=1, reason="") for name in ("b", "c"))

    request = read(
        {
            "agiModelSelection": True,
            "domainHints": ["code"],
            "maxModels": 2,
            "models": ["a", {"model": "b", "temperature": 1}, "c"],
        },
        choose=choose,
        model="ignored",
    )
    assert wishes == [Wish(domain_hints=("code",), max_models=2, among=("a", "b", "c"))]
    assert request.plan.members == (Member(model="b", params=Params(temperature=1)), Member(model="c"))
    assert [chosen.model for chosen in request.chosen] == ["b", "c"]


def test_no_more_are_chosen_than_a_request_may_name() -> None:
    wishes: list[Wish] = []

    def choose(wish: Wish) -> tuple[Chosen, ...]:
        wishes.append(wish)
        return tuple(Chosen(model=f"m{i}", score=1, reason="") for i in range(wish.max_models or 3))

    assert len(members(read({"agiModelSelection": True, "maxModels": 20}, choose=choose))) == 16
    assert [wish.max_models for wish in wishes] == [16]
    with pytest.raises(InvalidRequest, match="minModels is 17; at most 16 models are chosen") as caught:
        read({"agiModelSelection": True, "minModels": 17}, choose=choose)
    assert caught.value.param == "parallel.minModels"


def test_a_choice_that_fails_names_the_field() -> None:
    def choose(wish: Wish) -> tuple[Chosen, ...]:
        raise InvalidRequest("0 models fit")

    with pytest.raises(InvalidRequest, match=r"parallel.agiModelSelection: 0 models fit") as caught:
        read({"agiModelSelection": True}, choose=choose)
    assert caught.value.param == "parallel.agiModelSelection"


@pytest.mark.parametrize(
    ("value", "model", "single"),
    [
        ({"models": ["a", "b"]}, "", "a"),
        ({"models": ["a", "b"]}, "m", "m"),
        ({"models": [{"model": "a", "count": 3}]}, "", "a"),
        ({"agiModelSelection": True, "minModels": 5}, "m", "m"),
    ],
)
def test_not_enabled_is_a_plain_completion(value: dict[str, object], model: str, single: str) -> None:
    request = read({"enabled": False, **value}, model=model)
    assert not request.enabled
    assert request.plan.parallelization is Parallelization.NONE
    assert request.models == (single,)


def test_the_time_of_a_branch_is_never_more_than_the_servers() -> None:
    limits = ParallelLimits(timeout_s=5)
    assert read({"models": ["a"]}, limits=limits).plan.timeout_s == 5
    assert read({"models": ["a"]}, base=Plan(members=(), timeout_s=None)).plan.timeout_s == 600
    assert read({"models": ["a"], "timeoutMs": 10}, limits=limits).plan.timeout_s == 0.01


def test_a_pair_judge_is_a_model_that_the_caller_must_be_allowed_to_use() -> None:
    assert read({"models": ["a"], "pairJudge": "p"}).models == ("a", "p")


def test_a_caller_may_lower_the_pairs_that_are_judged_and_not_raise_them() -> None:
    base = Plan(members=(), max_judged_pairs=4)
    assert read({"models": ["a"], "maxJudgedPairs": 2}, base=base).plan.max_judged_pairs == 2
    assert read({"models": ["a"], "maxJudgedPairs": 50}, base=base).plan.max_judged_pairs == 4
    assert read({"models": ["a"]}, base=base).plan.max_judged_pairs == 4


def catalog() -> dict[str, Model]:
    found: dict[str, Model] = {name: ScriptedModel(name) for name in "abc"}
    resolve = found.__getitem__
    found["panel"] = Ensemble(
        name="panel",
        plan=Plan(members=(Member(model="a", count=20), Member(model="b"))),
        resources=Resources(resolve=resolve),
    )
    found["capped"] = Ensemble(
        name="capped",
        plan=Plan(members=(Member(model="panel"), Member(model="a")), max_models=1),
        resources=Resources(resolve=resolve),
    )
    found["loop"] = Ensemble(
        name="loop", plan=Plan(members=(Member(model="loop"),)), resources=Resources(resolve=resolve)
    )
    return found


def test_the_branches_of_ensembles_count() -> None:
    resolve = catalog().__getitem__
    assert fan_out(Plan(members=(Member(model="panel"), Member(model="c"))), resolve) == 22
    assert fan_out(Plan(members=(Member(model="capped"),)), resolve) == 21
    assert fan_out(Plan(members=(Member(model="panel", count=9),), parallelization=Parallelization.NONE), resolve) == 21
    copies = Plan(
        members=(Member(model="panel"), Member(model="a")), parallelization=Parallelization.STATIC_COUNT, count=2
    )
    assert fan_out(copies, resolve) == 44
    reviewed = Plan(
        members=(Member(model="panel"), Member(model="c", count=3)),
        select=Select.SYNTHESIS,
        synthesis=Synthesis.RANK_THEN_FUSE,
    )
    assert fan_out(reviewed, resolve) == 2 * (21 + 3)
    assert fan_out(replace(reviewed, members=(Member(model="c", count=20),)), resolve) == 20 + 16
    assert fan_out(replace(reviewed, synthesis=Synthesis.BEST_PARTS), resolve) == 21 + 3
    assert read({"models": ["panel", "a"]}, resolve=resolve).enabled
    with pytest.raises(InvalidRequest, match="makes 42 branches, those of ensembles and peer reviews counted"):
        read({"models": ["panel", "panel"]}, resolve=resolve)
    with pytest.raises(InvalidRequest, match="nested deeper"):
        read({"models": ["loop"]}, resolve=resolve)


def test_a_model_that_does_not_exist_is_found_before_anything_runs() -> None:
    def resolve(name: str) -> Model:
        raise NotFound(f"no model {name!r}")

    with pytest.raises(NotFound):
        read({"models": ["x"]}, resolve=resolve)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**7) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
spellings = [
    name
    for kind in (ParallelOptions, MemberOptions)
    for field in msgspec.structs.fields(kind)
    for name in (field.name, field.encode_name)
]
fields = st.dictionaries(st.sampled_from(spellings) | st.text(max_size=4), values, max_size=5)


@given(fields | st.fixed_dictionaries({"models": st.lists(fields | st.text(max_size=3), max_size=3)}))
def test_anything_is_a_plan_or_an_error_of_the_callers(value: dict[str, object]) -> None:
    def choose(wish: Wish) -> tuple[Chosen, ...]:
        return ()

    try:
        request = read(value, choose=choose, model="m")
    except InvalidRequest as error:
        told = error.param or ""
    else:
        told = "parallel" if 1 <= len(request.plan.members) <= 16 else "too many"
    assert told.startswith("parallel")


def test_a_floor_that_is_not_given_is_the_configured_one_and_judge_select_is_read() -> None:
    request = read({"models": ["a", "b"], "select": "judge_select"}, base=replace(NOBODY, floor=0.2))
    assert (request.plan.floor, request.plan.select) == (0.2, Select.PROMPT_SELECTOR)
    with pytest.raises(InvalidRequest, match="floor"):
        read({"models": ["a", "b"], "floor": 2})
