"""A written value as a tree whose parts can be moved and renamed, each remembering where it was written."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import msgspec

from quorate.source.document import Document, Mark
from quorate.source.place import KeyPath, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

#: More problems than anybody reads at once; what is beyond them is left for the next time.
MAX_PROBLEMS = 200

Items = dict[str, "Node"] | list["Node"] | str | int | float | bool | None


class Node(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A value: `mark` says where it stands, `key` where the key in front of it does, `path` how it is reached there.

    `value` holds nodes where it is a mapping or a list. `decimal` is a number with a point as it was written.
    """

    value: Items
    mark: Mark
    path: KeyPath
    key: Mark | None = None
    decimal: str = ""

    @property
    def mapping(self) -> dict[str, "Node"] | None:
        """The value, if it is a mapping."""
        return self.value if isinstance(self.value, dict) else None

    @property
    def items(self) -> list["Node"] | None:
        """The value, if it is a list."""
        return self.value if isinstance(self.value, list) else None

    def made(self, value: Items) -> "Node":
        """Return another value that stands in this one's place."""
        return Node(value=value, mark=self.mark, path=self.path, key=self.key)

    def plain(self) -> Any:
        """Return the value without places."""
        if self.mapping is not None:
            return {key: inner.plain() for key, inner in self.mapping.items()}
        if self.items is not None:
            return [inner.plain() for inner in self.items]
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Canonical(Document):
    """A flow's values in the canonical spelling; places are those of the spelling that was written.

    `paths` are the paths that were written, by canonical path.
    """

    paths: dict[KeyPath, KeyPath] = field(default_factory=dict[KeyPath, KeyPath])

    def written_path(self, path: KeyPath) -> KeyPath:
        """Return the path under which the value at a canonical path was written, as far as it was."""
        for length in range(len(path), 0, -1):
            if (written := self.paths.get(path[:length])) is not None:
                return written + path[length:]
        return path


class Problems:
    """Gathers what is wrong with a flow, up to `MAX_PROBLEMS`; a live object."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    @property
    def full(self) -> bool:
        """Whether more problems are not noted."""
        return len(self.found) >= MAX_PROBLEMS

    def at(self, node: Node, message: str) -> None:
        """Note a problem with a value."""
        self.add(Problem(where=str(node.mark), path=node.path, message=message))

    def at_key(self, node: Node, message: str) -> None:
        """Note a problem with the key in front of a value."""
        self.add(Problem(where=str(node.key or node.mark), path=node.path, message=message))

    def add(self, problem: Problem) -> None:
        """Note a problem that was found elsewhere."""
        if not self.full:
            self.found.append(problem)


def node_of(document: Document) -> Node:
    """Return a document's tree with its places."""
    return _node(document, document.tree, (), Mark(file=document.file, line=1, column=1))


def _node(document: Document, value: object, path: KeyPath, around: Mark) -> Node:
    mark = document.values.get(path, around)
    inner: Items
    if isinstance(value, dict):
        entries = cast("dict[str, object]", value)
        inner = {key: _node(document, each, (*path, key), mark) for key, each in entries.items()}
    elif isinstance(value, list | tuple):
        each_item = enumerate(cast("Sequence[object]", value))
        inner = [_node(document, each, (*path, index), mark) for index, each in each_item]
    else:
        inner = cast("Items", value)
    written = document.paths.get(path, path) if isinstance(document, Canonical) else path
    return Node(
        value=inner, mark=mark, path=written, key=document.keys.get(path), decimal=document.decimals.get(path, "")
    )


def flattened(root: Node, file: str) -> Canonical:
    """Return a tree's values and, beside them, their places."""
    canonical = Canonical(file=file, tree={}, values={}, keys={})
    tree = _flat(root, (), canonical)
    canonical.tree.update(cast("dict[str, Any]", tree))
    return canonical


def _flat(node: Node, path: KeyPath, into: Canonical) -> object:
    into.values[path] = node.mark
    into.paths[path] = node.path
    if node.key is not None:
        into.keys[path] = node.key
    if node.decimal:
        into.decimals[path] = node.decimal
    if node.mapping is not None:
        return {key: _flat(inner, (*path, key), into) for key, inner in node.mapping.items()}
    if node.items is not None:
        return [_flat(inner, (*path, index), into) for index, inner in enumerate(node.items)]
    return node.value
