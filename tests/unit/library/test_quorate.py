import signal
import threading
from collections.abc import Mapping
from concurrent.futures import CancelledError
from typing import Any

import pytest

from plans import CAPITAL, after
from quorate import Member, Message, Mode, Params, Plan, Quorate, QuorateError, Select, SyncQuorate
from quorate.core.errors import BudgetSpent, InvalidRequest, NotFound, Unavailable
from quorate.engine.catalog import Catalog, ModelCard, ModelKind
from quorate.library.setup import Setup
from quorate.model import Event
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.resources import Resources
from quorate.testing import Respond, ScriptedAnswer, ScriptedModel, Upstream, VirtualClock, run_virtual


def quorate(**answers: str | QuorateError | ScriptedAnswer) -> tuple[Quorate, dict[str, ScriptedModel]]:
    named = {name: ScriptedModel(name, answer) for name, answer in answers.items()}
    return Quorate.of(named.values(), clock=VirtualClock()), named


def ask(q: Quorate, prompt: Any = CAPITAL, **options: Any) -> Any:
    return run_virtual(q.ask(prompt, **options))


def test_all_models_answer_when_none_are_named() -> None:
    q, _ = quorate(a="Paris", b="Paris.", c="Lyon")
    result = ask(q)
    assert [outcome.branch for outcome in result.branches] == ["a", "b", "c"]
    assert result.answer in {"Paris", "Paris."}


@pytest.mark.parametrize("models", [["a", "c"], "a, c", (Member(model="a"), "c")])
def test_models_are_named_in_any_form(models: Any) -> None:
    q, _ = quorate(a="Paris", b="Paris.", c="Lyon")
    assert [outcome.branch for outcome in ask(q, models=models).branches] == ["a", "c"]


def test_options_change_the_plan() -> None:
    q, named = quorate(a=after(1), b=after(9), c=after(9))
    result = ask(q, mode="race", count=2, temperature=0.3, system="Be brief.", max_concurrent=9, timeout_s=5.0)
    assert len(result.branches) == 6
    assert result.latency.total_s == 1
    request = named["a"].requests[0]
    assert request.temperature == 0.3
    assert request.messages[0] == Message(role="system", content="Be brief.")


def test_retries_are_an_option() -> None:
    q, named = quorate(a=Unavailable("down"))
    with pytest.raises(Unavailable):
        ask(q, retries=0)
    assert named["a"].opens == 1


def test_a_plan_is_an_option_and_the_others_change_it() -> None:
    q, _ = quorate(a=after(1), b=after(2))
    plan = Plan(members=(Member(model="b", params=Params(temperature=0.0)),), mode=Mode.ALL)
    assert ask(q, plan=plan).chosen == "b"
    assert ask(q, plan=plan, models=["a", "b"], select=Select.FIRST).chosen == "a"


def test_an_ensemble_named_alone_runs_with_its_own_plan() -> None:
    catalog = Catalog()
    named = {name: ScriptedModel(name, after(i + 1.0)) for i, name in enumerate("abc")}
    for name, model in named.items():
        catalog.add(ModelCard(name=name, kind=ModelKind.ENDPOINT), lambda model=model: model)
    plan = Plan(members=tuple(Member(model=name) for name in named), mode=Mode.QUORUM)
    panel = Ensemble(name="panel", plan=plan, resources=Resources(resolve=catalog.resolve))
    catalog.add(ModelCard(name="panel", kind=ModelKind.ENSEMBLE, members=tuple(named)), lambda: panel)
    q = Quorate(Setup(catalog=catalog), clock=VirtualClock())
    result = ask(q, models="panel")
    assert result.latency.total_s == 2
    assert len(result.branches) == 3
    assert ask(q, models="panel", mode="race").latency.total_s == 1


