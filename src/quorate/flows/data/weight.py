"""Work on data off the event loop, where there is so much of it that everybody else would wait."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

from quorate.templating.value import Scope, Value
from quorate.templating.work import TakesLong, briefly

T = TypeVar("T")

#: Work on this many values, or characters of text, takes a few milliseconds; going to a thread takes 0.1.
_MOST_VALUES = 300
_MOST_CHARACTERS = 100_000


async def worked(data: object, work: Callable[[], T]) -> T:
    """Return what `work` returns, which goes through `data`: in a thread where that is much."""
    return await asyncio.to_thread(work) if is_heavy(data) else await at_once(work)


async def at_once(work: Callable[[], T]) -> T:
    """Return what `work` returns, which renders templates: in a thread, from the beginning, if that takes long.

    A few characters of a template can make much work of little data, or of none.
    """
    try:
        return briefly(work)
    except TakesLong:
        return await asyncio.to_thread(work)


def is_heavy(data: object) -> bool:
    """Return whether data holds many values or long texts. Looks at no more of it than it takes to say so."""
    waiting: list[object] = [data]
    values = characters = 0
    while waiting:
        part = waiting.pop()
        values += 1
        if isinstance(part, str):
            characters += len(part)
        elif isinstance(part, Mapping | list | tuple):
            held = cast("Mapping[str, Any] | Sequence[Any]", part)
            if values + len(waiting) + len(held) > _MOST_VALUES:
                return True
            waiting.extend(held.values() if isinstance(held, Mapping) else held)
        if characters > _MOST_CHARACTERS:
            return True
    return False


def takes_long(value: Value, scope: Scope) -> bool:
    """Return whether rendering a value in a scope waits for another process, or goes through much data.

    Who sends a flow its inputs says how much that is.
    """
    return value.slow or (bool(value.references) and is_heavy(list(_seen(value, scope))))


def _seen(value: Value, scope: Scope) -> Iterator[object]:
    """Yield what each reference means, as far as it is there."""
    for reference in value.references:
        part: object = scope
        for name in reference.names:
            if not isinstance(part, Mapping) or name not in part:
                break
            part = cast("Mapping[str, object]", part)[name]
        if part is not scope:
            yield part


def copied(scope: Scope) -> Scope:
    """Return a scope for another thread: steps that end meanwhile are added to `steps` of the other one."""
    return {**scope, "steps": dict(scope["steps"])}
