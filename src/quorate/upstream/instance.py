"""A value that satisfies a JSON Schema: what a simulated model answers when it must answer in a form.

Understood are types, `enum`, `const`, `properties`, `required`, `additionalProperties`, `items`, `prefixItems`,
`contains`, `$ref` within the document, `anyOf`, `oneOf`, `allOf` of objects, the limits of numbers, texts and lists,
and the formats of dates, times, addresses and ids. A `pattern` is satisfied if one of a few common texts does. Other
keywords are not heeded; a value that happens to break them is not given.
"""

import math
import re
from collections.abc import Iterator
from typing import Any, cast

from quorate.core.errors import InvalidRequest
from quorate.upstream.hints import Hints
from quorate.upstream.schema_check import SchemaCheck

Schema = dict[str, Any]

#: Deeper than this only what is required is made, so that recursive schemas come to an end.
_FULL_DEPTH = 4
_MAX_DEPTH = 24
#: Lists in lists may demand any number of values. A long text counts as several.
_MAX_VALUES = 20_000
_CHARS_OF_A_VALUE = 1_000

_FORMATS = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "simulated@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_PATTERN_SAMPLES = (
    "simulated",
    "Simulated",
    "a",
    "A",
    "1",
    "42",
    "A1",
    "a-1",
    "ABC",
    "123",
    "1.0",
    "+15555550100",
    "12345",
    "ABC-123",
)


def instance(schema: object, hints: Hints, *, name: str = "answer") -> Any:
    """Return a value for `schema`, with the values that `hints` has where they fit.

    `name` describes free texts. Raises `InvalidRequest` for what is no schema, for a reference that leads nowhere, for
    nothing but recursion, for more than 20,000 values, and where what is made here does not satisfy the schema.
    """
    check = SchemaCheck(schema)
    value = _made(schema, hints, name)
    if check.objection(value) is None:
        return value
    value = _made(schema, Hints(""), name)
    objection = check.objection(value)
    if objection is not None:
        raise InvalidRequest(f"no value can be made up for the schema: {objection}", param="schema")
    return value


def _made(schema: object, hints: Hints, name: str) -> Any:
    try:
        return _Maker(schema, hints).make(schema, name, 0)
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        # Keywords are read as they stand: one of the wrong type shows by not doing what one of the right type does.
        raise InvalidRequest(f"the schema cannot be read: {error}", param="schema") from None


