"""Runs of flows as a journal keeps them, for tests of journals and dispatchers."""

from datetime import UTC, datetime, timedelta
from typing import Any

from quorate.core.clock import SystemClock
from quorate.core.ids import RunId, TenantId, new_id
from quorate.flows.journal import Entry, RunHeader
from quorate.flows.outcome import FlowResult, Latency, RunStatus, StepOutcome, StepStatus
from quorate.flows.plan import Durability

NOW = datetime(2026, 3, 4, 12, 30, 15, 123456, tzinfo=UTC)
_NO_TIME = Latency(total_s=0, work_s=0, parallel_s=0, sequential_s=0, critical_path_s=0, speedup=1, steps={}, groups={})


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def header(
    run: str = "",
    *,
    flow: str = "review",
    tenant: str = "t1",
    priority: int = 0,
    age_s: float = 0,
    queue_key: str = "",
    durability: Durability = Durability.DURABLE,
    **labels: str,
) -> RunHeader:
    return RunHeader(
        id=RunId(run or new_id("run", SystemClock())),
        flow=flow,
        version="1",
        digest="d" * 64,
        document={"name": flow, "steps": {"a": {"executor": "llm"}}},
        inputs={"text": "Grüße \x00 \U0001f40b", "n": 3},
        created_at=after(-age_s),
        tenant=TenantId(tenant),
        priority=priority,
        queue_key=queue_key,
        durability=durability,
        labels=labels,
    )


def outcome(path: str, output: Any = None, *, cost: int | None = 0) -> StepOutcome:
    return StepOutcome(path=path, status=StepStatus.SUCCEEDED, output=output, cost_microusd=cost)


def entry(path: str, output: Any = None, *, cost: int | None = 0, event: bytes | None = None) -> Entry:
    return Entry(outcome=outcome(path, output, cost=cost), event=event)


def result(of: RunHeader, status: RunStatus = RunStatus.SUCCEEDED, *, cost: int | None = 0) -> FlowResult:
    return FlowResult(
        run_id=of.id,
        flow=of.flow,
        version=of.version,
        digest=of.digest,
        status=status,
        outputs={"summary": "short"},
        errors=(),
        steps={},
        latency=_NO_TIME,
        cost_microusd=cost,
    )
