"""Values rendered where they may be: quick ones at once, those that wait or go through much data in a thread."""

import asyncio
from collections.abc import Mapping
from typing import Any

from quorate.flows.data.weight import copied, takes_long
from quorate.templating.value import Value


async def rendered(value: Value, scope: Mapping[str, Any]) -> Any:
    """Return the plain value; raise `TemplateError`."""
    return await in_thread(value, scope) if takes_long(value, scope) else value.render(scope)


async def in_thread(value: Value, scope: Mapping[str, Any]) -> Any:
    """Return the plain value of what takes long; raise `TemplateError`."""
    return await asyncio.to_thread(value.render, copied(scope))


async def holds(value: Value, scope: Mapping[str, Any]) -> bool:
    """Return whether a condition is true."""
    return bool(await rendered(value, scope))
