"""Saved prompts: files in a folder, filled with values, asked by their own plans, also as models."""

import asyncio
import os
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from flow_step import catalog_of, flow_step
from quorate.config import build, settings_from_text
from quorate.core.errors import InvalidRequest, Misconfigured, NotFound
from quorate.engine.catalog import ModelKind
from quorate.flows.executors.prompt import PromptConfig, PromptExecutor
from quorate.library.quorate import Quorate
from quorate.model import Call, Model, Usage, complete, new_call, stream
from quorate.parallel.result import Result
from quorate.prompts.folder import PromptFolder
from quorate.prompts.saved import SavedPrompt
from quorate.providers.simulated import SimulatedModel
from quorate.providers.simulated_profile import SimulatedProfile
from quorate.source.place import BadConfiguration
from quorate.testing import ScriptedAnswer, ScriptedModel, VirtualClock, run_virtual
from quorate.wire.chat import user_request

SUMMARY = """
    description: Sums a text up
    inputs:
      text: string
      words: {type: integer, default: 20}
    template: "In {{ words }} words: {{ text }}"
    model: m
"""


def folder_of(tmp_path: Path, files: Mapping[str, str], *models: Model, default: tuple[str, ...] = ()) -> PromptFolder:
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(dedent(text))
    folder = PromptFolder(tmp_path, catalog_of(*models), models=default)
    folder.load()
    return folder


def asked(folder: PromptFolder, prompt: str, call: Call | None = None, /, **values: Any) -> Result:
    return asyncio.run(folder.run(prompt, values, call or new_call()))


def problems(tmp_path: Path, **files: str) -> str:
    with pytest.raises(BadConfiguration) as caught:
        folder_of(tmp_path, files)
    return str(caught.value).replace(f"{tmp_path}/", "")


def test_a_prompt_is_filled_and_asked(tmp_path: Path) -> None:
    model = ScriptedModel("m", "short")
    folder = folder_of(tmp_path, {"summary": SUMMARY}, model)
    assert folder.names() == ("summary",)
    assert asked(folder, "summary", text="a {{ 7*7 }} b").answer == "short"
    assert model.requests[0].prompt_text == "In 20 words: a {{ 7*7 }} b"


def test_parameters_and_messages_are_sent(tmp_path: Path) -> None:
    text = """
        inputs: {name: string}
        messages:
          - {role: system, content: "You greet {{ name }}"}
          - {role: assistant, content: "Hello"}
          - {role: user, content: "Again"}
        model: m
        parameters: {temperature: 0.2, max_tokens: 9, stop: END, extra: {reasoning_effort: low}}
    """
    model = ScriptedModel("m", "hi")
    asked(folder_of(tmp_path, {"greet": text}, model), "greet", name="Ann")
    request = model.requests[0]
    assert [each.text for each in request.messages] == ["You greet Ann", "Hello", "Again"]
    assert (request.temperature, request.max_tokens, request.stop, request.reasoning_effort) == (
        0.2,
        9,
        ("END",),
        "low",
    )


def test_a_changed_file_is_told_from_one_that_is_as_it_was(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"summary": SUMMARY}, ScriptedModel("m"))
    seen = [folder.generation]
    changes: list[Callable[[], object]] = [
        lambda: None,
        lambda: (tmp_path / "summary.yaml").write_text("{template: other, model: m}"),
        lambda: (tmp_path / "more.yaml").write_text("{template: more, model: m}"),
        (tmp_path / "more.yaml").unlink,
    ]
    for change in changes:
        change()
        folder.load()
        seen.append(folder.generation)
    assert [after != before for before, after in pairwise(seen)] == [False, True, True, True]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "needs a value for 'text'"),
        ({"text": "a", "word": 3}, "no input 'word'; did you mean 'words'"),
        ({"text": 5}, r"\$\.text"),
        ({"text": "a", "words": "many"}, r"\$\.words"),
    ],
)
def test_a_value_that_does_not_fit_is_told(tmp_path: Path, values: dict[str, Any], told: str) -> None:
    folder = folder_of(tmp_path, {"summary": SUMMARY}, ScriptedModel("m"))
    with pytest.raises(InvalidRequest, match=told):
        asked(folder, "summary", **values)


