"""Expressions that an executor renders itself: with or without braces, once or for each item of something."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from quorate.flows.data.weight import at_once
from quorate.flows.executor import StepContext, StepRejected
from quorate.source.place import shown
from quorate.templating.value import Value

T = TypeVar("T")


def is_template(text: str) -> bool:
    """Return whether a text holds something to render."""
    return "{{" in text or "{%" in text or "{#" in text


def expression(written: object, step: StepContext) -> Value:
    """Return an expression, compiled; a text without braces is one as well, as in `condition`."""
    bare = isinstance(written, str) and not is_template(written)
    return step.values(f"{{{{ {written} }}}}" if bare else written)


async def rendering(values: Sequence[Value], work: Callable[[], T]) -> T:
    """Return what `work` returns, which renders `values`: in a thread if one waits for another process, or goes on."""
    return await asyncio.to_thread(work) if any(value.slow for value in values) else await at_once(work)


def holds(value: object, *, what: str) -> bool:
    """Return whether the result of a condition is true; raise `StepRejected` for a text, which would always be."""
    if isinstance(value, str):
        raise StepRejected(
            f"{what} gave the text {shown(value)}; a condition gives true or false",
            code="bad_condition",
            hint="compare it with something: {{ x == 'yes' }}",
        )
    return bool(value)
