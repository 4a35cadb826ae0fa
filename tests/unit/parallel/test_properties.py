"""What must hold whatever the timing: the order of arrival, and a cancellation at any moment."""

import asyncio

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans import CAPITAL, ask_virtually, models, plan, virtual_call
from quorate.core.errors import QuorateError, Unavailable
from quorate.model import Spend
from quorate.model.event import BranchCancelled, BranchFailed, BranchFinished
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import Member, Mode, Select, Synthesis
from quorate.parallel.resources import Resources
from quorate.parallel.stop import Stopped
from quorate.resilience.retry_policy import RetryPolicy
from quorate.testing import RecordingSink, ScriptedAnswer, ScriptedModel, VirtualLoop, run_virtual
from quorate.wire.chat import user_request

TEXTS = ("Paris", "The capital of France is Paris.", "Lyon", "Rome", "I don't know")
delays = st.lists(st.integers(0, 6), min_size=5, max_size=5)


@given(delays, st.permutations(TEXTS))
def test_once_all_have_answered_the_order_of_arrival_changes_nothing(waits: list[int], texts: list[str]) -> None:
    def run(waits: list[int]) -> tuple[object, ...]:
        answers = {
            f"m{i}": ScriptedAnswer(text=text, delay_s=wait)
            for i, (text, wait) in enumerate(zip(texts, waits, strict=True))
        }
        result = ask_virtually(models(**answers), mode=Mode.QUORUM, threshold=1.0, min_models=5)
        assert result.agreement is not None
        return result.answer, result.chosen, result.agreement.score, result.agreement.clusters

    assert run(waits) == run([0] * 5)


@given(delays, st.lists(st.sampled_from(TEXTS), min_size=5, max_size=5))
def test_a_quorum_that_stopped_early_had_its_agreement_among_those_received(waits: list[int], texts: list[str]) -> None:
    answers = {
        f"m{i}": ScriptedAnswer(text=text, delay_s=wait)
        for i, (text, wait) in enumerate(zip(texts, waits, strict=True))
    }
    result = ask_virtually(models(**answers), mode=Mode.QUORUM)
    answered = [outcome for outcome in result.branches if outcome.ok]
    if result.stopped is Stopped.AGREEMENT:
        assert result.agreement is not None
        assert result.agreement.score >= 0.7
        assert len(answered) >= 3
    else:
        assert not result.consensus or len(answered) == 5


@given(st.permutations(TEXTS), st.permutations(range(5)), st.sampled_from(list(Mode)), st.integers(1, 3))
def test_answers_of_one_moment_are_all_counted_whatever_their_order(
    texts: list[str], order: list[int], mode: Mode, needed: int
) -> None:
    def run(priorities: list[int]) -> tuple[object, ...]:
        answers = {f"m{i}": ScriptedAnswer(text=text, delay_s=1) for i, text in enumerate(texts)}
        members = tuple(Member(model=f"m{i}", priority=priority) for i, priority in enumerate(priorities))
        result = ask_virtually(models(**answers), mode=mode, min_models=needed, members=members)
        assert result.agreement is not None
        assert len(result.agreement.indexes) == sum(outcome.ok for outcome in result.branches)
        return result.agreement.score, result.stopped, {outcome.state for outcome in result.branches}

    assert run(order) == run([0] * 5)


@given(delays, st.sampled_from(list(Mode)), st.sampled_from([Select.FIRST, Select.CONSENSUS]), st.integers(0, 3))
def test_every_branch_ends_exactly_once(waits: list[int], mode: Mode, select: Select, failing: int) -> None:
    down = Unavailable("down")
    answers = {
        f"m{i}": ScriptedAnswer(text="Paris", delay_s=wait, error=down if i < failing else None)
        for i, wait in enumerate(waits)
    }
    sink = RecordingSink()
    result = ask_virtually(models(**answers), mode=mode, select=select, sink=sink, max_concurrent=3)
    ends = [event.branch for event in sink.events if isinstance(event, BranchFinished | BranchFailed | BranchCancelled)]
    assert sorted(ends) == sorted(outcome.branch for outcome in result.branches)
    assert len(result.branches) == 5
    assert sum((outcome.spend for outcome in (*result.branches, *result.helpers)), Spend()) == result.spend


