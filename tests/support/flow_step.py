"""A step's context for tests of executors: real models by name, a real way out, what was said and which flows ran."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import minijinja

from quorate.core.clock import Clock
from quorate.core.errors import NotFound
from quorate.core.ids import RunId
from quorate.core.secret import Secret
from quorate.engine.catalog import Catalog, ModelCard, ModelKind
from quorate.engine.most import WorstCase
from quorate.flows.executor import FlowServices, StepContext
from quorate.flows.files import FileRef
from quorate.flows.outcome import FlowResult, Latency, RunStatus, StepError
from quorate.flows.outgoing import Outgoing
from quorate.flows.outgoing_gate import GatedOutgoing
from quorate.model import Call, Model, new_call
from quorate.parallel.result import Result
from quorate.prompts.book import PromptBook
from quorate.providers.http1_transport import Http1Transport
from quorate.templating.value import Reference

_WHOLE = re.compile(r"\s*\{\{(.+)\}\}\s*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A value that holds at most one expression, as a whole."""

    written: object
    slow: bool = False
    references: tuple[Reference, ...] = ()

    def render(self, scope: Mapping[str, Any]) -> Any:
        whole = _WHOLE.fullmatch(self.written) if isinstance(self.written, str) else None
        return self.written if whole is None else minijinja.Environment().eval_expr(whole[1], **scope)


class NoPrompts:
    """A book without a prompt."""

    generation: int = 0

    async def refresh(self, clock: Clock) -> None:
        del clock

    def names(self) -> tuple[str, ...]:
        return ()

    async def run(self, name: str, values: Mapping[str, Any], call: Call) -> Result:
        raise NotFound(f"no prompt {name!r}")

    def worst_case(self, name: str) -> WorstCase:
        raise NotFound(f"no prompt {name!r}")


class NoFiles:
    """No run has a file."""

    async def keep(
        self, run: RunId, content: bytes | AsyncIterator[bytes], *, name: str, max_bytes: int, declared: str = ""
    ) -> FileRef:
        raise NotFound("nothing is kept here")

    def path(self, ref: FileRef) -> Path:
        raise NotFound(f"no file {ref.name!r}")

    async def copy(self, run: RunId, to: RunId) -> None:
        return None

    async def delete(self, run: RunId) -> None:
        return None


def catalog_of(*models: Model) -> Catalog:
    catalog = Catalog()
    for model in models:
        catalog.add(ModelCard(name=model.name, kind=ModelKind.ENDPOINT), lambda model=model: model)
    return catalog


@dataclass(slots=True, kw_only=True)
class Flows:
    """Live: gives results by the name of the flow, and keeps who was run with what, and below which path."""

    results: Mapping[str, FlowResult] = field(default_factory=dict[str, FlowResult])
    ran: list[tuple[str, str | None, dict[str, Any], str]] = field(
        default_factory=list[tuple[str, str | None, dict[str, Any], str]]
    )

    async def __call__(
        self, flow: str, version: str | None, inputs: Mapping[str, Any], step: StepContext
    ) -> FlowResult:
        self.ran.append((flow, version, dict(inputs), step.path))
        if flow not in self.results:
            raise NotFound(f"no flow {flow!r}")
        return self.results[flow]


def flow_result(
    flow: str,
    outputs: Mapping[str, Any] | None = None,
    *,
    status: RunStatus = RunStatus.SUCCEEDED,
    errors: Sequence[StepError] = (),
) -> FlowResult:
    latency = Latency(
        total_s=0, work_s=0, parallel_s=0, sequential_s=0, critical_path_s=0, speedup=1, steps={}, groups={}
    )
    return FlowResult(
        run_id="run_1",
        flow=flow,
        version="1.0.0",
        digest="d",
        status=status,
        outputs=dict(outputs or {}),
        errors=tuple(errors),
        steps={},
        latency=latency,
        cost_microusd=0,
    )


def flow_step(
    *models: Model,
    outgoing: Outgoing | None = None,
    prompts: PromptBook | None = None,
    flows: Flows | None = None,
    secrets: Mapping[str, str] | None = None,
    scope: Mapping[str, Any] | None = None,
    said: list[str] | None = None,
    path: str = "step",
    call: Call | None = None,
) -> StepContext:
    """A step with these models, by default asked all together where none is named."""
    pieces: list[str] = [] if said is None else said
    return StepContext(
        path=path,
        key=f"run_1/{path}",
        attempt=1,
        call=call or new_call(),
        scope={"inputs": {}, "steps": {}, **(scope or {})},
        services=FlowServices(
            catalog=catalog_of(*models),
            prompts=prompts or NoPrompts(),
            files=NoFiles(),
            outgoing=outgoing or GatedOutgoing(Http1Transport),
            models=tuple(model.name for model in models),
        ),
        say=pieces.append,
        sleep=asyncio.sleep,
        run_flow=flows or Flows(),
        values=lambda written: Rendered(written=written),
        secrets={name: Secret(value) for name, value in (secrets or {}).items()},
    )
