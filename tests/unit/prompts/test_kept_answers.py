"""Saved prompts whose answers are kept: which question gets which answer, for how long, and what it costs."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import msgspec
import pytest

import patience
from flow_step import catalog_of, flow_step
from quorate.core.clock import ManualClock
from quorate.core.errors import InvalidRequest, Unavailable
from quorate.core.ids import TenantId
from quorate.flows.executors.prompt import PromptConfig, PromptExecutor
from quorate.model import Budget, Call, Completion, Model, Usage, complete, new_call, stream
from quorate.parallel.result import Result
from quorate.prompts.answer_cache import AnswerCache, size_of
from quorate.prompts.folder import PromptFolder
from quorate.prompts.saved import SavedPrompt
from quorate.providers.simulated import SimulatedModel
from quorate.providers.simulated_profile import SimulatedProfile
from quorate.testing import ScriptedAnswer, ScriptedModel
from quorate.wire.chat import ChatRequest, StreamOptions, user_request

PROMPT = """
    inputs: {text: string, words: {type: integer, default: 20}}
    template: "In {{ words }} words: {{ text }}"
    model: m
    cache: true
"""


def folder_of(path: Path, files: Mapping[str, str], *models: Model) -> PromptFolder:
    for name, text in files.items():
        (path / f"{name}.yaml").write_text(dedent(text))
    folder = PromptFolder(path, catalog_of(*models))
    folder.load()
    return folder


def priced(text: str, *, cost_microusd: int | None = 40, finish_reason: str = "stop") -> ScriptedAnswer:
    usage = Usage(prompt_tokens=3, completion_tokens=2)
    return ScriptedAnswer(text=text, usage=usage, cost_microusd=cost_microusd, finish_reason=finish_reason)


def numbered(name: str = "m") -> ScriptedModel:
    return ScriptedModel(name, *(priced(f"answer {number}") for number in range(1, 20)))


def asked(folder: PromptFolder, prompt: str = "p", call: Call | None = None, /, **values: Any) -> Result:
    return asyncio.run(folder.run(prompt, values, call or new_call()))


def through(folder: PromptFolder, request: ChatRequest, call: Call | None = None) -> Completion:
    return asyncio.run(complete(SavedPrompt("p", folder), request, call or new_call()))


def is_cached(result: Result) -> bool:
    return result.completion.metadata.get("cached") is True


def test_the_same_values_get_the_same_answer(tmp_path: Path) -> None:
    model = numbered()
    folder = folder_of(tmp_path, {"p": PROMPT}, model)
    answers = [
        asked(folder, text="a").answer,
        asked(folder, text="a").answer,
        asked(folder, text="a", words=20).answer,  # what it is anyway
        asked(folder, text="b").answer,
        asked(folder, text="a", words=5).answer,
    ]
    assert answers == ["answer 1", "answer 1", "answer 1", "answer 2", "answer 3"]
    assert model.opens == 3


@pytest.mark.parametrize("policy", ["cache: false", "cache: {enabled: false, ttl: 1h}", ""])
def test_without_a_policy_everybody_is_asked(tmp_path: Path, policy: str) -> None:
    folder = folder_of(tmp_path, {"p": PROMPT.replace("cache: true", policy)}, numbered())
    assert [asked(folder, text="a").answer for _ in range(2)] == ["answer 1", "answer 2"]


def test_a_kept_answer_costs_nothing(tmp_path: Path) -> None:
    text = "{template: '2+2?', models: [a, b, c], select: majority, cache: true}"
    models = [
        ScriptedModel("a", priced("4")),
        ScriptedModel("b", priced("4", cost_microusd=None)),
        ScriptedModel("c", Unavailable("no")),
    ]
    folder = folder_of(tmp_path, {"p": text}, *models)
    first = asked(folder)
    assert first.cost_microusd is None
    call = new_call()
    again = asked(folder, "p", call)
    assert (again.answer, again.cost_microusd, again.spend.usage) == (first.answer, 0, Usage())
    assert (call.budget.spend.known_microusd, call.budget.attempts) == (0, [])
    assert (again.run_id, first.run_id != call.id) == (call.id, True)
    assert [each.attempts for each in again.branches] == [0, 0, 0]
    assert {(each["cost_microusd"], each["latency_s"]) for each in again.to_dict()["branches"]} == {(0, 0)}
    assert again.to_dict()["agreement"] == first.to_dict()["agreement"]
    assert again.failures[0][0] == "c"
    assert again.failures[0][1].__traceback__ is None
    assert any("no price" in each for each in first.warnings)
    assert again.warnings == ()
    assert (is_cached(first), is_cached(again)) == (False, True)


def test_a_spent_budget_has_room_for_it(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"p": PROMPT}, numbered())
    asked(folder, text="a")
    spent = msgspec.structs.replace(new_call(), budget=Budget(0))
    assert asked(folder, "p", spent, text="a").answer == "answer 1"


def test_it_is_kept_for_its_time(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"p": PROMPT.replace("true", "{ttl: 1m30s}")}, numbered())
    clock = ManualClock()

    def now() -> Result:
        return asked(folder, "p", new_call(clock=clock), text="a")

    assert now().answer == "answer 1"
    clock.advance(89)
    again = now()
    assert (again.answer, again.reason) == ("answer 1", "asked 89 s ago: the only answer")
    assert again.latency.total_s == 0
    clock.advance(1)
    assert (now().answer, now().answer) == ("answer 2", "answer 2")


def test_a_key_says_which_questions_are_the_same(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"p": PROMPT.replace("true", "{key: '{{ text | lower }}'}")}, numbered())
    assert [asked(folder, text=text).answer for text in ("Rain", "rain", "snow")] == [
        "answer 1",
        "answer 1",
        "answer 2",
    ]
    assert asked(folder, text="RAIN", words=3).answer == "answer 1"


def test_tenants_share_nothing(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"p": PROMPT, "q": PROMPT}, numbered())
    a, b = (TenantId(name) for name in "ab")
    answers = [asked(folder, "p", new_call(tenant=tenant), text="t").answer for tenant in (a, b, a, b)]
    assert answers == ["answer 1", "answer 2", "answer 1", "answer 2"]
    assert asked(folder, "q", new_call(tenant=a), text="t").answer == "answer 3"  # the same words, another prompt


def test_what_is_kept_for_a_prompt_ends_with_its_file(tmp_path: Path) -> None:
    model, clock = numbered(), ManualClock()
    files = {
        "p": "{children: {c: c}, template: 'x {{ c }}', models: [m, n], selector_prompt: s, cache: true}",
        "c": "{template: one, model: c}",
        "s": "{template: best, model: judge}",
    }
    best = ScriptedModel("judge", '{"best": "A", "reason": "clear"}')
    folder = folder_of(tmp_path, files, model, numbered("c"), ScriptedModel("n", "else"), best)

    def opens() -> int:
        asked(folder, "p", new_call(clock=clock))
        return model.opens

    assert [opens(), opens()] == [1, 1]
    for expected, (name, text) in enumerate(
        [
            ("p", files["p"].replace("x {{", "y {{")),
            ("c", "{template: two, model: c}"),
            ("s", "{template: worst, model: judge}"),
        ],
        start=2,
    ):
        rewrite(tmp_path / f"{name}.yaml", text)
        clock.advance(1)
        assert [opens(), opens()] == [expected, expected]
    rewrite(tmp_path / "c.yaml", "{template: '{{ broken', model: c}")
    clock.advance(1)
    assert opens() == 4  # the prompt is as it was, and so is its answer


def test_an_answer_of_before_a_change_is_not_kept_for_after_it(tmp_path: Path) -> None:
    model = ScriptedModel("m", ScriptedAnswer(text="old", delay_s=1), "new")
    folder = folder_of(tmp_path, {"p": "{template: one, model: m, cache: true}", "q": "{template: x, model: m}"}, model)
    first = (tmp_path / "p.yaml").read_text()
    clock = ManualClock()

    async def run() -> list[str]:
        asking = asyncio.ensure_future(folder.run("p", {}, new_call(clock=clock)))
        await patience.until(lambda: model.running > 0)
        await asyncio.to_thread(rewrite, tmp_path / "p.yaml", "{template: two, model: m, cache: true}")
        clock.advance(1)
        answers = [(await folder.run("q", {}, new_call(clock=clock))).answer, (await asking).answer]
        await asyncio.to_thread(rewrite, tmp_path / "p.yaml", first)
        clock.advance(1)
        return [*answers, (await folder.run("p", {}, new_call(clock=clock))).answer]

    assert asyncio.run(run()) == ["new", "old", "new"]


def rewrite(file: Path, text: str) -> None:
    before = file.stat().st_mtime_ns
    file.write_text(text)
    os.utime(file, ns=(before + 1_000_000, before + 1_000_000))


def test_a_hit_asks_no_child(tmp_path: Path) -> None:
    child, model = numbered("c"), numbered()
    files = {
        "p": "{inputs: {text: string}, children: {c: c}, template: '{{ c }}', model: m, cache: true}",
        "c": "{inputs: {text: string}, template: '{{ text }}', model: c}",
    }
    folder = folder_of(tmp_path, files, model, child)
    assert [asked(folder, text="a").cost_microusd for _ in range(3)] == [80, 0, 0]
    assert (model.opens, child.opens) == (1, 1)


def test_a_child_has_a_policy_of_its_own(tmp_path: Path) -> None:
    child, model = numbered("c"), numbered()
    files = {
        "p": "{inputs: {text: string}, children: {c: c}, template: '{{ c }} of {{ text }}', model: m}",
        "c": "{template: x, model: c, cache: true}",
    }
    folder = folder_of(tmp_path, files, model, child)
    results = [asked(folder, text=text) for text in "aba"]
    assert [each.cost_microusd for each in results] == [80, 40, 40]
    assert [each.prompt_text for each in model.requests] == ["answer 1 of a", "answer 1 of b", "answer 1 of a"]
    assert not any(is_cached(each) for each in results)
    asked(folder, "c")
    assert child.opens == 1


@pytest.mark.parametrize(
    "other",
    [
        {"temperature": 0.5},
        {"response_format": {"type": "json_object"}},
        {"tools": ({"type": "function", "function": {"name": "f"}},)},
        {"seed": 4},
        {"extra": {"top_k": 3}},
    ],
)
def test_what_a_request_says_besides_belongs_to_the_question(tmp_path: Path, other: dict[str, Any]) -> None:
    model = ScriptedModel("m", priced("{}"))
    folder = folder_of(tmp_path, {"p": PROMPT}, model)
    request = user_request("a")
    for each in (
        request,
        msgspec.structs.replace(request, **other),
        request,
        msgspec.structs.replace(request, **other),
    ):
        through(folder, each)
    assert model.opens == 2


def test_the_parameters_of_a_run_belong_to_the_question(tmp_path: Path) -> None:
    text = "{template: hi, model: m, parallelization: config_param, count_param: width, cache: true}"
    folder = folder_of(tmp_path, {"p": text}, numbered())
    widths = [len(asked(folder, "p", new_call(params={"width": width})).branches) for width in (1, 3, 1, 3)]
    assert widths == [1, 3, 1, 3]


def test_values_that_are_no_json_are_asked_each_time(tmp_path: Path) -> None:
    text = "{inputs: {a: any}, template: x, model: m, cache: true}"
    model = numbered()
    folder = folder_of(tmp_path, {"p": text}, model)
    assert [asked(folder, a=a).answer for a in (1, True, 1, "1")] == ["answer 1", "answer 2", "answer 1", "answer 3"]


def test_one_answer_serves_all_ways_of_asking(tmp_path: Path) -> None:
    model = ScriptedModel("m", ScriptedAnswer(pieces=("a", "b"), usage=Usage(prompt_tokens=1), cost_microusd=5))
    folder = folder_of(tmp_path, {"p": PROMPT}, model)
    streamed = msgspec.structs.replace(user_request("t"), stream=True, stream_options=StreamOptions(include_usage=True))

    async def pieces() -> tuple[list[str], list[bool]]:
        heard = [delta async for delta in stream(SavedPrompt("p", folder), streamed, new_call())]
        return [each.text for each in heard if each.text], ["cached" in each.chunk.extra for each in heard]

    first, marks = asyncio.run(pieces())
    assert ("".join(first), any(marks)) == ("ab", False)
    assert asyncio.run(pieces()) == (["ab"], [True])
    whole = through(folder, user_request("t"))
    assert (whole.text, whole.model, whole.cost_microusd, whole.usage) == ("ab", "prompt/p", 0, Usage())
    assert (whole.metadata["cached"], whole.metadata["answered_by"]) == (True, "m")
    assert (asked(folder, text="t").answer, model.opens) == ("ab", 1)


def test_an_answer_that_was_asked_for_by_name_serves_a_stream(tmp_path: Path) -> None:
    model = numbered()
    folder = folder_of(tmp_path, {"p": PROMPT}, model)
    asked(folder, text="t")
    streamed = msgspec.structs.replace(user_request("t"), stream=True)
    assert through(folder, streamed).text == "answer 1"
    assert model.opens == 1


def test_nobody_can_change_what_another_gets(tmp_path: Path) -> None:
    text = "{template: x, model: m, output: {type: object}, cache: true}"
    folder = folder_of(tmp_path, {"p": text}, ScriptedModel("m", '{"n": [1]}'))
    for _ in range(3):
        result: Any = asked(folder)
        assert (result.value, result.output.value) == ({"n": [1]}, {"n": [1]})
        for each in (result.value, result.output.value, result.branches[0].completion.output.value):
            each["n"].append(2)
        result.completion.metadata["x"] = 1
        result.completion.response.extra["x"] = 1
        assert "x" not in asked(folder).completion.metadata
        assert "x" not in asked(folder).completion.response.extra


@pytest.mark.parametrize(
    ("more", "answer"),
    [
        ("", priced("half", finish_reason="length")),
        ("", priced("half", finish_reason="content_filter")),
        ("", priced("  ")),
        (", output: {type: object, validation: warn}", priced("no JSON")),
    ],
)
def test_only_what_is_whole_is_kept(tmp_path: Path, more: str, answer: ScriptedAnswer) -> None:
    model = ScriptedModel("m", answer, priced('{"n": 1}'))
    folder = folder_of(tmp_path, {"p": f"{{template: x, model: m, cache: true{more}}}"}, model)
    answers = [asked(folder) for _ in range(3)]
    assert [is_cached(each) for each in answers] == [False, False, True]
    assert model.opens == 2


def test_an_error_is_not_kept(tmp_path: Path) -> None:
    text = "{template: x, model: m, retry: {max_retries: 0}, cache: true}"
    folder = folder_of(tmp_path, {"p": text}, ScriptedModel("m", Unavailable("not now"), "yes"))
    with pytest.raises(Unavailable, match="not now"):
        asked(folder)
    assert asked(folder).answer == "yes"


def test_an_answer_that_stands_for_nobody_is_not_kept(tmp_path: Path) -> None:
    text = "{template: 'Which number?', models: [a, b, c], select: majority, cache: true}"
    models = [ScriptedModel(name, text) for name, text in (("a", "1"), ("b", "2"), ("c", "3"))]
    folder = folder_of(tmp_path, {"p": text}, *models)
    results = [asked(folder) for _ in range(2)]
    assert [(each.no_consensus, is_cached(each)) for each in results] == [(True, False)] * 2


def test_an_answer_made_of_half_an_answer_is_not_kept(tmp_path: Path) -> None:
    child, model = ScriptedModel("c", priced("ha", finish_reason="length"), priced("half")), numbered()
    files = {"p": "{children: {c: c}, template: '{{ c }}', model: m, cache: true}", "c": "{template: x, model: c}"}
    folder = folder_of(tmp_path, files, model, child)
    assert [asked(folder).answer for _ in range(3)] == ["answer 1", "answer 2", "answer 2"]


def test_an_answer_that_fewer_gave_than_the_plan_needs_is_not_kept(tmp_path: Path) -> None:
    text = "{template: x, models: [m, n], min_models: 2, retry: {max_retries: 0}, cache: true}"
    model, other = ScriptedModel("m", "yes"), ScriptedModel("n", Unavailable("no"), "yes")
    folder = folder_of(tmp_path, {"p": text}, model, other)
    assert [is_cached(asked(folder)) for _ in range(3)] == [False, False, True]


def test_an_answer_that_a_deadline_cut_short_is_not_kept(tmp_path: Path) -> None:
    text = "{template: x, models: [m, n], mode: all, deadline_s: 0.2, cache: true}"
    models = [ScriptedModel("m", "yes"), ScriptedModel("n", ScriptedAnswer(text="yes", delay_s=5), "yes")]
    folder = folder_of(tmp_path, {"p": text}, *models)
    assert [is_cached(asked(folder)) for _ in range(3)] == [False, False, True]


def test_a_choice_that_fell_back_is_not_kept(tmp_path: Path) -> None:
    text = "{template: x, models: [m, n], judge: j, select: prompt_selector, retry: {max_retries: 0}, cache: true}"
    judge = ScriptedModel("j", Unavailable("no"), '{"best": "A", "reason": "clear"}')
    folder = folder_of(tmp_path, {"p": text}, ScriptedModel("m", "one"), ScriptedModel("n", "two three"), judge)
    assert [is_cached(asked(folder)) for _ in range(3)] == [False, False, True]


def test_what_is_kept_is_bounded(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"p": PROMPT}, ScriptedModel("m", "short", "long " * 10_000))
    short, long = asked(folder, text="a"), asked(folder, text="b")
    assert size_of(long) > size_of(short) + 100_000
    few, little = AnswerCache(max_entries=2), AnswerCache(max_bytes=100_000)
    for key in ("1", "2", "3"):
        few.keep(key, long, now_s=0, ttl_s=None)
        little.keep(key, short, now_s=0, ttl_s=None)
    little.keep("4", long, now_s=0, ttl_s=None)
    call = new_call()
    assert [few.get(key, call, began_s=0) is not None for key in "123"] == [False, True, True]
    assert [little.get(key, call, began_s=0) is not None for key in "1234"] == [True, True, True, False]


def test_a_stream_that_is_left_keeps_nothing(tmp_path: Path) -> None:
    model = ScriptedModel("m", ScriptedAnswer(pieces=("a", "b"), gap_s=0.05))
    folder = folder_of(tmp_path, {"p": PROMPT}, model)
    streamed = msgspec.structs.replace(user_request("t"), stream=True)

    async def leave() -> None:
        async with SavedPrompt("p", folder).open(streamed, new_call()) as reply:
            await anext(reply)

    asyncio.run(leave())
    assert not is_cached(asked(folder, text="t"))
    assert is_cached(asked(folder, text="t"))


def test_who_asks_at_the_same_moment_is_answered_by_a_model(tmp_path: Path) -> None:
    model = ScriptedModel("m", ScriptedAnswer(text="x", delay_s=0.05))
    folder = folder_of(tmp_path, {"p": PROMPT}, model)

    async def both() -> None:
        await asyncio.gather(*(folder.run("p", {"text": "a"}, new_call()) for _ in range(2)))

    asyncio.run(both())
    assert model.opens == 2


def test_a_simulated_answer_stays_a_simulated_one(tmp_path: Path) -> None:
    model = SimulatedModel(SimulatedProfile(name="m", time_scale=0))
    folder = folder_of(tmp_path, {"p": PROMPT}, model)
    for cached in (False, True):
        result = asked(folder, text="a")
        assert (result.completion.metadata["simulated"], is_cached(result)) == (True, cached)


def test_a_value_that_does_not_fit_is_told_before_anything_is_looked_up(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"p": PROMPT}, numbered())
    asked(folder, text="a")
    with pytest.raises(InvalidRequest, match="no input 'wrods'"):
        asked(folder, text="a", wrods=20)


def test_a_step_of_a_flow_says_that_it_was_kept(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"p": PROMPT}, numbered())
    config = PromptConfig.model_validate({"prompt": "p", "inputs": {"text": "t"}})
    answers: list[Any] = [asyncio.run(PromptExecutor().run(config, flow_step(prompts=folder))) for _ in range(2)]
    assert [(each.text, each.cached, each.cost_usd) for each in answers] == [
        ("answer 1", False, 0.00004),
        ("answer 1", True, 0.0),
    ]
