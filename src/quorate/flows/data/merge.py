"""Several mappings made one."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, assert_never, cast

from quorate.flows.data.source import DataSource
from quorate.flows.executor import StepRejected
from quorate.source.place import dotted, shown

_MAX_DEPTH = 64


class MergeStrategy(StrEnum):
    """What two values under the same key become.

    `deep`: mappings are merged, lists appended, of anything else the later one stays. `shallow`: the later one stays,
    whatever it is. `overwrite`: mappings are merged, of anything else the later one stays. `keep_first`: mappings are
    merged, of anything else the first one stays. `error`: mappings are merged, other values have to be equal.
    """

    DEEP = "deep"
    SHALLOW = "shallow"
    OVERWRITE = "overwrite"
    KEEP_FIRST = "keep_first"
    ERROR = "error"


def merged(sources: Sequence[DataSource], strategy: MergeStrategy) -> dict[str, Any]:
    """Return one mapping; raise `StepRejected` for a source that is none, or a conflict that may not be."""
    whole: dict[str, Any] = {}
    for source in sources:
        if source.missing:
            continue
        if not isinstance(source.value, Mapping):
            raise StepRejected(
                f"the source {source.name!r} is {kind(source.value)}; `merge` takes mappings",
                code="bad_source",
                hint="use the strategy `concat` for lists and texts, `structured` for values of several kinds",
            )
        whole = merge_two(whole, cast("Mapping[str, Any]", source.value), strategy, name=source.name)
    return whole


def merge_two(
    first: Mapping[str, Any],
    second: Mapping[str, Any],
    strategy: MergeStrategy,
    *,
    name: str,
    path: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Return both in one mapping, neither of them changed; `name` says in errors where the second one is from."""
    if len(path) > _MAX_DEPTH:
        raise StepRejected(f"the source {name!r} is nested deeper than {_MAX_DEPTH} levels", code="too_deep")
    whole = dict(first)
    for key, value in second.items():
        whole[key] = _both(first[key], value, strategy, name, (*path, key)) if key in first else value
    return whole


def _both(first: Any, second: Any, strategy: MergeStrategy, name: str, path: tuple[str, ...]) -> Any:
    if strategy is MergeStrategy.SHALLOW:
        return second
    if _both_are(Mapping, first, second):
        return merge_two(first, second, strategy, name=name, path=path)
    match strategy:
        case MergeStrategy.DEEP:
            return [*first, *second] if _both_are(list, first, second) else second
        case MergeStrategy.OVERWRITE:
            return second
        case MergeStrategy.KEEP_FIRST:
            return first
        case MergeStrategy.ERROR:
            if first == second:
                return first
            raise StepRejected(
                f"conflict at `{dotted(path)}`: {shown(first)} stands there already, {name!r} has {shown(second)}",
                code="merge_conflict",
                hint="choose another `merge_strategy` (deep, shallow, overwrite, keep_first) or change a source",
            )
    assert_never(strategy)


def _both_are(cls: type, first: object, second: object) -> bool:
    return isinstance(first, cls) and isinstance(second, cls)


def kind(value: object) -> str:
    """Return what a value is, in the words of YAML."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "a mapping"
