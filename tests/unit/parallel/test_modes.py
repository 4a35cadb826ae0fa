import asyncio
from typing import Never

import pytest

from plans import after, ask_virtually, models
from quorate.core.errors import AllFailed, DeadlineExceeded, Failure, InvalidRequest, Rejected, Unavailable
from quorate.model import Call, Model, State
from quorate.model.event import AgreementUpdated
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import FailureStrategy, Member, Mode, Parallelization, Plan
from quorate.parallel.resources import Resources
from quorate.parallel.result import Result
from quorate.parallel.stop import Stopped
from quorate.resilience.fallbacks import Fallbacks
from quorate.resilience.resilient import OnCut, Resilient
from quorate.resilience.retry_policy import RetryPolicy
from quorate.testing import RecordingSink, ScriptedAnswer, ScriptedModel
from quorate.wire.chat import ChatRequest, Message


def states(result: Result) -> dict[str, State]:
    return {outcome.branch: outcome.state for outcome in result.branches}


def test_all_takes_as_long_as_the_slowest_branch() -> None:
    result = ask_virtually(models(a=after(1), b=after(3), c=after(2)))
    assert result.latency.total_s == 3
    assert result.latency.sequential_s == 6
    assert result.speedup == 2
    assert result.stopped is Stopped.ALL_SETTLED
    assert [outcome.state for outcome in result.branches] == [State.FINISHED] * 3


def test_race_ends_with_the_first_success_and_cancels_the_losers() -> None:
    named = models(slow=after(5), fast=after(1), failing=Unavailable("down", provider="p"))
    result = ask_virtually(named, mode=Mode.RACE)
    assert result.latency.total_s == 1
    assert result.chosen == "fast"
    assert result.stopped is Stopped.FIRST_SUCCESS
    assert states(result) == {"slow": State.CANCELLED, "fast": State.FINISHED, "failing": State.FAILED}
    assert named["slow"].cancelled == 1


def test_a_cancelled_loser_costs_what_it_had_used() -> None:
    slow = ScriptedAnswer(pieces=("a", "b", "c", "d"), gap_s=1, cost_microusd=40)
    result = ask_virtually(models(slow=slow, fast=after(1.5, cost_microusd=10)), mode=Mode.RACE)
    loser = result.branches[0]
    assert loser.state is State.CANCELLED
    assert loser.spend.cost_microusd == 20
    assert loser.spend.estimated
    assert result.cost_microusd == 30


def test_quorum_stops_as_soon_as_enough_agree() -> None:
    named = models(a=after(1, "Paris."), b=after(2, "The capital of France is Paris"), c=after(9, "Lyon"))
    result = ask_virtually(named, mode=Mode.QUORUM)
    assert result.latency.total_s == 2
    assert result.stopped is Stopped.AGREEMENT
    assert result.consensus
    assert states(result)["c"] is State.CANCELLED


def test_quorum_goes_on_until_the_answers_agree() -> None:
    named = models(
        a=after(1, "Lyon"), b=after(2, "Paris"), c=after(3, "Paris"), d=after(4, "Paris"), e=after(9, "Rome")
    )
    result = ask_virtually(named, mode=Mode.QUORUM, min_models=2)
    assert result.latency.total_s == 4
    assert result.answer == "Paris"
    assert result.agreement is not None
    assert result.agreement.score == 0.75


def test_quorum_stops_when_the_leader_cannot_be_overtaken() -> None:
    answers = {"a": "Paris", "b": "Paris", "c": "Paris", "d": "Lyon", "e": "Rome"}
    named = models(**{name: after(i + 1.0, text) for i, (name, text) in enumerate(answers.items())})
    result = ask_virtually(named, mode=Mode.QUORUM, threshold=1.0, min_models=4)
    assert result.stopped is Stopped.CANNOT_BE_OVERTAKEN
    assert result.latency.total_s == 4
    assert result.answer == "Paris"
    assert not result.consensus


def test_the_agreement_of_answers_of_one_moment_is_measured_once() -> None:
    sink = RecordingSink()
    ask_virtually(models(a=after(1), b=after(1), c=after(1), d=after(2)), sink=sink)
    assert [event.answered for event in sink.of(AgreementUpdated)] == [3, 4]


