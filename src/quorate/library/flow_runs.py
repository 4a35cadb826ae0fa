"""The flows of a `Quorate`: opened when the first one is run, closed with it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from quorate.config.build import Built
from quorate.config.flow_target import FlowTarget
from quorate.config.flows_folder import flows_folder
from quorate.config.flows_setup import open_flows
from quorate.core.clock import Clock
from quorate.core.errors import InvalidRequest
from quorate.flows.files import FileRef
from quorate.flows.flows import Flows
from quorate.flows.outcome import FlowResult
from quorate.flows.plan import Durability, FlowPlan
from quorate.model import Call


class FlowRuns:
    """Runs flows of folders and of files; a live object, for one event loop. `close` it when done.

    `built` gives what the steps work with. A folder is read when it is first needed, and looked at again each time.
    """

    def __init__(self, built: Callable[[], Built], clock: Clock) -> None:
        self._make = built
        self._clock = clock
        self._built: Built | None = None
        self._open: dict[tuple[Path | None, bool], Flows] = {}
        self._opening = asyncio.Lock()

    async def names(self) -> tuple[str, ...]:
        """Return the names of the flows in the configured folder; none if there is no such folder."""
        built = await self._ready()
        if await asyncio.to_thread(flows_folder, built.settings) is None:
            return ()
        return (await self._flows(None, durable=False)).book.names()

    async def run(self, flow: str | Path, inputs: Mapping[str, Any], call: Call, *, durable: bool) -> FlowResult:
        """Run a flow by name (`NAME`, `NAME@VERSION`) or the one in a file; a file input takes a path.

        Not `durable`: nothing of it is left when it has ended.
        """
        flows, plan = await self._found(flow, durable=durable)
        try:
            given = await _kept(plan, inputs, flows, call)
            durability = Durability.FAST
            if durable:
                own = plan.limits.durability
                durability = Durability.DURABLE if own is Durability.FAST else own
            return await flows.run(plan, given, call, durability=durability, labels={"trigger": "library"})
        finally:
            if not durable:
                await flows.files.delete(call.id)

    async def close(self) -> None:
        """Close journals, connections and worker processes."""
        opened, self._open = list(self._open.values()), {}
        for flows in opened:
            await flows.close()

    async def _found(self, flow: str | Path, *, durable: bool) -> tuple[Flows, FlowPlan]:
        built = await self._ready()
        target = await asyncio.to_thread(FlowTarget.of, str(flow), built.settings)
        flows = await self._flows(target.folder, durable=durable)
        return flows, await asyncio.to_thread(target.plan, flows.book)

    async def _flows(self, folder: Path | None, *, durable: bool) -> Flows:
        built = await self._ready()
        async with self._opening:
            key = (folder, durable)
            if (known := self._open.get(key)) is not None:
                await asyncio.to_thread(known.book.refresh)
                return known
            opened = await asyncio.to_thread(open_flows, built, self._clock, folder=folder, durable=durable)
            self._open[key] = opened
            return opened

    async def _ready(self) -> Built:
        async with self._opening:
            if self._built is None:
                self._built = await asyncio.to_thread(self._make)
            return self._built


async def _kept(plan: FlowPlan, inputs: Mapping[str, Any], flows: Flows, call: Call) -> dict[str, Any]:
    """Return the inputs, with what the paths of file inputs lead to kept as files of the run."""
    found = dict(inputs)
    for each in plan.inputs:
        given = found.get(each.name)
        if each.is_file and isinstance(given, str | Path):
            found[each.name] = await _kept_file(each.name, Path(given), flows, call)
        elif each.is_files and isinstance(given, list | tuple):
            paths = cast("Sequence[Any]", given)
            found[each.name] = [await _kept_file(each.name, Path(path), flows, call) for path in paths]
    return found


async def _kept_file(name: str, path: Path, flows: Flows, call: Call) -> FileRef:
    try:
        content = await asyncio.to_thread(path.read_bytes)
    except OSError as error:
        told = f"the file {str(path)!r} cannot be read: {error.strerror}"
        raise InvalidRequest(told, param=name) from None
    return await flows.files.keep(call.id, content, name=path.name, max_bytes=flows.max_file_bytes)
