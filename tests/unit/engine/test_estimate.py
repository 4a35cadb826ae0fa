"""The most that a request can cost: by hand for small cases, by its laws for all."""

from collections.abc import Mapping
from dataclasses import replace
from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.consensus import Kind
from quorate.contracts.contract import Contract, OutputType, Validation
from quorate.core.errors import InvalidRequest, NotFound
from quorate.engine.estimate import DEFAULT_OUTPUT_TOKENS, Estimate, estimate, worst_case_microusd
from quorate.engine.helper_prompt import judge_tokens, review_tokens, sources_tokens, synthesiser_tokens
from quorate.engine.reckoning import TOLD_TOKENS
from quorate.model import Model
from quorate.model.past import Past
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import Member, Mode, Parallelization, Params, Plan, Select, Synthesis
from quorate.parallel.resources import Resources
from quorate.providers.estimate import estimate_prompt_tokens
from quorate.providers.price import Price
from quorate.providers.simulated import SimulatedModel, SimulatedProfile
from quorate.resilience.contracted import Contracted
from quorate.resilience.fallbacks import Fallbacks
from quorate.resilience.hedge import Hedging
from quorate.resilience.hedge_policy import HedgePolicy
from quorate.resilience.resilient import OnCut, Resilient
from quorate.resilience.retry_policy import NO_RETRY, RetryPolicy
from quorate.testing import ScriptedModel
from quorate.wire.chat import ChatRequest, ImageUrl, Message, Part

CHEAP = Price(input_microusd_per_mtok=1_000_000, output_microusd_per_mtok=2_000_000)
DEAR = Price(
    input_microusd_per_mtok=3_000_000,
    output_microusd_per_mtok=15_000_000,
    cached_input_microusd_per_mtok=300_000,
    cache_write_microusd_per_mtok=3_750_000,
    reasoning_microusd_per_mtok=20_000_000,
    request_microusd=7,
)


def simulated(name: str, price: Price | None) -> SimulatedModel:
    return SimulatedModel(SimulatedProfile(name=name, price=price))


MODELS: dict[str, Model] = {"cheap": simulated("cheap", CHEAP), "dear": simulated("dear", DEAR)}


def resolve(name: str) -> Model:
    if name not in MODELS:
        raise NotFound(f"no model {name!r}")
    return MODELS[name]


def panel(*members: str | Member, named: Mapping[str, Model] = MODELS, **fields: Any) -> Ensemble:
    listed = tuple(Member(model=each) if isinstance(each, str) else each for each in members)
    plan = replace(Plan(members=listed, retry=NO_RETRY), **fields)
    return Ensemble(name="panel", plan=plan, resources=Resources(resolve=named.__getitem__))


def worst(model: Model, prompt: int = 1000, most: int | None = 100, attempts: int = 1, **fields: object) -> int | None:
    return worst_case_microusd(
        model,
        prompt_tokens=prompt,
        max_output_tokens=most,
        attempts=attempts,
        resolve=resolve,
        **fields,  # pyright: ignore[reportArgumentType] - params only
    )


def test_a_single_model_costs_its_prompt_and_its_whole_limit_in_every_attempt() -> None:
    assert worst(MODELS["cheap"]) == 1000 * 1 + 100 * 2
    assert worst(MODELS["cheap"], attempts=3) == 3 * 1200


def test_every_token_is_of_the_dearest_kind_it_can_be() -> None:
    assert worst(MODELS["dear"]) == 3750 + 2000 + 7


def test_without_a_limit_a_documented_one_is_assumed() -> None:
    assert worst(MODELS["cheap"], most=None) == 1000 + DEFAULT_OUTPUT_TOKENS * 2


def test_a_price_that_is_not_known_makes_the_whole_unknown() -> None:
    named = {**MODELS, "free": ScriptedModel("free")}
    assert worst(named["free"]) is None
    with pytest.raises(NotFound):
        worst(panel("cheap", "free", named=named))
    assert (
        worst_case_microusd(
            panel("cheap", "free"), prompt_tokens=1, max_output_tokens=1, attempts=1, resolve=named.__getitem__
        )
        is None
    )


