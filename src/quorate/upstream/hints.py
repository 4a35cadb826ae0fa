"""What a prompt says about values: the numbers and quoted words in it, taken in their order."""

import re
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_NUMBER = re.compile(r"(?<![\w.])-?\d{1,15}(?:\.\d{1,15})?(?!\w)")
_QUOTED = re.compile(
    r"""(?<!\w)'([^'\n]{1,200})'(?!\w)|"([^"\n]{1,200})"|`([^`\n]{1,200})`|[“「]([^”」\n]{1,200})[”」]"""
)
#: Only so much of a prompt is read: the rest of a long one would cost time and say nothing more.
_READ_CHARS = 4_000


class Hints:
    """A live object for one answer: values named by the prompt, each given once and only where it fits."""

    def __init__(self, prompt: str) -> None:
        text = prompt[-_READ_CHARS:]
        self._numbers = [float(number) for number in _NUMBER.findall(text)]
        self._words = ["".join(groups) for groups in _QUOTED.findall(text)]

    def number(self, fits: Callable[[float], bool]) -> float | None:
        """Return the next number for which `fits` holds, or `None`."""
        return _take(self._numbers, fits)

    def word(self, fits: Callable[[str], bool]) -> str | None:
        """Return the next quoted text for which `fits` holds, or `None`."""
        return _take(self._words, fits)

    @property
    def words(self) -> tuple[str, ...]:
        """The quoted texts that are left."""
        return tuple(self._words)


def _take(values: list[T], fits: Callable[[T], bool]) -> T | None:
    for position, value in enumerate(values):
        if fits(value):
            return values.pop(position)
    return None
