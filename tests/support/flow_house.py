"""Flows of a folder with everything that runs them: simulated models that answer as a test says, files, functions."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from quorate.core.clock import Clock, SystemClock
from quorate.engine.catalog import Catalog, ModelCard, ModelKind
from quorate.flows.book import FlowBook
from quorate.flows.executor import FlowServices
from quorate.flows.executors.standard import standard_executors
from quorate.flows.flow_compiler import FlowCompiler
from quorate.flows.inputs import check_inputs
from quorate.flows.journals.memory import MemoryJournal
from quorate.flows.outcome import FlowResult
from quorate.flows.plan import Durability
from quorate.flows.registry import AnyExecutor
from quorate.flows.run_files import DiskRunFiles
from quorate.flows.runner import FlowRunner
from quorate.model import new_call
from quorate.prompts.book import NoPrompts
from quorate.providers.simulated import SimulatedFailure, SimulatedModel, default_profiles
from quorate.templating.functions import FunctionPool

#: What stands in a question, and what is answered then; the first that fits.
Answers = Mapping[str, str]
_MOST_BYTES = 20 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long a simulated model takes, in seconds, and how it fails, if it does."""

    latency_s: float = 0.0
    failures: tuple[SimulatedFailure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowHouse:
    """The flows of a folder and their runner."""

    book: FlowBook
    runner: FlowRunner
    files: DiskRunFiles
    clock: Clock

    async def run(self, flow: str, inputs: Mapping[str, Any], *, files: Mapping[str, Path] | None = None) -> FlowResult:
        """Run a flow in memory; `files` are inputs that are files."""
        call = new_call(clock=self.clock, seed=7)
        kept = {
            name: await self.files.keep(call.id, path.read_bytes(), name=path.name, max_bytes=_MOST_BYTES)
            for name, path in (files or {}).items()
        }
        plan = self.book.resolve(flow)
        return await self.runner.run(plan, {**inputs, **kept}, call, durability=Durability.FAST)


@asynccontextmanager
async def flow_house(
    folder: Path,
    kept: Path,
    *,
    answers: Answers | None = None,
    paces: Mapping[str, Pace] | None = None,
    executors: Iterable[tuple[str, AnyExecutor]] = (),
    clock: Clock | None = None,
) -> AsyncGenerator[FlowHouse]:
    """Give the flows of `folder`, all of which must compile; files of runs are kept in `kept`.

    The five simulated models give the first of `answers` whose key stands in the question. `executors` are further
    ones with their names.
    """
    clock = clock or SystemClock()
    functions = FunctionPool(workers=1, time_limit_s=2.0, memory_limit_bytes=32 * 1024 * 1024)
    own = standard_executors()
    for name, executor in executors:
        own.add(executor, name=name)
    book = FlowBook(folder, FlowCompiler(own, functions).compile)
    await asyncio.to_thread(book.refresh)
    assert [str(problem) for problem in book.problems()] == []
    files = DiskRunFiles(kept)
    catalog = _catalog(answers or {}, paces or {})
    runner = FlowRunner(
        executors=own,
        services=FlowServices(
            catalog=catalog,
            prompts=NoPrompts(),
            files=files,
            outgoing=cast("Any", None),
            models=("sim-cedar",),
        ),
        journal=MemoryJournal(clock=clock),
        plan_of=cast("Any", None),
        flow_named=lambda name, version, key: book.resolve(name, version, key=key),
        check_inputs=check_inputs,
        owner="here",
        clock=clock,
    )
    try:
        yield FlowHouse(book=book, runner=runner, files=files, clock=clock)
    finally:
        await asyncio.to_thread(functions.close)


def _catalog(answers: Answers, paces: Mapping[str, Pace]) -> Catalog:
    catalog = Catalog()
    for profile in default_profiles():
        pace = paces.get(profile.name, Pace())
        paced = replace(profile, latency_s=pace.latency_s, latency_sigma=0.0, tokens_per_s=1e9, failures=pace.failures)
        model = SimulatedModel(paced, responder=lambda request, _: _answer(answers, request.prompt_text))
        card = ModelCard(name=model.name, kind=ModelKind.SIMULATED, provider="simulated", simulated=True)
        catalog.add(card, lambda model=model: model)
    return catalog


def _answer(answers: Answers, question: str) -> str | None:
    return next((answer for part, answer in answers.items() if part in question), None)
