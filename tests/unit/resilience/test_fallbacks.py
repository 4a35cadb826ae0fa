"""Which models stand in for one that failed, and when: the decision, then the wrapper in virtual time."""

from collections.abc import Callable, Mapping

import pytest

from quorate.core.errors import (
    AllFailed,
    BudgetSpent,
    CircuitOpen,
    DeadlineExceeded,
    Failure,
    Filtered,
    ProviderError,
    QueueFull,
    QuorateError,
    Rejected,
    Unavailable,
)
from quorate.model import Call, Model, complete, new_call, stream
from quorate.model.event import BranchFallback
from quorate.resilience.failover import Failover
from quorate.resilience.fallbacks import Fallbacks
from quorate.resilience.resilient import OnCut, Resilient
from quorate.resilience.retry_policy import NO_RETRY, RetryPolicy
from quorate.testing import RecordingSink, ScriptedAnswer, ScriptedModel, VirtualClock, run_virtual
from quorate.wire.chat import ChatRequest, Message

DOWN = Unavailable("down")
REQUEST = ChatRequest(messages=(Message(role="user", content="?"),))
STREAM = ChatRequest(messages=REQUEST.messages, stream=True)
WINDOWS = {"m": 8_000, "small": 8_000, "big": 100_000}


def after(error: QuorateError, fallbacks: Fallbacks) -> tuple[str, ...]:
    return fallbacks.after(error, of="m", window=WINDOWS.get)


@pytest.mark.parametrize(
    ("error", "stands_in"),
    [
        *((ProviderError("x", failure=failure), True) for failure in (Failure.TRANSIENT, Failure.OVERLOAD)),
        *((ProviderError("x", failure=failure), True) for failure in (Failure.SILENCE, Failure.CUT_STREAM)),
        *((ProviderError("x", failure=failure), True) for failure in (Failure.AUTHENTICATION, Failure.QUOTA)),
        (ProviderError("x", failure=Failure.MALFORMED), True),
        (Rejected("x"), False),
        (Filtered("x"), False),
        (QueueFull("x"), True),
        (AllFailed("x", errors=[("a", DOWN), ("b", Filtered("x"))]), True),
        (AllFailed("x", errors=[("a", Rejected("x")), ("b", Filtered("x"))]), False),
        (BudgetSpent("x"), False),
        (DeadlineExceeded("x"), False),
    ],
)
def test_another_model_is_asked_after_what_it_may_not_have(error: QuorateError, stands_in: bool) -> None:
    assert after(error, Fallbacks(models=("a", "b"))) == (("a", "b") if stands_in else ())


def test_a_question_that_is_too_long_goes_to_larger_models_only() -> None:
    error = Rejected("too long", failure=Failure.CONTEXT_LENGTH)
    assert after(error, Fallbacks(models=("small", "unknown", "big"))) == ("unknown", "big")


def test_a_kind_of_failure_has_fallbacks_of_its_own() -> None:
    fallbacks = Fallbacks(
        models=("a",), on={Failure.CONTENT_REFUSAL: ("b",), Failure.CONTEXT_LENGTH: ("small",), Failure.OVERLOAD: ()}
    )
    assert after(Filtered("x"), fallbacks) == ("b",)
    assert after(Rejected("x", failure=Failure.CONTEXT_LENGTH), fallbacks) == ("small",)
    assert after(Unavailable("x", failure=Failure.OVERLOAD), fallbacks) == ()
    assert after(DOWN, fallbacks) == ("a",)
    assert fallbacks.names == ("a", "b", "small")


def wrapped(models: Mapping[str, Model], name: str, *fallbacks: str) -> Resilient:
    return Resilient(
        models[name],
        fallbacks=Fallbacks(models=fallbacks),
        on_cut=OnCut.ERROR,
        resolve=models.__getitem__,
        window=WINDOWS.get,
    )


def failover(
    model: Model, policy: RetryPolicy = NO_RETRY, claim: Callable[[str], bool] = lambda _: True, *, again: bool = False
) -> Failover:
    return Failover(model=model, policy=policy, claim=claim, begins_again=again)


def call_of(sink: RecordingSink | None = None) -> Call:
    return new_call(clock=VirtualClock(), sink=sink or RecordingSink(), seed=1)


