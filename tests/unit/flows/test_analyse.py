"""What can be said of a flow before it runs."""

import json
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flow_compiling import AskConfig, AskExecutor, compiled, small_executors, steps_flow
from quorate.core.errors import NotFound
from quorate.engine.catalog import Catalog, ModelCard, ModelKind
from quorate.engine.most import WorstCase
from quorate.flows.analyse import analyse
from quorate.flows.analysis import Analysis
from quorate.flows.analysis_text import analysis_text
from quorate.flows.antichain import most_at_once
from quorate.flows.asking_cost import Costing, asking_cost
from quorate.flows.executors.prompt import PromptExecutor
from quorate.flows.executors.standard import standard_executors
from quorate.flows.plan import FlowPlan
from quorate.parallel.plan import Plan
from quorate.prompts.folder import PromptFolder
from quorate.providers.price import Price
from quorate.providers.simulated import SimulatedModel, SimulatedProfile
from quorate.resilience.retry_policy import NO_RETRY

#: Three stages that overlap: two readers, a briefing over one of them, a report over all.
PIPELINE = steps_flow("""
  - {name: plays, executor: ask, config: {prompt: x}, parallel_group: analysis}
  - {name: teams, executor: ask, config: {prompt: x}, parallel_group: analysis}
  - {name: briefing, executor: ask, config: {prompt: "{{ steps.teams.answer }}"}}
  - {name: report, executor: ask, config: {prompt: x}, depends_on: [analysis, briefing]}
""")
#: A step inside another.
ONE = "{{name: {0}, executor: priced, config: {{prompt: a}}}}"
SECONDS = {"plays": 7.0, "teams": 7.0, "briefing": 5.0, "report": 6.0}


class PricedExecutor(AskExecutor):
    """Costs 10 micro-USD for each call."""

    name: ClassVar[str] = "priced"
    config = AskConfig

    def worst_case(self, config: Mapping[str, Any], costing: Costing | None) -> WorstCase:
        """Return one call for each word of a prompt that is written out."""
        del costing
        calls = len(str(config["prompt"]).split())
        return WorstCase(calls=calls, cost_microusd=10 * calls)


def looked_at(text: str, **latencies: float) -> Analysis:
    executors = small_executors()
    executors.add(PricedExecutor())
    return analyse(compiled(text, executors=executors), executors=executors, latencies=latencies or None)


def test_stages_and_the_critical_path_by_measured_latencies() -> None:
    found = looked_at(PIPELINE, **SECONDS)
    assert found.stages == (("plays", "teams"), ("briefing",), ("report",))
    assert found.critical_path == ("teams", "briefing", "report")
    assert (found.critical_path_s, found.sequential_s) == (18.0, 25.0)
    assert {step.path: (step.starts_s, step.ends_s) for step in found.steps} == {
        "plays": (0.0, 7.0),
        "teams": (0.0, 7.0),
        "briefing": (7.0, 12.0),
        "report": (12.0, 18.0),
    }


def test_without_latencies_the_path_goes_by_weight_and_has_no_seconds() -> None:
    text = PIPELINE.replace("{name: plays,", "{name: plays, weight: 9,")
    found = looked_at(text)
    assert found.critical_path == ("plays", "report")
    assert found.critical_path_s is None


def test_steps_inside_others_are_placed_in_time_and_marked() -> None:
    found = looked_at(
        steps_flow("""
  - {name: a, executor: note}
  - name: outer
    depends_on: [a]
    steps:
      - {name: b, executor: note}
      - {name: c, executor: note, depends_on: [b]}
      - {name: d, executor: note}
"""),
        a=1.0,
        b=2.0,
        c=3.0,
        d=4.0,
    )
    steps = {step.path: step for step in found.steps}
    assert (steps["outer"].starts_s, steps["outer"].ends_s) == (1.0, 6.0)
    assert (steps["outer/c"].starts_s, steps["outer/c"].ends_s, steps["outer/c"].stage) == (3.0, 6.0, 2)
    assert [path for path, step in steps.items() if step.critical] == ["a", "outer", "outer/b", "outer/c"]


def test_why_a_step_may_be_skipped() -> None:
    found = looked_at(
        steps_flow("""
  - {name: a, executor: note, on_error: {fallback: f}}
  - {name: f, executor: note}
  - {name: b, executor: note, condition: "{{ steps.a.pages > 3 }}"}
  - {name: c, executor: note, depends_on: [a, b], require: any}
  - name: route
    switch:
      - {name: long, when: steps.a.pages > 9, steps: [{name: d, executor: note}]}
      - {name: short, steps: [{name: e, executor: note}]}
""")
    )
    assert {step.path: step.skips for step in found.steps if step.skips} == {
        "f": ("runs only when a failed",),
        "b": ("unless steps.a.pages > 3",),
        "c": ("if none of a, b succeeded",),
        "route/d": ("unless route goes the way long: steps.a.pages > 9",),
        "route/e": ("unless route goes the way short: no other way is taken",),
    }


