"""How often a schema may be asked about one value: what branches and refers to itself can grow without end.

A schema that says "an array of the same, or an array of the same" takes 2^depth steps to refuse a nested array; a
caller's schema and an answer that goes with it would hold up everybody. So the work is reckoned before it is done.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import unquote

#: What is not worth counting further.
MOST_VISITS = 10_000_000
_IN_PLACE_LISTS = ("allOf", "anyOf", "oneOf")
_IN_PLACE = ("not", "if", "then", "else")
_ANCHORS = ("$anchor", "$dynamicAnchor")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_CHILD = ("additionalProperties", "unevaluatedProperties", "items", "additionalItems", "unevaluatedItems", "contains")


def visits(schema: object, depth: int) -> int:
    """Return how often, at most, one value of a document `depth` deep is looked at; capped at `MOST_VISITS`.

    Each evaluation of the schema at a value counts, and those at the values inside it, as far as several parts of the
    schema may be about the same one. What refers to itself without going deeper, or to what is not in the schema, has
    no bound.
    """
    try:
        return _Visits(schema).count(schema, depth)
    except RecursionError:
        return MOST_VISITS


def embedded(schema: object) -> str | None:
    """Return an `$id` below the top of a schema, `None` if it has none: references below it begin there."""
    for each in _subschemas(schema):
        if each is not schema and isinstance(name := each.get("$id"), str):
            return name
    return None


class _Visits:
    """A live helper of one reckoning."""

    def __init__(self, root: object) -> None:
        self._root = root
        self._known: dict[tuple[int, int], int] = {}
        self._anchors: dict[str, object] = {
            anchor: each for each in _subschemas(root) for name in _ANCHORS if isinstance(anchor := each.get(name), str)
        }

    def count(self, schema: object, depth: int) -> int:
        if not isinstance(schema, Mapping):
            return MOST_VISITS if schema is None else 1
        key = id(cast("object", schema)), depth
        if key not in self._known:
            self._known[key] = MOST_VISITS  # until it is known: whoever comes here meanwhile goes round in a circle
            self._known[key] = min(self._counted(cast("Mapping[str, Any]", schema), depth), MOST_VISITS)
        return self._known[key]

    def _counted(self, schema: Mapping[str, Any], depth: int) -> int:
        total = 1 + sum(self.count(each, depth) for each in self._in_place(schema))
        if depth > 0:
            total += sum(self.count(schema[name], depth - 1) for name in _CHILD if name in schema)
            total += sum(self.count(each, depth - 1) for each in _values(schema.get("patternProperties")))
            total += max((self.count(each, depth - 1) for each in _values(schema.get("properties"))), default=0)
            listed = [*_values(schema.get("prefixItems")), *_values(schema.get("items"), lists_only=True)]
            total += max((self.count(each, depth - 1) for each in listed), default=0)
        return total

    def _in_place(self, schema: Mapping[str, Any]) -> Iterator[object]:
        for name in _IN_PLACE_LISTS:
            yield from _values(schema.get(name), lists_only=True)
        for name in _IN_PLACE:
            if name in schema:
                yield schema[name]
        for name in ("dependentSchemas", "dependencies"):
            yield from _values(schema.get(name))
        for name in _REFERENCES:
            if isinstance(reference := schema.get(name), str):
                yield self._referred(reference)

    def _referred(self, reference: str) -> object:
        """Return what a reference is to; `None` for what is not in the schema."""
        if not reference.startswith("#"):
            return None
        steps = unquote(reference[1:]).split("/")
        if steps[0]:
            return self._anchors.get(steps[0]) if len(steps) == 1 else None
        found: object = self._root
        for step in steps[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, Mapping):
                found = cast("Mapping[str, object]", found).get(name)
            elif isinstance(found, list) and name.isdigit() and int(name) < len(cast("list[object]", found)):
                found = cast("list[object]", found)[int(name)]
            else:
                return None
        return found


def _subschemas(schema: object) -> Iterator[Mapping[str, object]]:
    """Yield every object in a schema; some are no schemas, which does no harm here."""
    waiting = [schema]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Mapping):
            found = cast("Mapping[str, object]", each)
            yield found
            waiting.extend(found.values())
        elif isinstance(each, list):
            waiting.extend(cast("list[object]", each))


def _values(given: object, *, lists_only: bool = False) -> list[object]:
    if isinstance(given, Mapping) and not lists_only:
        return list(cast("Mapping[str, object]", given).values())
    return list(cast("list[object]", given)) if isinstance(given, list) else []
