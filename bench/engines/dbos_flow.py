# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUntypedFunctionDecorator=false, reportUnknownArgumentType=false
"""Five empty steps, 1 -> 3 at once -> 1, as a workflow of DBOS on SQLite: `python dbos_flow.py FOLDER`."""

import asyncio
import logging
import sys
from pathlib import Path

from dbos import DBOS  # another environment has it: bench/engines/setup.sh
from serve import serve

DBOS(
    config={
        "name": "bench",
        "system_database_url": f"sqlite:///{Path(sys.argv[1]) / 'dbos.sqlite'}",
        "log_level": "ERROR",
    }
)


@DBOS.step()
async def step(given: int) -> int:
    return given


@DBOS.workflow()
async def flow() -> int:
    first = await step(1)
    middle = await asyncio.gather(step(first), step(first), step(first))
    return await step(sum(middle))


async def run() -> object:
    return await flow()


logging.disable(logging.WARNING)
DBOS.launch()
asyncio.run(serve(run))
DBOS.destroy()
