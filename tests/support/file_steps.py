"""One step of a flow that works on files, without a flow around it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec

from quorate.core.clock import Clock
from quorate.core.ids import RunId
from quorate.core.secret import Secret
from quorate.engine.catalog import Catalog
from quorate.flows.executor import Executor, FlowServices, StepContext
from quorate.flows.files import FileRef
from quorate.flows.outcome import FlowResult
from quorate.flows.run_files import DiskRunFiles
from quorate.model import Call, new_call
from quorate.parallel.result import Result
from quorate.source.section import Section

C = TypeVar("C", bound=Section)
R = TypeVar("R")


class _Nothing:
    """Whatever these steps never ask for."""

    generation: int = 0

    async def refresh(self, clock: Clock) -> None:
        raise AssertionError(clock)

    def names(self) -> tuple[str, ...]:
        return ()

    def worst_case(self, name: str) -> NoReturn:
        raise AssertionError(name)

    async def run(self, name: str, values: Mapping[str, Any], call: Call) -> Result:
        raise AssertionError(name)

    async def send(self, *_: object, **__: object) -> NoReturn:
        raise AssertionError("a step that works on files sends nothing")


async def _no_flow(flow: str, version: str | None, inputs: Mapping[str, Any], step: StepContext) -> FlowResult:
    raise AssertionError(flow)


async def _no_sleep(seconds: float) -> None:
    raise AssertionError(seconds)


def _no_values(written: object) -> NoReturn:
    raise AssertionError(written)


def _bytes_of(content: bytes | Path) -> bytes:
    return content.read_bytes() if isinstance(content, Path) else content


class FileSteps:
    """A live object: a run with files, and steps that work on them."""

    def __init__(self, root: Path) -> None:
        self.files = DiskRunFiles(root)
        self.call = new_call()
        self.inputs: dict[str, Any] = {}
        self.secrets: dict[str, Secret] = {}

    async def keep(self, content: bytes | Path, *, name: str, run: RunId | None = None) -> dict[str, Any]:
        """Keep a file; the plain value that templates see."""
        content = _bytes_of(content)
        ref = await self.files.keep(run or self.call.id, content, name=name, max_bytes=1_000_000_000)
        return msgspec.to_builtins(ref)

    async def run(self, executor: Executor[C, R], **config: object) -> R:
        """What the step returns, after its result went through JSON as a journal's does."""
        services = FlowServices(
            catalog=Catalog(), prompts=_Nothing(), files=self.files, outgoing=_Nothing(), secrets=self.secrets
        )
        step = StepContext(
            path="step",
            key=f"{self.call.id}/step",
            attempt=1,
            call=self.call,
            scope={"inputs": self.inputs, "steps": {}, "run": {"id": self.call.id}},
            services=services,
            say=_ignore,
            sleep=_no_sleep,
            run_flow=_no_flow,
            values=_no_values,
            secrets=self.secrets,
        )
        result = await executor.run(executor.config.model_validate(config), step)
        return msgspec.json.decode(msgspec.json.encode(result), type=executor.result)

    def content(self, ref: FileRef) -> bytes:
        return self.files.path(ref).read_bytes()


_ignore: Callable[[str], None] = lambda text: None  # noqa: E731 - nobody watches