def test_a_failure_may_make_the_leader_certain() -> None:
    answers = {"a": "Paris", "b": "Paris", "c": "Paris", "d": "Lyon", "e": "Rome"}
    late = {"f": after(1, error=Rejected("no")), "g": after(50, "Lyon")}
    result = ask_virtually(models(**answers, **late), mode=Mode.QUORUM)
    assert result.stopped is Stopped.CANNOT_BE_OVERTAKEN
    assert result.latency.total_s == 1


def test_quorum_without_agreement_waits_for_all_and_says_so() -> None:
    result = ask_virtually(models(a="Paris", b="Lyon", c="Rome"), mode=Mode.QUORUM)
    assert not result.consensus
    assert result.stopped is Stopped.ALL_SETTLED
    assert result.reason.startswith("no consensus")


def test_quorum_of_too_few_answers_is_a_result_with_a_warning() -> None:
    down = Unavailable("down", provider="p")
    result = ask_virtually(models(a="Paris", b=down, c=down), mode=Mode.QUORUM)
    assert result.answer == "Paris"
    assert not result.consensus
    assert result.agreement is None
    assert "only 1 of at least 2 models answered" in result.warnings


def test_one_failed_branch_disturbs_no_other() -> None:
    result = ask_virtually(models(a="Paris", b=Unavailable("down", provider="p"), c="Paris"))
    assert result.answer == "Paris"
    assert [branch for branch, _ in result.failures] == ["b"]
    assert result.consensus


def test_a_model_that_raises_anything_is_a_failed_branch() -> None:
    class Broken:
        name = "broken"

        def open(self, request: ChatRequest, call: Call) -> Never:
            raise ZeroDivisionError

    result = ask_virtually({**models(a="Paris"), "broken": Broken()})
    assert result.answer == "Paris"
    assert result.failures[0][1].code == "provider_error"


@pytest.mark.parametrize("error", [TimeoutError("its own"), asyncio.CancelledError()])
def test_what_a_model_raises_is_not_taken_for_our_timeout_or_cancellation(error: BaseException) -> None:
    class Broken:
        name = "broken"

        def open(self, request: ChatRequest, call: Call) -> Never:
            raise error

    result = ask_virtually({**models(a="Paris"), "broken": Broken()})
    failure = result.failures[0][1]
    assert failure.message == f"{type(error).__name__} inside the model"
    assert failure.__cause__ is error
    assert result.branches[1].state is State.FAILED


def test_fail_fast_ends_the_plan_with_the_first_failure() -> None:
    named = models(a=after(5), b=ScriptedAnswer(delay_s=1, error=Rejected("bad key", failure=Failure.AUTHENTICATION)))
    with pytest.raises(Rejected, match="bad key"):
        ask_virtually(named, failure_strategy=FailureStrategy.FAIL_FAST)
    assert named["a"].cancelled == 1


def test_all_failed_carries_every_branch() -> None:
    with pytest.raises(AllFailed) as caught:
        ask_virtually(models(a=Unavailable("down"), b=Rejected("no")))
    assert [branch for branch, _ in caught.value.errors] == ["a", "b"]
    assert caught.value.retryable
    assert caught.value.http_status == 502


def test_all_failed_is_429_when_all_were_overloaded() -> None:
    busy = Unavailable("busy", failure=Failure.OVERLOAD, retry_after_s=4)
    later = Unavailable("busy", failure=Failure.OVERLOAD, retry_after_s=2)
    with pytest.raises(AllFailed) as caught:
        ask_virtually(models(a=busy, b=later))
    assert caught.value.http_status == 429
    assert caught.value.retry_after_s == 2


def test_the_only_branchs_error_is_raised_as_it_is() -> None:
    with pytest.raises(Rejected, match="no such model"):
        ask_virtually(models(a=Rejected("no such model")))


def test_disabled_runs_the_same_plan_one_after_another() -> None:
    result = ask_virtually(models(a=after(1), b=after(3), c=after(2)), enabled=False)
    assert result.latency.total_s == 6
    assert result.speedup == 1


def test_disabled_race_asks_nobody_after_the_first_success() -> None:
    named = models(a=after(1), b=after(1))
    result = ask_virtually(named, enabled=False, mode=Mode.RACE)
    assert named["b"].opens == 0
    assert states(result)["b"] is State.CANCELLED


