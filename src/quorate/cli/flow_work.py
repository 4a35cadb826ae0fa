"""What the commands of `quorate flow` do; loaded when one of them runs."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from quorate.config import configure
from quorate.config.flows_setup import open_flows
from quorate.core.clock import SystemClock
from quorate.core.errors import InvalidRequest, NotFound
from quorate.flows.flow_tests import FlowTestReport, FlowTests
from quorate.flows.flows import Flows
from quorate.flows.inputs import read_text
from quorate.flows.outcome import FlowResult
from quorate.flows.plan import Durability, FlowPlan
from quorate.model import Call, new_call
from quorate.model.event import EventSink
from quorate.source.place import BadConfiguration

_ENDINGS = frozenset({".yaml", ".yml"})


def opened(config: Path | None, folder: Path | None, *named: str, durable: bool = False) -> Flows:
    """Return the flows of a folder: the given one, that of a file that is named, else the configured one."""
    files = [Path(name) for name in named if _is_file(name)]
    # A flow in a folder of its own, `NAME/flow.yaml`, has its neighbours beside that folder.
    parents = [file.parent.parent if file.stem == "flow" else file.parent for file in files]
    return open_flows(configure(config), SystemClock(), folder=folder or next(iter(parents), None), durable=durable)


def found_plan(flows: Flows, name: str) -> FlowPlan:
    """Return the plan of a flow by its name, with a version behind `@` if there is one, or by its file.

    Raises `NotFound`, and `BadConfiguration` for a file that is wrong.
    """
    if not _is_file(name):
        bare, _, version = name.partition("@")
        return flows.plan(bare, version or None)
    wanted = Path(name).resolve()
    wrong = [each for each in flows.book.problems() if Path(each.where.split(":")[0]).resolve() == wanted]
    if wrong:
        raise BadConfiguration(wrong)
    for known in flows.book.names():
        for version in flows.book.versions(known):
            if Path((plan := flows.plan(known, version)).file).resolve() == wanted:
                return plan
    raise NotFound(f"there is no flow in {name!r} that can be run")


def spoken_inputs(given: Sequence[str], whole: str | None) -> dict[str, Any]:
    """Return the inputs as they were said: a JSON object or its file, then single ones as texts."""
    found: dict[str, Any] = {}
    if whole is not None:
        text = Path(whole[1:]).read_text(encoding="utf-8") if whole.startswith("@") else whole
        try:
            parsed: object = json.loads(text)
        except ValueError as error:
            raise InvalidRequest(f"--inputs is not JSON: {error}", param="inputs") from None
        if not isinstance(parsed, dict):
            raise InvalidRequest("--inputs has to be a JSON object", param="inputs")
        found |= cast("dict[str, Any]", parsed)
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise InvalidRequest(f"--input {each!r}: expected NAME=VALUE", param="input")
        found[name] = value
    return found


def result_of(
    flows: Flows, name: str, inputs: Mapping[str, Any], *, timeout_s: float | None, durable: bool, sink: EventSink
) -> FlowResult:
    """Run a flow here and return how it ended; interrupted, it is cancelled."""
    plan = found_plan(flows, name)
    call = new_call(clock=flows.clock, timeout_s=timeout_s, sink=sink)

    async def work() -> FlowResult:
        try:
            given = {each: await _given(flows, plan, each, value, call) for each, value in inputs.items()}
            return await flows.run(plan, given, call, durability=None if durable else Durability.FAST)
        finally:
            if not durable:
                await flows.files.delete(call.id)
            await flows.close()

    return asyncio.run(work())


def reports_of(flows: Flows, names: Sequence[str], *, live: bool) -> list[FlowTestReport]:
    """Run the tests of flows and return how they went."""
    plans = [found_plan(flows, name) for name in names]
    tests = FlowTests(flows, live=live)

    async def work() -> list[FlowTestReport]:
        try:
            return [report for plan in plans for report in await tests.run_all(plan)]
        finally:
            await flows.close()

    return asyncio.run(work())


async def _given(flows: Flows, plan: FlowPlan, name: str, value: object, call: Call) -> object:
    """Return an input as the flow takes it: a path becomes a file of the run, a text what its type says."""
    known = next((each for each in plan.inputs if each.name == name), None)
    if known is None or not isinstance(value, str):
        return value
    if not known.is_file:
        return read_text(value, known.schema.get("type"))
    content = await asyncio.to_thread(Path(value).read_bytes)
    return await flows.files.keep(call.id, content, name=Path(value).name, max_bytes=flows.max_file_bytes)


def _is_file(name: str) -> bool:
    return Path(name).suffix in _ENDINGS
