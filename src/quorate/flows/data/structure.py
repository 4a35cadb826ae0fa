"""A tree filled from sources: its texts are paths such as `0.title` or `summary.items[2].name`."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from quorate.flows.data.path import MISSING, DataPath, look, read_path
from quorate.flows.data.source import DataSource
from quorate.flows.executor import StepRejected
from quorate.source.place import KeyPath, did_you_mean, dotted, listed, shown


class _Filled:
    """What the template's leaf gave already: it is not read as a path again."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


def filled(value: object) -> object:
    """Mark a value of a tree as it is meant: a text in it is a text, no path."""
    return _Filled(value)


def structured(tree: object, sources: Sequence[DataSource], names: Sequence[str], path: KeyPath = ()) -> Any:
    """Return the tree with its paths replaced by what they lead to.

    A path begins with the name of a source or its number (from 0). `?` at its end allows that nothing is there
    (`null`, or what follows: `1.total?0`). A text in quotes is that text, one that has no form of a path as well.
    `names` are all names that were written, in order: a path into a source that is missing is no mistake if it is
    optional. Raises `StepRejected` naming the place, the path and what is there.
    """
    match tree:
        case _Filled():
            return tree.value
        case str():
            return _leaf(tree, sources, names, path)
        case Mapping():
            items = cast("Mapping[str, object]", tree).items()
            return {key: structured(value, sources, names, (*path, key)) for key, value in items}
        case list() | tuple():
            entries = cast("Sequence[object]", tree)
            return [structured(value, sources, names, (*path, index)) for index, value in enumerate(entries)]
        case _:
            return tree


def _leaf(text: str, sources: Sequence[DataSource], names: Sequence[str], place: KeyPath) -> Any:
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1]
    path = read_path(text)
    if path is None:
        return text
    head = str(path.steps[0])
    index = int(head) if head.isascii() and head.isdigit() and head not in names else None
    if head not in names and (index is None or index >= len(names)):
        raise StepRejected(
            f"structure_template.{dotted(place)}: {shown(text)}: there is no source {head!r}"
            f"{did_you_mean(head, names)} (sources: {listed(names)})",
            code="unknown_source",
            hint=f"a text that is meant as such stands in quotes: \"'{text}'\"",
        )
    source = next((each for each in sources if head in (each.name, str(each.index))), None)
    found = MISSING if source is None or source.missing else look(source.value, path.steps[1:])
    return _found(found, path, place, head)


def _found(found: object, path: DataPath, place: KeyPath, head: str) -> Any:
    if found is not MISSING:
        return found
    if path.optional:
        return path.default
    raise StepRejected(
        f"structure_template.{dotted(place)}: {shown(path.text)} leads to nothing in the source {head!r}",
        code="path_missing",
        hint=f"if it may be missing, write {path.text}? or a default: {path.text}?none",
    )