def test_concurrency_is_limited_and_priority_goes_first() -> None:
    named = models(a=after(1), b=after(1), c=after(1), d=after(1))
    members = tuple(Member(model=name, priority=ord(name)) for name in named)
    result = ask_virtually(named, members=members, max_concurrent=2)
    assert result.latency.total_s == 2
    assert [outcome.branch for outcome in result.branches] == ["d", "c", "b", "a"]
    assert max(outcome.started_s for outcome in result.branches[:2]) == 0


def test_a_branch_has_its_own_timeout() -> None:
    result = ask_virtually(models(a=after(10), b=after(1)), timeout_s=2)
    assert result.latency.total_s == 2
    error = result.branches[0].error
    assert isinstance(error, DeadlineExceeded)
    assert "within 2 s" in error.message


def test_the_deadline_keeps_what_has_arrived() -> None:
    result = ask_virtually(models(a=after(10), b=after(1)), deadline_s=3)
    assert result.latency.total_s == 3
    assert result.stopped is Stopped.DEADLINE
    assert result.answer == "Paris"


def test_nothing_before_the_deadline_is_an_error() -> None:
    with pytest.raises(DeadlineExceeded):
        ask_virtually(models(a=after(10)), deadline_s=3)


def test_a_count_makes_copies_with_seeds_of_their_own() -> None:
    named = models(a="Paris")
    request = ChatRequest(messages=(Message(role="user", content="?"),), seed=5)
    result = ask_virtually(named, request, parallelization=Parallelization.STATIC_COUNT, count=3)
    assert [outcome.branch for outcome in result.branches] == ["a#1", "a#2", "a#3"]
    assert [request.seed for request in named["a"].requests] == [5, 6, 7]


def standing_in(named: dict[str, ScriptedModel], name: str, *fallbacks: str) -> Resilient:
    return Resilient(
        named[name],
        fallbacks=Fallbacks(models=fallbacks),
        on_cut=OnCut.ERROR,
        resolve=named.__getitem__,
        window=lambda _: None,
    )


def test_nobody_votes_twice_because_somebody_failed() -> None:
    named = models(a=Unavailable("down"), b="Paris", c=Unavailable("down too"), d="Rome", e="Oslo")
    panel: dict[str, Model] = {**named, "a": standing_in(named, "a", "b", "d"), "c": standing_in(named, "c", "d", "e")}
    result = ask_virtually(panel, members=tuple(Member(model=name) for name in ("a", "b", "c")))
    assert [outcome.text for outcome in result.branches] == ["Rome", "Paris", "Oslo"]
    assert [outcome.attempts for outcome in result.branches] == [2, 1, 2]
    assert named["b"].opens == 1


def test_what_was_tried_again_inside_is_not_tried_again_outside() -> None:
    down = ScriptedModel("m", Unavailable("down"))
    inner = Ensemble(
        name="inner",
        plan=Plan(members=(Member(model="m"),), retry=RetryPolicy(max_retries=2)),
        resources=Resources(resolve={"m": down}.__getitem__),
    )
    with pytest.raises(Unavailable):
        ask_virtually({"inner": inner}, retry=RetryPolicy(max_retries=2))
    assert down.opens == 3


def test_attempts_beyond_the_first_are_shared_by_all_branches() -> None:
    named = models(a=Unavailable("down"), b=Unavailable("down too"), c="Paris")
    result = ask_virtually(named, max_attempts=5, retry=RetryPolicy(max_retries=5))
    assert result.answer == "Paris"
    assert sum(model.opens for model in named.values()) == 5


def test_a_fallback_is_an_attempt() -> None:
    named = models(a=Unavailable("down"), b="Paris", c="Rome")
    panel: dict[str, Model] = {**named, "a": standing_in(named, "a", "c")}
    result = ask_virtually(panel, members=(Member(model="a"), Member(model="b")), max_attempts=2)
    assert result.answer == "Paris"
    assert named["c"].opens == 0


def test_every_branch_has_its_first_attempt() -> None:
    with pytest.raises(InvalidRequest, match="2 branches") as caught:
        ask_virtually(models(a="Paris", b="Paris"), max_attempts=1)
    assert caught.value.param == "max_attempts"