def test_several_models_answer_by_a_plan(tmp_path: Path) -> None:
    text = """
        template: "2+2?"
        models: [a, {model: b, params: {temperature: 1}}, c]
        mode: all
        select: majority
        parallelization: static_count
        count: 2
    """
    models = [ScriptedModel("a", "4"), ScriptedModel("b", "4"), ScriptedModel("c", "5")]
    result = asked(folder_of(tmp_path, {"sum": text}, *models), "sum")
    assert (result.answer, len(result.branches)) == ("4", 6)
    assert models[1].requests[0].temperature == 1


def test_the_number_of_branches_may_come_with_the_call(tmp_path: Path) -> None:
    text = "{template: hi, model: m, parallelization: config_param, count_param: width}"
    folder = folder_of(tmp_path, {"wide": text}, ScriptedModel("m", "x"))
    assert len(asked(folder, "wide", new_call(params={"width": 3})).branches) == 3


def test_those_asked_by_default_are_asked(tmp_path: Path) -> None:
    models = [ScriptedModel("a", "x"), ScriptedModel("b", "x")]
    assert len(asked(folder_of(tmp_path, {"p": "template: hi"}, *models, default=("a", "b")), "p").branches) == 2
    with pytest.raises(Misconfigured, match="names no model"):
        asked(folder_of(tmp_path, {"p": "template: hi"}, *models), "p")


def test_an_output_is_held_to_its_schema(tmp_path: Path) -> None:
    text = """
        template: how many
        model: m
        output: {type: object, schema: {type: object, required: [n]}, validation: strict}
    """
    model = ScriptedModel("m", '{"x": 1}', '{"n": 2}')
    assert asked(folder_of(tmp_path, {"p": text}, model), "p").value == {"n": 2}
    assert model.opens == 2


def test_another_prompt_chooses_the_best_answer(tmp_path: Path) -> None:
    best = """
        inputs: {audience: string}
        template: "The one that {{ audience }} understand"
        model: judge
    """
    text = """
        inputs: {audience: string}
        template: explain
        models: [a, b]
        selector_prompt: best
    """
    judge = ScriptedModel("judge", '{"best": "A", "reason": "clear"}', '{"best": "B", "reason": "clear"}')
    models = [ScriptedModel("a", "first answer"), ScriptedModel("b", "another one"), judge]
    result = asked(folder_of(tmp_path, {"best": best, "explain": text}, *models), "explain", audience="children")
    assert result.method.value == "prompt_selector"
    assert "The one that children understand" in judge.requests[0].messages[0].text


PARENT = """
    inputs: {text: string}
    children:
      facts: facts
      mood: {prompt: mood, inputs: {passage: "<{{ text }}>"}}
    template: "{{ facts.n }} facts, {{ mood }}"
    model: m
"""
CHILDREN = {
    "parent": PARENT,
    "facts": "{inputs: {text: string}, template: 'facts of {{ text }}', model: f, output: object}",
    "mood": "{inputs: {passage: string}, template: 'mood of {{ passage }}', model: g}",
}


def test_children_are_asked_first_and_side_by_side(tmp_path: Path) -> None:
    def after(delay_s: float, text: str) -> ScriptedAnswer:
        return ScriptedAnswer(text=text, delay_s=delay_s, usage=Usage(prompt_tokens=1), cost_microusd=10)

    models = [
        ScriptedModel("m", after(1, "done")),
        ScriptedModel("f", after(5, '{"n": 3}')),
        ScriptedModel("g", after(5, "{{ evil }}")),
    ]
    folder = folder_of(tmp_path, CHILDREN, *models)

    async def run() -> tuple[Result, float]:
        call = new_call(clock=VirtualClock())
        return await folder.run("parent", {"text": "T"}, call), call.at_s

    result, took_s = run_virtual(run())
    assert took_s == pytest.approx(6)
    assert models[0].requests[0].prompt_text == "3 facts, {{ evil }}"
    assert models[2].requests[0].prompt_text == "mood of <T>"
    assert (result.answer, result.cost_microusd) == ("done", 30)


def test_an_answer_made_of_a_simulated_one_is_called_so(tmp_path: Path) -> None:
    files = {"p": "{children: {c: c}, template: 'x {{ c }}', model: m}", "c": "{template: y, model: s}"}
    for child, expected in (
        (ScriptedModel("s", "real"), None),
        (SimulatedModel(SimulatedProfile(name="s", time_scale=0)), True),
    ):
        folder = folder_of(tmp_path, files, ScriptedModel("m", "done"), child)
        assert asked(folder, "p").completion.metadata.get("simulated") is expected
        completion = asyncio.run(complete(SavedPrompt("p", folder), user_request(""), new_call()))
        assert completion.metadata.get("simulated") is expected