def test_an_ensemble_costs_all_its_branches_with_all_their_attempts() -> None:
    assert worst(panel("cheap", "dear")) == 1200 + 5757
    assert worst(panel("cheap", "dear", retry=RetryPolicy(max_retries=2))) == 3 * (1200 + 5757)
    mixed = panel(Member(model="cheap", retry=RetryPolicy(max_retries=4)), Member(model="dear", count=2))
    assert worst(mixed) == 5 * 1200 + 2 * 5757


@pytest.mark.parametrize("mode", list(Mode))
def test_nothing_is_assumed_to_stop_early(mode: Mode) -> None:
    assert worst(panel("cheap", "dear", mode=mode, select=Select.FIRST)) == 1200 + 5757


def test_of_more_branches_than_max_models_those_that_run_count() -> None:
    members = (Member(model="cheap"), Member(model="dear", priority=1))
    assert worst(panel(*members, max_models=1)) == 5757


def test_a_member_has_limits_and_instructions_of_its_own() -> None:
    assert worst(panel(Member(model="cheap", params=Params(max_tokens=10)))) == 1000 + 20
    assert worst(panel(Member(model="cheap", params=Params(extra={"n": 3})))) == 1000 + 600
    told = worst(panel(Member(model="cheap", params=Params(system="Answer in one word."))))
    assert told is not None
    assert 1200 < told < 1220


def test_the_number_of_copies_may_come_from_the_run() -> None:
    reading = panel("cheap", parallelization=Parallelization.CONFIG_PARAM, count=2, count_param="copies")
    assert worst(reading) == 2 * 1200
    assert worst(reading, params={"copies": 5}) == 5 * 1200


def test_a_judge_reads_all_answers_twice() -> None:
    judged = panel("cheap", "dear", select=Select.PROMPT_SELECTOR, judge="cheap")
    prompt = judge_tokens(judged.plan, 1000, [100, 100])
    assert 1200 < prompt < 1600
    assert worst(judged) == 1200 + 5757 + 2 * (prompt + DEFAULT_OUTPUT_TOKENS * 2)


def test_a_synthesiser_reads_all_answers_once_and_its_attempts_count() -> None:
    merged = panel("cheap", "dear", select=Select.SYNTHESIS, synthesiser="cheap", retry=RetryPolicy(max_retries=1))
    prompt = synthesiser_tokens(merged.plan, 1000, [100, 100])
    assert worst(merged) == 2 * (1200 + 5757) + 2 * (prompt + DEFAULT_OUTPUT_TOKENS * 2)


def test_without_a_name_the_heaviest_member_is_the_judge() -> None:
    members = (Member(model="cheap"), Member(model="dear", weight=2))
    named = panel(*members, select=Select.PROMPT_SELECTOR, judge="dear")
    assert worst(panel(*members, select=Select.PROMPT_SELECTOR)) == worst(named)


def test_a_single_answer_needs_no_judge() -> None:
    assert worst(panel("cheap", select=Select.PROMPT_SELECTOR)) == 1200


def test_a_later_group_reads_what_its_prompt_says_of_the_earlier_answers() -> None:
    quotes = "{% for answer in answers %}{{ answer.text }}{% endfor %}"
    staged = panel("cheap", Member(model="dear", group=1), group_prompts={1: quotes})
    thrice = panel("cheap", Member(model="dear", group=1), group_prompts={1: quotes * 3})
    silent = panel("cheap", Member(model="dear", group=1), group_prompts={1: "Why?"})
    costs = [worst(each) for each in (silent, staged, thrice)]
    first, second, third = (cost for cost in costs if cost is not None)
    assert 1200 + 5757 < first < second < third
    assert third - second == pytest.approx(200 * 3.75, abs=1)


