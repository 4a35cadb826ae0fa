"""Waiting on behalf of a call: what models that only pretend to be far away do instead of network traffic."""

import asyncio

from quorate.core.errors import DeadlineExceeded
from quorate.model import Call


async def sleep_within(seconds: float, call: Call, model: str) -> None:
    """Sleep; if the call's deadline comes first, sleep until then and raise `DeadlineExceeded` naming `model`."""
    remaining_s = call.deadline.remaining_s()
    if remaining_s is None or remaining_s > seconds:
        await asyncio.sleep(seconds)
        return
    await asyncio.sleep(remaining_s)
    raise DeadlineExceeded(f"{model!r} had not answered when the deadline passed; allow more time or ask for less")


async def sleep_until(moment_s: float, call: Call, model: str) -> None:
    """Sleep until the running loop's time is `moment_s`, at least for one turn of the loop; as `sleep_within`."""
    await sleep_within(max(0.0, moment_s - asyncio.get_running_loop().time()), call, model)