def test_the_answer_is_that_of_the_first_who_can_and_names_it() -> None:
    async def main() -> None:
        models: dict[str, Model] = {
            "m": ScriptedModel("m", DOWN),
            "a": ScriptedModel("a", DOWN),
            "b": ScriptedModel("b", "Paris"),
        }
        sink = RecordingSink()
        completion = await complete(failover(wrapped(models, "m", "a", "b")), REQUEST, call_of(sink))
        assert (completion.text, completion.model) == ("Paris", "b")
        assert [(event.model, event.to, event.code) for event in sink.of(BranchFallback)] == [
            ("m", "a", "provider_unavailable"),
            ("a", "b", "provider_unavailable"),
        ]

    run_virtual(main())


def test_each_is_tried_as_often_as_the_policy_says() -> None:
    async def main() -> None:
        first, second = ScriptedModel("m", DOWN), ScriptedModel("a", Unavailable("down as well"))
        models: dict[str, Model] = {"m": first, "a": second}
        model = failover(wrapped(models, "m", "a"), RetryPolicy(max_retries=2, delay_s=0.1))
        with pytest.raises(Unavailable):
            await complete(model, REQUEST, call_of())
        assert (first.opens, second.opens) == (3, 3)

    run_virtual(main())


def test_when_nobody_can_the_caller_hears_the_first() -> None:
    async def main() -> None:
        models: dict[str, Model] = {"m": ScriptedModel("m", DOWN), "a": ScriptedModel("a", Rejected("no prefill"))}
        with pytest.raises(Unavailable, match="down"):
            await complete(failover(wrapped(models, "m", "a")), REQUEST, call_of())

    run_virtual(main())


def test_fallbacks_of_fallbacks_come_before_the_rest() -> None:
    async def main() -> None:
        models: dict[str, Model] = {name: ScriptedModel(name, DOWN) for name in ("m", "b", "c")}
        models["last"] = ScriptedModel("last", "Paris")
        models["a"] = Resilient(
            ScriptedModel("a", DOWN),
            fallbacks=Fallbacks(models=("c",)),
            on_cut=OnCut.ERROR,
            resolve=models.__getitem__,
            window=WINDOWS.get,
        )
        sink = RecordingSink()
        await complete(failover(wrapped(models, "m", "a", "b", "last")), REQUEST, call_of(sink))
        assert [event.to for event in sink.of(BranchFallback)] == ["a", "c", "b", "last"]

    run_virtual(main())


def test_what_runs_in_the_plan_or_cannot_be_built_is_passed_over() -> None:
    async def main() -> None:
        models: dict[str, Model] = {"m": ScriptedModel("m", DOWN), "a": ScriptedModel("a", "no")}
        models["b"] = ScriptedModel("b", "Paris")

        def resolve(name: str) -> Model:
            if name == "keyless":
                raise Rejected("no key")
            return models[name]

        model = Resilient(
            models["m"],
            fallbacks=Fallbacks(models=("a", "keyless", "b")),
            on_cut=OnCut.ERROR,
            resolve=resolve,
            window=WINDOWS.get,
        )
        completion = await complete(failover(model, claim=lambda name: name != "a"), REQUEST, call_of())
        assert completion.model == "b"

    run_virtual(main())


@pytest.mark.parametrize("again", [False, True])
def test_a_begun_stream_moves_only_if_nobody_read_it(again: bool) -> None:
    async def main() -> list[str]:
        cut = ScriptedAnswer(pieces=("Lon",), error=Unavailable("cut", failure=Failure.CUT_STREAM))
        models: dict[str, Model] = {"m": ScriptedModel("m", cut), "a": ScriptedModel("a", "Paris")}
        return [
            delta.text
            async for delta in stream(failover(wrapped(models, "m", "a"), again=again), STREAM, call_of())
            if delta.text
        ]

    if again:
        assert run_virtual(main()) == ["Lon", "Paris"]
    else:
        with pytest.raises(Unavailable, match="cut"):
            run_virtual(main())


def test_an_open_circuit_is_of_no_kind() -> None:
    fallbacks = Fallbacks(models=("a",), on={Failure.OVERLOAD: ()})
    assert after(CircuitOpen("left alone"), fallbacks) == ("a",)
