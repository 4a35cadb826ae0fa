"""`POST /api/v1/flows/{name}/run`: a flow is run, and the answer is its result or where to ask for it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

import msgspec

from quorate.access.budgets import Reservation
from quorate.access.permission import Permission
from quorate.access.principal import Principal
from quorate.core.clock import Deadline
from quorate.core.errors import Forbidden, QuorateError
from quorate.core.ids import RunId
from quorate.flows.flows import Flows
from quorate.flows.outcome import FlowResult, RunStatus
from quorate.flows.plan import Durability, FlowPlan
from quorate.server.asking import Asking, Incoming
from quorate.server.call_handler import CallHandler
from quorate.server.flow_answer import RUNS, FlowAccepted, accepted, answer_headers, answer_of
from quorate.server.flow_form import read_inputs
from quorate.server.flow_names import model_name, parted, permitted_plan
from quorate.server.flow_options import FlowOptions, read_options, waits_s
from quorate.server.flow_routes import RUN_ROUTE
from quorate.server.flow_runs import OPERATION, Asked, FlowRuns, failure_of
from quorate.server.idempotency import once
from quorate.server.job import Job
from quorate.server.route import Answer, Exchange

if TYPE_CHECKING:
    from quorate.server.services import Services

_ACCEPTED = 202
_REPLAYED = "Idempotency-Replayed"


@dataclass(slots=True, kw_only=True)
class FlowAsked:
    """What a request to run a flow has said; a live object: `inputs` come with the rest of the request."""

    plan: FlowPlan
    options: FlowOptions
    key: str | None
    path: str
    client: str
    inputs: dict[str, Any] = field(default_factory=dict[str, Any])


def flow_handler(services: "Services", flows: Flows, runs: FlowRuns) -> CallHandler:
    """Return the application that runs flows; the path has their names as `name`."""
    running = _Running(services, flows, runs)
    return CallHandler(services, running.run, operation=OPERATION, permission=Permission.FLOWS_RUN, read=running.read)


class _Running:
    """Reads and does such requests; a live object."""

    def __init__(self, services: "Services", flows: Flows, runs: FlowRuns) -> None:
        self._services = services
        self._flows = flows
        self._runs = runs

    async def read(self, incoming: Incoming) -> Asking:
        """Read the request up to its body; that is read when there is room for it."""
        principal, inbound, flows = incoming.principal, incoming.inbound, self._flows
        options = read_options(inbound, incoming.scope.get("query_string", b""))
        name = incoming.scope["path_params"]["name"]
        plan = permitted_plan(flows, principal, Permission.FLOWS_RUN, name, key=options.query.key or principal.key_id)
        _require_turn(principal, plan, options.query.priority)
        asked = FlowAsked(
            plan=plan,
            options=options,
            key=None if inbound.idempotency_key is None else inbound.idempotency_key.decode("latin-1"),
            path=inbound.path,
            client=inbound.peer,
        )

        async def rest() -> None:
            asked.inputs = await read_inputs(incoming, flows, plan)

        async def hold() -> Reservation | None:
            return await self._runs.hold(principal, incoming.run_id, plan)

        async def drop() -> None:
            await flows.files.delete(RunId(incoming.run_id))

        length = inbound.content_length
        body_bytes = int(length) if length is not None and length.isdigit() and len(length) < 16 else 0  # noqa: PLR2004
        return Asking(
            model=model_name(plan.name),
            tokens=min(body_bytes, self._services.settings.max_body_bytes) >> 2,
            timeout_s=options.timeout_s,
            work=asked,
            rest=rest,
            hold=hold,
            drop=drop,
        )

    async def run(self, job: Job) -> None:
        """Run the flow and answer; with an `Idempotency-Key` once, however often it is asked."""
        asked = cast("FlowAsked", job.asked)

        async def work() -> Answer:
            return await self._run(job, asked)

        try:
            answer = await (work() if asked.key is None else self._once(job, asked, asked.key, work))
        finally:
            # A run that the journal has needs its files; nobody else does.
            if not job.handed_over and any(each.takes_files for each in asked.plan.inputs):
                await self._flows.files.delete(job.watch.call.id)
        job.headers += [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
        body = answer.value if isinstance(answer.value, bytes) else msgspec.json.encode(answer.value)
        await job.answer(body, status=answer.status)

    async def _once(self, job: Job, asked: FlowAsked, key: str, work: Callable[[], Awaitable[Answer]]) -> Answer:
        exchange = Exchange(
            services=self._services,
            principal=job.principal,
            request_id=job.watch.request_id,
            path={"flow": asked.plan.name, "version": parted(asked.path.rsplit("/", 2)[-2])[1] or ""},
            query=None,
            body=None,
        )
        answer = await once(exchange, RUN_ROUTE, key, _digest(asked), work)
        if _REPLAYED not in answer.headers:
            return answer
        job.watch.dry_run = True  # this request asked nobody
        if answer.status != _ACCEPTED:
            return answer
        first = msgspec.json.decode(answer.value, type=FlowAccepted)
        return Answer(value=answer.value, status=_ACCEPTED, headers={**answer.headers, "location": first.url})

    async def _run(self, job: Job, asked: FlowAsked) -> Answer:
        plan, options = asked.plan, asked.options
        wait_s = waits_s(options, plan)
        fast = (options.query.durability or plan.limits.durability) is Durability.FAST
        if fast and wait_s is None and options.query.callback is None:
            job.watch.listen()
            job.watch.recorder.mode = OPERATION
            result = await self._flows.run(
                plan, asked.inputs, job.watch.call, durability=Durability.FAST, are_checked=True
            )
            job.error = failure_of(result)
        else:
            result = await self._begun(job, asked, wait_s)
        applied = {"preference-applied": options.applied} if options.applied else {}
        if result is None:
            status = RunStatus.RUNNING
            body = accepted(job.watch.call.id, plan.name, plan.version, status)
            return Answer(value=body, status=_ACCEPTED, headers={"location": body.url, **applied})
        job.headers += answer_headers(result)
        shown = answer_of(result, with_steps=options.query.include is not None)
        return Answer(value=shown, headers=applied)

    async def _begun(self, job: Job, asked: FlowAsked, wait_s: float | None) -> FlowResult | None:
        """Begin a run that goes on whoever leaves; return its result if that comes in time."""
        plan, options, watch = asked.plan, asked.options, job.watch
        call = watch.call
        run = Asked(watch=watch, admission=job.admission, held=job.held, route=asked.path, client=asked.client)
        # How long the gateway lets requests take is not how long a run may take that nobody has to wait for.
        call = watch.call = msgspec.structs.replace(call, deadline=Deadline.after(call.clock, options.timeout_s))
        labels = {"request_id": watch.request_id}
        if options.query.callback is not None:
            labels["callback"] = options.query.callback
        self._runs.expect(run)
        job.handed_over, job.held = True, None
        try:
            here = await self._flows.begin(
                plan,
                asked.inputs,
                call,
                durability=options.query.durability,
                labels=labels,
                priority=options.query.priority,
            )
        except QuorateError:
            # It has not begun: like any request that fails it is recorded, and leaves nothing.
            self._runs.take_back(run)
            job.handed_over, job.held = False, run.held
            raise
        except BaseException:
            await self._runs.forget(run)
            raise
        if not here:
            await self._runs.forget(run)
        job.cut_off = lambda: _cut_off(job, plan)
        most_s = self._services.settings.request_timeout_s
        return await self._waited(run, here=here, timeout_s=most_s if wait_s is None else min(wait_s, most_s))

    async def _waited(self, run: Asked, *, here: bool, timeout_s: float) -> FlowResult | None:
        if timeout_s <= 0:
            return None
        if here:
            await asyncio.wait((run.done,), timeout=timeout_s)
            return run.done.result() if run.done.done() else None
        # Any process may take it out of the queue.
        return (await self._flows.wait(run.watch.call.id, timeout_s=timeout_s)).result


async def _cut_off(job: Job, plan: FlowPlan) -> None:
    """Say where to ask for a run that goes on when the gateway is there again."""
    body = accepted(job.watch.call.id, plan.name, plan.version, RunStatus.QUEUED)
    job.headers.append((b"location", f"{RUNS}{job.watch.call.id}".encode()))
    await job.answer(msgspec.json.encode(body), status=_ACCEPTED)


def _digest(asked: FlowAsked) -> bytes:
    """Return what is the same for the same request sent again: files are known by their contents, not by their run."""
    inputs = {name: _without_run(value) for name, value in asked.inputs.items()}
    options = msgspec.to_builtins(asked.options.query)
    return sha256(msgspec.json.encode([inputs, options], order="sorted")).digest()


def _without_run(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_run(each) for each in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    fields = cast("dict[str, Any]", value)
    return {name: each for name, each in fields.items() if name != "run"} if fields.get("kind") == "file" else fields


def _require_turn(principal: Principal, plan: FlowPlan, priority: int | None) -> None:
    """Raise `Forbidden` for a run that wants to go before others of its flow, unless it is the operator who asks.

    The queue is one for all tenants.
    """
    own = plan.limits.priority
    if priority is not None and priority > own and not principal.is_operator:
        raise Forbidden(f"this key may not raise the priority of the flow {plan.name!r} above {own}; ask for less")
