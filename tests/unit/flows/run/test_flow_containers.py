"""Loops, groups, switches and flows inside flows; places and limits; secrets and the cache."""

import asyncio
import threading
from typing import Any

import pytest

from flow_site import FlowSite, Shown, flow, literal, of_step, shown_config, step
from quorate.flows.executor import StepRejected
from quorate.flows.outcome import FlowResult, RunStatus, StepOutcome, StepStatus
from quorate.flows.plan import (
    CacheRule,
    Case,
    ErrorRule,
    FlowLimits,
    FlowPlan,
    Foreach,
    Jitter,
    OnFailure,
    OnItemError,
    RetryRule,
    StepKind,
)
from quorate.testing import run_virtual

ITEMS = Shown(lambda scope: scope["inputs"]["items"])


def _run(plan: FlowPlan, *others: FlowPlan, inputs: dict[str, Any] | None = None, **site: Any) -> Any:
    async def go() -> tuple[FlowResult, FlowSite]:
        made = FlowSite(plan, *others, **site)
        return await made.run(inputs=inputs), made

    return run_virtual(go())


def test_a_loop_gives_outputs_in_the_order_of_its_items() -> None:
    config = Shown(lambda scope: {"gives": scope["item"] * 10, "after_s": 5 - scope["loop"]["index"]})
    result, _ = _run(flow(step("x", config=config, foreach=Foreach(items=ITEMS))), inputs={"items": [3, 1, 2]})
    assert result.outputs == {"x": [30, 10, 20]}
    assert result.latency.total_s == 5
    assert result.steps["x[1]"].output == 10


def test_a_group_gives_outputs_in_the_order_in_which_they_are_written() -> None:
    slow, quick = step("slow", does={"gives": 1, "after_s": 5}), step("quick", does={"gives": 2})
    result, _ = _run(flow(step("g", kind=StepKind.GROUP, steps=(slow, quick))))
    assert list(result.outputs["g"]) == ["slow", "quick"]


def test_a_loop_runs_so_many_at_once() -> None:
    loop = Foreach(items=ITEMS, max_parallel=2)
    result, site = _run(flow(step("x", does={"after_s": 1}, foreach=loop)), inputs={"items": [0] * 5})
    assert (site.do.most, result.latency.total_s) == (2, 3)


def test_an_empty_loop_gives_an_empty_list() -> None:
    result, _ = _run(flow(step("x", foreach=Foreach(items=ITEMS))), inputs={"items": []})
    assert result.outputs == {"x": []}


def test_a_loop_needs_a_list() -> None:
    result, _ = _run(flow(step("x", foreach=Foreach(items=ITEMS))), inputs={"items": "abc"})
    assert result.errors[0].code == "bad_items"


def _failing_second(on_item_error: OnItemError) -> FlowPlan:
    config = Shown(
        lambda scope: {
            "gives": scope["item"],
            "after_s": 1,
            "fails": "no" if scope["item"] == 2 else "",
            "passing": False,
        }
    )
    loop = Foreach(items=ITEMS, max_parallel=2, on_item_error=on_item_error)
    return flow(step("x", config=config, foreach=loop))


def test_a_failed_item_ends_the_loop_after_those_under_way() -> None:
    result, site = _run(_failing_second(OnItemError.FAIL), inputs={"items": [1, 2, 3, 4]})
    assert site.do.ran[:2] == ["x[0]", "x[1]"]
    assert len(site.do.ran) <= 3
    assert result.status is RunStatus.FAILED
    assert [error.stage for error in result.errors] == ["x[1]"]


def test_a_failed_item_may_leave_its_place_empty() -> None:
    result, _ = _run(_failing_second(OnItemError.COLLECT), inputs={"items": [1, 2, 3]})
    assert result.outputs == {"x": [1, None, 3]}
    assert result.status is RunStatus.PARTIAL
    assert [error.stage for error in result.errors] == ["x[1]"]


def test_a_loop_over_steps_keeps_their_views_apart() -> None:
    inner = (
        step("check", config=shown_config(lambda scope: scope["item"] + 1)),
        step("twice", "check", config=shown_config(lambda scope: scope["steps"]["check"]["output"] * 2)),
    )
    group = step("each", kind=StepKind.GROUP, steps=inner, foreach=Foreach(items=ITEMS))
    result, _ = _run(flow(group), inputs={"items": [1, 2]})
    assert result.outputs == {"each": [{"check": 2, "twice": 4}, {"check": 3, "twice": 6}]}
    assert "each[1]/twice" in result.steps


