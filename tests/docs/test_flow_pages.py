"""Flows on pages and in examples/flows/ are flows: they can be read, and say what their words allow."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import pages
from quorate.flows.executors.standard import standard_executors
from quorate.flows.language.sections import FlowSection
from quorate.source.document import Document, parse_document, read_document

FOLDER = pages.ROOT / "examples/flows"
EXAMPLES = sorted(FOLDER.glob("**/*.yaml"))
ON_PAGES = [
    (page.name, block.line, block.code)
    for page in pages.all_pages()
    for block in pages.blocks(page)
    if block.language == "yaml" and block.code.startswith(("name: ", "apiVersion: "))
]
EXPECTATIONS = {"status", "failed", "skipped"}


def flow_of(document: Document) -> FlowSection:
    return FlowSection.model_validate(document.tree)


def steps_of(tree: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """All steps of a flow or of a step, nested ones as well."""
    for key in ("steps", "catch", "finally"):
        for step in tree.get(key, ()):
            yield step
            yield from steps_of(step)
    for case in tree.get("switch", ()):
        yield from steps_of(case)


def wrong(tree: Mapping[str, Any], folder: Path) -> Iterator[str]:
    """What is wrong with a flow's names, and with the configurations of our own executors."""
    executors = standard_executors()
    steps = list(steps_of(tree))
    names = [step["name"] for step in steps]
    yield from (f"two steps {name}" for name in set(names) if names.count(name) > 1)
    for step in steps:
        if step.get("executor") in executors.names():
            config = executors.get(step["executor"]).config
            if config.model_config.get("extra") == "allow":
                continue
            fields = config.model_fields
            known = set(fields) | {field.alias or name for name, field in fields.items()} | {"duration"}
            yield from (f"{step['name']}: unknown key {key}" for key in step.get("config", {}) if key not in known)
    for test in tree.get("tests", ()):
        known = EXPECTATIONS | {f"outputs.{name}" for name in output_names(tree)} | {f"steps.{name}" for name in names}
        yield from (f"{test['name']}: no step {name}" for name in test.get("mock", {}) if name not in names)
        yield from (f"{test['name']}: expects {key}" for key in test["expect"] if base(key) not in known)
        given = [value for value in test["inputs"].values() if str(value).startswith("fixtures/")]
        yield from (f"{test['name']}: no file {name}" for name in given if not (folder / name).is_file())


def output_names(tree: Mapping[str, Any]) -> list[str]:
    return [each if isinstance(each, str) else each["name"] for each in tree.get("outputs", ())]


def base(expected: str) -> str:
    """`steps.NAME` of `steps.NAME.FIELD`."""
    return ".".join(expected.split(".")[:2])


@pytest.mark.parametrize(("name", "line", "code"), ON_PAGES, ids=lambda value: str(value)[:40])
def test_flows_on_pages_are_canonical_and_right(name: str, line: int, code: str) -> None:
    document = parse_document(code, f"{name}:{line}")
    assert flow_of(document).name
    assert list(wrong(document.tree, FOLDER)) == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_examples_say_what_they_are_for_and_test_themselves(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("# "), "it begins with a comment for readers"
    tree = read_document(path).tree
    assert tree["description"]
    assert tree["tests"]
    assert list(wrong(tree, path.parent)) == []


def test_flows_of_flows_find_their_children() -> None:
    trees = [read_document(path).tree for path in EXAMPLES]
    calling = [step for tree in trees for step in steps_of(tree) if step.get("executor") == "flow_executor"]
    called = {step["config"]["flow_name"] for step in calling}
    assert called
    assert called <= {tree["name"] for tree in trees}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("steps: [{name: a, executor: wait, config: {second: 1}}]", "a: unknown key second"),
        ("steps: [{name: a, executor: wait}, {name: b, steps: [{name: a, executor: wait}]}]", "two steps a"),
        ("tests: [{name: t, inputs: {}, mock: {b: 1}, expect: {}}]", "t: no step b"),
        ("tests: [{name: t, inputs: {}, expect: {outputs.x: 1}}]", "t: expects outputs.x"),
        ("tests: [{name: t, inputs: {f: fixtures/none}, expect: {}}]", "t: no file fixtures/none"),
    ],
)
def test_mistakes_are_found(text: str, told: str) -> None:
    assert list(wrong(parse_document(f"name: x\n{text}\n", "x.yaml").tree, FOLDER)) == [told]


def test_a_flow_with_an_unknown_key_is_found() -> None:
    with pytest.raises(ValidationError, match="step"):
        flow_of(parse_document("name: x\nstep: []\n", "x.yaml"))
