"""A flow that a step runs: a course of its own below the step's path."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from quorate.flows.executor import StepRejected
from quorate.flows.journal import PinnedFlow
from quorate.flows.plan import FlowPlan, StepPlan
from quorate.flows.run.course import MOST_DEPTH, Course, Machinery
from quorate.flows.run.header import pinned_header, queue_key
from quorate.flows.run.places import Place
from quorate.model import Call


async def nested_course(
    course: Course,
    step: StepPlan,
    call: Call,
    prefix: str,
    flow: str,
    version: str | None,
    inputs: Mapping[str, Any],
    place: Place,
) -> Course:
    """Return the course of a flow below a step, which has a place.

    What a name means (`latest`, a range, a weighted choice) is the same for the whole run, also when it is taken up
    after the files have changed. Raises `BadConfiguration` if that flow no longer compiles, `NotFound`, what checking
    the inputs raises, and `StepRejected` beyond the depth.
    """
    if course.depth > MOST_DEPTH:
        raise StepRejected(
            f"step {prefix!r} would run the flow {flow!r} inside {course.depth} others; {MOST_DEPTH} is the most",
            code="too_deep",
            hint="a flow that runs itself needs a condition under which it does not",
        )
    run = course.run
    plan = await _plan(course, flow, version)
    require_secrets(plan, run.machinery)
    return Course(
        run=run,
        plan=plan,
        call=limited(call, plan),
        inputs=run.machinery.check_inputs(plan, inputs),
        prefix=prefix,
        above=course,
        outer=place.outer,
        run_keys=course.run_keys,
        held=course.held if step.concurrency is None else course.held | {f"{course.plan.name}/{step.name}"},
    )


async def _plan(course: Course, flow: str, version: str | None) -> FlowPlan:
    run, machinery = course.run, course.run.machinery
    chosen: list[FlowPlan] = []

    def choose() -> PinnedFlow:
        plan = machinery.flow_named(flow, version, run.id)
        chosen.append(plan)
        return PinnedFlow(flow=plan.name, version=plan.version, digest=plan.digest, document=plan.document)

    pinned = await run.record.pin(flow if version is None else f"{flow}@{version}", choose)
    if chosen and chosen[0].digest == pinned.digest:
        return chosen[0]
    return machinery.plan_of(pinned_header(pinned, run.id, course.call))


@asynccontextmanager
async def run_place(course: Course) -> AsyncGenerator[None]:
    """Have a place among the runs of a nested flow, if that allows only so many; see `RunPlaces.one_of`."""
    most = course.plan.limits.runs
    if most is None:
        yield
        return
    key = await queue_key(course.plan, course.scope["inputs"])
    async with course.run.machinery.run_places.one_of(key, most, course.plan.name, held=course.run_keys):
        course.run_keys |= {key}
        yield


def limited(call: Call, plan: FlowPlan) -> Call:
    """Return the context for a flow: at most its time and its money."""
    limits = plan.limits
    if limits.timeout_s is None and limits.max_cost_microusd is None:
        return call
    return msgspec.structs.replace(
        call,
        deadline=call.deadline.capped(limits.timeout_s),
        budget=call.budget.child(limit_microusd=limits.max_cost_microusd),
    )


def require_secrets(plan: FlowPlan, machinery: Machinery) -> None:
    """Raise `StepRejected` naming the secrets that a flow asks for and that nobody has configured."""
    missing = [name for name in plan.secrets if name not in machinery.services.secrets]
    if missing:
        raise StepRejected(
            f"the flow {plan.name!r} asks for secrets that are not configured: {', '.join(missing)}",
            code="secret_missing",
            hint="configure them under these names, or take them out of `secrets`",
        )
