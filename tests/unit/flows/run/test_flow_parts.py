"""The small parts of the interpreter: delays, progress, secrets, places in paths, latencies."""

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flow_site import FlowSite, Shown, flow, step
from quorate.core.errors import BudgetSpent, DeadlineExceeded, NotFound, Rejected, Unavailable
from quorate.core.secret import Secret
from quorate.flows.event import StepFinished
from quorate.flows.executor import StepRejected
from quorate.flows.outcome import StepError, StepOutcome, StepStatus
from quorate.flows.path import ancestors
from quorate.flows.plan import Backoff, Foreach, Jitter, RetryRule, StepKind
from quorate.flows.run.hidden import Hidden, HiddenPieces
from quorate.flows.run.hint import hint_for
from quorate.flows.run.latency import latency_of
from quorate.flows.run.progress import Share
from quorate.flows.run.restart import to_forget
from quorate.flows.run.retry_delay import retry_delay_s
from quorate.testing import run_virtual

BUSY = StepError(stage="a", code="busy", message="later", retryable=True)


def _delay(rule: RetryRule, attempt: int, *, seed: int = 1, remaining_s: float | None = None) -> float | None:
    rng = random.Random(seed)
    return retry_delay_s(rule, BUSY, None, attempt=attempt, remaining_s=remaining_s, rng=rng)


@pytest.mark.parametrize(
    ("backoff", "delays"),
    [(Backoff.FIXED, [2, 2, 2]), (Backoff.LINEAR, [2, 4, 6]), (Backoff.EXPONENTIAL, [2, 6, 10])],
    ids=str,
)
def test_delays_grow_to_a_most(backoff: Backoff, delays: list[float]) -> None:
    rule = RetryRule(max_attempts=9, backoff=backoff, initial_s=2, factor=3, most_s=10, jitter=Jitter.NONE)
    assert [_delay(rule, attempt) for attempt in (1, 2, 3)] == delays


def test_jitter_stays_in_its_part_of_the_delay() -> None:
    half = RetryRule(max_attempts=99, initial_s=8, backoff=Backoff.FIXED, jitter=Jitter.EQUAL)
    full = RetryRule(max_attempts=99, initial_s=8, backoff=Backoff.FIXED, jitter=Jitter.FULL)
    for seed in range(50):
        assert 4 <= (_delay(half, 1, seed=seed) or 0) <= 8
        assert 0 <= (_delay(full, 1, seed=seed) or 0) <= 8


def test_some_errors_are_not_tried_again() -> None:
    assert _delay(RetryRule(max_attempts=3, never=("busy",)), 1) is None
    assert _delay(RetryRule(max_attempts=3, only=("other",)), 1) is None
    assert _delay(RetryRule(max_attempts=3, only=("busy",)), 3) is None
    assert _delay(RetryRule(max_attempts=3, initial_s=5, jitter=Jitter.NONE), 1, remaining_s=5) is None


def test_an_error_without_a_hint_of_its_own_gets_that_of_its_kind() -> None:
    assert "timeout" in hint_for(DeadlineExceeded("late"))
    assert "retry" in hint_for(Unavailable("away"))
    assert "cheaper" in hint_for(BudgetSpent("all gone"))
    assert "another one" in hint_for(Rejected("too long"))
    assert hint_for(StepRejected("no", hint="mend it")) == "mend it"
    assert hint_for(NotFound("no model 'x'; models: y")) == ""


def test_a_share_counts_half_while_it_runs_and_never_too_much() -> None:
    whole = Share(1.0)
    one, two = whole.part(0.75), whole.part(0.25)
    one.begin()
    assert whole.percent == 37.5
    item = one.part(0.5)
    item.end()
    item.end()
    one.end()
    two.end()
    assert whole.percent == 100


