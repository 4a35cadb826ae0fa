"""`Quorate`: ask one question of many models."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar, Unpack, overload

import msgspec

from quorate.contracts.contract import Contract
from quorate.core.clock import Clock, SystemClock
from quorate.core.errors import InvalidRequest, NotFound
from quorate.engine.catalog import Catalog, ModelCard
from quorate.engine.estimate import Estimate, estimate
from quorate.library.answer import Answer
from quorate.library.options import (
    AskOptions,
    Prompt,
    limit_microusd,
    members_from,
    plan_from,
    request_from,
    require_known,
)
from quorate.library.output_type import OutputGiven, TypedResult, is_python_type, output_contract
from quorate.library.setup import Setup, built_of, configured, of_models, simulated
from quorate.model import Call, Model, new_call
from quorate.model.event import EventSink, ignore_events
from quorate.model.feedback import Feedback
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import Member, Plan
from quorate.parallel.result import Result
from quorate.wire.chat import ChatRequest

if TYPE_CHECKING:
    from quorate.flows.outcome import FlowResult
    from quorate.library.flow_runs import FlowRuns

#: The name of a plan that was made for one question.
_AD_HOC = "ask"
T = TypeVar("T")


class Quorate:
    """Asks models of a catalog. Made by `from_file`, `simulated` or `of`; used as an async context manager.

    async with Quorate.from_file() as q:
        result = await q.ask("What is the capital of France?", models=["a", "b", "c"], mode="quorum")
        print(result, result.agreement.score, result.cost, result.speedup)
    """

    def __init__(self, setup: Setup | Callable[[], Setup], *, clock: Clock | None = None) -> None:
        self._load = (lambda: setup) if isinstance(setup, Setup) else setup
        self._setup: Setup | None = setup if isinstance(setup, Setup) else None
        self._clock = clock or SystemClock()
        self._flows: FlowRuns | None = None

    @classmethod
    def from_file(
        cls, path: str | Path | None = None, *, overrides: Mapping[str, object] | None = None, records: bool = False
    ) -> Self:
        """Return a Quorate for `quorate.yaml`.

        It is the file at `path`, else the one in the usual places; without any, what the environment offers is used.
        `overrides` sets single values by their path, e.g. `{"defaults.mode": "race"}`. With `records`, runs are kept in
        the configured database, so that `feedback` can be given and is learned from. Files are read, and a local
        Ollama asked for, when the context is entered (in a thread) or the catalog is first needed; that raises
        `Misconfigured`.
        """
        return cls(lambda: configured(path, overrides, records=records))

    @classmethod
    def simulated(cls, *, time_scale: float = 1.0, records: str | Path | None = None) -> Self:
        """Return a Quorate with five simulated models: no key, no network. `time_scale` below 1 makes them faster.

        `records` is the file of a SQLite database to keep runs in, made if it is not there.
        """
        return cls(simulated(time_scale) if records is None else lambda: simulated(time_scale, Path(records)))

    @classmethod
    def of(
        cls,
        models: Iterable[Model],
        *,
        plan: Plan | None = None,
        clock: Clock | None = None,
        records: str | Path | None = None,
    ) -> Self:
        """Return a Quorate with your own models; all of them answer when none are named.

        `records` is the file of a SQLite database to keep runs in, made if it is not there.
        """
        if records is None:
            return cls(of_models(models, plan), clock=clock)
        given, file = tuple(models), Path(records)
        return cls(lambda: of_models(given, plan, file), clock=clock)

    @property
    def catalog(self) -> Catalog:
        """Every model by name. Reads the configuration if that has not been done."""
        return self._ready().catalog

    def _ready(self) -> Setup:
        if self._setup is None:
            self._setup = self._load()
        return self._setup

    async def __aenter__(self) -> Self:
        if self._setup is None:
            self._setup = await asyncio.to_thread(self._load)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; closing twice does nothing. Entering it again reads the configuration again."""
        flows, self._flows = self._flows, None
        if flows is not None:
            await flows.close()
        setup, self._setup = self._setup, None
        if setup is not None:
            await setup.close()

    def models(self) -> tuple[ModelCard, ...]:
        """Return what is known about every model of the catalog."""
        return self.catalog.cards()

    @overload
    async def ask(self, prompt: Prompt, *, output: type[T], **options: Unpack[AskOptions]) -> TypedResult[T]: ...

    @overload
    async def ask(
        self, prompt: Prompt, *, output: OutputGiven | None = None, **options: Unpack[AskOptions]
    ) -> Result: ...

    async def ask(
        self, prompt: Prompt, *, output: OutputGiven | type[object] | None = None, **options: Unpack[AskOptions]
    ) -> Result:
        """Return one answer of many models, with their agreement, costs and times.

        `prompt` is a text, a list of messages or a whole chat request. `output` is what every answer has to be: a type
        (`int`, `date`, a dataclass, a pydantic model), its name (`"number"`), a JSON Schema or a `Contract`; the result
        then has a `value`, and answers that are something else have failed. Raises `InvalidRequest` or `NotFound` for a
        question that cannot be asked, `AllFailed` (or the only branch's error) when nobody answered. One call per
        branch, plus those of the selector.
        """
        ensemble, request, call = self._prepare(prompt, output, options)
        with self._recording(ensemble, call, stream=False) as call:
            result = await ensemble.run(request, call)
        return TypedResult[object].of(result) if is_python_type(output) else result

    def estimate(
        self, prompt: Prompt, *, output: OutputGiven | type[object] | None = None, **options: Unpack[AskOptions]
    ) -> Estimate:
        """Return what `ask` would cost and take with the same options; nobody is asked.

        Nothing is on record here, so the expected answers are a share of their limits and times are not known.
        Raises `InvalidRequest` or `NotFound` as `ask` does. Reads the configuration if that has not been done.
        """
        ensemble, request, call = self._prepare(prompt, output, options)
        return estimate(ensemble.plan, request, resolve=self.catalog.resolve, params=call.params)

    @asynccontextmanager
    async def stream(
        self, prompt: Prompt, *, output: OutputGiven | type[object] | None = None, **options: Unpack[AskOptions]
    ) -> AsyncGenerator[Answer]:
        """Give the answer piece by piece: `async for text in answer`; then `answer.result` is the whole.

        A race streams its winner from the first token on and a synthesis its writer; the other modes know their answer
        only at the end, and so does a question with an `output`. Leaving the context early cancels what still runs.
        """
        ensemble, request, call = self._prepare(prompt, output, options)
        with self._recording(ensemble, call, stream=True) as call:
            async with ensemble.open(msgspec.structs.replace(request, stream=True), call) as reply:
                yield Answer(reply)

    async def prompt(self, name: str, /, **values: object) -> Result:
        """Return the answer of the saved prompt `name`, filled with `values`; the cost includes that of its children.

        Raises `NotFound` for a prompt that is not in the folder that the configuration names, `InvalidRequest` for a
        value that is missing or does not fit, else as `ask` does.
        """
        setup = self._ready()
        if setup.prompts is None:
            raise NotFound("there are no saved prompts; the configuration names their folder under prompts.folder")
        call = new_call(clock=self._clock, limit_microusd=setup.limit_microusd)
        records = setup.records
        recording = (
            nullcontext(call) if records is None else records.recording(call, model=f"prompt/{name}", stream=False)
        )
        with recording as call:
            return await setup.prompts.run(name, values, call)

    async def flow(
        self,
        flow: str | Path,
        inputs: Mapping[str, object] | None = None,
        /,
        *,
        on_event: EventSink = ignore_events,
        durable: bool = False,
        timeout_s: float | None = None,
        **values: object,
    ) -> "FlowResult":
        """Return how a run of a flow ended: its outputs, every error, every step; what failed in it is in the result.

        `flow` is a name in the folder of flows (`NAME`, `NAME@VERSION`) or a file. Inputs come as `values`, or as a
        mapping where they have names that mean something here; a file input takes a path. `durable` keeps the run in
        the configured journal, and its files. Raises `NotFound` for a flow that is not there, `Misconfigured` for one
        that is wrong, `InvalidRequest` for inputs that it does not accept.
        """
        call = new_call(
            clock=self._clock, timeout_s=timeout_s, limit_microusd=self._ready().limit_microusd, sink=on_event
        )
        return await self._flow_runs().run(flow, {**(inputs or {}), **values}, call, durable=durable)

    async def flows(self) -> tuple[str, ...]:
        """Return the names of the flows in the folder of flows; none if there is no such folder."""
        return await self._flow_runs().names()

    def _flow_runs(self) -> "FlowRuns":
        if self._flows is None:
            # slow: the engine of flows, which most programs do not need
            from quorate.library.flow_runs import FlowRuns  # noqa: PLC0415

            setup = self._ready()
            self._flows = FlowRuns(lambda: built_of(setup), self._clock)
        return self._flows

    async def feedback(
        self, run_id: str, *, correct: bool, branch: str | None = None, note: str | None = None
    ) -> Feedback:
        """Say whether the answer of a run (`Result.run_id`) was right, or, with `branch`, that of one branch.

        Said again, it replaces what was said before. After a hundred such labels of a kind of question, plans go by
        what they tell. Raises `InvalidRequest` for a Quorate without records, `NotFound` for a run or branch that is
        not in them.
        """
        records = self._ready().records
        if records is None:
            raise InvalidRequest(
                "this Quorate keeps no records; make it with `records`, e.g. Quorate.from_file(records=True)",
                param="records",
            )
        return await records.feedback(run_id, correct=correct, branch=branch, note=note)

    def _recording(self, ensemble: Ensemble, call: Call, *, stream: bool) -> AbstractContextManager[Call]:
        """Give the call to make, whose record is kept when the block ends, if this Quorate keeps records."""
        records = self._ready().records
        if records is None:
            return nullcontext(call)
        members = ensemble.plan.members
        model = members[0].model if ensemble.name == _AD_HOC and len(members) == 1 else ensemble.name
        return records.recording(call, model=model, stream=stream)

    def _prepare(
        self, prompt: Prompt, output: OutputGiven | type[object] | None, options: AskOptions
    ) -> tuple[Ensemble, ChatRequest, Call]:
        require_known(options)
        request = request_from(prompt, options)
        ensemble = self._ensemble(options, output_contract(output))
        call = new_call(
            clock=self._clock,
            limit_microusd=limit_microusd(options, self._ready().limit_microusd),
            seed=options.get("seed"),
            sink=options.get("on_event") or ignore_events,
            params=options.get("params"),
        )
        return ensemble, request, call

    def _ensemble(self, options: AskOptions, output: Contract | None) -> Ensemble:
        """Return the plan to run: a configured ensemble named alone and as it is, else the models named."""
        base = options.get("plan", self._ready().plan)
        models = options.get("models", () if base.members else self._ready().models)
        members = members_from(models) or base.members
        if not members:
            raise InvalidRequest("no models are named and the configuration has no default models", param="models")
        name = _AD_HOC
        if "plan" not in options and members == (Member(model=members[0].model),):
            model = self.catalog.resolve(members[0].model)
            if isinstance(model, Ensemble):
                name, base, members = model.name, model.plan, model.plan.members
        plan = plan_from(replace(base, members=members, output=output or base.output), options)
        return Ensemble(name=name, plan=plan, resources=self.catalog.resources)
