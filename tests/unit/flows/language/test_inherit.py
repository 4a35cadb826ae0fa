"""A flow that extends others has everything of theirs that it does not say itself."""

from collections.abc import Callable
from textwrap import dedent

import pytest

from quorate.core.errors import NotFound
from quorate.flows.language.read import ReadFlow, read_flow_text
from quorate.source.document import Document, parse_document
from quorate.source.place import BadConfiguration

BASE = """
    name: base
    version: 3.0.0
    abstract: true
    description: everything about a text
    tags: [text]
    inputs: {text: string, language: {type: string, default: en}}
    outputs: {digest: "{{ steps.digest.text }}", length: "{{ steps.count.result }}"}
    limits: {timeout: 60, concurrency: 2}
    steps:
      - {name: digest, executor: llm, config: {model: small, prompt: "{{ inputs.text }}"}, retry: {max_attempts: 3}}
      - {name: count, executor: transform, config: {value: "{{ inputs.text | length }}"}}
    rollout: {split: {3.0.0: 1}}
    """


def folder(**texts: str) -> Callable[[str], Document]:
    def find(name: str) -> Document:
        if name not in texts:
            raise NotFound(f"no flow {name!r}")
        return parse_document(dedent(texts[name]), f"{name}.yaml")

    return find


def child(text: str, **others: str) -> ReadFlow:
    return read_flow_text(dedent(text), "child.yaml", find=folder(base=BASE, **others))


def messages(text: str, **others: str) -> list[str]:
    with pytest.raises(BadConfiguration) as caught:
        child(text, **others)
    return [str(problem) for problem in caught.value.problems]


def test_the_childs_values_win_and_the_rest_is_inherited() -> None:
    found = child("""
        extends: base
        limits: {max_concurrent: 8}
        inputs: [{name: text, type: text, required: true}]
        steps:
          - {name: digest, config: {model: large}}
          - {name: extra, executor: wait}
        """).section
    assert (found.name, found.version, found.abstract, found.rollout) == ("child", "1.0.0", False, None)
    assert (found.description, found.tags) == ("everything about a text", ("text",))
    assert (found.limits.timeout, found.limits.concurrency) == (60, 8)
    assert (found.inputs["text"].required, found.inputs["language"].default) == (True, "en")
    assert [step.name for step in found.steps] == ["digest", "count", "extra"]
    assert found.steps[0].config == {"model": "large", "prompt": "{{ inputs.text }}"}
    assert found.steps[0].retry is not None


def test_null_leaves_out() -> None:
    found = child("""
        extends: base
        description: null
        inputs: {language: null}
        outputs: {length: null}
        steps: {count: null, digest: {retry: null}}
        """).section
    assert found.description == ""
    assert (list(found.inputs), list(found.outputs)) == (["text"], ["digest"])
    assert [(step.name, step.retry) for step in found.steps] == [("digest", None)]


def test_another_executor_does_not_inherit_the_configuration() -> None:
    found = child("extends: base\nsteps: {digest: {executor: wait, config: {seconds: 1}}}\n").section
    assert found.steps[0].config == {"seconds": 1}


def test_steps_of_groups_are_merged_by_name_as_well() -> None:
    group = "name: group\nsteps: [{name: g, steps: [{name: a, executor: x}, {name: b, executor: x}]}]\n"
    text = "extends: group\nsteps: [{name: g, steps: [{name: a, remove: true}, {name: b, timeout: 5}]}]\n"
    inner = child(text, group=group).section.steps[0].steps
    assert [(step.name, step.executor, step.timeout) for step in inner] == [("b", "x", 5)]


def test_of_several_parents_the_last_wins_and_grandparents_count() -> None:
    found = child(
        "extends: [one, two]\n",
        one="name: one\ndescription: first\ntags: [one]\n",
        two="name: two\nextends: base\ndescription: second\ninputs: {more: integer}\n",
    )
    assert (found.section.description, found.section.tags) == ("second", ("text",))
    assert list(found.section.inputs) == ["text", "language", "more"]
    assert [document.file for document in found.documents] == ["child.yaml", "one.yaml", "two.yaml", "base.yaml"]


def test_inherited_values_stand_in_the_file_that_they_are_from() -> None:
    written = child("extends: base\nsteps: {digest: {config: {model: large}}}\n").written
    assert written.place(("steps", 0, "config", "prompt")).startswith("base.yaml:11:")
    assert written.place(("steps", 0, "config", "model")).startswith("child.yaml:2:")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("extends: bsae\n", "child.yaml:1:10: extends: no flow 'bsae'"),
        ("extends: child\n", "the flow extends itself: child -> child"),
        ("name: a\nextends: b\n", "b.yaml:2:10: extends: the flow extends itself: a -> b -> a"),
        ("name: a\nextends: broken\n", "broken.yaml:1:4: is not YAML"),
        ("name: a\nextends: wrong\n", "wrong.yaml:2:1: stps: unknown key; did you mean 'steps'?"),
        ("name: a\nextends: c0\n", "flows extend each other over more than 8 levels"),
        ("extends: base\nsteps: {nobody: null}\n", "child.yaml:2:9: steps.nobody: there is no step 'nobody' to remove"),
        ("extends: [[base]]\n", "['base']: expected the name of a flow"),
    ],
)
def test_refused(text: str, expected: str) -> None:
    others = {f"c{number}": f"name: c{number}\nextends: c{number + 1}\n" for number in range(12)}
    others |= {"a": "name: a\nextends: b\n", "b": "name: b\nextends: a\n"}
    found = messages(text, broken="a: @", wrong="name: wrong\nstps: []\n", **others)
    assert any(expected in message for message in found), found
