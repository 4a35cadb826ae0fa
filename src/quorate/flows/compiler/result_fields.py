"""Which fields `steps.NAME` is known to have."""

import dataclasses
from typing import Any, cast, get_origin

import msgspec

from quorate.flows.compiler.draft import Draft
from quorate.flows.compiler.problems import Problems
from quorate.source.place import did_you_mean, listed

#: What every finished step shows of itself, beside the fields of its output.
VIEW_FIELDS = ("success", "status", "skipped", "error", "result", "output")
ERROR_FIELDS = ("code", "message", "hint", "retryable", "stage")
#: Mappings have these in expressions.
METHODS = frozenset({"get", "items", "keys", "values"})
#: The field of a switch's output that names the way that was taken.
CASE_FIELD = "case"
_WITHOUT_KEYS = (str, int, float, bool, list, tuple, type(None))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OutputFields:
    """The keys of an output, `closed` if there can be no others; `listed`: it is the list of a `foreach`."""

    names: tuple[str, ...]
    closed: bool
    listed: bool = False


def output_fields(draft: Draft) -> OutputFields:
    """Return what is known about the output of a step: names under `outputs` say which further ones there are."""
    if draft.section.foreach is not None:
        return OutputFields(names=(), closed=True, listed=True)
    if draft.section.executor is None:
        case = (CASE_FIELD,) if draft.section.switch else ()
        return OutputFields(names=(*case, *(child.name for child in draft.children)), closed=True)
    if draft.executor is None:  # unknown, which is a problem of its own
        return OutputFields(names=draft.section.outputs, closed=False)
    names, closed = class_fields(draft.executor.result)
    closed = closed and not draft.executor.open_result
    return OutputFields(names=(*names, *draft.section.outputs), closed=closed or bool(draft.section.outputs))


def check_outputs(draft: Draft, problems: Problems) -> None:
    """Report names under `outputs` that the output of a step can never have."""
    if not draft.section.outputs:
        return
    if draft.section.executor is None:
        case = (CASE_FIELD,) if draft.section.switch else ()
        names, closed = (*case, *(child.name for child in draft.children)), True
    elif draft.executor is None:
        return
    else:
        names, closed = class_fields(draft.executor.result)
        closed = closed and not draft.executor.open_result
    for index, name in enumerate(draft.section.outputs if closed else ()):
        if name not in names:
            hint = did_you_mean(name, names) or f"; it has: {listed(names)}"
            told = f"the output of {draft.name!r} never has {name!r}{hint}"
            problems.at((*draft.at, "outputs", index), told)


def class_fields(result: Any) -> tuple[tuple[str, ...], bool]:
    """Return the keys that a value of a class has as plain JSON, and whether those are all."""
    origin: object = get_origin(result) or result
    if not isinstance(origin, type):
        return (), False
    origin = cast("type[object]", origin)
    if issubclass(origin, msgspec.Struct):
        tag = origin.__struct_config__.tag_field
        return (*((tag,) if tag else ()), *origin.__struct_encode_fields__), True
    if dataclasses.is_dataclass(origin):
        return tuple(each.name for each in dataclasses.fields(origin)), True
    return (), issubclass(origin, _WITHOUT_KEYS)
