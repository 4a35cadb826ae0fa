"""What a test of a flow expects, against what a run of it was like."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from quorate.flows.outcome import FlowResult, StepOutcome, StepStatus
from quorate.flows.run.view import view_of
from quorate.source.place import did_you_mean, listed

#: What a path leads to where there is nothing.
_NOTHING = object()
_NAMES = frozenset({"skipped", "failed", "errors"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One expectation: `what` it is about, what was `expected` and what was `found`, as texts."""

    what: str
    expected: str
    found: str
    passed: bool


def checked(expect: Mapping[str, Any], result: FlowResult) -> tuple[Check, ...]:
    """Return a check for each expectation, in the order in which they are written.

    `status`, `outputs`, `steps`, with `.NAME.FIELD` behind them, are compared; `skipped`, `failed` and `errors` name
    steps that are among those, and an empty list says that there are none. A mapping of nothing but `equals`,
    `contains`, `matches`, `gt`, `gte`, `lt`, `lte`, `type`, `length` and `one_of` is a condition for each of them.
    """
    return tuple(check for key, value in expect.items() for check in _checks(key, value, result))


def _checks(key: str, expected: object, result: FlowResult) -> Iterable[Check]:
    top, _, rest = key.partition(".")
    if top in _NAMES:
        yield _names(key, expected, _those(top, result))
    elif top == "status":
        yield from _compared(key, expected, result.status.value)
    elif not rest and isinstance(expected, Mapping):
        for name, value in cast("Mapping[str, object]", expected).items():
            yield from _checks(f"{key}.{name}", value, result)
    else:
        whole = result.outputs if top == "outputs" else _Steps(result.steps)
        yield from _compared(key, expected, _at(whole, rest))


def _names(what: str, expected: object, found: Sequence[str]) -> Check:
    """Compare names of steps: a path ends in the name of its step."""
    wanted = [expected] if isinstance(expected, str) else [str(each) for each in cast("Iterable[object]", expected)]
    last = {path.rpartition("/")[2].partition("[")[0] for path in found}
    passed = all(name in found or name in last for name in wanted) if wanted else not found
    return Check(what=what, expected=listed(wanted), found=listed(found), passed=passed)


def _those(top: str, result: FlowResult) -> list[str]:
    """Return the paths of the steps that were skipped, or that failed, whether that was handled or not."""
    if top == "skipped":
        return [path for path, each in result.steps.items() if each.status is StepStatus.SKIPPED]
    failed = [path for path, each in result.steps.items() if each.status is StepStatus.FAILED or each.error is not None]
    return failed if top == "failed" else list(dict.fromkeys(error.stage for error in result.errors))


class _Steps(dict[str, Any]):
    """What expressions see of the steps, by path or name; made when it is asked for."""

    def __init__(self, outcomes: Mapping[str, StepOutcome]) -> None:
        super().__init__({path.rpartition("/")[2]: view_of(each, ()) for path, each in outcomes.items()})
        self.update({path: view_of(each, ()) for path, each in outcomes.items()})


def _at(value: object, path: str) -> object:
    """Return what stands at `a.b.0`; a text if there is nothing, which says what there is."""
    here = value
    for step in path.split(".") if path else ():
        if isinstance(here, Mapping) and step in here:
            here = cast("Mapping[str, object]", here)[step]
        elif isinstance(here, list) and step.isdigit() and int(step) < len(cast("list[object]", here)):
            here = cast("list[object]", here)[int(step)]
        else:
            return _missing(step, cast("object", here))
    return here


@dataclass(frozen=True, slots=True)
class _Missing:
    """There is nothing at a path: says what there is instead."""

    text: str


def _missing(step: str, here: object) -> _Missing:
    known = [str(key) for key in cast("Mapping[object, object]", here)] if isinstance(here, Mapping) else []
    there = _kind(cast("object", here))
    return _Missing(f"nothing: no {step!r}{did_you_mean(step, known) or f' in {there}'}")


def _compared(what: str, expected: object, found: object) -> Iterable[Check]:
    if isinstance(found, _Missing):
        yield Check(what=what, expected=_text(expected), found=found.text, passed=False)
    elif conditions := _conditions(expected):
        for name, value in conditions.items():
            passed = OPERATORS[name](found, value)
            yield Check(what=what, expected=f"{name} {_text(value)}", found=_found(name, found), passed=passed)
    else:
        yield Check(what=what, expected=_text(expected), found=_text(found), passed=same(found, expected))


def _conditions(expected: object) -> Mapping[str, object]:
    """Return what an expected mapping says if it is made of conditions alone; nothing for any other value."""
    if not isinstance(expected, dict):
        return {}
    entries = cast("dict[str, object]", expected)
    return entries if entries.keys() <= OPERATORS.keys() else {}


def same(found: object, expected: object) -> bool:
    """Return whether two JSON values are the same; `1` and `1.0` are, `1` and `true` are not."""
    if isinstance(found, bool) or isinstance(expected, bool):
        return found is expected
    if isinstance(found, dict) and isinstance(expected, dict):
        left, right = cast("dict[str, object]", found), cast("dict[str, object]", expected)
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    if isinstance(found, list) and isinstance(expected, list):
        items, others = cast("list[object]", found), cast("list[object]", expected)
        return len(items) == len(others) and all(map(same, items, others))
    return found == expected


def _contains(found: object, expected: object) -> bool:
    match found:
        case str():
            return str(expected) in found
        case list():
            return any(same(each, expected) for each in cast("list[object]", found))
        case dict() if isinstance(expected, dict):
            there, wanted = cast("dict[str, object]", found), cast("dict[str, object]", expected)
            return all(same(there.get(key, _NOTHING), value) for key, value in wanted.items())
        case dict():
            return expected in found
        case _:
            return False


def _matches(found: object, expected: object) -> bool:
    try:
        return isinstance(found, str) and re.search(str(expected), found) is not None
    except re.error:
        return False


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[object, object], bool]:
    def holds(found: object, expected: object) -> bool:
        numbers = isinstance(found, int | float) and isinstance(expected, int | float)
        return (numbers or (isinstance(found, str) and isinstance(expected, str))) and compare(found, expected)

    return holds


def _has_length(found: object, expected: object) -> bool:
    return isinstance(found, str | list | dict) and len(cast("Sequence[object]", found)) == expected


def _is_of_type(found: object, expected: object) -> bool:
    kind = _kind(found)
    return kind == expected or (expected == "number" and kind == "integer")


def _one_of(found: object, expected: object) -> bool:
    return isinstance(expected, list) and any(same(found, each) for each in cast("list[object]", expected))


#: What a condition may say, and whether it holds for a value.
OPERATORS: Mapping[str, Callable[[object, object], bool]] = {
    "equals": same,
    "contains": _contains,
    "matches": _matches,
    "gt": _ordered(lambda found, expected: found > expected),
    "gte": _ordered(lambda found, expected: found >= expected),
    "lt": _ordered(lambda found, expected: found < expected),
    "lte": _ordered(lambda found, expected: found <= expected),
    "type": _is_of_type,
    "length": _has_length,
    "one_of": _one_of,
}


def _kind(value: object) -> str:
    """Return the JSON type of a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _found(operator: str, value: object) -> str:
    """Return what is to be shown of a value beside an operator."""
    if operator == "type":
        return _kind(value)
    if operator == "length" and isinstance(value, str | list | dict):
        return f"length {len(cast('Sequence[object]', value))}"
    return _text(value)


_SHOWN = 400


def _text(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