def test_steps_of_a_group_are_seen_by_their_names() -> None:
    group = step("analysis", kind=StepKind.GROUP, steps=(step("summary"), step("tone", "summary")))
    after = step("after", "analysis", config=shown_config(lambda scope: scope["steps"]["tone"]["output"]))
    result, _ = _run(flow(group, after))
    assert result.outputs == {"analysis": {"summary": "summary", "tone": "tone"}, "after": "tone"}


def test_a_group_that_fails_may_be_passed_by() -> None:
    bad = step("bad", does={"fails": "no", "passing": False})
    rule = ErrorRule(action=OnFailure.CONTINUE)
    group = step("analysis", kind=StepKind.GROUP, steps=(bad, step("behind", "bad")), on_error=rule)
    result, site = _run(flow(group, step("after", "analysis")))
    assert site.do.ran == ["analysis/bad", "after"]
    assert result.status is RunStatus.PARTIAL
    assert [error.stage for error in result.errors] == ["analysis/bad"]


def test_a_group_tried_again_is_done_again_below_the_path_of_its_attempt() -> None:
    once = RetryRule(max_attempts=2, initial_s=1, jitter=Jitter.NONE)
    flaky = step("flaky", config=Shown(lambda scope: {"fails": "busy" if scope["inputs"].pop("bad", 0) else ""}))
    group = step("analysis", kind=StepKind.GROUP, steps=(step("good"), flaky), retry=once)
    result, site = _run(flow(group), inputs={"bad": 1})
    assert site.do.ran == ["analysis/good", "analysis/flaky", "analysis#2/good", "analysis#2/flaky"]
    assert result.status is RunStatus.SUCCEEDED


def test_the_first_case_that_holds_is_taken_and_the_others_are_skipped() -> None:
    cases = (
        Case(name="low", when=literal(value=False), steps=(step("review"),)),
        Case(name="high", when=literal(value=True), steps=(step("accept"),)),
        Case(name="rest", when=None, steps=(step("reject", outputs=("why",)),)),
    )
    seen = shown_config(lambda scope: [scope["steps"]["reject"]["skipped"], scope["steps"]["reject"]["why"]])
    route = step("route", kind=StepKind.SWITCH, cases=cases)
    result, site = _run(flow(route, step("after", "route", config=seen)))
    assert site.do.ran == ["route/accept", "after"]
    assert result.outputs == {"route": {"case": "high", "accept": "accept"}, "after": [True, None]}
    assert result.steps["route/review"].status is StepStatus.SKIPPED


def test_no_case_may_hold() -> None:
    cases = (Case(name="low", when=literal(value=False), steps=(step("review"),)),)
    result, _ = _run(flow(step("route", kind=StepKind.SWITCH, cases=cases)))
    assert result.outputs == {"route": {"case": None}}


def _calling(name: str, *needs: str, **fields: Any) -> Any:
    return step(name, *needs, does={"flow": "below", "inputs": {"n": 4}}, **fields)


def test_a_flow_runs_below_the_step_that_asks_for_it() -> None:
    below = flow(step("in", config=shown_config(lambda scope: scope["inputs"]["n"] + 1)), name="below")
    result, site = _run(flow(_calling("sub")), below)
    assert site.do.ran == ["sub", "sub/in"]
    assert result.outputs == {"sub": {"in": 5}}
    assert result.steps["sub/in"].output == 5


def test_the_failure_of_a_flow_below_says_where_it_was() -> None:
    below = flow(step("in", does={"fails": "no", "passing": False}), name="below")
    result, _ = _run(flow(_calling("sub")), below)
    assert [(error.stage, error.code) for error in result.errors] == [("sub/in", "bad_data")]


def test_a_flow_that_runs_itself_ends() -> None:
    below = flow(_calling("sub"), name="below")
    result, site = _run(below)
    assert result.errors[0].code == "too_deep"
    assert len(site.do.ran) == 9


def test_a_flow_that_runs_itself_in_one_place_does_not_wait_for_itself() -> None:
    result, _ = _run(flow(_calling("sub", concurrency=1), name="below", limits=FlowLimits(concurrency=1)))
    assert result.errors[0].code == "too_deep"


def test_a_run_executes_so_many_steps_at_once_in_written_order() -> None:
    names = [f"s{number}" for number in range(6)]
    plan = flow(*(step(name, does={"after_s": 1}) for name in names), limits=FlowLimits(concurrency=2))
    result, site = _run(plan)
    assert (site.do.most, result.latency.total_s) == (2, 3)
    assert site.do.ran == names


def test_groups_inside_groups_need_no_place_of_their_own() -> None:
    group = step("outer", kind=StepKind.GROUP, steps=(step("leaf"),))
    for depth in range(5):
        group = step(f"around{depth}", kind=StepKind.GROUP, steps=(group,))
    result, _ = _run(flow(group, limits=FlowLimits(concurrency=1)))
    assert result.status is RunStatus.SUCCEEDED


