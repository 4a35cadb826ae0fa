"""Put the sources of the configuration on top of each other; every value remembers which source it is from."""

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, cast

from quorate.config.origin import BUILT_IN, Layer, Origin
from quorate.source.document import Document, plain_scalar
from quorate.source.place import KeyPath, Problem, shown
from quorate.source.section import mapping

PREFIX = "QUORATE_"
SEPARATOR = "__"

#: An entry of these sections is replaced whole by the same name in a higher file: half of one provider and half of
#: another is nobody's intention. Variables and flags change single values.
_NAMED = frozenset({"providers", "models", "budgets"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Layered:
    """The configuration as plain values, and where each value and key stands.

    `origins` is complete for every key, list item and container that a source gave.
    """

    tree: dict[str, Any] = field(default_factory=dict[str, Any])
    origins: dict[KeyPath, Origin] = field(default_factory=dict[KeyPath, Origin])
    keys: dict[KeyPath, Origin] = field(default_factory=dict[KeyPath, Origin])

    def origin(self, path: KeyPath) -> Origin:
        """Return where the value at `path` came from; the nearest container's place if it has none of its own."""
        return _nearest(self.origins, path)

    def key(self, path: KeyPath) -> Origin:
        """Return where the key at the end of `path` stands."""
        return self.keys.get(path) or self.origin(path)

    def place(self, path: KeyPath) -> str:
        """Return where the value at `path` stands, as text."""
        return self.origin(path).where

    def key_place(self, path: KeyPath) -> str:
        """Return where the key at the end of `path` stands, as text."""
        return self.key(path).where


def _nearest(origins: Mapping[KeyPath, Origin], path: KeyPath) -> Origin:
    for length in range(len(path), 0, -1):
        if (origin := origins.get(path[:length])) is not None:
            return origin
    return origins.get((), BUILT_IN)


def of_document(document: Document, layer: Layer) -> Layered:
    """Return a file as a layer."""
    return Layered(
        tree=document.tree,
        origins={path: Origin(layer=layer, where=str(mark)) for path, mark in document.values.items()},
        keys={path: Origin(layer=layer, where=str(mark)) for path, mark in document.keys.items()},
    )


def of_tree(tree: dict[str, Any], origin: Origin) -> Layered:
    """Return plain values of one source as a layer."""
    return Layered(tree=tree, origins={(): origin, **dict.fromkeys(_paths(tree, ()), origin)})


def overlay(low: Layered, high: Layered) -> Layered:
    """Return `high` on top of `low`: mappings are merged, everything else is replaced."""
    replaced: set[KeyPath] = set()

    def merge(below: dict[str, Any], above: dict[str, Any], path: KeyPath) -> dict[str, Any]:
        merged = dict(below)
        for name, value in above.items():
            step = (*path, name)
            old, new = mapping(below.get(name)), mapping(value)
            if old is not None and new is not None and not (len(path) == 1 and path[0] in _NAMED):
                merged[name] = merge(old, new, step)
            else:
                replaced.add(step)
                merged[name] = value
        return merged

    tree = merge(low.tree, high.tree, ())
    return Layered(
        tree=tree,
        origins=_joined(low.origins, high.origins, replaced),
        keys=_joined(low.keys, high.keys, replaced),
    )


def _joined(
    low: Mapping[KeyPath, Origin], high: Mapping[KeyPath, Origin], replaced: AbstractSet[KeyPath]
) -> dict[KeyPath, Origin]:
    """Return the places of `high` under the replaced paths, and those of `low` everywhere else."""

    def is_replaced(path: KeyPath) -> bool:
        return any(path[:length] in replaced for length in range(1, len(path) + 1))

    kept = {path: origin for path, origin in low.items() if not is_replaced(path)}
    return {**high, **kept} | {path: origin for path, origin in high.items() if is_replaced(path)}


def _paths(value: object, path: KeyPath) -> list[KeyPath]:
    """Return the path of every value under `value`."""
    steps: list[tuple[KeyPath, object]] = []
    if isinstance(value, dict):
        steps = [((*path, str(key)), item) for key, item in cast("dict[str, object]", value).items()]
    elif isinstance(value, list | tuple):
        steps = [((*path, index), item) for index, item in enumerate(cast("Sequence[object]", value))]
    return [found for step, item in steps for found in (step, *_paths(item, step))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """One value given outside of the files."""

    names: tuple[str, ...]
    value: object
    origin: Origin


def environment_overrides(environ: Mapping[str, str]) -> list[Override]:
    """Return what the variables `QUORATE_SECTION__KEY` say, in the order of their names.

    Values are read as YAML scalars. Variables without a double underscore mean other things and are left alone.
    """
    found: list[Override] = []
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and SEPARATOR in variable:
            names = tuple(variable.removeprefix(PREFIX).split(SEPARATOR))
            origin = Origin(layer=Layer.ENVIRONMENT, where=f"environment variable {variable}")
            found.append(Override(names=names, value=_variable_value(environ[variable]), origin=origin))
    return found


def _variable_value(text: str) -> str | float | bool | None:
    """Return what a variable means; a number in an unusual spelling (007, 1.10) stays text, the field decides."""
    value = plain_scalar(text)
    return text if isinstance(value, int | float) and not isinstance(value, bool) and str(value) != text else value


def flag_overrides(overrides: Mapping[str, object]) -> list[Override]:
    """Return overrides with dotted names such as `defaults.mode`."""
    return [
        Override(names=tuple(name.split(".")), value=value, origin=Origin(layer=Layer.FLAG, where=f"override {name}"))
        for name, value in overrides.items()
    ]


def apply_overrides(below: Layered, overrides: Sequence[Override]) -> tuple[Layered, list[Problem]]:
    """Return `below` with single values replaced, and what could not be.

    Each step of a name finds the existing key that is spelled the same but for case and punctuation, so
    `MODELS__GPT_MINI__MODEL` reaches `models: {gpt-mini: {model: ...}}`; otherwise it is a new key in lower case.
    """
    layered, problems = below, list[Problem]()
    for override in overrides:
        path, blocked = _resolve(layered.tree, override.names)
        if blocked is None:
            layered = _with_value(layered, path, override)
        else:
            message = f"is not a section ({shown(blocked)}), so nothing can be set in it"
            problems.append(Problem(where=override.origin.where, path=path, message=message))
    return layered, problems


def _with_value(below: Layered, path: KeyPath, override: Override) -> Layered:
    size = len(path)
    kept = {known: place for known, place in below.origins.items() if known[:size] != path}
    above = dict.fromkeys((path[:length] for length in range(size)), override.origin)
    new = dict.fromkeys((path, *_paths(override.value, path)), override.origin)
    keys = {known: place for known, place in below.keys.items() if known[:size] != path}
    return Layered(tree=_set(below.tree, path, override.value), origins=above | kept | new, keys=keys)


def _set(tree: dict[str, Any], path: KeyPath, value: object) -> dict[str, Any]:
    head, *rest = path
    changed = value if not rest else _set(mapping(tree.get(str(head))) or {}, tuple(rest), value)
    return {**tree, str(head): changed}


def _resolve(tree: dict[str, Any], names: Sequence[str]) -> tuple[KeyPath, object]:
    """Return the path that `names` mean, and the value that is in the way if one is."""
    path: list[str] = []
    here: dict[str, Any] = tree
    for index, name in enumerate(names):
        wanted = _folded(name)
        key = next((key for key in here if _folded(key) == wanted), name.lower())
        path.append(key)
        below = here.get(key)
        if index < len(names) - 1 and below is not None and mapping(below) is None:
            return tuple(path), below
        here = mapping(below) or {}
    return tuple(path), None


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "_", name.lower())
