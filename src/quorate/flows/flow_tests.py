"""The tests that are written in a flow: run, and compared with what they expect."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from quorate.core.errors import InvalidRequest, QuorateError
from quorate.flows.executor import FlowServices
from quorate.flows.expectation import Check, checked
from quorate.flows.flows import Flows
from quorate.flows.inputs import check_inputs
from quorate.flows.offline import OfflineCatalog, OfflineOutgoing, OfflinePrompts, without_waits
from quorate.flows.outcome import FlowResult, RunStatus
from quorate.flows.plan import Durability, FlowPlan, FlowTest
from quorate.flows.runner import FlowRunner
from quorate.model import Call, new_call

#: How long one test may take.
TIMEOUT_S = 60.0
_SEED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowTestReport:
    """How one test went: `error` says why it could not be run at all, `result` is how its run ended."""

    flow: str
    version: str
    test: str
    place: str
    checks: tuple[Check, ...] = ()
    error: str = ""
    result: FlowResult | None = None
    duration_s: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether it ran and everything was as expected."""
        return not self.error and all(check.passed for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        checks = [
            {"what": each.what, "expected": each.expected, "found": each.found, "passed": each.passed}
            for each in self.checks
        ]
        return {
            "flow": self.flow,
            "version": self.version,
            "test": self.test,
            "place": self.place,
            "passed": self.passed,
            "duration_s": round(self.duration_s, 6),
            "error": self.error or None,
            "checks": checks,
            "errors": [
                {"stage": each.stage, "code": each.code, "message": each.message, "hint": each.hint}
                for each in (self.result.errors if self.result else ())
            ],
        }


class FlowTests:
    """Runs tests of flows; a live object that works with what `flows` works with.

    Steps that a test mocks are not executed, all others are: simulated models answer, always in the same way; a step
    that would ask a real model, a saved prompt or a server fails with `not_in_a_test` unless `live`. A `wait` takes no
    time. Files of inputs stand beside the flow's file, or in folders there. Nothing is kept. Making it is blocking:
    packages are looked through for executors.
    """

    def __init__(self, flows: Flows, *, live: bool = False, timeout_s: float = TIMEOUT_S) -> None:
        self._flows = flows
        self._timeout_s = timeout_s
        book = flows.book
        self._runner = FlowRunner(
            executors=without_waits(flows.executors),
            services=flows.services if live else _offline(flows.services),
            journal=flows.journal,
            plan_of=lambda header: book.resolve(header.flow, header.version),
            flow_named=lambda name, version, key: book.resolve(name, version, key=key),
            check_inputs=check_inputs,
            owner="tests",
            clock=flows.clock,
        )

    async def run_all(self, plan: FlowPlan) -> tuple[FlowTestReport, ...]:
        """Return how all tests of a flow went, in the order in which they are written."""
        return tuple([await self.run(plan, test) for test in plan.tests])

    async def run(self, plan: FlowPlan, test: FlowTest) -> FlowTestReport:
        """Return how a test went; a flow that refuses its inputs, or takes too long, is a test that did not pass."""
        call = new_call(clock=self._flows.clock, timeout_s=self._timeout_s, seed=_SEED)
        report = FlowTestReport(flow=plan.name, version=plan.version, test=test.name, place=test.place)
        try:
            inputs = await self._inputs(plan, test, call)
            result = await self._runner.run(
                plan, inputs, call, durability=Durability.FAST, mocks=test.mock, labels={"trigger": "test"}
            )
        except QuorateError as error:
            return replace(report, error=error.message, duration_s=call.at_s)
        finally:
            await self._flows.files.delete(call.id)
        expect = test.expect or {"status": RunStatus.SUCCEEDED.value}
        return replace(report, checks=checked(expect, result), result=result, duration_s=call.at_s)

    async def _inputs(self, plan: FlowPlan, test: FlowTest, call: Call) -> Mapping[str, Any]:
        """Return the inputs, files read from beside the flow."""
        found = dict(test.inputs)
        for each in plan.inputs:
            given = found.get(each.name)
            folder = Path(plan.file).parent
            if each.is_file and isinstance(given, str):
                found[each.name] = await self._kept(folder, given, call)
            elif each.is_files and isinstance(given, list | tuple):
                paths = cast("Sequence[Any]", given)
                found[each.name] = [await self._kept(folder, str(path), call) for path in paths]
        return found

    async def _kept(self, folder: Path, given: str, call: Call) -> object:
        path = folder / given
        content = await asyncio.to_thread(_read, folder, path)
        files = self._flows.files
        return await files.keep(call.id, content, name=path.name, max_bytes=self._flows.max_file_bytes)


def _read(folder: Path, path: Path) -> bytes:
    """Return a file of a test; one that is elsewhere is refused: whoever tests a stranger's flow lends it no file."""
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InvalidRequest(f"the file {str(path)!r} does not stand beside the flow; copy it there", param="inputs")
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidRequest(f"the file {str(path)!r} cannot be read: {error.strerror}", param="inputs") from None


def _offline(services: FlowServices) -> FlowServices:
    return replace(
        services,
        catalog=OfflineCatalog(services.catalog),
        prompts=OfflinePrompts(services.prompts.names()),
        outgoing=OfflineOutgoing(),
        webhooks={name: replace(each, outgoing=OfflineOutgoing()) for name, each in services.webhooks.items()},
    )