class _Maker:
    def __init__(self, root: object, hints: Hints) -> None:
        self._root = root
        self._hints = hints
        self._left = _MAX_VALUES

    def make(self, schema: object, name: str, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            raise InvalidRequest("the schema requires itself without end", param="schema")
        self._spend(1)
        if not isinstance(schema, dict):
            return f"simulated {name}"
        known = self._resolved(cast("Schema", schema), depth)
        if "const" in known:
            return known["const"]
        if known.get("enum"):
            return self._chosen(cast("list[Any]", known["enum"]))
        for key in ("anyOf", "oneOf"):
            if known.get(key):
                return self._variant(known, cast("list[Any]", known[key]), name, depth)
        return self._typed(known, name, depth)

    def _spend(self, values: int) -> None:
        self._left -= values
        if self._left < 0:
            raise InvalidRequest(f"the schema demands more than {_MAX_VALUES} values", param="schema")

    def _resolved(self, schema: Schema, depth: int) -> Schema:
        """Follow references and merge `allOf`, of which the later parts add to the earlier."""
        for _ in range(_MAX_DEPTH):
            reference = schema.get("$ref")
            if not isinstance(reference, str):
                break
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            schema = {**self._target(reference), **rest}
        if "$ref" in schema:
            raise InvalidRequest(f"the reference {schema['$ref']!r} leads to itself", param="schema")
        if not isinstance(schema.get("allOf"), list) or depth > _MAX_DEPTH:
            return schema
        merged = {key: value for key, value in schema.items() if key != "allOf"}
        for part in cast("list[object]", schema["allOf"]):
            if isinstance(part, dict):
                _merge(merged, self._resolved(cast("Schema", part), depth + 1))
        return merged

    def _target(self, reference: str) -> Schema:
        node: object = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            node = cast("Schema", node).get(key) if isinstance(node, dict) else None
        if not isinstance(node, dict) or not reference.startswith("#"):
            raise InvalidRequest(f"the schema's reference {reference!r} leads nowhere", param="schema")
        return cast("Schema", node)

    def _chosen(self, choices: list[Any]) -> Any:
        named = self._hints.word(lambda word: word in choices)
        return choices[0] if named is None else named

    def _variant(self, schema: Schema, variants: list[Any], name: str, depth: int) -> Any:
        """Return a value for the first variant, near the end of the depth for the simplest."""
        base = {key: value for key, value in schema.items() if key not in {"anyOf", "oneOf"}}
        order = sorted(variants, key=_weight) if depth >= _FULL_DEPTH else variants
        merged = dict(base)
        _merge(merged, self._resolved(cast("Schema", order[0]), depth) if isinstance(order[0], dict) else {})
        return self.make(merged, name, depth + 1)

    def _typed(self, schema: Schema, name: str, depth: int) -> Any:
        kind = _type_of(schema, depth)
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return list(self._items(schema, name, depth))
            case "integer" | "number":
                return self._number(schema, whole=kind == "integer")
            case "boolean":
                return True
            case "null":
                return None
            case _:
                return self._text(schema, name)

    def _object(self, schema: Schema, depth: int) -> Schema:
        properties = cast("dict[str, Any]", schema.get("properties") or {})
        required = cast("list[str]", schema.get("required") or [])
        wanted = [*properties, *(key for key in required if key not in properties)] if depth < _FULL_DEPTH else required
        made = {key: self.make(properties.get(key, {}), key, depth + 1) for key in dict.fromkeys(wanted)}
        further = schema.get("additionalProperties")
        number = 0
        while len(made) < int(schema.get("minProperties") or 0):
            number += 1
            made[f"key{number}"] = self.make({} if isinstance(further, bool) else further, "value", depth + 1)
        return made

    def _items(self, schema: Schema, name: str, depth: int) -> Iterator[Any]:
        prefix = cast("list[Any]", schema.get("prefixItems") or [])
        items = schema.get("items", schema.get("contains", {}))
        least = max(int(schema.get("minItems") or 0), int(schema.get("minContains", "contains" in schema)))
        count = max(least, len(prefix), 1 if depth < _FULL_DEPTH and items is not False else 0)
        if (most := schema.get("maxItems")) is not None:
            count = min(count, int(most))
        for part in prefix[:count]:
            yield self.make(part, name, depth + 1)
        further = (self.make(items, name, depth + 1) for _ in range(count - len(prefix)))
        yield from self._distinct(items, further, depth) if schema.get("uniqueItems") else further

    def _distinct(self, items: object, made: Iterator[Any], depth: int) -> Iterator[Any]:
        """Give values that differ, where it is easy to say how."""
        choices: list[Any] = []
        if isinstance(items, dict):
            choices = cast("list[Any]", self._resolved(cast("Schema", items), depth).get("enum") or [])
        for position, value in enumerate(made):
            if choices:
                if not position:
                    choices = [value, *(choice for choice in choices if choice != value)]
                yield choices[position % len(choices)]
            else:
                yield _another(value, position)

    def _number(self, schema: Schema, *, whole: bool) -> float:
        low, high = _limits(schema, 1 if whole else 0)
        step = schema.get("multipleOf")
        unit = float(step) if isinstance(step, int | float) and step > 0 else 0.0

        def fits(value: float) -> bool:
            return low <= value <= high and (not whole or value.is_integer()) and (not unit or value % unit == 0)

        value = self._hints.number(fits)
        if value is None:
            value = _within(low, high, unit, whole=whole)
        return int(value) if whole or value.is_integer() else value

    def _text(self, schema: Schema, name: str) -> str:
        least, most = int(schema.get("minLength") or 0), schema.get("maxLength")
        most = None if most is None else int(most)
        pattern = _compiled(schema.get("pattern"))

        def fits(text: str) -> bool:
            return (
                least <= len(text)
                and (most is None or len(text) <= most)
                and (pattern is None or pattern.search(text) is not None)
            )

        samples = [_FORMATS.get(str(schema.get("format"))), *_PATTERN_SAMPLES] if pattern else []
        if (form := schema.get("format")) in _FORMATS:
            return _FORMATS[cast("str", form)]
        if (named := self._hints.word(fits)) is not None:
            return named
        if (sample := next((text for text in samples if text and fits(text)), None)) is not None:
            return sample
        text = f"simulated {name}"
        self._spend(least // _CHARS_OF_A_VALUE)
        return text.ljust(least, ".")[:most]


def _merge(into: Schema, part: Schema) -> None:
    for key, value in part.items():
        old = into.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            into[key] = {**cast("Schema", old), **cast("Schema", value)}
        elif isinstance(old, list) and isinstance(value, list) and key == "required":
            into[key] = [*cast("list[Any]", old), *cast("list[Any]", value)]
        else:
            into[key] = value


def _weight(variant: object) -> int:
    """Say how far a variant may lead: nothing, plain values, lists, objects, references."""
    if not isinstance(variant, dict):
        return 1
    known = cast("Schema", variant)
    if "$ref" in known:
        return 4
    return {"null": 0, "array": 2, "object": 3}.get(str(known.get("type")), 1)


def _type_of(schema: Schema, depth: int) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kinds = [str(one) for one in cast("list[object]", kind)]
        if depth >= _FULL_DEPTH and "null" in kinds:
            return "null"
        return next((one for one in kinds if one != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in schema or "required" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    return "number" if "minimum" in schema or "maximum" in schema else "string"


def _limits(schema: Schema, smallest_step: int) -> tuple[float, float]:
    def bound(inclusive: str, exclusive: str, direction: int) -> float:
        given: list[float] = []
        if isinstance(value := schema.get(inclusive), int | float):
            given.append(float(value))
        if isinstance(value := schema.get(exclusive), int | float) and not isinstance(value, bool):
            beside = float(value) + direction if smallest_step else math.nextafter(float(value), direction * math.inf)
            given.append(beside)
        return (max if direction > 0 else min)(given, default=-direction * math.inf)

    return bound("minimum", "exclusiveMinimum", 1), bound("maximum", "exclusiveMaximum", -1)


def _within(low: float, high: float, unit: float, *, whole: bool) -> float:
    """Return a number from `low` to `high` that is a multiple of `unit`: 1 if it may be."""
    start = max(low, min(1.0, high))
    if unit:
        start = math.ceil(start / unit) * unit
    elif whole:
        start = float(math.ceil(start))
    return start


def _another(value: Any, position: int) -> Any:
    """Return a value of the same kind that no other position has; a truth has one other at most."""
    if not position:
        return value
    if isinstance(value, str):
        return f"{value} {position + 1}"
    if isinstance(value, bool):
        return not value
    return value + position if isinstance(value, int | float) else value


def _compiled(pattern: object) -> re.Pattern[str] | None:
    if not isinstance(pattern, str):
        return None
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise InvalidRequest(f"the pattern {pattern!r} cannot be read: {error}", param="schema") from None
