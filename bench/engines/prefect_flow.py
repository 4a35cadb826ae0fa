# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUntypedFunctionDecorator=false, reportUnknownArgumentType=false
"""Five empty tasks, 1 -> 3 at once -> 1, as a flow of Prefect with its own temporary server."""

import asyncio

from prefect import flow, task  # another environment has it: bench/engines/setup.sh
from serve import serve


@task
async def step(given: int) -> int:
    return given


@flow
async def five() -> int:
    first = await step(1)
    middle = await asyncio.gather(step(first), step(first), step(first))
    return await step(sum(middle))


async def run() -> object:
    return await five()


asyncio.run(serve(run))
