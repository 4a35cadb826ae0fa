"""A chat request with `parallel.dryRun`: all the checks of a real one, then figures instead of calls."""

import asyncio

from quorate.access.authorize import Asked, authorize
from quorate.access.permission import Permission
from quorate.core.errors import InvalidRequest
from quorate.engine.estimate import estimate
from quorate.model.past import Past
from quorate.parallel.branch import MAX_DEPTH
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import Plan
from quorate.server.job import Job
from quorate.server.parallel_estimate import estimate_body
from quorate.server.parallel_request import FIELD, ParallelRequest
from quorate.server.visible import as_seen
from quorate.wire.chat import ChatRequest


async def answer_estimate(job: Job, asked: ParallelRequest, request: ChatRequest) -> None:
    """Answer with what the request would cost and take.

    The caller needs the authority that the real request would need. What is on record of the models comes from the
    runs of the caller's own tenant. The call leaves a run without branches whose mode is `dry_run`; it counts as a
    request, and no token of it counts.
    """
    if job.stream:
        raise InvalidRequest(f"{FIELD}.dryRun has one whole answer; leave out `stream`", param="stream")
    job.watch.dry_run = True
    if not asked.enabled and isinstance(job.model, Ensemble):
        plan = job.model.plan  # as a plain completion of the ensemble, for which the key was asked already
    else:
        plan = asked.plan
        for name in asked.models:
            authorize(job.principal, Permission.CHAT, Asked(model=name))
    past = await _past(job, plan)
    found = estimate(
        plan, request, resolve=lambda name: as_seen(job.principal, name, job.services.catalog.resolve), past=past
    )
    id_ = "est_" + job.watch.call.id.removeprefix("run_")
    await job.answer(estimate_body(found, id=id_, created=job.created, model=job.watch.model))


async def _past(job: Job, plan: Plan) -> dict[str, Past]:
    names: set[str] = set()
    _gather(job, plan, names, 0)
    return await asyncio.to_thread(job.services.database.runs.past, job.principal.tenant, names)


def _gather(job: Job, plan: Plan, names: set[str], depth: int) -> None:
    """Collect the names of all models that the plan may ask, those of inner ensembles included."""
    for name in {member.model for member in plan.members}.union(plan.helpers) - names:
        names.add(name)
        model = as_seen(job.principal, name, job.services.catalog.resolve)
        if isinstance(model, Ensemble) and depth < MAX_DEPTH:
            _gather(job, model.plan, names, depth + 1)
