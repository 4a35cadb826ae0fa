"""The JSON Schema for editors accepts what the reader accepts, and knows the executors."""

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import jsonschema_rs
import pytest
from pydantic import Field

from flow_samples import (
    BRIEFING,
    COMPOSITION,
    CONDITIONS,
    EMPTY_KEYS,
    FUNCTIONS,
    INPUT_SPELLINGS,
    OUTPUT_SPELLINGS,
    PARALLEL,
    STEP_SPELLINGS,
)
from quorate.flows.executor import Executor, StepContext
from quorate.flows.language.schema import canonical_schema, flow_schema, words_for
from quorate.flows.registry import Executors
from quorate.source.document import parse_document
from quorate.source.section import Section

ROOT = Path(__file__).resolve().parents[4]


class PageConfig(Section):
    """How a page is made."""

    title: str
    size: int = Field(default=10, ge=1)
    parts: tuple["PartConfig", ...] = ()
    each: dict[str, int] = Field(default_factory=dict)


class PartConfig(Section):
    """A part of it."""

    width: float = 1.0


class Page(Executor[PageConfig, str]):
    """Makes a page."""

    name: ClassVar[str] = "page"
    summary: ClassVar[str] = "makes a page"
    config = PageConfig
    result = str
    raw: ClassVar[frozenset[str]] = frozenset({"each"})

    async def run(self, config: PageConfig, step: StepContext) -> str:
        return config.title


PAGE = Page()


@cache
def validator(*executors: Executor[Any, Any]) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(flow_schema(Executors(executors)))


def problems(text: str, *executors: Executor[Any, Any]) -> list[str]:
    tree = parse_document(text, "f", aliases=True).tree
    return [error.message for error in validator(*executors).iter_errors(tree)]


ACCEPTED = [
    *(f"inputs:\n  {written}\n" for written, _ in INPUT_SPELLINGS),
    *(f"outputs: {written}\n" for written, _ in OUTPUT_SPELLINGS),
    *(f"steps:\n  - {{name: a, {written}}}\n" for written, _ in STEP_SPELLINGS),
    *EMPTY_KEYS,
    *(COMPOSITION, CONDITIONS, PARALLEL, FUNCTIONS, BRIEFING),
]


@pytest.mark.parametrize("text", ACCEPTED)
def test_every_spelling_fits(text: str) -> None:
    assert problems(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "stps: []",
        "steps: [{name: a, executer: x}]",
        "steps: [{name: a-b}]",
        "steps: [{executor: x}]",
        "steps: [{name: a, retry: {backof: fixed}}]",
        "steps: [{name: a, on_error: fial}]",
        "inputs: {a: strng}",
        "inputs: {a: {type: string, validation: {min_lenght: 1}}}",
        "limits: {priority: urgent}",
        "steps: [{name: a, outputs: {text: string}}]",
        "steps: [{name: a, switch: {on: x, cases: {y: {when: z, steps: []}}}}]",
    ],
)
def test_mistakes_do_not(text: str) -> None:
    assert problems(text)


def step(config: str) -> str:
    return f"steps: [{{name: a, executor: page, config: {config}}}]"


@pytest.mark.parametrize(
    "config",
    [
        "{title: x}",
        "{title: x, size: '{{ inputs.n }}'}",
        "{title: x, parts: '{{ inputs.parts }}'}",
        "{title: x, parts: [{width: '{{ item }}'}, {width: 2}]}",
        "{title: x, each: anything}",
    ],
)
def test_the_configuration_of_an_executor_fits_with_or_without_templates(config: str) -> None:
    assert problems(step(config), PAGE) == []


@pytest.mark.parametrize(
    "config", ["{title: x, size: 0}", "{size: 2}", "{title: x, sise: 2}", "{title: x, parts: [{w: 1}]}"]
)
def test_a_configuration_that_does_not_fit(config: str) -> None:
    assert problems(step(config), PAGE)


def test_the_executors_are_those_that_there_are() -> None:
    assert problems("steps: [{name: a, executor: pgae}]", PAGE)
    assert problems("steps: [{name: a, executor: page, config: {title: x}}]", PAGE) == []


def test_other_words_are_known_to_the_schema() -> None:
    definitions = flow_schema(Executors())["$defs"]
    for section in canonical_schema()["$defs"]:
        assert set(words_for(section)) <= set(definitions[section].get("properties", {})), section


@pytest.mark.subprocess
def test_the_reference_of_the_language_is_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "scripts/generate_flow_reference.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