def test_a_step_that_sleeps_gives_others_its_place() -> None:
    plan = flow(
        step("wait", does={"sleeps_s": 10}), step("work", does={"after_s": 10}), limits=FlowLimits(concurrency=1)
    )
    result, _ = _run(plan)
    assert result.latency.total_s == 10


def test_a_step_has_its_places_whichever_run_it_is_in() -> None:
    async def go() -> tuple[FlowSite, float]:
        site = FlowSite(flow(step("a", does={"after_s": 1}, concurrency=2)))
        await asyncio.gather(*(site.run() for _ in range(6)))
        return site, site.clock.monotonic()

    site, took_s = run_virtual(go())
    assert (site.do.most, took_s) == (2, 3)


def test_a_run_has_so_many_steps_at_most() -> None:
    result, _ = _run(flow(step("x", foreach=Foreach(items=literal([0] * 10_001)))))
    assert {error.code for error in result.errors} == {"too_many_steps"}


def test_money_ends_with_the_flows_limit() -> None:
    plan = flow(
        step("a", does={"costs": 60}),
        step("b", "a", config=literal({"costs": 60})),
        limits=FlowLimits(max_cost_microusd=100),
    )
    result, site = _run(plan)
    assert result.cost_microusd == 120
    assert site.do.contexts[0].call.budget.limits[0].limit_microusd == 100


def test_a_secret_leaves_no_trace_in_outputs_errors_and_events() -> None:
    plan = flow(
        step("a", does={"gives": {"k": "is tok-123456!"}, "says": ("tok-123456",)}),
        step("b", "a", does={"fails": "refused tok-123456", "passing": False}),
        secrets=("CRM",),
    )
    result, site = _run(plan, secrets={"CRM": "tok-123456"})
    assert result.outputs["a"] == {"k": "is ***!"}
    assert result.errors[0].message == "refused ***"
    assert site.do.contexts[0].secrets["CRM"].reveal() == "tok-123456"
    assert "tok-123456" not in repr(site.sink.events) + repr(result)


def test_a_secret_is_hidden_in_all_flows_below() -> None:
    inner = flow(step("leak", does={"gives": {"k": "is tok-123456!"}}), name="c")
    middle = flow(step("inner", does={"flow": "c"}), name="b")
    site = FlowSite(flow(step("s", does={"flow": "b"}), secrets=("CRM",)), middle, inner, secrets={"CRM": "tok-123456"})
    result = run_virtual(site.run())
    assert result.steps["s/inner/leak"].output == {"k": "is ***!"}


def test_a_flow_whose_secrets_are_not_configured_does_not_begin() -> None:
    with pytest.raises(StepRejected, match="CRM"):
        _run(flow(step("a"), secrets=("CRM",)))


class _Cache:
    def __init__(self) -> None:
        self.kept: dict[str, StepOutcome] = {}

    async def get(self, key: str) -> StepOutcome | None:
        return self.kept.get(key)

    async def put(self, key: str, outcome: StepOutcome, ttl_s: float | None = None) -> None:
        self.kept[key] = outcome


def test_a_cached_step_is_executed_once_for_each_key_and_tenant() -> None:
    async def go() -> tuple[FlowSite, FlowResult]:
        site = FlowSite(flow(step("a", does={"gives": {"n": 1}}, cache=CacheRule(ttl_s=60))), cache=_Cache())
        await site.run()
        again = await site.run()
        await site.run(call=site.call(tenant="other"))
        return site, again

    site, again = run_virtual(go())
    assert site.do.ran == ["a", "a"]
    assert (again.outputs, again.steps["a"].cached) == ({"a": {"n": 1}}, True)


def test_slow_values_are_rendered_in_a_thread() -> None:
    seen: list[str] = []

    def make(scope: Any) -> dict[str, str]:
        seen.append(threading.current_thread().name)
        return {"gives": scope["steps"]["a"]["output"]}

    site = FlowSite(flow(step("a"), step("b", "a", config=Shown(make, slow=True)), outputs={"b": of_step("b")}))
    result = asyncio.run(site.run())
    assert result.outputs == {"b": "a"}
    assert seen != [threading.main_thread().name]


def test_a_flow_whose_outputs_are_kept_executes_nothing_for_the_same_inputs() -> None:
    async def go() -> tuple[FlowSite, FlowResult]:
        site = FlowSite(flow(step("a"), cache=CacheRule(ttl_s=60)), cache=_Cache())
        await site.run(inputs={"n": 1})
        again = await site.run(inputs={"n": 1})
        await site.run(inputs={"n": 2})
        return site, again

    site, again = run_virtual(go())
    assert site.do.ran == ["a", "a"]
    assert (again.outputs, again.steps) == ({"a": "a"}, {})
