"""A gateway with flows over a real journal, without a socket: scripted steps, keys, and a second process beside it."""

import asyncio
import json
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from asgi import Answer, Exchange, scope_of
from flow_site import Breaks, Do
from quorate.access.permission import Scope
from quorate.core.clock import SystemClock
from quorate.core.ids import RunId, TenantId
from quorate.core.secret import Secret
from quorate.core.tasks import background
from quorate.flows.callbacks import Callbacks
from quorate.flows.executor import FlowServices
from quorate.flows.flows import Flows
from quorate.flows.inputs import check_inputs
from quorate.flows.journals.sqlite import SqliteJournal
from quorate.flows.local_dispatcher import LocalDispatcher
from quorate.flows.message_target import MessageTarget
from quorate.flows.outcome import RunStatus
from quorate.flows.outgoing_gate import GatedOutgoing
from quorate.flows.plan import FlowPlan, InputPlan
from quorate.flows.registry import Executors
from quorate.flows.run_files import DiskRunFiles
from quorate.flows.runner import FlowRunner
from quorate.model import Call, new_call
from quorate.providers.http1_transport import Http1Transport
from quorate.wire.sse import SseDecoder, SseEvent
from stored_gateway import StoredGateway

SECRET = Secret("callback-secret")
_NOTHING: Any = None
_INPUTS = (InputPlan(name="text", schema={"type": "string"}),)
_LONG_S = 20.0
_LOOK_S = 0.005


def flows_of(
    journal_file: Path,
    *plans: FlowPlan,
    owner: str = "here",
    reach: Iterable[str] = (),
    named: Mapping[str, str] | None = None,
) -> Flows:
    """The flows of one process over a journal's file; steps of the kind `do` do as they are told.

    `reach` are private addresses that callbacks may have, `named` the webhooks; all are signed with `SECRET`.
    """
    clock = SystemClock()
    by_name = {plan.name: plan for plan in plans}
    journal = SqliteJournal(journal_file, clock=clock)
    files = DiskRunFiles(Path(tempfile.gettempdir()) / "no-files-of-runs")
    services = FlowServices(catalog=_NOTHING, prompts=_NOTHING, files=files, outgoing=_NOTHING, secrets={})
    executors = Executors([Do(), Breaks()])
    runner = FlowRunner(
        executors=executors,
        services=services,
        journal=journal,
        plan_of=lambda header: by_name[header.flow],
        flow_named=lambda name, version, key: by_name[name],
        check_inputs=lambda plan, given: dict(given),
        owner=owner,
        clock=clock,
    )
    return Flows(
        book=_NOTHING,
        executors=executors,
        services=services,
        runner=runner,
        dispatcher=LocalDispatcher(journal, owner=owner, clock=clock, look_s=0.2),
        journal=journal,
        files=files,
        outgoing=_NOTHING,
        functions=_NOTHING,
        callbacks=_callbacks(journal, clock, tuple(reach), named or {}),
        clock=clock,
    )


def _callbacks(
    journal: SqliteJournal, clock: SystemClock, reach: tuple[str, ...], named: Mapping[str, str]
) -> Callbacks:
    own = GatedOutgoing(Http1Transport, allowed=named.values(), clock=clock)
    others = GatedOutgoing(Http1Transport, allowed=reach, clock=clock)

    async def close() -> None:
        await own.close()
        await others.close()

    return Callbacks(
        journal=journal,
        clock=clock,
        outgoing=others,
        named={name: MessageTarget(url=url, outgoing=own, secret=SECRET) for name, url in named.items()},
        secret=SECRET,
        allowed=reach,
        close_named=close,
        look_s=0.05,
    )