def test_a_circle_is_found_before_anybody_is_asked(tmp_path: Path) -> None:
    files = {"a": "{template: x, children: {b: b}}", "b": "{template: x, children: {a: a}}"}
    assert "is a circle: a -> b -> a" in problems(tmp_path, **files)


def test_prompts_are_nested_eight_deep_at_most(tmp_path: Path) -> None:
    files = {f"p{number}": f"{{template: x, children: {{c: p{number + 1}}}}}" for number in range(8)}
    assert "is nested deeper than 8: p0 -> p1" in problems(tmp_path, **files, p8="template: x")
    (tmp_path / "p0.yaml").unlink()
    folder_of(tmp_path, {})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("model: m\n", "p.yaml: needs `template` or `messages`"),
        ("template: '{{ x'\n", "p.yaml:1:11: template: template:1:4: this is never closed"),
        ("inputs: {text: string}\ntemplate: '{{ txt }}'\n", "p.yaml:2:11: template: asks for 'txt'"),
        ("template: x\nmodle: m\n", "p.yaml:2:1: modle: unknown key; did you mean 'mode'?"),
        ("template: x\nmode: al\n", "p.yaml:2:7: mode: 'al' is not one of all, race, quorum; did you mean 'all'?"),
        ("template: x\nmodel: a\nmodels: [b]\n", "has `model` and `models`"),
        ("template: x\nname: other\n", "p.yaml:2:7: name: 'other' is not the name of the file"),
        ("template: x\nmodel: prompt/p\n", "p.yaml:2:8: model: a saved prompt asks models"),
        ("template: x\nmodels: [a, prompt/p]\n", "p.yaml:2:13: models[1]: a saved prompt asks models"),
        ("template: x\nchildren: {a: nowhere}\n", "p.yaml:2:15: children.a: no prompt is called 'nowhere'"),
        ("template: x\nselector_prompt: p\n", "'p' needs a `model` of its own"),
        ("template: x\nselector_prompt: p\njudge: m\n", "`selector_prompt` says it all"),
        ("template: x\ninputs: {a: any}\nchildren: {a: p}\n", "'a' is an input and a child"),
        ("template: x\noutput: {schema_file: a.json}\n", "no file is read for it"),
        ("template: x\nparameters: {extra: {api_key: k}}\n", "api_key cannot be set here"),
        ("template: x\ncache: {ttl: soon}\n", "p.yaml:2:14: cache.ttl: 'soon': expected a duration such as 500ms"),
        ("template: x\ncache: {tll: 5s}\n", "p.yaml:2:9: cache.tll: unknown key; did you mean 'ttl'"),
        ("template: x\ncache: often\n", "p.yaml:2:8: cache"),
        (
            "inputs: {a: any}\ntemplate: x\ncache: {key: '{{ b }}'}\n",
            "p.yaml:3:14: cache.key: asks for 'b', which is no input",
        ),
        ("inputs: {a: any}\ntemplate: x\ncache: {key: a}\n", "p.yaml:3:14: cache.key: uses no input: all questions"),
        ("template: x\ntemplate: y\n", "p.yaml:2:1: template: is given twice"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    assert told in problems(tmp_path, p=text)


def test_what_a_child_needs_has_to_come_from_somewhere(tmp_path: Path) -> None:
    child = "{inputs: {text: string}, template: '{{ text }}'}"
    nothing = "{template: x, children: {c: c}}"
    assert "'c' needs 'text', which is no input here" in problems(tmp_path, c=child, p=nothing)
    wrong = "{template: x, children: {c: {prompt: c, inputs: {txt: a}}}}"
    assert "'c' has no such input; did you mean 'text'?" in problems(tmp_path, c=child, p=wrong)


def test_a_changed_file_counts_and_a_broken_one_does_not(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = ScriptedModel("m", "ok")
    folder = folder_of(tmp_path, {"p": "{template: one, model: m}"}, model)
    clock = Ahead()
    assert sent(folder, model, clock) == "one"
    rewrite(tmp_path / "p.yaml", "{template: two, model: m}")
    assert sent(folder, model, clock) == "one"  # looked at just now
    clock.ahead_s += 1
    assert sent(folder, model, clock) == "two"
    rewrite(tmp_path / "p.yaml", "{template: '{{ no }}', model: m}")
    clock.ahead_s += 1
    assert sent(folder, model, clock) == "two"
    assert "asks for 'no'" in caplog.text
    assert len(folder.problems) == 1
    rewrite(tmp_path / "p.yaml", "{template: three, model: m}")
    rewrite(tmp_path / "q.yaml", "{template: new, model: m}")
    clock.ahead_s += 1
    assert sent(folder, model, clock) == "three"
    assert (folder.names(), folder.problems) == (("p", "q"), ())
    (tmp_path / "p.yaml").unlink()
    clock.ahead_s += 1
    with pytest.raises(NotFound, match="no prompt 'p'"):
        sent(folder, model, clock)


class Ahead(VirtualClock):
    """A clock that a test puts forward."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead_s = 0.0

    def monotonic(self) -> float:
        return self.ahead_s


def rewrite(file: Path, text: str) -> None:
    before = file.stat().st_mtime_ns if file.exists() else 0
    file.write_text(text)
    os.utime(file, ns=(before + 1_000_000, before + 1_000_000))


def sent(folder: PromptFolder, model: ScriptedModel, clock: Ahead) -> str:
    asyncio.run(folder.run("p", {}, new_call(clock=clock)))
    return model.requests[-1].prompt_text


def test_a_prompt_is_a_model(tmp_path: Path) -> None:
    model = ScriptedModel("m", ScriptedAnswer(pieces=("a", "b")))
    saved = SavedPrompt("summary", folder_of(tmp_path, {"summary": SUMMARY}, model))

    async def answers() -> list[str]:
        pieces = [delta.text async for delta in stream(saved, streamed("long text"), new_call())]
        return ["".join(pieces), (await complete(saved, user_request('{"text": "t", "words": 5}'), new_call())).text]

    assert asyncio.run(answers()) == ["ab", "ab"]
    assert [each.prompt_text for each in model.requests] == ["In 20 words: long text", "In 5 words: t"]
    assert saved.name == "prompt/summary"


def streamed(text: str) -> Any:
    request = user_request(text)
    return type(request)(messages=request.messages, stream=True, temperature=0.9)


def test_json_that_is_no_set_of_values_is_a_text(tmp_path: Path) -> None:
    model = ScriptedModel("m", "x")
    folder = folder_of(tmp_path, {"summary": SUMMARY, "two": TWO}, model)
    asyncio.run(complete(SavedPrompt("summary", folder), user_request('{"other": 1}'), new_call()))
    assert model.requests[0].prompt_text == 'In 20 words: {"other": 1}'
    with pytest.raises(InvalidRequest, match="has several inputs: send a JSON object with a, b"):
        asyncio.run(complete(SavedPrompt("two", folder), user_request("hi"), new_call()))


TWO = "{inputs: {a: string, b: string}, template: '{{ a }}{{ b }}', model: m}"


def test_a_step_of_a_flow_asks_a_saved_prompt(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, CHILDREN, ScriptedModel("f", '{"n": 1, "who": "Ann"}'))
    config = PromptConfig.model_validate({"prompt": "facts", "inputs": {"text": "t"}})
    answer: Any = asyncio.run(PromptExecutor().run(config, flow_step(prompts=folder)))
    assert (answer["n"], answer["who"]) == (1, "Ann")


CONFIG = """
version: 1
models: {m: {type: simulated}}
prompts: {folder: FOLDER}
"""


def test_a_configuration_brings_its_prompts(tmp_path: Path) -> None:
    (tmp_path / "summary.yaml").write_text(dedent(SUMMARY))
    file = tmp_path / "quorate.yaml"
    (tmp_path / "prompts").mkdir()
    (tmp_path / "summary.yaml").rename(tmp_path / "prompts" / "summary.yaml")
    file.write_text(CONFIG.replace("FOLDER", "prompts"))

    async def run() -> tuple[Result, Result]:
        async with Quorate.from_file(file) as q:
            card = q.catalog.card("prompt/summary")
            assert (card.kind, card.description) == (ModelKind.PROMPT, "Sums a text up")
            return await q.prompt("summary", text="t"), await q.ask("t", models="prompt/summary")

    for result in asyncio.run(run()):
        assert result.answer


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    text = CONFIG.replace("FOLDER", str(tmp_path / "nowhere"))
    with pytest.raises(Misconfigured, match=r"q.yaml:4:19: .*nowhere' is not a folder"):
        build(settings_from_text(text, name="q.yaml"))


async def test_without_a_folder_there_are_none() -> None:
    async with Quorate.simulated() as q:
        with pytest.raises(NotFound, match=r"prompts\.folder"):
            await q.prompt("summary")