def _panel() -> dict[str, ScriptedModel]:
    return {
        "a": ScriptedModel(
            "a", Unavailable("down"), ScriptedAnswer(pieces=("Pa", "ris"), delay_s=1, gap_s=1, cost_microusd=8)
        ),
        "b": ScriptedModel("b", ScriptedAnswer(pieces=("Ly", "on"), delay_s=2, gap_s=1, cost_microusd=8)),
        "c": ScriptedModel("c", ScriptedAnswer(pieces=("Par", "is"), delay_s=3, gap_s=1, cost_microusd=8)),
        "writer": ScriptedModel("writer", ScriptedAnswer(pieces=("done", "."), delay_s=1, gap_s=1)),
    }


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("select", [Select.CONSENSUS, Select.SYNTHESIS, Select.PROMPT_SELECTOR])
def test_cancelling_after_any_number_of_turns_leaves_nothing_behind(mode: Mode, stream: bool, select: Select) -> None:
    """Cancel the call after 0, 1, 2, ... turns of the loop until it is faster than the cancellation."""
    for turns in range(400):
        named = _panel()
        finished = run_virtual(_cancel_after(turns, named, mode=mode, stream=stream, select=select))
        assert all(model.running == 0 for model in named.values()), f"after {turns} turns"
        if finished:
            return
    pytest.fail("the plan never ended")


@pytest.mark.parametrize("stream", [False, True])
def test_cancelling_peer_reviews_after_any_number_of_turns_leaves_nothing_behind(stream: bool) -> None:
    for turns in range(400):
        named = _panel()
        finished = run_virtual(
            _cancel_after(turns, named, mode=Mode.ALL, stream=stream, select=Select.SYNTHESIS, reviewed=True)
        )
        assert all(model.running == 0 for model in named.values()), f"after {turns} turns"
        if finished:
            return
    pytest.fail("the plan never ended")


async def _cancel_after(
    turns: int, named: dict[str, ScriptedModel], *, mode: Mode, stream: bool, select: Select, reviewed: bool = False
) -> bool:
    members = plan({name: model for name, model in named.items() if name != "writer"}).members
    retrying = plan(
        named,
        members=members,
        mode=mode,
        select=select,
        synthesis=Synthesis.RANK_THEN_FUSE if reviewed else Synthesis.WEIGHTED_MERGE,
        judge="writer",
        synthesiser="writer",
        retry=RetryPolicy(max_retries=1, delay_s=0.5, jitter=False),
    )
    call = virtual_call()
    ensemble = Ensemble(name="panel", plan=retrying, resources=Resources(resolve=named.__getitem__))
    request = msgspec.structs.replace(user_request(CAPITAL), stream=stream or None)

    async def consume() -> None:
        async with ensemble.open(request, call) as reply:
            if stream:
                async for _ in reply:
                    pass
            await reply.completion()

    task = asyncio.ensure_future(consume())
    for _ in range(turns):
        if task.done():
            break
        await _turn()
    ended = task.done()
    task.cancel()
    await asyncio.wait([task])
    assert len(asyncio.all_tasks()) == 1, f"{len(asyncio.all_tasks()) - 1} tasks left"
    answered = sum(named[member.model].finished for member in members)
    charged = {id(asked.budget): asked.budget.spend for model in named.values() for asked in model.calls}
    assert call.budget.spend == sum(charged.values(), Spend())
    assert call.budget.spend.known_microusd >= 8 * answered
    if ended and not task.cancelled() and (error := task.exception()) is not None:
        assert isinstance(error, QuorateError)
    return ended


async def _turn() -> None:
    """Let the loop turn once; when nothing is ready, time jumps to the next timer."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    await asyncio.sleep(0)
    if not loop._ready:  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType] - no public way to ask whether anything is ready
        await asyncio.sleep(0.25)
