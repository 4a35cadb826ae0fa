"""The context of a call: parts of it inherit, and chance is reproducible."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.clock import ManualClock
from quorate.core.ids import TenantId
from quorate.model import Call, Charge, TraceContext, Usage, new_call
from quorate.model.event import Event, Warned
from quorate.testing import RecordingSink

names = st.text(min_size=1)


def make(seed: int = 1, timeout_s: float | None = None) -> Call:
    return new_call(clock=ManualClock(), seed=seed, timeout_s=timeout_s)


@given(st.integers(0, 2**63), names, names)
def test_the_same_seed_branch_and_purpose_give_the_same_numbers(seed: int, branch: str, purpose: str) -> None:
    one, two = make(seed).child(branch), make(seed).child(branch)
    one.random("something else").random()  # what ran before does not matter
    assert one.random(purpose).random() == two.random(purpose).random()


def test_other_seeds_branches_and_purposes_give_others() -> None:
    call = make(1)
    drawn = {
        each.random(purpose).random()
        for each in (call, make(2), call.child("a"), call.child("b"), call.child("a").child("b"))
        for purpose in ("x", "y")
    }
    assert len(drawn) == 10


def test_a_child_has_its_path_its_account_and_the_rest_of_its_parent() -> None:
    trace = TraceContext(traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    parent = new_call(clock=ManualClock(), limit_microusd=10, trace=trace, principal="p")
    child = parent.child("panel").child("a#1")
    assert (child.branch, child.depth) == ("panel/a#1", 2)
    assert (child.id, child.seed, child.trace, child.principal) == (parent.id, parent.seed, trace, "p")
    child.budget.charge(Charge(usage=Usage(), cost_microusd=4))
    assert parent.budget.spend.known_microusd == 4
    assert parent.child("other").budget.spend.known_microusd == 0


def test_the_headers_of_a_trace() -> None:
    assert TraceContext(traceparent="00-x").headers == {"traceparent": "00-x"}
    assert TraceContext(traceparent="00-x", tracestate="a=1").headers == {"traceparent": "00-x", "tracestate": "a=1"}


def test_a_child_s_deadline_is_never_later() -> None:
    parent = make(timeout_s=10)
    assert parent.child("a").deadline.remaining_s() == 10
    assert parent.child("a", timeout_s=3).deadline.remaining_s() == 3
    assert parent.child("a", timeout_s=30).deadline.remaining_s() == 10
    assert make().child("a", timeout_s=30).deadline.remaining_s() == 30


def test_time_counts_from_the_beginning() -> None:
    clock = ManualClock()
    clock.advance(100)
    call = new_call(clock=clock)
    clock.advance(2.5)
    assert call.at_s == 2.5
    assert call.child("a").at_s == 2.5


def test_events_reach_the_sink_of_the_whole_call() -> None:
    sink = RecordingSink()
    call = new_call(sink=sink)
    call.child("a").emit(Warned(call_id=call.id, at_s=0.0, code="c", message="m"))
    assert sink.tags == ["warning"]


def test_calls_differ_and_seeds_are_drawn() -> None:
    assert new_call().id != new_call().id
    assert new_call().id.startswith("run_")
    assert len({new_call().seed for _ in range(20)}) == 20
    new_call().emit(Warned(call_id="c", at_s=0.0, code="c", message="nobody watches"))


def test_a_child_keeps_every_field_but_its_place_deadline_and_budget() -> None:
    call = new_call(clock=ManualClock(), params={"n": 3}, seed=4, principal="p", tenant=TenantId("t"))
    child = call.child("a")
    own = {"branch", "depth", "deadline", "budget"}
    kept = {field.name for field in msgspec.structs.fields(Call)} - own
    assert {name: getattr(child, name) for name in kept} == {name: getattr(call, name) for name in kept}


def test_a_sink_that_raises_does_not_break_the_call(caplog: pytest.LogCaptureFixture) -> None:
    def fails(event: Event) -> None:
        raise ValueError(event.call_id)

    call = new_call(clock=ManualClock(), sink=fails)
    call.emit(Warned(call_id=call.id, at_s=0.0, code="c", message="m"))
    assert "an event sink failed on Warned" in caplog.text
