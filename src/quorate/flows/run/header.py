"""What a run begins with and is taken up from, and the call that it is run under."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from quorate.core.clock import Clock, Deadline
from quorate.core.ids import RunId, TenantId
from quorate.flows.journal import PinnedFlow, RunHeader
from quorate.flows.plan import Durability, FlowPlan
from quorate.flows.run.rendering import rendered
from quorate.model import Call, new_call


async def new_header(
    plan: FlowPlan,
    inputs: Mapping[str, Any],
    call: Call,
    *,
    now: datetime,
    durability: Durability | None = None,
    labels: Mapping[str, str] | None = None,
    priority: int | None = None,
) -> RunHeader:
    """Return what a run that begins now begins with; `inputs` are checked already."""
    limits = plan.limits
    left_s = call.deadline.capped(limits.timeout_s).remaining_s()
    told = {**(labels or {}), **({} if limits.auto_resume else {"auto_resume": "false"})}
    if limits.runs is not None:
        told["max_runs"] = str(limits.runs)
    return RunHeader(
        id=call.id,
        flow=plan.name,
        version=plan.version,
        digest=plan.digest,
        document=plan.document,
        inputs=inputs,
        created_at=now,
        tenant=call.tenant,
        principal=call.principal,
        durability=durability or limits.durability,
        priority=limits.priority if priority is None else priority,
        seed=call.seed,
        limit_microusd=call.budget.limit_microusd,
        deadline_at=None if left_s is None else now + timedelta(seconds=left_s),
        queue_key=await queue_key(plan, inputs),
        labels=told,
    )


async def queue_key(plan: FlowPlan, inputs: Mapping[str, Any]) -> str:
    """Return what runs of which only so many go on at once have in common; empty where any number may."""
    limits = plan.limits
    if limits.runs is None:
        return ""
    per = "" if limits.key is None else await rendered(limits.key, {"inputs": inputs, "steps": {}})
    return f"{plan.name}:{per}"


def pinned_header(flow: PinnedFlow, run: RunId, call: Call) -> RunHeader:
    """Return what a run of a pinned flow would begin with: from it comes the plan."""
    return RunHeader(
        id=run,
        flow=flow.flow,
        version=flow.version,
        digest=flow.digest,
        document=flow.document,
        inputs={},
        created_at=call.clock.now(),
        tenant=call.tenant,
    )


def owned_by(header: RunHeader, tenant: TenantId, principal: str) -> RunHeader:
    """Return what a fork begins with that is somebody's.

    If the old run was somebody else's, a label says whose, and nobody is told of the end: the address was theirs.
    """
    if (tenant, principal) == (header.tenant, header.principal):
        return header
    labels = {name: value for name, value in header.labels.items() if name != "callback"}
    labels["forked_from_principal"] = header.principal
    return msgspec.structs.replace(header, tenant=tenant, principal=principal, labels=labels)


def call_of(header: RunHeader, clock: Clock) -> Call:
    """Return the call under which a run is taken up: its id, tenant, limit, seed, and what is left of its time."""
    call = new_call(
        clock=clock,
        limit_microusd=header.limit_microusd,
        seed=header.seed,
        tenant=header.tenant,
        principal=header.principal,
    )
    if header.deadline_at is None:
        return msgspec.structs.replace(call, id=header.id)
    left_s = (header.deadline_at - clock.now()).total_seconds()
    return msgspec.structs.replace(call, id=header.id, deadline=Deadline.after(clock, left_s))
