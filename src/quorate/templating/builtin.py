"""A filter, test, function or method: how it is called, and what an expression must know of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Builtin:
    """`call` gets plain values. `slow`: it waits for another process. `argument`: as a test it needs one."""

    call: Callable[..., Any]
    slow: bool = False
    argument: bool = False


def table(
    calls: Mapping[str, Callable[..., Any]],
    *,
    of_one: Mapping[str, Callable[[Any], Any]] | None = None,
    of_two: Mapping[str, Callable[[Any, Any], Any]] | None = None,
    slow: bool = False,
) -> dict[str, Builtin]:
    """Return built-ins by name: those of one value, of two, and all others."""
    every: dict[str, Callable[..., Any]] = {**calls, **(of_one or {}), **(of_two or {})}
    return {name: Builtin(call=call, slow=slow) for name, call in every.items()}
