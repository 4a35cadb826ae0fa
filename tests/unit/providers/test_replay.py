"""Replayed models: the recorded answers, costs and times, found by the prompt."""

import json
from pathlib import Path

import msgspec
import pytest

from quorate.core.errors import DeadlineExceeded, Failure, InvalidRequest, NotFound, Rejected
from quorate.model import Call, Completion, Delta, complete, new_call
from quorate.providers.estimate import estimate_prompt_tokens, estimate_text_tokens
from quorate.providers.price import Price
from quorate.providers.replay import ModelledLatency, ReplayFile, ReplayModel
from quorate.testing import VirtualClock, run_virtual
from quorate.wire.chat import user_request
from quorate.wire.stream import Joiner

QUESTION = "What is the\n  capital of France?"
MEASURED = {"latency_s": 4.0, "prompt_tokens": 100, "completion_tokens": 20, "cost_microusd": 1000}


@pytest.fixture
def file(tmp_path: Path) -> ReplayFile:
    lines = [
        {
            "prompt": QUESTION,
            "truth": "Paris",
            "answers": [
                {"model": "measured", "text": "It is Paris, on the Seine.", **MEASURED},
                {"model": "bare", "text": "Paris"},
            ],
        },
        {"prompt": "Second?", "truth": "", "answers": [{"model": "bare", "text": ""}]},
        {"prompt": "Second?  ", "truth": "", "answers": [{"model": "bare", "text": "said later"}]},
    ]
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return ReplayFile.open(path)


def ask(
    model: ReplayModel, prompt: str = QUESTION, *, timeout_s: float | None = None
) -> tuple[Completion, Call, float]:
    async def main() -> tuple[Completion, Call, float]:
        call = new_call(clock=VirtualClock(), seed=1, timeout_s=timeout_s)
        return await complete(model, user_request(prompt), call), call, call.at_s

    return run_virtual(main())


def test_names_its_models_and_prompts(file: ReplayFile) -> None:
    assert file.models == ("bare", "measured")
    assert file.prompts == 2


def test_gives_the_recorded_answer_cost_and_time(file: ReplayFile) -> None:
    completion, call, took_s = ask(file.model("measured"))
    assert completion.text == "It is Paris, on the Seine."
    assert completion.metadata == {"replayed": True, "source": "answers.jsonl"}
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (100, 20)
    assert (completion.cost_microusd, completion.estimated) == (1000, False)
    assert (call.budget.spend.known_microusd, call.budget.spend.estimated) == (1000, False)
    assert took_s == pytest.approx(4.0)


def test_estimates_what_was_not_recorded(file: ReplayFile) -> None:
    completion, call, took_s = ask(file.model("bare", name="ours"))
    assert completion.model == "ours"
    assert completion.usage.prompt_tokens == estimate_prompt_tokens(user_request(QUESTION))
    assert completion.usage.completion_tokens == estimate_text_tokens("Paris")
    assert (completion.cost_microusd, completion.estimated) == (None, True)
    assert (call.budget.spend.unpriced, call.budget.spend.estimated) == (1, True)
    assert took_s == 0


def test_a_price_is_used_where_no_cost_was_recorded(file: ReplayFile) -> None:
    price = Price(input_microusd_per_mtok=1_000_000, output_microusd_per_mtok=2_000_000)
    bare, _, _ = ask(file.model("bare", price=price))
    assert bare.cost_microusd == price.cost_microusd(bare.usage)
    assert ask(file.model("measured", price=price))[0].cost_microusd == 1000


def test_white_space_does_not_matter_and_the_first_answer_stays(file: ReplayFile) -> None:
    assert ask(file.model("bare"), "  What is the capital of France? ")[0].text == "Paris"
    assert ask(file.model("bare"), "Second?")[0].text == ""


@pytest.mark.parametrize(("model", "prompt"), [("measured", "Third?"), ("measured", "Second?")])
def test_an_unknown_prompt_is_rejected_with_the_number_known(file: ReplayFile, model: str, prompt: str) -> None:
    with pytest.raises(Rejected, match="2 prompts") as caught:
        ask(file.model(model), prompt)
    assert caught.value.failure is Failure.BAD_REQUEST


def test_an_unknown_model_is_not_found(file: ReplayFile) -> None:
    with pytest.raises(NotFound, match="bare, measured"):
        file.model("other")


@pytest.mark.parametrize(
    ("latency", "scale", "low", "high"), [(None, 0.5, 2, 2), (ModelledLatency(median_s=8), 1, 8, 8)]
)
def test_latency_is_recorded_or_modelled_and_scaled(
    file: ReplayFile, latency: ModelledLatency | None, scale: float, low: float, high: float
) -> None:
    took_s = ask(file.model("measured", latency=latency, time_scale=scale))[2]
    assert low - 1e-6 <= took_s <= high + 1e-6


def test_modelled_latency_is_reproducible_and_differs_by_prompt(file: ReplayFile) -> None:
    model = file.model("bare", latency=ModelledLatency(median_s=1.0, sigma=0.5))
    assert ask(model)[2] == ask(model)[2]
    assert ask(model)[2] != ask(model, "Second?")[2]
    with pytest.raises(InvalidRequest, match="0 or more"):
        ModelledLatency(median_s=-1)


def test_streams_in_pieces_over_the_recorded_time(file: ReplayFile) -> None:
    async def main() -> tuple[list[tuple[float, Delta]], Completion]:
        call = new_call(clock=VirtualClock())
        request = msgspec.structs.replace(user_request(QUESTION), stream=True)
        async with file.model("measured").open(request, call) as reply:
            return [(call.at_s, delta) async for delta in reply], await reply.completion()

    timed, completion = run_virtual(main())
    joiner = Joiner()
    for _, delta in timed:
        joiner.add(delta.chunk)
    assert joiner.finished
    assert joiner.response().text == completion.text
    assert timed[0][0] == pytest.approx(1.0)
    assert timed[-1][0] == pytest.approx(4.0)
    assert len(timed) > 10


def test_cancelling_charges_what_was_sent(file: ReplayFile) -> None:
    async def main() -> Call:
        call = new_call(clock=VirtualClock())
        request = msgspec.structs.replace(user_request(QUESTION), stream=True)
        async with file.model("measured").open(request, call) as reply:
            while call.at_s < 2.4:
                await anext(reply)
        return call

    spend = run_virtual(main()).budget.spend
    assert spend.estimated
    assert spend.usage.prompt_tokens == 100
    assert 5 <= spend.usage.completion_tokens <= 15
    assert 800 < spend.known_microusd < 1000


def test_cancelling_with_a_price_or_without_one(file: ReplayFile) -> None:
    price = Price(input_microusd_per_mtok=1_000_000, output_microusd_per_mtok=2_000_000)

    async def main(model: ReplayModel) -> Call:
        call = new_call(clock=VirtualClock())
        request = msgspec.structs.replace(user_request(QUESTION), stream=True)
        async with model.open(request, call) as reply:
            await anext(reply)
        return call

    priced = run_virtual(main(file.model("bare", price=price))).budget.spend
    assert priced.known_microusd == price.cost_microusd(priced.usage)
    assert run_virtual(main(file.model("bare"))).budget.spend.unpriced == 1


def test_the_deadline_ends_the_wait(file: ReplayFile) -> None:
    with pytest.raises(DeadlineExceeded, match="'measured'"):
        ask(file.model("measured"), timeout_s=1.0)
