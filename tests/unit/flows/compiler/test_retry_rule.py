"""How a step is tried again, by what its flow says."""

import pytest

from flow_compiling import compiled, steps_flow
from quorate.flows.plan import Backoff, Jitter, RetryRule


def _rule(written: str) -> RetryRule:
    return compiled(steps_flow(f"  - {{name: a, executor: note, retry: {written}}}\n")).steps[0].retry


def test_a_delay_is_as_long_as_written() -> None:
    assert _rule("{delay: 300}").most_s == 300
    assert _rule("{delay: 2}").most_s == 60
    assert _rule("{delay: 300, max_delay: 30}").most_s == 30


@pytest.mark.parametrize(
    ("written", "backoff", "jitter"),
    [
        ("{backoff_strategy: fixed}", Backoff.FIXED, Jitter.NONE),
        ("{backoff_strategy: fixed, jitter: full}", Backoff.FIXED, Jitter.FULL),
        ("{backoff_strategy: linear}", Backoff.LINEAR, Jitter.FULL),
        ("{backoff_strategy: exponential, jitter: none}", Backoff.EXPONENTIAL, Jitter.NONE),
        ("{}", Backoff.EXPONENTIAL, Jitter.FULL),
    ],
)
def test_a_fixed_delay_varies_only_where_that_is_asked_for(written: str, backoff: Backoff, jitter: Jitter) -> None:
    assert (_rule(written).backoff, _rule(written).jitter) == (backoff, jitter)
