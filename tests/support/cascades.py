"""Asking scripted models through a cascade, in virtual time."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from plans import CAPITAL, virtual_call
from quorate.engine.estimate import plan_worst_case_microusd
from quorate.model import Call, Model
from quorate.parallel.cascade_plan import cascade
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.escalation import Cascade
from quorate.parallel.plan import Member, Plan
from quorate.parallel.resources import Resources
from quorate.parallel.result import Result
from quorate.resilience.retry_policy import NO_RETRY
from quorate.testing import RecordingSink, run_virtual
from quorate.wire.chat import user_request


def stages(*named: str | Sequence[str | Member], plan: Mapping[str, Any] | None = None, **fields: Any) -> Plan:
    """Return the plan of a cascade without retries; `plan` changes the plan, `fields` are those of `cascade`."""
    return replace(cascade(*named, **fields), **{"retry": NO_RETRY, **(plan or {})})


def changed(plan: Plan, **fields: Any) -> Plan:
    """Return the plan with some fields of its cascade changed."""
    assert isinstance(plan.cascade, Cascade)
    return replace(plan, cascade=replace(plan.cascade, **fields))


def as_model(name: str, plan: Plan, named: Mapping[str, Model]) -> Ensemble:
    """Return the cascade as a model."""
    worst_case = partial(plan_worst_case_microusd, named.__getitem__)
    return Ensemble(name=name, plan=plan, resources=Resources(resolve=named.__getitem__, worst_case=worst_case))


def climb(
    named: Mapping[str, Model],
    plan: Plan,
    *,
    prompt: str = CAPITAL,
    call: Call | None = None,
    sink: RecordingSink | None = None,
) -> Result:
    """Run a cascade in virtual time."""

    async def run() -> Result:
        return await as_model("thrifty", plan, named).run(user_request(prompt), call or virtual_call(sink))

    return run_virtual(run())
