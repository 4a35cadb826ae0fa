"""What is combined: the outputs of steps and other values, each with a name."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, cast

import msgspec

from quorate.flows.data.view import as_view, output_of
from quorate.flows.data.weight import at_once, copied, takes_long
from quorate.flows.executor import StepContext, StepRejected
from quorate.flows.expression import is_template
from quorate.source.place import did_you_mean, listed
from quorate.templating.value import Value

#: The names under which sources are written.
Written = Sequence[Any] | Mapping[str, Any]


class OnMissing(StrEnum):
    """What happens to a source that has no value, because its step was skipped or failed."""

    SKIP = "skip"
    NULL = "null"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSource:
    """One source: `index` is its place among all that were written, `status` that of its step (else `value`)."""

    name: str
    index: int
    value: Any
    status: str = "value"

    @property
    def missing(self) -> bool:
        """Whether there is nothing in it."""
        return self.value is None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    name: str
    written: object
    value: Value | None = None
    step: str = ""


def mentioned_steps(written: object) -> tuple[str, ...]:
    """Return the steps that sources name without a template."""
    if isinstance(written, str):
        written = [written]
    values: list[object] = []
    if isinstance(written, Mapping):
        values = list(cast("Mapping[str, object]", written).values())
    elif isinstance(written, list | tuple):
        values = list(cast("Sequence[object]", written))
    return tuple(dict.fromkeys(value for value in values if isinstance(value, str) and not is_template(value)))


async def read_sources(written: Written, step: StepContext, on_missing: OnMissing) -> tuple[DataSource, ...]:
    """Return the sources of a step, in written order; without any, the outputs of all steps that it waits for.

    A text without a template is the name of a step, or a reference to something of it (`ocr.text`). Raises
    `StepRejected` for a step that is not there, for no source at all, and for one without a value if `on_missing` says
    so.
    """
    entries = list(_entries(written or step.needs, step))
    if not entries:
        raise StepRejected(
            "there is nothing to combine: `sources` is empty and the step waits for no other",
            code="no_sources",
            hint="name steps under `sources` or `depends_on`",
        )
    slow = any(entry.value is not None and takes_long(entry.value, step.scope) for entry in entries)
    seen = msgspec.structs.replace(step, scope=copied(step.scope))
    work = partial(_rendered, entries, seen)
    found = await asyncio.to_thread(work) if slow else await at_once(work)
    missing = [source for source in found if source.missing]
    if missing and on_missing is OnMissing.ERROR:
        told = listed(f"{source.name!r} ({source.status})" for source in missing)
        raise StepRejected(
            f"sources without a value: {told}", code="source_missing", hint="see why their steps have no output"
        )
    return tuple(source for source in found if not source.missing) if on_missing is OnMissing.SKIP else tuple(found)


def _entries(written: Written, step: StepContext) -> Iterator[_Entry]:
    if isinstance(written, Mapping):
        for name, value in written.items():
            yield _entry(name, value, step)
        return
    taken: set[str] = set()
    for index, value in enumerate(written):
        entry = _entry("", value, step)
        name = entry.step if entry.step and entry.step not in taken else str(index)
        taken.add(name)
        yield _Entry(name=name, written=entry.written, value=entry.value, step=entry.step)


def _entry(name: str, written: object, step: StepContext) -> _Entry:
    if isinstance(written, str) and not is_template(written):
        bare = written.strip().removeprefix("steps.")
        if "." not in bare and "[" not in bare:
            return _Entry(name=name, written=written, step=bare)
        value = step.values(f"{{{{ steps.{bare} }}}}")
    else:
        value = step.values(written)
    of_step = {reference.names[1] for reference in value.references if _names_a_step(reference.names)}
    return _Entry(name=name, written=written, value=value, step=of_step.pop() if len(of_step) == 1 else "")


def _names_a_step(names: tuple[str, ...]) -> bool:
    return len(names) > 1 and names[0] == "steps"


def _rendered(entries: Sequence[_Entry], step: StepContext) -> list[DataSource]:
    return [_source(index, entry, step) for index, entry in enumerate(entries)]


def _source(index: int, entry: _Entry, step: StepContext) -> DataSource:
    found = _of_step(entry, step) if entry.value is None else entry.value.render(step.scope)
    view = as_view(found)
    if view is None:
        return DataSource(name=entry.name, index=index, value=found)
    return DataSource(name=entry.name, index=index, value=output_of(view), status=str(view["status"]))


def _of_step(entry: _Entry, step: StepContext) -> Any:
    steps = cast("Mapping[str, Any]", step.scope["steps"])
    if entry.step not in steps:
        known = sorted(steps)
        raise StepRejected(
            f"the source {entry.step!r} is no step that has ended{did_you_mean(entry.step, known)}"
            f" (steps: {listed(known)})",
            code="unknown_source",
            hint="a text as a source stands in an expression: \"{{ 'text' }}\"",
        )
    return steps[entry.step]
