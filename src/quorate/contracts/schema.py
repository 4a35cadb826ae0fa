"""A JSON Schema, compiled once: nothing is fetched, patterns take linear time, size and work are bounded."""

import json
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from quorate.contracts.json_size import depth_and_nodes
from quorate.contracts.schema_work import MOST_VISITS, embedded, visits
from quorate.core.errors import InvalidRequest
from quorate.model.output import Problem

if TYPE_CHECKING:
    import jsonschema_rs

MAX_SCHEMA_BYTES = 256 * 1024
MAX_SCHEMA_DEPTH = 64
MAX_SCHEMA_NODES = 5_000
MOST_PROBLEMS = 8
_MESSAGE_CHARS = 200
_SHOWN_CHARS = 120
#: Compiled schemas that are kept, those of requests among them.
_KEPT = 64
_PATTERN_BYTES = 1 << 20
#: Evaluations of subschemas that one answer may need, 0.1 us each; and (times its depth) those after which it is only
#: said that something does not fit: finding out where costs 10 us each. Measured with jsonschema-rs 0.60.
_MOST_WORK, _MOST_DETAIL = 2_000_000, 20_000
_SOMEWHERE = Problem(path="$", message="it does not fit the schema")
_NOTHING: Mapping[str, object] = {}


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else _NOTHING


class Schema:
    """A compiled JSON Schema (drafts 4 to 2020-12; 2020-12 where it does not say); `source` is what was written."""

    __slots__ = ("_validator", "_visits", "source", "text")

    def __init__(self, source: Mapping[str, Any], text: str, validator: "jsonschema_rs.Validator") -> None:
        self.source = source
        self.text = text
        self._validator = validator
        self._visits: dict[int, int] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schema) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    @property
    def type_name(self) -> str:
        """The one type that its top level, or the definition that it refers to, names; empty for several or none."""
        name = self._top().get("type")
        return name if isinstance(name, str) else ""

    @property
    def key_fields(self) -> tuple[str, ...]:
        """The top-level properties marked with `x-key: true`: they decide alone whether two answers agree."""
        properties = _mapping(self._top().get("properties"))
        return tuple(name for name, described in properties.items() if _mapping(described).get("x-key") is True)

    def _top(self) -> Mapping[str, object]:
        """Return the top level, or the definition that it refers to; empty if there is none."""
        reference = self.source.get("$ref")
        named: Mapping[str, object] = self.source
        if isinstance(reference, str):
            for step in reference.removeprefix("#/").split("/"):
                named = _mapping(named.get(step))
        return named

    def problems(self, value: object) -> tuple[Problem, ...]:
        """Return what does not fit, at most `MOST_PROBLEMS`; the value's own texts are not in it."""
        refusal = self._refusal(value)
        if refusal is None:
            return ()
        return tuple(self._detailed(value)) if refusal is _SOMEWHERE else (refusal,)

    def _refusal(self, value: object) -> Problem | None:
        """Return why a value does not fit, `_SOMEWHERE` if more can be said about it."""
        depth, nodes = depth_and_nodes(value)
        if depth not in self._visits:
            self._visits[depth] = visits(self.source, depth)
        work = self._visits[depth] * nodes
        if work > _MOST_WORK:
            return Problem(path="$", message="it cannot be checked: the schema branches too much for its depth")
        try:
            if self._validator.is_valid(value):
                return None
        except ValueError as error:
            return Problem(path="$", message=f"it cannot be checked: {_cut(str(error), _MESSAGE_CHARS)}")
        if work * max(depth, 1) > _MOST_DETAIL:
            return Problem(path="$", message="it does not fit the schema; it is too large to say where")
        return _SOMEWHERE

    def fits(self, value: object) -> bool:
        """Return whether a value fits; `False` also for one that cannot be checked."""
        return self._refusal(value) is None

    def _detailed(self, value: object) -> Iterator[Problem]:
        for error in islice(self._validator.iter_errors(value), MOST_PROBLEMS):
            yield Problem(path=json_path(error.instance_path), message=_cut(error.message, _MESSAGE_CHARS))


def json_path(steps: "list[str | int]") -> str:
    """Return the way to a value as `$.items[0].price`."""
    text = "$"
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if step.isidentifier() else f"[{json.dumps(_cut(step, _SHOWN_CHARS))}]"
    return _cut(text, 2 * _MESSAGE_CHARS)


def read_schema(source: Mapping[str, Any], *, param: str) -> Schema:
    """Return the schema, compiled. Raises `InvalidRequest` about `param` for one that cannot be used.

    The compiled form is kept; the same schema in the next request costs one encoding.
    """
    depth, nodes = depth_and_nodes(source)
    if depth > MAX_SCHEMA_DEPTH or nodes > MAX_SCHEMA_NODES:
        what = f"it is nested {depth} deep and has {nodes} values; {MAX_SCHEMA_DEPTH} and {MAX_SCHEMA_NODES} are read"
        raise InvalidRequest(f"{param}: the schema is too large: {what}", param=param)
    try:
        text = json.dumps(source, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        size = len(text.encode())
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidRequest(f"{param}: the schema is not JSON: {_cut(str(error), 80)}", param=param) from None
    if size > MAX_SCHEMA_BYTES:
        told = f"{param}: the schema has {size} bytes; {MAX_SCHEMA_BYTES} are read"
        raise InvalidRequest(told, param=param)
    found = _compiled(text)
    if isinstance(found, str):
        raise InvalidRequest(f"{param}: the schema cannot be used: {found}", param=param)
    return found


@lru_cache(maxsize=_KEPT)
def _compiled(text: str) -> Schema | str:
    """Return the compiled schema, or why there is none."""
    source = cast("dict[str, Any]", json.loads(text))
    if (name := embedded(source)) is not None:
        return f"it has a schema with an `$id` of its own inside ({_cut(name, _SHOWN_CHARS)!r}); name parts in `$defs`"
    rs = _rust()
    try:
        validator = rs.validator_for(
            source,
            validate_formats=True,
            mask="the value",
            offline=True,  # a `$ref` to an address or a file is an error; without this they are fetched
            pattern_options=rs.RegexOptions(size_limit=_PATTERN_BYTES, dfa_size_limit=_PATTERN_BYTES),
        )
    except rs.ValidationError as error:
        return f"{json_path(error.instance_path)}: {_why(error.message)}"
    except ValueError as error:
        return _cut(str(error), _MESSAGE_CHARS)
    if visits(source, 0) >= MOST_VISITS:
        return "it branches without end, or a part of it refers to itself without going deeper"
    return Schema(source, text, validator)


def _why(message: str) -> str:
    if "retriev" in message.lower():
        return f"{_cut(message, _SHOWN_CHARS)} (no reference outside of the schema is followed)"
    if message.endswith('is not a "regex"'):
        return f"{_cut(message, _SHOWN_CHARS)} (patterns have no look-around and no back references)"
    return _cut(message, _MESSAGE_CHARS)


@cache
def _rust() -> Any:
    import jsonschema_rs  # noqa: PLC0415 - slow: 14 MB, needed only where there is a schema

    return jsonschema_rs


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
