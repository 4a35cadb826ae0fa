"""The circuit: its table, when it opens, who probes, when it closes."""

import random
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from quorate.core.errors import Failure, ProviderError, Rejected, Unavailable
from quorate.resilience.breaker import TRANSITIONS, Breaker, BreakerPolicy, Circuit, Signal
from quorate.resilience.verdict import VERDICTS, Verdict, says_overload, verdict_on

POLICY = BreakerPolicy(failures=3, cooldown_s=8, max_cooldown_s=20)
DOWN = Unavailable("down", failure=Failure.TRANSIENT, upstream_status=503)


def breaker(policy: BreakerPolicy = POLICY) -> Breaker:
    return Breaker(policy, random.Random(7))


def ticket(circuit: Breaker, now_s: float) -> int:
    found = circuit.admit(now_s)
    assert found is not None
    return found


def fail(circuit: Breaker, now_s: float, times: int = 1, error: ProviderError = DOWN) -> None:
    for _ in range(times):
        circuit.failed(ticket(circuit, now_s), now_s, error)


def opened(now_s: float = 100.0) -> Breaker:
    circuit = breaker()
    fail(circuit, now_s, POLICY.failures)
    assert circuit.state is Circuit.OPEN
    return circuit


def test_the_table_is_whole() -> None:
    assert set(TRANSITIONS) == set(product(Circuit, Signal))


@pytest.mark.parametrize(
    ("state", "signal", "then"),
    [
        (Circuit.CLOSED, Signal.FAILED, Circuit.CLOSED),
        (Circuit.CLOSED, Signal.TRIPPED, Circuit.OPEN),
        (Circuit.OPEN, Signal.COOLED, Circuit.HALF_OPEN),
        (Circuit.HALF_OPEN, Signal.SUCCEEDED, Circuit.CLOSED),
        (Circuit.HALF_OPEN, Signal.FAILED, Circuit.OPEN),
    ],
)
def test_the_way_around(state: Circuit, signal: Signal, then: Circuit) -> None:
    assert TRANSITIONS[state, signal] is then


def test_the_page_shows_the_table() -> None:
    page = (Path(__file__).parents[3] / "docs" / "explanation" / "outages.md").read_text(encoding="utf-8")
    page = page.partition("## The circuit")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("|")]
    shown = {
        (Circuit(row[0].replace("-", "_")), Signal(signal)): Circuit(cell.replace("-", "_"))
        for row in rows[2:]
        for signal, cell in zip(rows[0][1:], row[1:], strict=True)
    }
    assert shown == TRANSITIONS


@pytest.mark.parametrize("state", Circuit)
def test_only_a_success_closes(state: Circuit) -> None:
    for signal in set(Signal) - {Signal.SUCCEEDED}:
        if state is not Circuit.CLOSED:
            assert TRANSITIONS[state, signal] is not Circuit.CLOSED


def test_failures_in_a_row_open_it() -> None:
    circuit = breaker()
    fail(circuit, 100, POLICY.failures - 1)
    circuit.succeeded(ticket(circuit, 100), 100)
    fail(circuit, 100, POLICY.failures - 1)
    assert circuit.state is Circuit.CLOSED
    fail(circuit, 100)
    assert circuit.state is Circuit.OPEN
    assert circuit.admit(100) is None


def test_failures_far_apart_are_not_in_a_row() -> None:
    circuit = breaker()
    for turn in range(10):
        fail(circuit, turn * (POLICY.window_s + 1))
    assert circuit.state is Circuit.CLOSED


