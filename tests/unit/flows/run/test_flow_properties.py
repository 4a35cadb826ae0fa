"""Whatever the graph, the order of ends and the moment of a crash: the same outputs, and nothing done twice."""

from dataclasses import dataclass
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from flow_journal import KeptJournal
from flow_site import FlowSite, Shown, flow, step
from quorate.flows.outcome import FlowResult, RunStatus
from quorate.flows.plan import FlowLimits, FlowPlan, Foreach, StepKind, StepPlan
from quorate.templating.value import Scope
from quorate.testing import run_virtual


@dataclass(frozen=True)
class _Node:
    """A step: its needs by number, its delays, and what it is (`leaf`, `loop`, `group`, `loop of group`, `flow`)."""

    needs: tuple[int, ...]
    delays: tuple[int, ...]
    kind: str


@st.composite
def _graphs(draw: st.DrawFn) -> list[_Node]:
    nodes: list[_Node] = []
    for number in range(draw(st.integers(1, 8))):
        needs = draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set[int]()
        delays = draw(st.lists(st.integers(0, 4), min_size=3, max_size=3))
        kind = draw(st.sampled_from(["leaf", "leaf", "loop", "group", "loop of group", "flow"]))
        nodes.append(_Node(needs=tuple(sorted(needs)), delays=tuple(delays), kind=kind))
    return nodes


def _sum(value: Any) -> int:
    if isinstance(value, dict):
        return sum(_sum(each) for each in cast("dict[str, Any]", value).values())
    if isinstance(value, list):
        return sum(_sum(each) for each in cast("list[Any]", value))
    return int(value)


def _of_needs(node: _Node, number: int, scope: Scope) -> int:
    return number + sum(_sum(scope["steps"][f"s{need}"]["output"]) for need in node.needs)


def _planned(node: _Node, number: int) -> StepPlan:
    needs = [f"s{need}" for need in node.needs]
    name = f"s{number}"
    items = Foreach(items=Shown(lambda scope: [1, 2, 3]), max_parallel=2)
    inner = (
        step(f"i{number}", config=Shown(lambda s: {"gives": _own(s, node, number), "after_s": node.delays[0]})),
        step(
            f"j{number}",
            f"i{number}",
            config=Shown(lambda s: {"gives": 1 + _sum(s["steps"][f"i{number}"]["output"]), "after_s": node.delays[1]}),
        ),
    )
    own = Shown(lambda s: {"gives": _own(s, node, number), "after_s": node.delays[_index(s)]})
    match node.kind:
        case "loop":
            return step(name, *needs, config=own, foreach=items)
        case "group":
            return step(name, *needs, kind=StepKind.GROUP, steps=inner)
        case "loop of group":
            return step(name, *needs, kind=StepKind.GROUP, steps=inner, foreach=items)
        case "flow":
            asks = Shown(lambda s: {"flow": "below", "inputs": {"n": _own(s, node, number)}})
            return step(name, *needs, config=asks)
        case _:
            return step(name, *needs, config=own)


def _own(scope: Scope, node: _Node, number: int) -> int:
    return _of_needs(node, number, scope) + scope.get("item", 0)


def _index(scope: Scope) -> int:
    return int(scope["loop"]["index"]) if "loop" in scope else 0


def _expected(nodes: list[_Node]) -> dict[str, Any]:
    """Return the outputs by doing one step after the other."""
    outputs: dict[str, Any] = {}
    for number, node in enumerate(nodes):
        own = number + sum(_sum(outputs[f"s{need}"]) for need in node.needs)

        def inside(value: int, number: int = number) -> dict[str, int]:
            return {f"i{number}": value, f"j{number}": value + 1}

        match node.kind:
            case "loop":
                outputs[f"s{number}"] = [own + 1, own + 2, own + 3]
            case "group":
                outputs[f"s{number}"] = inside(own)
            case "loop of group":
                outputs[f"s{number}"] = [inside(own + item) for item in (1, 2, 3)]
            case "flow":
                outputs[f"s{number}"] = {"one": own, "two": own + 1}
            case _:
                outputs[f"s{number}"] = own
    return outputs


def _below() -> FlowPlan:
    one = step("one", config=Shown(lambda s: {"gives": s["inputs"]["n"], "after_s": 1}))
    two = step("two", "one", config=Shown(lambda s: {"gives": s["steps"]["one"]["output"] + 1}))
    return flow(one, two, name="below")


async def _crashed_and_resumed(plan: FlowPlan, crashes: list[int], *, keeps_last: bool) -> tuple[FlowResult, list[str]]:
    """Run a flow whose worker dies at each of these writes; return the end, and what was done though it was kept."""
    journal = KeptJournal(keeps_last=keeps_last)
    site = FlowSite(plan, _below(), journal=journal)
    run = await site.begun()
    twice: list[str] = []
    for crash in crashes:
        before = set(journal.rows[run].outcomes)
        site.do.ran.clear()
        work = await journal.dies_under(site.work(run), crash)
        twice.extend(path for path in site.do.ran if path in before)
        if journal.rows[run].status.is_final:
            return work.result(), twice
    before = set(journal.rows[run].outcomes)
    site.do.ran.clear()
    result = await site.work(run)
    twice.extend(path for path in site.do.ran if path in before)
    return result, twice


@given(
    nodes=_graphs(),
    crashes=st.lists(st.integers(0, 12), max_size=3),
    keeps_last=st.booleans(),
    concurrency=st.integers(1, 5),
)
def test_a_run_that_crashed_ends_like_one_that_was_done_in_order(
    nodes: list[_Node], crashes: list[int], keeps_last: bool, concurrency: int
) -> None:
    plan = flow(
        *(_planned(node, number) for number, node in enumerate(nodes)), limits=FlowLimits(concurrency=concurrency)
    )
    result, twice = run_virtual(_crashed_and_resumed(plan, crashes, keeps_last=keeps_last))
    assert result.status is RunStatus.SUCCEEDED
    assert result.outputs == _expected(nodes)
    assert twice == []
