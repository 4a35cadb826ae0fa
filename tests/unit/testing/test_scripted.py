"""The scripted model: what others' tests rely on."""

import asyncio

import msgspec
import pytest

from quorate.core.errors import Unavailable
from quorate.model import Call, Delta, Usage, complete, new_call
from quorate.testing import RecordingSink, ScriptedAnswer, ScriptedModel, VirtualClock, run_virtual
from quorate.wire.chat import user_request

STREAM = msgspec.structs.replace(user_request("hi"), stream=True)


async def test_plays_the_script_and_repeats_the_last() -> None:
    model = ScriptedModel("m", "one", ScriptedAnswer(text="two"))
    texts = [(await complete(model, user_request(f"q{n}"), new_call())).text for n in range(3)]
    assert texts == ["one", "two", "two"]
    assert [request.prompt_text for request in model.requests] == ["q0", "q1", "q2"]
    assert (model.opens, model.finished, model.running) == (3, 3, 0)
    assert len(model.calls) == 3


async def test_without_a_script_it_still_answers() -> None:
    assert (await complete(ScriptedModel("m"), user_request("hi"), new_call())).text == "answer of m"


async def test_fails_with_the_scripted_error() -> None:
    error = Unavailable("down", provider="p")
    model = ScriptedModel("m", error, "up again")
    call = new_call()
    with pytest.raises(Unavailable) as caught:
        await complete(model, user_request("hi"), call)
    assert caught.value is error
    assert (model.failed, model.cancelled, call.budget.spend.usage.total_tokens) == (1, 0, 0)
    assert (await complete(model, user_request("hi"), call)).text == "up again"


def test_pieces_come_at_their_times() -> None:
    answer = ScriptedAnswer(pieces=("a", "b", "c"), delay_s=2.0, gap_s=1.0)

    async def main(*, stream: bool) -> list[tuple[float, str]]:
        call = new_call(clock=VirtualClock())
        request = STREAM if stream else user_request("hi")
        async with ScriptedModel("m", answer).open(request, call) as reply:
            return [(call.at_s, delta.text) async for delta in reply]

    assert run_virtual(main(stream=True)) == [(2.0, "a"), (3.0, "b"), (4.0, "c"), (5.0, "")]
    assert run_virtual(main(stream=False)) == [(5.0, "abc")]


def test_charges_the_share_that_was_sent_when_cancelled() -> None:
    usage = Usage(prompt_tokens=10, completion_tokens=9)
    answer = ScriptedAnswer(pieces=("a", "b", "c"), gap_s=1.0, usage=usage, cost_microusd=300)
    model = ScriptedModel("m", answer)

    async def main(after_s: float) -> Call:
        call = new_call(clock=VirtualClock())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(after_s):
                await complete(model, STREAM, call)
        return call

    spend = run_virtual(main(1.5)).budget.spend
    assert (spend.usage, spend.known_microusd, spend.estimated) == (
        Usage(prompt_tokens=10, completion_tokens=6),
        200,
        True,
    )
    assert (model.cancelled, model.running) == (1, 0)


def test_an_error_after_pieces_is_charged_and_an_unknown_price_stays_unknown() -> None:
    answer = ScriptedAnswer(pieces=("a", "b"), error=Unavailable("cut"), cost_microusd=None)

    async def main() -> Call:
        call = new_call(clock=VirtualClock())
        with pytest.raises(Unavailable):
            await complete(ScriptedModel("m", answer), STREAM, call)
        return call

    spend = run_virtual(main()).budget.spend
    assert (spend.unpriced, spend.estimated) == (1, True)


async def test_leaving_after_the_completion_is_no_cancellation() -> None:
    model, call = ScriptedModel("m", ScriptedAnswer(text="x", cost_microusd=5)), new_call()
    async with model.open(STREAM, call) as reply:
        await reply.completion()
    assert (model.finished, model.cancelled, call.budget.spend.known_microusd) == (1, 0, 5)


async def test_leaving_before_the_end_is_one() -> None:
    model = ScriptedModel("m", ScriptedAnswer(pieces=("a", "b")))
    async with model.open(STREAM, new_call()) as reply:
        assert isinstance(await anext(reply), Delta)
        assert model.running == 1
    assert (model.finished, model.cancelled) == (0, 1)


def test_the_sink_keeps_and_filters_events() -> None:
    from quorate.model.event import BranchStarted, Warned  # noqa: PLC0415 - needed only here

    sink = RecordingSink()
    sink(Warned(call_id="c", at_s=0.0, code="x", message="m"))
    sink(BranchStarted(call_id="c", at_s=1.0, branch="b", model="m"))
    assert sink.tags == ["warning", "branch.started"]
    assert [event.code for event in sink.of(Warned)] == ["x"]
