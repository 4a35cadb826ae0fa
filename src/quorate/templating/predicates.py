"""Tests: `value is even`, `value is startingwith 'a'`. `defined` and `undefined` are the translator's own."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from quorate.templating.builtin import Builtin, table
from quorate.templating.expect import number, text, whole
from quorate.templating.operators import contains
from quorate.templating.order import ordered
from quorate.templating.template import TemplateError


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _divisible(value: object, by: object) -> bool:
    if not number(by):
        raise TemplateError("nothing is divisible by 0")
    return number(value) % number(by) == 0


def _in_order(sign: str) -> Callable[[Any, Any], bool]:
    return lambda left, right: ordered(sign, left, right)


def _same(left: object, right: object) -> bool:
    return left == right


_ALONE: Final = table(
    {
        "number": _number,
    },
    of_one={
        "boolean": lambda value: isinstance(value, bool),
        "empty": lambda value: value is None or (hasattr(value, "__len__") and len(value) == 0),
        "even": lambda value: whole(value) % 2 == 0,
        "false": lambda value: value is False,
        "float": lambda value: isinstance(value, float) and not value.is_integer(),
        "integer": lambda value: _number(value) and value == int(value),
        "iterable": lambda value: hasattr(value, "__iter__"),
        "lower": lambda value: text(value).islower(),
        "mapping": lambda value: isinstance(value, Mapping),
        "none": lambda value: value is None,
        "null": lambda value: value is None,
        "odd": lambda value: whole(value) % 2 == 1,
        "sequence": lambda value: isinstance(value, (list, tuple)),
        "string": lambda value: isinstance(value, str),
        "true": lambda value: value is True,
        "upper": lambda value: text(value).isupper(),
    },
)
_WITH: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "containing": lambda value, item: contains(item, value),
    "divisibleby": _divisible,
    "endingwith": lambda value, end: text(value).endswith(text(end)),
    "eq": _same,
    "equalto": _same,
    "ge": _in_order(">="),
    "gt": _in_order(">"),
    "in": contains,
    "le": _in_order("<="),
    "lt": _in_order("<"),
    "ne": lambda left, right: left != right,
    "startingwith": lambda value, start: text(value).startswith(text(start)),
}

TESTS: Final = _ALONE | {name: Builtin(call=call, argument=True) for name, call in _WITH.items()}