@pytest.mark.parametrize(
    ("step", "calls"),
    [
        ("executor: priced, config: {prompt: one two}", 2),
        ("executor: priced, config: {prompt: one}, retry: {max_attempts: 4}", 4),
        ("executor: priced, config: {prompt: one}, foreach: {items: [1, 2, 3]}", 3),
        ("executor: priced, config: {prompt: one}, foreach: {items: inputs.some}", 5),
        ("executor: priced, config: {prompt: one}, foreach: {items: inputs.many}", None),
        ("executor: note, foreach: {items: inputs.many}", 0),
        (
            f"steps: [{ONE.format('x')}, {ONE.format('y')}]",
            2,
        ),
        ("switch: [{when: 'true', steps: [{name: x, executor: priced, config: {prompt: a b c}}]}, {steps: []}]", 3),
        ("executor: ask, config: {prompt: x}", None),
    ],
)
def test_how_many_calls_a_run_makes_at_most(step: str, calls: int | None) -> None:
    head = "inputs: {some: {type: array, schema: {maxItems: 5}}, many: {type: array}}\n"
    assert looked_at(steps_flow(f"  - {{name: s, {step}}}\n", head=head)).most_calls == calls


def test_a_fallback_costs_besides_and_a_run_taken_up_again_costs_again() -> None:
    text = steps_flow(
        """
  - {name: a, executor: priced, config: {prompt: one}, on_error: {fallback: b}}
  - {name: b, executor: priced, config: {prompt: one two}}
""",
        head="limits: {max_retries: 1}\n",
    )
    found = looked_at(text)
    assert (found.most_calls, found.most_cost_microusd) == (6, 60)


def test_a_price_that_is_not_known_makes_the_whole_not_known() -> None:
    found = looked_at(PIPELINE.replace("plays, executor: ask", "plays, executor: priced"))
    assert [step.most_cost_microusd for step in found.steps] == [10, None, None, None]
    assert found.most_cost_microusd is None


def priced_catalog() -> Catalog:
    catalog = Catalog()
    price = Price(input_microusd_per_mtok=1_000_000, output_microusd_per_mtok=2_000_000)
    profile = SimulatedProfile(name="small", price=price)
    card = ModelCard(name="small", kind=ModelKind.SIMULATED, context_window=8000, simulated=True)
    catalog.add(card, lambda: SimulatedModel(profile))
    return catalog


def costing(**more: Any) -> Costing:
    return Costing(catalog=priced_catalog(), plan=Plan(members=(), retry=NO_RETRY), **more)


@pytest.mark.parametrize(
    ("config", "calls", "cost_microusd"),
    [
        ({"model": "small", "prompt": "a short text", "max_tokens": 50}, 1, 110),
        ({"model": "small", "prompt": "{{ inputs.text }}", "max_tokens": 50}, 1, 8100),
        ({"models": ["small", {"model": "small", "count": 2}], "prompt": "a short text", "max_tokens": 50}, 3, 330),
        ({"models": ["small"], "retry": {"max_retries": 1}, "prompt": "a short text", "max_tokens": 50}, 2, 220),
        ({"models": ["small", "none"], "prompt": "x"}, None, None),
        ({"models": "{{ inputs.models }}", "prompt": "x"}, None, None),
        ({"model": "none", "prompt": "x"}, None, None),
        ({"model": "{{ inputs.model }}", "prompt": "x"}, None, None),
        ({"prompt": "x"}, None, None),
    ],
)
def test_what_asking_a_model_costs_at_most(
    config: dict[str, Any], calls: int | None, cost_microusd: int | None
) -> None:
    assert asking_cost(config, costing()) == WorstCase(calls=calls, cost_microusd=cost_microusd)


def test_a_flow_with_a_model_of_a_known_price_has_a_most_cost() -> None:
    text = steps_flow("""
  - {name: a, executor: ask, config: {prompt: "{{ run.id }}", model: small}, retry: {max_attempts: 2}}
""")
    found = analyse(compiled(text), executors=small_executors(), costing=costing())
    one = asking_cost({"prompt": "{{ run.id }}", "model": "small"}, costing()).cost_microusd
    assert one is not None
    assert (found.most_calls, found.most_cost_microusd) == (2, 2 * one)


def test_a_step_that_names_nobody_asks_the_usual_models() -> None:
    found = asking_cost({"prompt": "a short text", "max_tokens": 50}, costing(models=("small", "small")))
    assert found == WorstCase(calls=2, cost_microusd=220)


@pytest.fixture
def saved(tmp_path: Path) -> PromptFolder:
    (tmp_path / "plain.yaml").write_text("template: a short text\nmodel: small\nparameters: {max_tokens: 50}\n")
    (tmp_path / "above.yaml").write_text(
        "template: about {{ inner }}\nmodel: small\nmax_tokens: 50\nchildren: {inner: plain}\n"
    )
    folder = PromptFolder(tmp_path, priced_catalog(), defaults=Plan(members=(), retry=NO_RETRY))
    folder.load()
    return folder


@pytest.mark.parametrize(
    ("name", "calls", "cost_microusd"), [("plain", 1, 110), ("above", 2, 8210), ("none", None, None)]
)
def test_a_saved_prompt_costs_what_it_and_its_children_ask(
    saved: PromptFolder, name: str, calls: int | None, cost_microusd: int | None
) -> None:
    found = PromptExecutor().worst_case({"prompt": name}, costing(prompts=saved))
    assert found == WorstCase(calls=calls, cost_microusd=cost_microusd)


