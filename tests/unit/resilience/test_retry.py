import random
from collections.abc import AsyncGenerator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.errors import BudgetSpent, CircuitOpen, Failure, ProviderError, QuorateError, Unavailable
from quorate.model import Call, Completion, Delta, complete, new_call, opens_reply, stream
from quorate.model.event import BranchRetry
from quorate.resilience.retry import Retrying
from quorate.resilience.retry_policy import Backoff, RetryPolicy, backoff_s, decide_retry
from quorate.resilience.treatment import TREATMENTS
from quorate.testing import RecordingSink, ScriptedAnswer, ScriptedModel, VirtualClock, run_virtual
from quorate.wire.chat import ChatRequest, Message
from quorate.wire.stream import ChatChunk, ChunkChoice, ChunkDelta

DOWN = Unavailable("down")
REQUEST = ChatRequest(messages=(Message(role="user", content="?"),))
STREAM = ChatRequest(messages=REQUEST.messages, stream=True)


def decide(
    policy: RetryPolicy, error: QuorateError, attempt: int = 1, remaining_s: float | None = None
) -> float | None:
    return decide_retry(policy, error, attempt=attempt, remaining_s=remaining_s, rng=random.Random(1)).delay_s


@pytest.mark.parametrize(
    ("strategy", "delays"),
    [(Backoff.FIXED, [1, 1, 1, 1]), (Backoff.LINEAR, [1, 2, 3, 3.5]), (Backoff.EXPONENTIAL, [1, 2, 3.5, 3.5])],
)
def test_the_delay_grows_by_the_strategy_up_to_the_cap(strategy: Backoff, delays: list[float]) -> None:
    policy = RetryPolicy(strategy=strategy, delay_s=1, max_delay_s=3.5)
    assert [backoff_s(policy, attempt) for attempt in range(1, 5)] == delays


def test_every_failure_has_a_verdict() -> None:
    assert set(TREATMENTS) == set(Failure)


@pytest.mark.parametrize("failure", list(Failure))
def test_only_what_may_pass_is_tried_again(failure: Failure) -> None:
    delay_s = decide(RetryPolicy(), ProviderError("x", failure=failure))
    assert (delay_s is not None) == TREATMENTS[failure].retried


def test_errors_of_ours_are_not_tried_again() -> None:
    assert decide(RetryPolicy(), BudgetSpent("spent")) is None


def test_retry_after_is_a_lower_bound() -> None:
    error = Unavailable("busy", failure=Failure.OVERLOAD, retry_after_s=9)
    assert decide(RetryPolicy(delay_s=0.1), error) == 9
    assert decide(RetryPolicy(delay_s=0.1), error, remaining_s=9) is None


@given(
    st.floats(0.01, 60),
    st.integers(1, 10),
    st.floats(0, 100),
    st.sampled_from(list(Backoff)),
    st.booleans(),
    st.integers(),
)
def test_a_wait_never_passes_the_deadline_nor_the_cap(
    delay_s: float, attempt: int, remaining_s: float, strategy: Backoff, jitter: bool, seed: int
) -> None:
    policy = RetryPolicy(max_retries=10, delay_s=delay_s, strategy=strategy, jitter=jitter)
    decision = decide_retry(policy, DOWN, attempt=attempt, remaining_s=remaining_s, rng=random.Random(seed))
    if decision.delay_s is not None:
        assert 0 <= decision.delay_s < remaining_s
        assert decision.delay_s <= backoff_s(policy, attempt) <= policy.max_delay_s


@given(st.lists(st.floats(0, 3), min_size=1, max_size=6), st.floats(0.1, 10), st.integers(0, 5))
def test_retrying_never_passes_the_deadline(waits: list[float], timeout_s: float, max_retries: int) -> None:
    script = [ScriptedAnswer(delay_s=wait, error=DOWN) for wait in waits]

    async def main() -> None:
        model = ScriptedModel("m", *script)
        sink = RecordingSink()
        call = new_call(clock=VirtualClock(), timeout_s=timeout_s, seed=1, sink=sink)
        with pytest.raises(Unavailable):
            await complete(Retrying(model, RetryPolicy(max_retries=max_retries)), REQUEST, call)
        assert model.opens <= max_retries + 1
        assert all(retry.at_s + retry.delay_s < timeout_s for retry in sink.of(BranchRetry))

    run_virtual(main())


def call_of(sink: RecordingSink) -> Call:
    return new_call(clock=VirtualClock(), sink=sink, seed=1)


def test_it_answers_after_failures_and_reports_each() -> None:
    async def main() -> tuple[str, float, list[BranchRetry]]:
        sink = RecordingSink()
        model = Retrying(ScriptedModel("m", DOWN, DOWN, "Paris"), RetryPolicy(delay_s=1, jitter=False))
        call = call_of(sink)
        completion = await complete(model, REQUEST, call)
        return completion.text, call.at_s, sink.of(BranchRetry)

    text, took_s, retries = run_virtual(main())
    assert (text, took_s) == ("Paris", 3)
    assert [(retry.attempt, retry.delay_s, retry.code) for retry in retries] == [
        (1, 1, "provider_unavailable"),
        (2, 2, "provider_unavailable"),
    ]


def test_a_begun_stream_is_not_begun_again() -> None:
    async def main() -> list[str]:
        model = ScriptedModel("m", ScriptedAnswer(pieces=("Pa",), error=DOWN), "Paris")
        pieces = stream(Retrying(model, RetryPolicy()), STREAM, call_of(RecordingSink()))
        first = await anext(pieces)
        with pytest.raises(Unavailable):
            await anext(pieces)
        return [first.text]

    assert run_virtual(main()) == ["Pa"]


def test_an_empty_opening_piece_is_no_beginning() -> None:
    class Opener(ScriptedModel):
        @opens_reply
        async def open(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta | Completion]:
            yield Delta(chunk=ChatChunk(choices=(ChunkChoice(delta=ChunkDelta(role="assistant", content="")),)))
            async with ScriptedModel.open(self, request, call) as reply:
                async for delta in reply:
                    yield delta
                yield await reply.completion()

    async def main() -> list[str]:
        model = Retrying(Opener("m", DOWN, "Paris"), RetryPolicy())
        return [delta.text async for delta in stream(model, STREAM, call_of(RecordingSink())) if delta.text]

    assert run_virtual(main()) == ["Paris"]


def test_a_stream_that_failed_before_its_first_piece_is_begun_again() -> None:
    async def main() -> list[str]:
        model = Retrying(ScriptedModel("m", DOWN, "Paris"), RetryPolicy())
        return [delta.text async for delta in stream(model, STREAM, call_of(RecordingSink())) if delta.text]

    assert run_virtual(main()) == ["Paris"]


def test_a_circuit_that_the_attempts_opened_does_not_hide_why() -> None:
    async def main() -> None:
        model = ScriptedModel("m", Unavailable("connection refused"), CircuitOpen("left alone"))
        with pytest.raises(Unavailable, match="connection refused"):
            await complete(Retrying(model, RetryPolicy()), REQUEST, call_of(RecordingSink()))
        with pytest.raises(CircuitOpen):
            await complete(Retrying(model, RetryPolicy()), REQUEST, call_of(RecordingSink()))

    run_virtual(main())