def test_an_ensemble_among_the_members_counts_with_all_its_own() -> None:
    inner = panel("cheap", "dear", retry=RetryPolicy(max_retries=1))
    named = {**MODELS, "inner": inner}
    outer = panel("inner", "cheap", named=named, retry=RetryPolicy(max_retries=2))
    cost = worst_case_microusd(outer, prompt_tokens=1000, max_output_tokens=100, attempts=1, resolve=named.__getitem__)
    assert cost == 3 * (2 * (1200 + 5757) + 1200)


def test_a_loop_of_ensembles_is_refused() -> None:
    named: dict[str, Model] = {}
    named["loop"] = panel("loop", named=named)
    with pytest.raises(InvalidRequest, match="nested deeper"):
        worst_case_microusd(named["loop"], prompt_tokens=1, max_output_tokens=1, attempts=1, resolve=named.__getitem__)


def test_a_wrapper_costs_what_it_wraps() -> None:
    class Wrapped(ScriptedModel):
        model = MODELS["cheap"]

    assert worst(Wrapped("wrapped")) == 1200


members = st.builds(
    Member,
    model=st.sampled_from(sorted(MODELS)),
    count=st.integers(1, 3),
    group=st.integers(0, 2),
    retry=st.none() | st.builds(RetryPolicy, max_retries=st.integers(0, 3)),
    params=st.builds(Params, max_tokens=st.none() | st.integers(1, 500)),
)
PROMPTS = ("", "{{ prompt }}", "{% for each in answers %}{{ each.text }}{% endfor %}")


def any_panel(listed: list[Member], select: Select, prompt: str) -> Ensemble:
    return panel(*listed, select=select, group_prompts={1: prompt} if prompt else {})


ensembles = st.builds(
    any_panel, st.lists(members, min_size=1, max_size=4), st.sampled_from(Select), st.sampled_from(PROMPTS)
)


@given(ensembles, st.integers(0, 5000), st.integers(1, 5000))
def test_an_ensemble_costs_at_least_the_sum_of_its_members(model: Ensemble, prompt: int, most: int) -> None:
    alone = 0
    for member in model.plan.members:
        limit = member.params.max_tokens or most
        attempts = (member.retry or model.plan.retry).max_retries + 1
        cost = worst(resolve(member.model), prompt, limit, attempts)
        assert cost is not None
        alone += cost * member.count
    whole = worst(model, prompt, most)
    assert whole is not None
    assert whole >= alone


@given(ensembles, st.integers(0, 5000), st.integers(1, 5000), st.integers(0, 1000), st.integers(0, 1000))
def test_more_tokens_are_never_cheaper(model: Ensemble, prompt: int, most: int, longer: int, further: int) -> None:
    less, more = worst(model, prompt, most), worst(model, prompt + longer, most + further)
    assert less is not None
    assert more is not None
    assert less <= more


def past(**latency_s: float) -> dict[str, Past]:
    return {name: Past(answers=3, answer_tokens=40.0, latency_s=each) for name, each in latency_s.items()}


def expected(model: Ensemble, known: Mapping[str, Past] | None = None) -> Estimate:
    request = ChatRequest(messages=(Message(role="user", content="Why?"),), max_tokens=100)
    return estimate(model.plan, request, resolve=resolve, past=known)


PROMPT_TOKENS = estimate_prompt_tokens(ChatRequest(messages=(Message(role="user", content="Why?"),)))


def test_one_attempt_of_usual_length_is_expected() -> None:
    found = expected(panel("cheap", retry=RetryPolicy(max_retries=2)))
    (branch,) = found.branches
    assert (branch.attempts, branch.most_output_tokens, branch.expected_output_tokens) == (3, 100, 25)
    assert found.most_microusd == 3 * (PROMPT_TOKENS + 200)
    assert found.expected_microusd == PROMPT_TOKENS + 50
    assert found.expected_latency_s is None
    assert not branch.measured


