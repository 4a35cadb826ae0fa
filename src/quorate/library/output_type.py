"""What a caller may write for the output of a question, and the contract that it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from functools import partial
from typing import Any, Generic, TypeVar, cast

import msgspec

from quorate.contracts.contract import Contract, OutputType, type_of_schema
from quorate.contracts.schema import read_schema
from quorate.core.errors import InvalidRequest
from quorate.library.options import one_of
from quorate.parallel.result import Result

T = TypeVar("T")

#: A contract, the name of a type, or a JSON Schema.
OutputGiven = Contract | OutputType | str | Mapping[str, Any]

#: Python's own types, the more special ones first: a `bool` is an `int`, a `datetime` a `date`.
_TYPES: tuple[tuple[type, OutputType], ...] = (
    (bool, OutputType.BOOLEAN),
    (int, OutputType.INTEGER),
    (float, OutputType.NUMBER),
    (str, OutputType.STRING),
    (datetime, OutputType.DATETIME),
    (date, OutputType.DATE),
    (dict, OutputType.OBJECT),
    (list, OutputType.ARRAY),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedResult(Result, Generic[T]):
    """A result whose `value` is of the type that was asked for."""

    @property
    def value(self) -> T:
        """The answer as a value."""
        return cast("T", None if self.output is None else self.output.native)

    @classmethod
    def of(cls, result: Result) -> "TypedResult[T]":
        """Return the result under its type."""
        return cls(**{field.name: getattr(result, field.name) for field in fields(result)})


def is_python_type(given: object) -> bool:
    """Return whether a caller asks for objects of a type of its own."""
    return given is not None and not isinstance(given, Contract | str | Mapping)


def output_contract(given: OutputGiven | type[object] | None) -> Contract | None:
    """Return the contract that a caller describes; raises `InvalidRequest` for what cannot be one.

    A type of Python's (`int`, `float`, `bool`, `str`, `date`, `datetime`, `dict`, `list`), a dataclass, a `TypedDict`,
    a msgspec `Struct` or a pydantic model is a strict contract whose value is such an object.
    """
    if given is None or isinstance(given, Contract):
        return given
    if isinstance(given, str):
        return Contract(type=one_of(OutputType, given, "output"))
    if isinstance(given, Mapping):
        schema = read_schema(given, param="output")
        return Contract(type=type_of_schema(schema), schema=schema)
    for kind, name in _TYPES:
        if given is kind:
            return Contract(type=name, build=_float if kind is float else None)
    return _of_class(given)


def _of_class(given: type[object]) -> Contract:
    """Return the contract of a class that describes itself."""
    source, build = _described(given)
    schema = read_schema(source, param="output")
    return Contract(type=type_of_schema(schema), schema=schema, build=build)


def _described(given: type[object]) -> tuple[Mapping[str, Any], Callable[[object], object]]:
    describe, build = getattr(given, "model_json_schema", None), getattr(given, "model_validate", None)
    if callable(describe) and callable(build):
        return cast("Mapping[str, Any]", describe()), build
    try:
        return msgspec.json.schema(given), partial(_converted, given)
    except (TypeError, RuntimeError) as error:
        told = f"output is {given!r}, of which no JSON Schema can be made: {error}"
        raise InvalidRequest(told, param="output") from None


def _converted(kind: type[object], value: object) -> object:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


def _float(value: object) -> object:
    return float(value) if isinstance(value, int | float) else value