def test_items_of_a_loop_move_the_progress() -> None:
    async def go() -> FlowSite:
        loop = Foreach(items=Shown(lambda scope: [1, 2]), max_parallel=1)
        site = FlowSite(flow(step("l", foreach=loop, weight=3), step("z", "l", weight=1)))
        await site.run()
        return site

    ends = run_virtual(go()).sink.of(StepFinished)
    assert [(end.step, end.percent) for end in ends] == [("l[0]", 37.5), ("l[1]", 75), ("l", 75), ("z", 100)]


def test_secrets_go_from_keys_and_values_and_short_ones_stay() -> None:
    hidden = Hidden([Secret("s3cret-1"), Secret("s3cret-1-long"), Secret("abc")])
    given = {"s3cret-1": ["x s3cret-1-long y", 3, None], "abc": "abc"}
    assert hidden.data(given) == {"***": ["x *** y", 3, None], "abc": "abc"}


@given(
    secrets=st.lists(st.text("ab", min_size=6, max_size=9), max_size=3),
    pieces=st.lists(st.text("ab", max_size=7), max_size=12),
)
@example(secrets=["aaaaaa", "aaaaaabb"], pieces=["xaaaaaa", "bb", "x"])
@example(secrets=["abaaab", "abbbbb"], pieces=["abaaab", "aabbb"])
def test_a_secret_is_hidden_wherever_a_text_is_cut(secrets: list[str], pieces: list[str]) -> None:
    hidden = Hidden([Secret(each) for each in secrets])
    said = HiddenPieces(hidden)
    shown = [said.piece(piece) for piece in pieces]
    assert "".join([*shown, said.rest()]) == hidden.text("".join(pieces))


def test_a_piece_that_begins_no_secret_is_shown_at_once() -> None:
    said = HiddenPieces(Hidden([Secret("s3cret-1")]))
    assert [said.piece(piece) for piece in ("hello ", "s3c", "ond s3cret", "-1!")] == ["hello ", "", "s3cond ", "***!"]


def test_the_ancestors_of_a_path_come_from_the_nearest_outwards() -> None:
    assert list(ancestors("a#2/b[3]/c")) == ["a#2/b[3]", "a#2/b", "a#2", "a"]


def test_only_failures_that_nobody_handled_are_forgotten() -> None:
    def ended(path: str, status: StepStatus, handled_by: str = "", reason: str = "") -> tuple[str, StepOutcome]:
        return path, StepOutcome(path=path, status=status, handled_by=handled_by, reason=reason)

    outcomes = dict(
        [
            ended("a", StepStatus.SUCCEEDED),
            ended("b", StepStatus.FAILED, handled_by="continue"),
            ended("c", StepStatus.FAILED),
            ended("c/d", StepStatus.FAILED),
            ended("e", StepStatus.SKIPPED, reason="run stopped"),
            ended("f", StepStatus.SKIPPED, reason="inputs.n > 2"),
            ended("g", StepStatus.CANCELLED),
            ended("finally/x", StepStatus.SUCCEEDED),
            ended("sub/catch/y", StepStatus.SUCCEEDED),
        ]
    )
    assert to_forget(outcomes) == ["c", "e", "finally", "g", "sub/catch"]


def test_latency_counts_what_is_inside_once() -> None:
    group = step("g", kind=StepKind.GROUP, steps=(step("x"), step("y")))
    spans = {"g": (0, 4), "g/x": (0, 3), "g/y": (1, 3), "z": (4, 2)}
    outcomes = {
        path: StepOutcome(path=path, status=StepStatus.SUCCEEDED, started_s=start, latency_s=took)
        for path, (start, took) in spans.items()
    }
    latency = latency_of(flow(group, step("z", "g")), outcomes, prefix="", total_s=6)
    assert (latency.work_s, latency.parallel_s, latency.sequential_s) == (8, 2, 4)
    assert (latency.critical_path_s, latency.groups) == (6, {"g": 4})


def test_data_that_looks_like_a_simulated_answer_is_none() -> None:
    site = FlowSite(flow(step("a", does={"gives": {"simulated": True}})))
    result = run_virtual(site.run())
    assert (result.simulated, result.steps["a"].simulated) == (False, False)