def test_a_member_with_parameters_keeps_them_when_it_is_an_ensemble() -> None:
    named = {name: ScriptedModel(name, "Paris") for name in "ab"}
    plan = Plan(members=tuple(Member(model=name) for name in named))
    panel = Ensemble(name="panel", plan=plan, resources=Resources(resolve=named.__getitem__))
    q = Quorate.of([panel], clock=VirtualClock())
    ask(q, models=[Member(model="panel", params=Params(temperature=0.5))])
    assert [model.requests[0].temperature for model in named.values()] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "rase"}, "mode is 'rase'; choose one of: all, race, quorum"),
        ({"select": "x"}, "choose one of: first"),
        ({"min_models": 0}, "min_models is 0"),
        ({"timeout_s": -1.0}, "timeout_s is -1.0"),
        ({"max_cost_usd": 0.0}, "max_cost_usd is 0.0"),
        ({"max_cost_usd": float("inf")}, "max_cost_usd is inf"),
        ({"retries": -1}, "retries is -1"),
        ({"model": ["a"]}, "there is no option 'model'; did you mean 'models'"),
        ({"xyzzy": 1}, "there is no option 'xyzzy'; the options are count"),
        ({"models": []}, "no models are named"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(options: Mapping[str, Any], message: str) -> None:
    q = Quorate(Setup(catalog=Catalog()), clock=VirtualClock()) if options.get("models") == [] else quorate(a="x")[0]
    with pytest.raises(InvalidRequest, match=message):
        ask(q, **options)


def test_an_unknown_model_is_named_with_the_closest() -> None:
    q, _ = quorate(claude="x")
    with pytest.raises(NotFound, match="did you mean 'claude'"):
        ask(q, models=["cluade"])


@pytest.mark.parametrize("prompt", ["", "  \n", [], [{"content": 5}], ["not a message"]])
def test_a_prompt_that_is_none_is_refused(prompt: Any) -> None:
    q, _ = quorate(a="x")
    with pytest.raises(InvalidRequest):
        ask(q, prompt)


def test_a_prompt_may_be_messages() -> None:
    q, named = quorate(a="x")
    ask(q, [{"role": "system", "content": "s"}, Message(role="user", content="u")])
    assert [message.role for message in named["a"].requests[0].messages] == ["system", "user"]


def test_events_go_to_whoever_asked() -> None:
    q, _ = quorate(a="x", b="y")
    seen: list[Event] = []
    ask(q, on_event=seen.append)
    assert {event.call_id for event in seen} == {seen[0].call_id}
    assert len(seen) > 5


def test_whoever_watches_cannot_break_the_question() -> None:
    def fails(event: Event) -> None:
        raise ValueError(event.call_id)

    q, _ = quorate(a="Paris", b="Paris")
    assert ask(q, on_event=fails).answer == "Paris"


def test_branches_at_the_same_time_do_not_pass_the_budget_together() -> None:
    named = {name: ScriptedModel(name, after(1, cost_microusd=400)) for name in "abc"}
    q = Quorate.of(named.values(), clock=VirtualClock())
    result = ask(q, max_cost_usd=0.0009, max_concurrent=3)
    assert result.cost_microusd == 800
    assert [(branch, type(error)) for branch, error in result.failures] == [("c", BudgetSpent)]


def test_what_a_branch_did_not_need_is_there_for_the_next() -> None:
    q = Quorate.simulated(time_scale=0)
    result = ask(q, models=["sim-atlas", "sim-birch", "sim-cedar"], max_cost_usd=0.02, max_concurrent=1, max_tokens=300)
    assert not result.failures


def test_streaming_gives_text_and_then_the_result() -> None:
    q, _ = quorate(a=ScriptedAnswer(pieces=("Pa", "ris"), gap_s=1))

    async def main() -> tuple[list[str], str]:
        async with q.stream(CAPITAL) as answer:
            with pytest.raises(RuntimeError, match="still being streamed"):
                _ = answer.result
            texts = [text async for text in answer]
        return texts, answer.result.answer

    assert run_virtual(main()) == (["Pa", "ris"], "Paris")


async def test_it_can_be_entered_again_after_it_was_closed() -> None:
    async with Upstream(Respond(text="Paris")) as upstream:
        config = {"version": 1, "providers.up.type": "openai", "providers.up.base_url": upstream.base_url}
        q = Quorate.from_file(overrides={**config, "models.m.provider": "up", "defaults.models": ["m"]})
        for _ in range(2):
            async with q:
                assert (await q.ask(CAPITAL)).answer == "Paris"


async def test_the_simulated_models_answer_and_say_that_they_are_simulated() -> None:
    async with Quorate.simulated(time_scale=0.01) as q:
        result = await q.ask(CAPITAL, seed=1, max_concurrent=5)
        assert len(q.models()) == 5
        assert all(card.simulated for card in q.models())
    assert result.completion.metadata["simulated"] is True


def test_the_blocking_twin_does_the_same() -> None:
    with SyncQuorate.simulated(time_scale=0.01) as q:
        result = q.ask(CAPITAL, seed=1, mode="quorum")
        assert result.agreement is not None
        with q.stream(CAPITAL, models="sim-atlas", seed=1) as answer:
            text = "".join(answer)
        assert text == answer.result.answer
        with pytest.raises(NotFound):
            q.ask(CAPITAL, models="nobody")
        assert len(q.models()) == 5


def test_the_blocking_twin_leaves_a_stream_early() -> None:
    with SyncQuorate.simulated(time_scale=0.05) as q, q.stream(CAPITAL, models="sim-atlas", seed=1) as answer:
        assert next(iter(answer))


@pytest.mark.usefixtures("heeded_ctrl_c")
@pytest.mark.parametrize("mode", ["race", "all"])
def test_ctrl_c_in_the_blocking_twin_ends_everything_and_stays_itself(mode: Any) -> None:
    named = [
        ScriptedModel("a", ScriptedAnswer(pieces=tuple("x" * 1000), gap_s=0.05)),
        ScriptedModel("b", ScriptedAnswer(text="y", delay_s=30)),
    ]

    def read_on() -> None:
        with SyncQuorate.of(named) as q, q.stream(CAPITAL, mode=mode) as answer:
            threading.Timer(0.2, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT)).start()
            "".join(answer)

    with pytest.raises(KeyboardInterrupt):
        read_on()
    assert [model.running for model in named] == [0, 0]
    assert "quorate" not in {thread.name for thread in threading.enumerate()}


def test_closing_the_blocking_twin_ends_the_calls_of_other_threads() -> None:
    model = ScriptedModel("a", ScriptedAnswer(text="x", delay_s=30))
    ended: list[BaseException] = []

    def ask_in_vain(q: SyncQuorate) -> None:
        try:
            q.ask(CAPITAL)
        except (CancelledError, RuntimeError) as error:
            ended.append(error)

    with SyncQuorate.of([model]) as q:
        threads = [threading.Thread(target=ask_in_vain, args=(q,)) for _ in range(8)]
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join()
    assert len(ended) == 8
    assert model.running == 0


def test_the_blocking_twin_does_not_wait_for_itself() -> None:
    seen: list[str] = []
    with SyncQuorate.of([ScriptedModel("a", "x")]) as q:

        def watch(_: Event) -> None:
            with pytest.raises(RuntimeError, match="wait for itself") as caught:
                q.ask(CAPITAL)
            seen.append(str(caught.value))

        assert q.ask(CAPITAL, on_event=watch).answer == "x"
        with pytest.raises(RuntimeError, match="in use already"):
            q.__enter__()
    assert seen


def test_the_blocking_twin_says_how_it_is_used() -> None:
    with pytest.raises(RuntimeError, match="as a context manager"):
        SyncQuorate.simulated().ask(CAPITAL)
