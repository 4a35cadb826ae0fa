"""Values rendered where they may be: quick ones at once, those that wait or do much in a thread."""

import asyncio
from collections.abc import Mapping
from typing import Any

from quorate.flows.data.weight import copied, takes_long
from quorate.templating.value import Value
from quorate.templating.work import TakesLong, briefly


async def rendered(value: Value, scope: Mapping[str, Any]) -> Any:
    """Return the plain value; raise `TemplateError`."""
    if takes_long(value, scope):
        return await asyncio.to_thread(value.render, copied(scope))
    try:
        return briefly(value.render, scope)
    except TakesLong:
        return await asyncio.to_thread(value.render, copied(scope))


async def holds(value: Value, scope: Mapping[str, Any]) -> bool:
    """Return whether a condition is true."""
    return bool(await rendered(value, scope))
