"""Public values are built with keywords and do not change after that; what lives and changes says so."""

import dataclasses
import importlib
import inspect
from collections.abc import Iterator

import msgspec
import pytest

from source_tree import package_sources

MODULES = [
    source.name.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    for source in package_sources()
    if not source.name.endswith("/__main__.py")  # importing it would run the command
]


def public_classes(module: str) -> Iterator[type]:
    """The classes that the module defines, those without a leading underscore."""
    for value in vars(importlib.import_module(module)).values():
        if isinstance(value, type) and value.__module__ == module and not value.__name__.startswith("_"):
            yield value


def is_frozen(cls: type) -> bool:
    if issubclass(cls, msgspec.Struct):
        return cls.__struct_config__.frozen
    probe = cls.__dict__.get("__dataclass_params__")
    return bool(getattr(probe, "frozen", False))


def is_live(cls: type) -> bool:
    """Its docstring says that it is a live object, so a reader knows that it changes and who owns it."""
    return "live" in (cls.__doc__ or "").lower().split()


def wrong(cls: type) -> Iterator[str]:
    if not (dataclasses.is_dataclass(cls) or issubclass(cls, msgspec.Struct)):
        return
    name = f"{cls.__module__}.{cls.__qualname__}"
    by_position = [
        parameter.name
        for parameter in inspect.signature(cls).parameters.values()
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY
    ]
    if by_position and not issubclass(cls, Exception):
        yield f"{name}: takes {by_position} by position"
    if not is_frozen(cls) and not is_live(cls):
        yield f"{name}: can change, and its docstring does not call it a live object"


@pytest.mark.parametrize("module", MODULES)
def test_public_values_are_frozen_and_keyword_only(module: str) -> None:
    assert [line for cls in public_classes(module) for line in wrong(cls)] == []


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    a: int


@dataclasses.dataclass(frozen=True)
class ByPosition:
    a: int


@dataclasses.dataclass(kw_only=True)
class Changing:
    a: int


@dataclasses.dataclass(kw_only=True)
class Meter:
    """A live count, owned by one task."""

    a: int


class GoodStruct(msgspec.Struct, frozen=True, kw_only=True):
    a: int


class BadStruct(msgspec.Struct):
    a: int


@pytest.mark.parametrize(
    ("cls", "complaints"),
    [(Good, 0), (ByPosition, 1), (Changing, 1), (Meter, 0), (GoodStruct, 0), (BadStruct, 2), (int, 0)],
)
def test_samples(cls: type, complaints: int) -> None:
    assert len(list(wrong(cls))) == complaints