@pytest.mark.parametrize(("calls", "state"), [(18, Circuit.CLOSED), (20, Circuit.OPEN)])
def test_a_share_of_failures_opens_it_from_the_least_number_of_calls_on(calls: int, state: Circuit) -> None:
    circuit = breaker()
    for turn in range(calls // 2):
        circuit.succeeded(ticket(circuit, 100 + turn), 100 + turn)
        fail(circuit, 100 + turn)
    assert circuit.state is state


def test_the_share_forgets_what_is_older_than_the_window() -> None:
    circuit = breaker(BreakerPolicy(failures=1000, min_calls=10, window_s=30))
    fail(circuit, 100, 9)
    fail(circuit, 131)
    assert circuit.state is Circuit.CLOSED
    for _ in range(12):
        circuit.succeeded(ticket(circuit, 131), 131)
    fail(circuit, 132, 10)
    assert circuit.state is Circuit.CLOSED  # 12 of 24 are there with the next one
    fail(circuit, 132)
    assert circuit.state is Circuit.OPEN


@pytest.mark.parametrize("failure", Failure)
def test_every_failure_has_a_verdict(failure: Failure) -> None:
    circuit = breaker(BreakerPolicy(failures=1))
    fail(circuit, 100, error=ProviderError("x", failure=failure))
    assert (circuit.state is Circuit.CLOSED) == (VERDICTS[failure] is Verdict.NOTHING)


@pytest.mark.parametrize("error", [Rejected("x", failure=Failure.QUOTA), Rejected("x", failure=Failure.AUTHENTICATION)])
def test_a_key_that_is_not_served_opens_it_at_once(error: Rejected) -> None:
    circuit = breaker()
    fail(circuit, 100, error=error)
    assert circuit.state is Circuit.OPEN
    assert circuit.until_s >= 100 + POLICY.max_cooldown_s / 2


def test_a_firewall_does_not_open_it_at_once() -> None:
    forbidden = Rejected("blocked", failure=Failure.AUTHENTICATION, upstream_status=403)
    assert verdict_on(forbidden) is Verdict.OUTAGE
    circuit = breaker()
    fail(circuit, 100, error=forbidden)
    assert circuit.state is Circuit.CLOSED


@pytest.mark.parametrize(("status", "failure"), [(429, "overload"), (503, "transient"), (529, "overload")])
def test_overload_is_told_from_other_outages(status: int, failure: str) -> None:
    assert says_overload(Unavailable("x", failure=Failure(failure), upstream_status=status))
    assert not says_overload(Unavailable("x", failure=Failure.TRANSIENT, upstream_status=500))


def test_a_success_after_the_cooldown_closes_it() -> None:
    circuit = opened()
    probe = ticket(circuit, circuit.until_s)
    assert circuit.state is Circuit.HALF_OPEN
    assert circuit.succeeded(probe, circuit.until_s + 1)
    assert (circuit.state, circuit.failures, circuit.refused_s(200)) == (Circuit.CLOSED, 0, None)


def test_the_cooldown_grows_while_probes_fail_up_to_its_cap() -> None:
    circuit = opened()
    waits = list[float]()
    now_s = 100.0
    for _ in range(6):
        waits.append(circuit.until_s - now_s)
        now_s = circuit.until_s
        fail(circuit, now_s)
    assert 4 <= waits[0] <= 8 <= waits[1] <= 16
    assert all(10 <= wait <= 20 for wait in waits[2:])
    assert len(set(waits)) == len(waits)
    circuit.succeeded(ticket(circuit, circuit.until_s), circuit.until_s)
    fail(circuit, circuit.until_s, POLICY.failures)
    assert circuit.opened == 8


def test_the_provider_may_say_how_long_within_the_cap() -> None:
    for asked_s, wait_s in ((15.0, 15.0), (3600.0, 20.0)):
        circuit = breaker()
        fail(circuit, 0, POLICY.failures, Unavailable("x", failure=Failure.OVERLOAD, retry_after_s=asked_s))
        assert circuit.until_s == wait_s


def test_what_left_before_it_opened_says_nothing_afterwards() -> None:
    circuit = breaker()
    old = ticket(circuit, 100)
    fail(circuit, 100, POLICY.failures)
    until_s = circuit.until_s
    assert not circuit.succeeded(old, 101)
    assert not circuit.failed(old, 101, DOWN)
    probe = ticket(circuit, until_s)
    assert not circuit.succeeded(old, until_s)
    circuit.abandoned(old)
    assert circuit.admit(until_s) is None
    assert circuit.succeeded(probe, until_s)


@pytest.mark.parametrize("by", ["cancel", "bad request"])
def test_a_probe_that_tells_nothing_leaves_its_place_to_the_next(by: str) -> None:
    circuit = opened()
    now_s = circuit.until_s
    probe = ticket(circuit, now_s)
    assert circuit.admit(now_s) is None
    assert circuit.refused_s(now_s)
    if by == "cancel":
        circuit.abandoned(probe)
    else:
        circuit.failed(probe, now_s, Rejected("x"))
    assert circuit.succeeded(ticket(circuit, now_s), now_s)


def test_a_probe_that_takes_long_lets_another_in_and_still_counts() -> None:
    circuit = opened()
    began_s = circuit.until_s
    long = ticket(circuit, began_s)
    assert circuit.refused_s(began_s + 1) == POLICY.cooldown_s
    assert circuit.admit(began_s + POLICY.max_cooldown_s - 1) is None
    second = ticket(circuit, began_s + POLICY.max_cooldown_s)
    circuit.abandoned(long)
    assert circuit.admit(began_s + POLICY.max_cooldown_s) is None
    assert circuit.succeeded(long, began_s + 30)
    assert not circuit.failed(second, began_s + 31, DOWN)
    assert circuit.state is Circuit.CLOSED


def test_others_can_open_and_close_it() -> None:
    circuit = breaker()
    circuit.open_until(50)
    assert (circuit.admit(49), circuit.opened) == (None, 1)
    circuit.open_until(60)
    assert (circuit.admit(59), circuit.opened) == (None, 1)
    circuit.close()
    assert circuit.admit(59) is not None


class Life(RuleBasedStateMachine):
    """Whatever happens in whatever order: one probe at a time, and none while it cools down."""

    def __init__(self) -> None:
        super().__init__()
        self.circuit = Breaker(BreakerPolicy(failures=2, cooldown_s=2, max_cooldown_s=4), random.Random(1))
        self.now_s = 0.0
        self.under_way = list[int]()
        self.probes = dict[int, float]()

    @rule(seconds=st.floats(0, 3))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    @rule()
    def begin(self) -> None:
        cooling = self.circuit.state is Circuit.OPEN and self.now_s < self.circuit.until_s
        given = self.circuit.admit(self.now_s)
        assert not (cooling and given is not None)
        if given is None:
            assert self.circuit.refused_s(self.now_s) is not None
            return
        self.under_way.append(given)
        if self.circuit.state is Circuit.HALF_OPEN:
            self.probes[given] = self.now_s

    @rule(end=st.sampled_from(["succeeded", "failed", "abandoned", "bad"]), which=st.integers(0, 100))
    def finish(self, end: str, which: int) -> None:
        if not self.under_way:
            return
        done = self.under_way.pop(which % len(self.under_way))
        self.probes.pop(done, None)
        match end:
            case "succeeded":
                self.circuit.succeeded(done, self.now_s)
            case "failed":
                self.circuit.failed(done, self.now_s, DOWN)
            case "bad":
                self.circuit.failed(done, self.now_s, Rejected("x"))
            case _:
                self.circuit.abandoned(done)

    @invariant()
    def one_probe(self) -> None:
        if self.circuit.state is Circuit.HALF_OPEN:
            assert len([began_s for began_s in self.probes.values() if self.now_s < began_s + 4]) <= 1
        else:
            self.probes.clear()


TestLife = Life.TestCase


@given(st.integers(0, 2**32))
def test_an_outage_of_a_minute_costs_few_requests_and_ends_within_half_a_minute(seed: int) -> None:
    circuit = Breaker(BreakerPolicy(), random.Random(seed))
    sent_in_outage, back_s = 0, None
    for now_s in range(0, 200, 4):
        given = circuit.admit(now_s)
        if given is None:
            continue
        if now_s < 60:
            sent_in_outage += 1
            circuit.failed(given, now_s, DOWN)
        else:
            circuit.succeeded(given, now_s)
            back_s = now_s if back_s is None else back_s
    assert sent_in_outage <= 5 + 5
    assert back_s is not None
    assert back_s - 60 <= 24
    assert circuit.state is Circuit.CLOSED
