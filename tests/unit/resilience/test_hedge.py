"""Hedged requests, in virtual time."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import pytest

from quorate.core.errors import DeadlineExceeded, Filtered, ProviderError, QuorateError, Unavailable
from quorate.model import Call, Charge, Completion, Delta, Model, Usage, complete, leaf, new_call, opens_reply, stream
from quorate.model.event import BranchHedged
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import Member, Plan
from quorate.parallel.resources import Resources
from quorate.resilience.hedge import Hedging
from quorate.resilience.hedge_policy import HedgePolicy
from quorate.resilience.retry import Retrying
from quorate.resilience.retry_policy import RetryPolicy
from quorate.testing import RecordingSink, ScriptedAnswer, ScriptedModel, VirtualClock, run_virtual
from quorate.wire.chat import ChatRequest, Message
from quorate.wire.stream import ChatChunk, ChunkChoice, ChunkDelta

REQUEST = ChatRequest(messages=(Message(role="user", content="?"),))
STREAM = ChatRequest(messages=REQUEST.messages, stream=True)
#: Every request may be hedged, from the first one on.
AFTER_1_S = HedgePolicy(after_s=1, share=1)
DOWN = Unavailable("down")
SPENT = Usage(prompt_tokens=10, completion_tokens=10)


def call_of(sink: RecordingSink | None = None, timeout_s: float | None = None) -> Call:
    return new_call(clock=VirtualClock(), sink=sink or RecordingSink(), timeout_s=timeout_s, seed=1)


def after(delay_s: float, text: str, *, cost: int = 0) -> ScriptedAnswer:
    return ScriptedAnswer(text=text, delay_s=delay_s, usage=SPENT, cost_microusd=cost)


def failing(delay_s: float, error: QuorateError) -> ScriptedAnswer:
    return ScriptedAnswer(delay_s=delay_s, error=error)


def ended(*models: ScriptedModel) -> bool:
    return not any(model.running for model in models)


async def tasks_left() -> int:
    await asyncio.sleep(0)
    return len(asyncio.all_tasks()) - 1


async def raises(kind: type[QuorateError], work: Awaitable[object]) -> str:
    with pytest.raises(kind) as caught:
        await work
    return caught.value.message


def test_a_quick_answer_is_not_hedged() -> None:
    async def main() -> None:
        model, sink = ScriptedModel("m", after(0.9, "Paris")), RecordingSink()
        call = call_of(sink)
        completion = await complete(Hedging(model, AFTER_1_S), REQUEST, call)
        assert (completion.text, completion.model, call.at_s, model.opens) == ("Paris", "m", 0.9, 1)
        assert sink.events == []

    run_virtual(main())


@pytest.mark.parametrize("request_", [REQUEST, STREAM])
def test_the_second_attempt_wins_when_the_first_is_late(request_: ChatRequest) -> None:
    async def main() -> None:
        slow, quick, sink = (
            ScriptedModel("slow", after(60, "late")),
            ScriptedModel("quick", after(0.5, "Paris")),
            RecordingSink(),
        )
        call = call_of(sink)
        completion = await complete(Hedging(slow, AFTER_1_S, on=[quick]), request_, call)
        assert (completion.text, completion.model, call.at_s) == ("Paris", "quick", 1.5)
        assert (slow.cancelled, quick.finished, await tasks_left()) == (1, 1, 0)
        [hedged] = sink.of(BranchHedged)
        assert (hedged.branch, hedged.model, hedged.hedge, hedged.after_s, hedged.at_s) == (
            "slow",
            "slow",
            "quick",
            1,
            1,
        )

    run_virtual(main())


@pytest.mark.parametrize("request_", [REQUEST, STREAM])
def test_the_first_attempt_wins_against_its_hedge(request_: ChatRequest) -> None:
    async def main() -> None:
        first, second = ScriptedModel("first", after(2, "Paris")), ScriptedModel("second", after(60, "late"))
        call = call_of()
        completion = await complete(Hedging(first, AFTER_1_S, on=[second]), request_, call)
        assert (completion.model, call.at_s) == ("first", 2)
        assert (second.cancelled, await tasks_left()) == (1, 0)

    run_virtual(main())


def test_without_another_model_the_same_one_is_asked_again() -> None:
    async def main() -> None:
        model = ScriptedModel("m", after(60, "late"), after(0.5, "Paris"))
        call = call_of()
        completion = await complete(Hedging(model, AFTER_1_S), REQUEST, call)
        assert (completion.text, call.at_s, model.opens, model.cancelled) == ("Paris", 1.5, 2, 1)

    run_virtual(main())


def test_several_others_take_turns() -> None:
    async def main() -> None:
        slow = ScriptedModel("slow", after(60, "late"))
        others = [ScriptedModel(name, after(0.5, name)) for name in ("a", "b", "c")]
        hedging = Hedging(slow, AFTER_1_S, on=others)
        answered = [(await complete(hedging, REQUEST, call_of())).model for _ in range(6)]
        assert answered == ["a", "b", "c", "a", "b", "c"]

    run_virtual(main())


def test_the_first_token_decides_a_stream_and_the_rest_may_take_its_time() -> None:
    async def main() -> None:
        answer = ScriptedAnswer(pieces=("Pa", "ris"), delay_s=0.6, gap_s=0.3)
        model = ScriptedModel("m", answer)
        call = call_of()
        async with aclosing(stream(Hedging(model, HedgePolicy(after_s=0.7, share=1)), STREAM, call)) as deltas:
            pieces = [(delta.text, round(call.at_s, 3)) async for delta in deltas]
        assert pieces[:2] == [("Pa", 0.6), ("ris", 0.9)]
        assert model.opens == 1

    run_virtual(main())


class Opens:
    """Begins at once with a piece that says nothing, as many providers do, and is silent then."""

    name = "opens"
    cancelled = 0

    @opens_reply
    async def open(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta | Completion]:
        del request
        try:
            yield Delta(chunk=ChatChunk(choices=(ChunkChoice(delta=ChunkDelta(role="assistant")),)))
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.cancelled += 1
            call.budget.charge(Charge(usage=SPENT, cost_microusd=30, estimated=True))
            raise


def test_an_empty_first_piece_is_no_answer() -> None:
    async def main() -> None:
        opens, quick = Opens(), ScriptedModel("quick", ScriptedAnswer(pieces=("", "Pa", "ris"), delay_s=0.5))
        async with aclosing(stream(Hedging(opens, AFTER_1_S, on=[quick]), STREAM, call_of())) as deltas:
            assert "".join([delta.text async for delta in deltas]) == "Paris"
        assert opens.cancelled == 1

    run_virtual(main())


def test_empty_pieces_of_the_hedge_do_not_win() -> None:
    async def main() -> None:
        first, opens = ScriptedModel("first", after(2, "Paris")), Opens()
        assert (await complete(Hedging(first, AFTER_1_S, on=[opens]), STREAM, call_of())).model == "first"
        assert opens.cancelled == 1

    run_virtual(main())


def test_a_long_stream_of_the_second_attempt_waits_for_its_reader() -> None:
    async def main() -> None:
        pieces = tuple(str(number) + " " for number in range(200))
        slow, quick = ScriptedModel("slow", after(60, "late")), ScriptedModel("quick", ScriptedAnswer(pieces=pieces))
        texts: list[str] = []
        async with aclosing(stream(Hedging(slow, AFTER_1_S, on=[quick]), STREAM, call_of())) as deltas:
            async for delta in deltas:
                texts.append(delta.text)
                await asyncio.sleep(0.01)
                assert quick.finished == 0 or len(texts) > 150
        assert "".join(texts) == "".join(pieces)

    run_virtual(main())


def test_a_failure_before_the_hedge_is_the_callers() -> None:
    async def main() -> None:
        model = ScriptedModel("m", failing(0.5, DOWN), "Paris")
        call = call_of()
        assert await raises(Unavailable, complete(Hedging(model, AFTER_1_S), REQUEST, call)) == "down"
        assert (call.at_s, model.opens) == (0.5, 1)

    run_virtual(main())


def test_retries_go_around_the_hedge() -> None:
    async def main() -> None:
        model = ScriptedModel("m", failing(0.5, DOWN), after(0.5, "Paris"))
        retrying = Retrying(Hedging(model, AFTER_1_S), RetryPolicy(delay_s=1, jitter=False))
        assert (await complete(retrying, REQUEST, call_of())).text == "Paris"
        assert model.opens == 2

    run_virtual(main())


@pytest.mark.parametrize("request_", [REQUEST, STREAM])
def test_a_failure_after_the_hedge_leaves_the_answer_to_it(request_: ChatRequest) -> None:
    async def main() -> None:
        first, second = ScriptedModel("first", failing(1.2, DOWN)), ScriptedModel("second", after(2, "Paris"))
        call = call_of()
        completion = await complete(Hedging(first, AFTER_1_S, on=[second]), request_, call)
        assert (completion.model, call.at_s) == ("second", 3)

    run_virtual(main())


def test_a_refusal_is_not_routed_around() -> None:
    async def main() -> None:
        first, second = ScriptedModel("first", failing(1.2, Filtered("no"))), ScriptedModel("second", after(2, "yes"))
        assert await raises(Filtered, complete(Hedging(first, AFTER_1_S, on=[second]), REQUEST, call_of())) == "no"
        assert (second.cancelled, await tasks_left()) == (1, 0)

    run_virtual(main())


@pytest.mark.parametrize(("first_s", "second_s"), [(1.5, 2.0), (3.0, 0.1)])
def test_when_both_fail_the_first_ones_error_is_raised(first_s: float, second_s: float) -> None:
    async def main() -> None:
        first = ScriptedModel("first", failing(first_s, DOWN))
        second = ScriptedModel("second", failing(second_s, Unavailable("also down")))
        call = call_of()
        assert await raises(Unavailable, complete(Hedging(first, AFTER_1_S, on=[second]), REQUEST, call)) == "down"
        assert (call.at_s, first.failed, second.failed) == (3.0, 1, 1)

    run_virtual(main())


def test_a_failing_hedge_disturbs_nobody() -> None:
    async def main() -> None:
        first, second = ScriptedModel("first", after(3, "Paris")), ScriptedModel("second", failing(0.1, DOWN))
        assert (await complete(Hedging(first, AFTER_1_S, on=[second]), REQUEST, call_of())).model == "first"

    run_virtual(main())


class Broken:
    """A model with a fault of its own."""

    name = "broken"

    @opens_reply
    async def open(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta | Completion]:
        del request, call
        yield Delta(chunk=ChatChunk(choices=(ChunkChoice(delta=ChunkDelta(role="assistant")),)))
        raise ValueError("a bug")


def test_a_hedge_with_a_fault_disturbs_nobody() -> None:
    async def main() -> None:
        first = ScriptedModel("first", after(3, "Paris"))
        assert (await complete(Hedging(first, AFTER_1_S, on=[Broken()]), STREAM, call_of())).model == "first"

    run_virtual(main())


def test_a_stream_of_the_hedge_that_breaks_off_raises_its_own_error() -> None:
    async def main() -> None:
        first = ScriptedModel("first", failing(1.2, Unavailable("first")))
        second = ScriptedModel("second", ScriptedAnswer(pieces=("Pa", "ris"), delay_s=1, error=ProviderError("cut")))
        texts: list[str] = []

        async def read() -> None:
            async with aclosing(stream(Hedging(first, AFTER_1_S, on=[second]), STREAM, call_of())) as deltas:
                async for delta in deltas:
                    texts.append(delta.text)  # noqa: PERF401 - kept as it comes, for the error ends it

        assert (await raises(ProviderError, read()), texts) == ("cut", ["Pa", "ris"])

    run_virtual(main())


def test_a_stream_that_has_begun_is_not_given_to_the_hedge() -> None:
    async def main() -> None:
        first = ScriptedModel("first", ScriptedAnswer(pieces=("Pa",), delay_s=2, gap_s=1, error=DOWN))
        second = ScriptedModel("second", after(60, "late"))
        call = call_of()
        await raises(Unavailable, complete(Hedging(first, AFTER_1_S, on=[second]), STREAM, call))
        assert (call.at_s, second.cancelled, await tasks_left()) == (2, 1, 0)

    run_virtual(main())


@pytest.mark.parametrize("first_wins", [True, False])
def test_the_losers_cost_is_charged_when_the_answer_is_there(first_wins: bool) -> None:
    async def main() -> None:
        quick, opens = ScriptedModel("quick", after(1.5, "Paris", cost=10)), Opens()
        first, second = (quick, opens) if first_wins else (opens, quick)
        call = call_of()
        async with Hedging(first, AFTER_1_S, on=[second]).open(STREAM, call) as reply:
            completion = await reply.completion()
            spend = call.budget.spend
        assert (completion.model, completion.cost_microusd) == ("quick", 10)
        assert (spend.usage.prompt_tokens, spend.known_microusd, spend.estimated) == (20, 40, True)

    run_virtual(main())


@pytest.mark.parametrize("at_s", [0.5, 1.0, 1.2, 1.6])
@pytest.mark.parametrize("request_", [REQUEST, STREAM])
def test_cancelling_ends_both(at_s: float, request_: ChatRequest) -> None:
    async def main() -> None:
        first = ScriptedModel("first", after(60, "late"))
        second = ScriptedModel("second", ScriptedAnswer(pieces=("Pa", "ris"), delay_s=0.5, gap_s=60))
        work = complete(Hedging(first, AFTER_1_S, on=[second]), request_, call_of())
        async with asyncio.TaskGroup() as group:
            task = group.create_task(work)
            await asyncio.sleep(at_s)
            task.cancel()
        assert task.cancelled()
        assert ended(first, second)
        assert await tasks_left() == 0

    run_virtual(main())


class Cancels:
    """A model that speaks, and whose caller is cancelled before anybody has heard it."""

    name = "cancels"
    caller: "asyncio.Task[Completion] | None" = None

    @opens_reply
    async def open(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta | Completion]:
        del request, call
        yield Delta(chunk=ChatChunk(choices=(ChunkChoice(delta=ChunkDelta(content="Paris")),)))
        assert self.caller is not None
        self.caller.cancel()
        await asyncio.sleep(60)


def test_a_cancellation_in_the_moment_of_the_hedges_win_is_not_lost() -> None:
    async def main() -> None:
        first, second = ScriptedModel("first", after(60, "late")), Cancels()
        async with asyncio.TaskGroup() as group:
            second.caller = group.create_task(complete(Hedging(first, AFTER_1_S, on=[second]), STREAM, call_of()))
        assert second.caller.cancelled()
        assert (first.cancelled, asyncio.get_running_loop().time(), await tasks_left()) == (1, 1, 0)

    run_virtual(main())


def test_the_hedges_win_leaves_no_cancellation_behind() -> None:
    async def main() -> None:
        first, second = ScriptedModel("first", after(60, "late")), ScriptedModel("second", after(0.5, "Paris"))
        async with asyncio.timeout(5):
            await complete(Hedging(first, AFTER_1_S, on=[second]), REQUEST, call_of())
            task = asyncio.current_task()
            assert task is not None
            assert task.cancelling() == 0
            await asyncio.sleep(1)

    run_virtual(main())


def test_leaving_a_stream_early_ends_both() -> None:
    async def main() -> None:
        first = ScriptedModel("first", after(60, "late"))
        second = ScriptedModel("second", ScriptedAnswer(pieces=("Pa", "ris"), delay_s=0.5, gap_s=60))
        async with Hedging(first, AFTER_1_S, on=[second]).open(STREAM, call_of()) as reply:
            assert (await anext(reply)).text == "Pa"
        assert (first.cancelled, second.cancelled, await tasks_left()) == (1, 1, 0)

    run_virtual(main())


def test_the_deadline_ends_both() -> None:
    async def main() -> None:
        models = {name: ScriptedModel(name, after(60, "late")) for name in ("first", "second")}
        first, second = models.values()
        hedging = Hedging(first, AFTER_1_S, on=[second])
        plan = Plan(members=(Member(model="first"),), timeout_s=5)
        call = call_of()
        work = complete(Ensemble(name="e", plan=plan, resources=Resources(resolve=lambda _: hedging)), REQUEST, call)
        message = await raises(QuorateError, work)
        assert "within 5 s" in message
        assert (call.at_s, first.cancelled, second.cancelled, await tasks_left()) == (5, 1, 1, 0)

    run_virtual(main())


def test_a_deadline_that_passed_is_the_first_attempts_error() -> None:
    async def main() -> None:
        first = ScriptedModel("first", failing(1.5, DeadlineExceeded("too late")))
        second = ScriptedModel("second", failing(0.8, DeadlineExceeded("too late as well")))
        call = call_of(timeout_s=1.5)
        message = await raises(DeadlineExceeded, complete(Hedging(first, AFTER_1_S, on=[second]), REQUEST, call))
        assert message == "too late"

    run_virtual(main())


async def ask(hedging: Model, times: int, request: ChatRequest = REQUEST) -> None:
    for _ in range(times):
        await complete(hedging, request, call_of())


def test_nothing_is_hedged_before_the_share_has_been_earned() -> None:
    async def main() -> None:
        model = ScriptedModel("m", after(2, "Paris"))
        hedging = Hedging(model, HedgePolicy(after_s=1, share=0.05))
        await ask(hedging, 19)
        assert model.opens == 19
        await ask(hedging, 1)
        assert model.opens == 21
        await ask(hedging, 180)
        assert model.opens == 200 + 10

    run_virtual(main())


def test_the_quantile_is_known_after_enough_requests() -> None:
    async def main() -> None:
        script = [after(number / 10, "x") for number in range(1, 21)]
        hedging = Hedging(ScriptedModel("m", *script), HedgePolicy(share=0.01))
        await ask(hedging, 19)
        assert hedging.delay_s(streamed=False) is None
        await ask(hedging, 1)
        assert hedging.delay_s(streamed=False) == pytest.approx(1.9)
        assert hedging.delay_s(streamed=True) is None

    run_virtual(main())


def test_whole_answers_and_first_tokens_are_told_apart() -> None:
    async def main() -> None:
        hedging = Hedging(
            ScriptedModel("m", ScriptedAnswer(pieces=("Pa", "ris"), delay_s=1, gap_s=2)), HedgePolicy(share=0.001)
        )
        await ask(hedging, 20)
        await ask(hedging, 20, STREAM)
        assert (hedging.delay_s(streamed=False), hedging.delay_s(streamed=True)) == (5, 1)

    run_virtual(main())


def test_hedging_does_not_pull_its_own_quantile_down() -> None:
    """Every tenth answer is slow and is overtaken; the p95 stays with the slow ones, and so they are hedged on."""

    async def main() -> None:
        script = [after(30 if number % 10 == 9 else 1, "x") for number in range(30)]
        slow = ScriptedModel("m", *(script * 20))
        hedging = Hedging(slow, HedgePolicy(after_s=None, quantile=0.85, share=1, window=100), on=[ScriptedModel("o")])
        await ask(hedging, 500)
        assert hedging.delay_s(streamed=False) == 1
        assert slow.cancelled == pytest.approx(50, abs=5)

    run_virtual(main())


def test_the_hedge_is_a_wrapper_under_the_same_name() -> None:
    model = ScriptedModel("m")
    twice = Hedging(Hedging(model, AFTER_1_S), AFTER_1_S)
    assert (twice.name, leaf(twice), leaf(model)) == ("m", model, model)


def test_many_at_once_leave_nothing_behind() -> None:
    async def main(ask_one: Callable[[Model], Awaitable[object]]) -> None:
        script = [after(0.1 + 5 * (number % 7 == 0), "x", cost=1) for number in range(300)]
        model = ScriptedModel("m", *script)
        hedging = Hedging(model, HedgePolicy(after_s=0.5, share=0.1))
        async with asyncio.TaskGroup() as group:
            for _ in range(200):
                group.create_task(asyncio.wait_for(ask_one(hedging), 4))
                await asyncio.sleep(0.05)
            await asyncio.sleep(10)
        assert (model.running, await tasks_left()) == (0, 0)
        assert 200 < model.opens <= 220

    async def forgiving(model: Model) -> None:
        try:
            await complete(model, STREAM, call_of())
        except asyncio.CancelledError:
            return

    run_virtual(main(forgiving))
