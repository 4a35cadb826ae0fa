"""Which of two values comes first: numbers, texts, lists and booleans among themselves, null before all."""

import operator
from collections.abc import Callable
from typing import Any, Final

from quorate.templating.template import TemplateError
from quorate.templating.work import is_list, kind_of


def compared(left: Any, right: Any) -> int:
    """Return -1, 0 or 1. Raises `TemplateError` for values of different kinds."""
    if left is None or right is None:
        return (left is not None) - (right is not None)
    if is_list(left) and is_list(right):
        for one, other in zip(left, right, strict=False):
            if verdict := compared(one, other):
                return verdict
        return (len(left) > len(right)) - (len(left) < len(right))
    if kind_of(left) != kind_of(right) or not isinstance(left, (str, int, float)):
        raise TemplateError(f"{kind_of(left)} and {kind_of(right)} have no order")
    return (left > right) - (left < right)


def ordered(sign: str, left: Any, right: Any) -> bool:
    """Return whether `left < right`, or what else the sign says; null has no order here."""
    if left is None or right is None:
        raise TemplateError(f"{kind_of(left)} and {kind_of(right)} have no order ({sign})")
    return _SIGNS[sign](compared(left, right), 0)


_SIGNS: Final[dict[str, Callable[[int, int], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