def test_what_is_on_record_is_expected_again() -> None:
    found = expected(panel("cheap", "dear"), past(cheap=1.5, dear=4.0))
    assert [branch.expected_output_tokens for branch in found.branches] == [40, 40]
    assert found.branches[0].expected_microusd == PROMPT_TOKENS + 80
    assert all(branch.measured for branch in found.branches)


@pytest.mark.parametrize(("mode", "latency_s"), [(Mode.ALL, 4.0), (Mode.QUORUM, 4.0), (Mode.RACE, 1.5)])
def test_a_race_takes_as_long_as_its_quickest(mode: Mode, latency_s: float) -> None:
    both = panel("cheap", "dear", mode=mode)
    assert expected(both, past(cheap=1.5, dear=4.0)).expected_latency_s == latency_s
    assert expected(both, past(cheap=1.5)).expected_latency_s is None


def test_groups_and_a_synthesiser_take_their_turns() -> None:
    staged = panel("cheap", Member(model="dear", group=1), select=Select.SYNTHESIS, synthesiser="cheap")
    found = expected(replaced(staged, group_prompts={1: "{{ prompt }}"}), past(cheap=1.0, dear=4.0))
    assert found.helpers == ()
    assert found.expected_latency_s == 5.0
    joined = expected(staged, past(cheap=1.0, dear=4.0))
    assert [(helper.branch, helper.model) for helper in joined.helpers] == [("synthesiser", "cheap")]
    assert joined.expected_latency_s == 6.0


def test_the_pair_judge_is_reserved_for_in_both_orders_of_every_pair_it_may_be_asked_about() -> None:
    three = panel("cheap", "cheap", "cheap")
    alone = worst(three)
    judged = replaced(three, pair_judge="dear", helper_max_tokens=50)
    (helper,) = expected(judged).helpers
    assert (helper.branch, helper.model, helper.attempts) == ("pair_judge", "dear", 2 * 3)
    fewer = replaced(judged, max_judged_pairs=1)
    (helper,) = expected(fewer).helpers
    assert helper.attempts == 2
    both, one = worst(judged), worst(fewer)
    assert alone is not None
    assert both is not None
    assert one is not None
    assert both - alone == 3 * (one - alone) > 0
    nevers: tuple[dict[str, Any], ...] = ({"mode": Mode.RACE}, {"kind": Kind.NUMBER}, {"max_judged_pairs": 0})
    for never in nevers:
        assert expected(replaced(judged, **never)).helpers == ()


def replaced(model: Ensemble, **fields: Any) -> Ensemble:
    return Ensemble(name=model.name, plan=replace(model.plan, **fields), resources=Resources(resolve=resolve))


def test_images_in_the_prompt_are_counted() -> None:
    seeing = simulated("seeing", replace(CHEAP, image_microusd=1000))
    parts = (Part(type="text", text="What is this?"), Part(type="image_url", image_url=ImageUrl(url="data:,")))
    request = ChatRequest(messages=(Message(role="user", content=parts),), max_tokens=1)
    plan = Plan(members=(Member(model="seeing"),), retry=NO_RETRY)
    found = estimate(plan, request, resolve={"seeing": seeing}.__getitem__)
    assert found.most_microusd == estimate_prompt_tokens(request) + 2 + 1000


@given(ensembles)
def test_what_is_expected_is_never_more_than_the_most(model: Ensemble) -> None:
    found = expected(model, past(cheap=1.0))
    assert found.most_microusd is not None
    assert found.expected_microusd is not None
    assert found.expected_microusd <= found.most_microusd