def test_other_flows_count_as_they_are_run() -> None:
    executors = standard_executors()
    executors.add(PricedExecutor())
    inner = compiled(steps_flow("  - {name: a, executor: priced, config: {prompt: a b}}\n"), executors=executors)
    large = compiled(steps_flow("  - {name: a, executor: priced, config: {prompt: a b c}}\n"), executors=executors)
    flows = {"inner": (inner,), "large": (large,), "both": (inner, large)}

    def plans(name: str, version: str | None) -> Sequence[FlowPlan]:
        assert version is None
        if name not in flows:
            raise NotFound(name)
        return flows[name]

    def most(step: str) -> int | None:
        plan = compiled(steps_flow(f"  - {{name: s, {step}}}\n"), executors=executors)
        return analyse(plan, executors=executors, costing=costing(plans=plans)).most_calls

    assert most("executor: flow_executor, config: {flow: inner}") == 2
    assert most("executor: flow_executor, config: {flow: both}") == 3
    assert most("executor: flow_pipeline, config: {flows: [inner, large]}") == 5
    assert most("executor: flow_router, config: {routes: [{when: x, flow: inner}, {flow: large}]}") == 3
    assert most("executor: flow_router, config: {flow: '{{ run.id }}', allow: [inner], default: large}") == 3
    assert most("executor: flow_executor, config: {flow: none}") is None
    assert most("executor: flow_executor, config: {flow: '{{ run.id }}'}") is None


def test_many_flows_that_run_each_other_are_reckoned_once_each() -> None:
    executors = standard_executors()
    executors.add(PricedExecutor())
    flows: dict[str, FlowPlan] = {}
    below = "{executor: priced, config: {prompt: a}"
    for number in range(12):
        steps = "".join(f"  - {below.replace('{', f'{{name: s{step}, ', 1)}}}\n" for step in range(9))
        flows[f"f{number}"] = compiled(steps_flow(steps, head=f"description: {number}\n"), executors=executors)
        below = f"{{executor: flow_executor, config: {{flow: f{number}}}"

    def plans(name: str, version: str | None) -> Sequence[FlowPlan]:
        return (flows[name],) if version is None else ()

    found = analyse(flows["f11"], executors=executors, costing=costing(plans=plans))
    assert found.most_calls == 9**12


def test_a_flow_that_runs_itself_has_no_known_most() -> None:
    executors = standard_executors()
    plan = compiled(steps_flow("  - {name: s, executor: flow_executor, config: {flow: self}}\n"), executors=executors)

    def plans(name: str, version: str | None) -> Sequence[FlowPlan]:
        assert (name, version) == ("self", None)
        return (plan,)

    found = analyse(plan, executors=executors, costing=costing(plans=plans))
    assert (found.most_calls, found.most_cost_microusd) == (None, None)


def test_the_limit_holds_for_what_is_under_way_at_once() -> None:
    text = steps_flow("  - {name: a, executor: note, foreach: {items: '{{ [1] }}', max_parallel: 9}}\n")
    assert looked_at(text).most_parallel == 9
    assert looked_at("limits: {concurrency: 4}\n" + text).most_parallel == 4


def test_a_loop_over_a_written_list_is_no_wider_than_the_list() -> None:
    assert looked_at(steps_flow("  - {name: a, executor: note, foreach: {items: [1, 2]}}\n")).most_parallel == 2


def test_the_analysis_is_plain_json() -> None:
    found = looked_at(PIPELINE, **SECONDS).to_dict()
    assert json.loads(json.dumps(found)) == found


def test_the_text_has_a_line_for_each_step() -> None:
    text = analysis_text(looked_at(PIPELINE, **SECONDS))
    assert "2*     briefing  ask   teams" in text
    assert "critical path: teams -> briefing -> report = 18 s" in text
    assert "one after the other: 25 s; 1.39 times as long" in text
    assert "a run needs at most: calls unknown, cost unknown" in text


Poset = dict[str, list[str]]


@st.composite
def posets(draw: st.DrawFn) -> Poset:
    found: Poset = {}
    for index in range(draw(st.integers(1, 8))):
        found[f"s{index}"] = draw(st.lists(st.sampled_from(list(found)), unique=True)) if found else []
    return found


@given(posets(), st.lists(st.integers(0, 5), min_size=8, max_size=8))
def test_the_most_at_once_is_the_heaviest_set_of_which_none_waits_for_another(needs: Poset, numbers: list[int]) -> None:
    widths = dict(zip(needs, numbers, strict=False))
    before: dict[str, set[str]] = {}
    for name, wanted in needs.items():
        before[name] = set(wanted).union(*(before[each] for each in wanted))
    best = 0
    for size in range(len(needs) + 1):
        for chosen in combinations(needs, size):
            if not any(before[each] & set(chosen) for each in chosen):
                best = max(best, sum(widths[each] for each in chosen))
    assert most_at_once(needs, widths) == best
