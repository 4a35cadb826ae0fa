"""The limit of each wait: the least of the phase's, what is left of the total, and of the call."""

import pytest

from quorate.core.clock import Deadline, ManualClock
from quorate.core.errors import DeadlineExceeded, Unavailable
from quorate.providers.transport import Phase, PhaseLimits, PhaseTimer

NONE = PhaseLimits(connect_s=None, headers_s=None, idle_s=None, total_s=None)


def test_without_limits_nothing_ends_a_wait() -> None:
    timer = PhaseTimer(NONE, Deadline(clock=ManualClock()))
    timer.headers_arrived()
    assert all(timer.limit(phase).seconds is None for phase in Phase)


@pytest.mark.parametrize(
    ("limits", "call_s", "passed_s", "seconds", "kind", "word"),
    [
        (PhaseLimits(connect_s=1, total_s=5), None, 0, 1, Unavailable, "no connection within 1 s"),
        (PhaseLimits(connect_s=1, total_s=5), None, 4.5, 0.5, Unavailable, "no end of the answer within 5 s"),
        (PhaseLimits(connect_s=1, total_s=5), 3, 2.5, 0.5, DeadlineExceeded, "the call's deadline"),
        (PhaseLimits(connect_s=1, total_s=5), None, 9, 0, Unavailable, "within 5 s"),
    ],
)
def test_the_least_counts_and_is_told(
    limits: PhaseLimits, call_s: float | None, passed_s: float, seconds: float, kind: type[Exception], word: str
) -> None:
    clock = ManualClock()
    timer = PhaseTimer(limits, Deadline.after(clock, call_s))
    clock.advance(passed_s)
    limit = timer.limit(Phase.CONNECT)
    assert limit.seconds == pytest.approx(seconds)
    assert type(limit.error()) is kind
    assert word in limit.error().message


def test_the_first_tokens_time_runs_on_through_heartbeats_if_it_was_set() -> None:
    clock = ManualClock()
    timer = PhaseTimer(PhaseLimits(first_token_s=8), Deadline(clock=clock))
    clock.advance(3)
    timer.headers_arrived()
    clock.advance(6)
    assert timer.limit(Phase.FIRST_TOKEN).seconds == pytest.approx(2)
    assert "within 8 s" in timer.limit(Phase.FIRST_TOKEN).error().message
    assert timer.limit(Phase.IDLE).seconds == 30


def test_else_each_heartbeat_gives_it_again() -> None:
    clock = ManualClock()
    timer = PhaseTimer(PhaseLimits(), Deadline(clock=clock))
    timer.headers_arrived()
    clock.advance(50)
    assert timer.limit(Phase.FIRST_TOKEN).seconds == 60