def test_reviews_a_fusion_and_its_sources_are_counted_and_take_their_turns() -> None:
    peers = panel(
        "cheap",
        "dear",
        select=Select.SYNTHESIS,
        synthesis=Synthesis.RANK_THEN_FUSE,
        synthesiser="cheap",
        fuse_top=1,
        provenance=True,
        helper_max_tokens=10,
    )
    review, fused = review_tokens(1000, [100, 100]), synthesiser_tokens(peers.plan, 1000, [100])
    traced = sources_tokens(1000, [100], 10)
    dear = ceil(review * 3.75) + 10 * 20 + 7
    assert worst(peers) == 1200 + 5757 + (review + 20) + dear + (fused + 20) + (traced + 20)
    found = expected(peers, past(cheap=1.0, dear=4.0))
    assert [helper.branch for helper in found.helpers] == ["review#1", "review#2", "synthesiser", "sources"]
    assert found.expected_latency_s == 4.0 + 4.0 + 1.0 + 1.0


def test_a_vote_on_fields_asks_nobody_and_is_at_most_as_long_as_all_answers() -> None:
    voting = panel("cheap", "cheap", select=Select.FIELD_VOTE, synthesiser="dear")
    assert worst(voting) == 2 * 1200
    outer = panel("voting", "cheap", named={**MODELS, "voting": voting}, select=Select.PROMPT_SELECTOR, judge="cheap")
    judging = judge_tokens(outer.plan, 1000, [200, 100])
    known = {**MODELS, "voting": voting}
    most = worst_case_microusd(outer, prompt_tokens=1000, max_output_tokens=100, attempts=1, resolve=known.__getitem__)
    assert most == 2 * 1200 + 1200 + 2 * (judging + DEFAULT_OUTPUT_TOKENS * 2)


def test_limits_of_the_plan_bound_the_worst_case() -> None:
    assert worst(panel("cheap", max_tokens=10)) == 1000 + 20
    bounded = panel("cheap", "dear", select=Select.SYNTHESIS, synthesiser="cheap", helper_max_tokens=10)
    prompt = synthesiser_tokens(bounded.plan, 1000, [100, 100])
    assert worst(bounded) == 1200 + 5757 + prompt + 20


def test_a_stand_in_that_is_dearer_counts_and_a_hedge_counts_on_top() -> None:
    named: dict[str, Model] = {name: resolve(name) for name in ("cheap", "dear")}
    standing_in = Resilient(
        named["cheap"],
        fallbacks=Fallbacks(models=("dear",)),
        on_cut=OnCut.ERROR,
        resolve=named.__getitem__,
        window=lambda _: None,
    )
    assert worst(standing_in) == worst(named["dear"])
    hedged = Hedging(named["cheap"], HedgePolicy(), on=[named["dear"]])
    assert worst(hedged) == (worst(named["cheap"]) or 0) + (worst(named["dear"]) or 0)


def test_a_contract_has_each_answer_asked_again_and_repaired() -> None:
    output = Contract(type=OutputType.NUMBER, max_retries=2)
    once, kept = (
        _worst(Plan(members=(Member(model="cheap"),), retry=NO_RETRY, output=each)) for each in (None, output)
    )
    shown = (100 + TOLD_TOKENS) * 2  # the answer and what is wrong with it, in both further prompts
    assert kept == 3 * once + shown
    repaired = _worst(
        Plan(members=(Member(model="cheap"),), retry=NO_RETRY, output=replace(output, repair_model="cheap"))
    )
    assert repaired == kept + 3 * (100 + TOLD_TOKENS + 2 * DEFAULT_OUTPUT_TOKENS)
    model = Contracted(model=MODELS["cheap"], contract=output, resolve=resolve)
    alone = worst_case_microusd(model, prompt_tokens=1000, max_output_tokens=100, attempts=1, resolve=resolve)
    assert alone == kept
    loose = replace(output, validation=Validation.WARN)
    assert _worst(Plan(members=(Member(model="cheap"),), retry=NO_RETRY, output=loose)) == once


def _worst(plan: Plan) -> int:
    ensemble = Ensemble(name="e", plan=plan, resources=Resources(resolve=resolve))
    most = worst_case_microusd(ensemble, prompt_tokens=1000, max_output_tokens=100, attempts=1, resolve=resolve)
    assert most is not None
    return most