class FlowGateway:
    """A live gateway whose queue is worked off by `worker`: its own flows, or those of another process."""

    def __init__(self, stored: StoredGateway, flows: Flows, worker: Flows, plans: Mapping[str, FlowPlan]) -> None:
        self.stored = stored
        self.flows = flows
        self.worker = worker
        self.plans = plans

    @property
    def do(self) -> Do:
        """What the worker's steps did."""
        found = self.worker.executors.get("do")
        assert isinstance(found, Do)
        return found

    async def key(self, tenant: str = "acme", *scopes: Scope) -> str:
        return await self.stored.key(tenant, *(scopes or (Scope.FLOWS,)))

    async def start(self, name: str = "flow", tenant: str = "acme", **labels: str) -> RunId:
        """Begin a run, or put it in the queue."""
        plan, call = self.plans[name], self.call(tenant)
        await self.flows.begin(plan, check_inputs(plan, {"text": "a secret of theirs"}), call, labels=labels)
        return call.id

    def call(self, tenant: str = "acme") -> Call:
        """A call of a tenant."""
        return new_call(clock=self.flows.clock, tenant=TenantId(tenant))

    async def ended(self, run: RunId) -> RunStatus:
        """How a run ended."""
        view = await self.flows.wait(run, timeout_s=_LONG_S)
        assert view.status.is_final
        return view.status

    async def ask(self, method: str, path: str, key: str, body: object = b"", **headers: str) -> Answer:
        given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        return await self.stored.ask(method, path, key, body, given)

    async def get(self, path: str, key: str) -> Any:
        answer = await self.ask("GET", path, key)
        assert answer.status == 200, answer.body
        return answer.json

    async def stream(
        self,
        run: str,
        key: str,
        *,
        until: Callable[[list[SseEvent]], bool] = lambda _: False,
        query: str = "",
        **headers: str,
    ) -> list[SseEvent]:
        """The events of a run to the end of the stream, or until a condition holds: then the caller leaves."""
        given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        given.append((b"authorization", f"Bearer {key}".encode()))
        exchange = Exchange()
        scope = scope_of("GET", f"/api/v1/runs/{run}/events{query}", given)
        async with asyncio.timeout(_LONG_S), asyncio.TaskGroup() as group:
            group.create_task(self.stored.app(scope, exchange.receive, exchange.send))
            while not exchange.answer.complete:
                await asyncio.sleep(_LOOK_S)
                if until(SseDecoder().feed(exchange.answer.body)):
                    exchange.leave()
                    break
        assert exchange.answer.status == 200, exchange.answer.body
        assert exchange.answer.headers["content-type"].startswith("text/event-stream")
        return SseDecoder().feed(exchange.answer.body)


@asynccontextmanager
async def flow_gateway(
    folder: Path, *plans: FlowPlan, apart: bool = False, calls_back: bool = True, **more: Any
) -> AsyncGenerator[FlowGateway]:
    """Serve flows; with `apart`, another process (of the same machine) runs them. `calls_back`: callbacks are sent."""
    file, plans = folder / "flows.db", tuple(replace(plan, inputs=_INPUTS) for plan in plans)
    flows = await asyncio.to_thread(flows_of, file, *plans, **more)
    worker = await asyncio.to_thread(flows_of, file, *plans, owner="there", **more) if apart else flows
    stored = await asyncio.to_thread(StoredGateway, folder, flows=flows)
    try:
        async with (
            background(worker.dispatcher.serve(worker.runner.work)),
            background(worker.callbacks.serve()) if calls_back else nullcontext(),
        ):
            yield FlowGateway(stored, flows, worker, {plan.name: plan for plan in plans})
    finally:
        for each in {id(flows): flows, id(worker): worker}.values():
            await each.callbacks.close()
            await each.journal.close()
        await asyncio.to_thread(stored.close)


def numbered(events: list[SseEvent]) -> list[tuple[int, Any]]:
    """The kept events among those of a stream."""
    last: str | None = None
    found = list[tuple[int, Any]]()
    for event in events:
        if event.id is not None and event.id != last:
            found.append((int(event.id), json.loads(event.data)))
            last = event.id
    return found
