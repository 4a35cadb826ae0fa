"""Defaults, examples and tests of a flow against its own inputs, steps and outputs."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from quorate.contracts.schema import read_schema
from quorate.core.errors import InvalidRequest
from quorate.flows.compiler.draft import Draft
from quorate.flows.compiler.problems import Problems
from quorate.flows.inputs import schema_problems
from quorate.flows.language.sections import FlowSection
from quorate.flows.outcome import RunStatus
from quorate.flows.plan import InputPlan
from quorate.source.place import KeyPath, did_you_mean, listed

#: What a test may expect.
EXPECTED = ("status", "skipped", "failed", "errors", "outputs", "steps")


def check_trials(
    section: FlowSection, inputs: tuple[InputPlan, ...], steps: Mapping[str, Draft], problems: Problems
) -> None:
    """Report defaults, examples and tests that do not fit the flow that they are written in."""
    for plan in inputs:
        if plan.default is not None and not plan.takes_files:
            _fits(plan, plan.default, ("inputs", plan.name, "default"), problems)
    for index, example in enumerate(section.examples):
        _inputs(inputs, example, ("examples", index), problems)
    for index, test in enumerate(section.tests):
        at = ("tests", index)
        _inputs(inputs, test.inputs, (*at, "inputs"), problems)
        for name in test.mock:
            _known("step", _base(name), steps, (*at, "mock", name), problems)
        _expectations(section, test.expect, (*at, "expect"), steps, problems)


def _inputs(inputs: tuple[InputPlan, ...], given: Mapping[str, Any], at: KeyPath, problems: Problems) -> None:
    known = {plan.name: plan for plan in inputs}
    for name, value in given.items():
        if _known("input", name, known, (*at, name), problems) and not known[name].takes_files and value is not None:
            _fits(known[name], value, (*at, name), problems)
    for plan in inputs:
        if plan.required and given.get(plan.name) is None:
            problems.at(at, f"the input {plan.name!r} is required and missing")


def _fits(plan: InputPlan, value: object, at: KeyPath, problems: Problems) -> None:
    try:
        schema = read_schema(plan.schema, param=plan.name)
    except InvalidRequest:  # a problem of its own
        return
    for problem in schema_problems(schema, value, plan.name):
        problems.at(at, f"does not fit the input {plan.name!r}: {problem.path}: {problem.message}")


def _expectations(
    section: FlowSection, expect: Mapping[str, Any], at: KeyPath, steps: Mapping[str, Draft], problems: Problems
) -> None:
    for key, value in expect.items():
        top, *rest = key.split(".")
        place = (*at, key)
        if top not in EXPECTED:
            hint = did_you_mean(top, EXPECTED) or f"; a test expects something of {listed(EXPECTED)}"
            problems.at_key(place, f"unknown expectation{hint}")
        elif top == "status":
            if isinstance(value, str):
                _known("status", value, [status.value for status in RunStatus], place, problems)
        elif top in {"skipped", "failed"}:
            for name in _names(value):
                _known("step", _base(name), steps, place, problems)
        elif top in {"outputs", "steps"}:
            known: Iterable[str] = section.outputs if top == "outputs" else steps
            for name in rest[:1] or _names(value):
                _known(top.removesuffix("s"), _base(name), known, place, problems)


def _known(what: str, name: str, known: Iterable[str], at: KeyPath, problems: Problems) -> bool:
    names = list(known)
    if name in names:
        return True
    problems.at_key(at, f"no {what} {name!r}{did_you_mean(name, names) or f'; known: {listed(names)}'}")
    return False


def _names(value: object) -> list[str]:
    """Return the names in a text, a list or the keys of a mapping."""
    if isinstance(value, str):
        return [value]
    return [str(name) for name in cast("Iterable[object]", value)] if isinstance(value, list | tuple | dict) else []


def _base(path: str) -> str:
    """Return the name of the step that a path ends in: `check` of `translate[3]/check#2`."""
    return path.rpartition("/")[2].partition("#")[0].partition("[")[0]
