"""Chat requests with a `parallel` field: an ad-hoc plan, run and answered in the field's own form."""

from collections import Counter
from contextlib import aclosing
from typing import TYPE_CHECKING, cast

import msgspec

from quorate.access.authorize import Asked, authorize
from quorate.access.permission import Permission
from quorate.parallel.ensemble import Ensemble
from quorate.server.composed import (
    answer_composed,
    pass_on,
    response_of,
    result_headers,
    stream_composed,
)
from quorate.server.estimate_call import answer_estimate
from quorate.server.event_stream import EventStream
from quorate.server.fan_out import branches_of
from quorate.server.job import Job
from quorate.server.parallel_answer import parallel_body, result_of
from quorate.server.parallel_request import ParallelRequest
from quorate.server.parallel_stream import ParallelStream, parallel_events
from quorate.wire.chat import ChatRequest
from quorate.wire.open import encode

if TYPE_CHECKING:
    from quorate.server.parallel_asking import ParallelAsking


async def answer_parallel(job: Job) -> None:
    """Run the plan that the field describes; with `enabled` false, answer as a plain completion."""
    asking = cast("ParallelAsking", job.asked)
    request, asked = asking.request, asking.parallel
    if asked.dry_run:
        await answer_estimate(job, asked, request)
        return
    if not asked.enabled and isinstance(job.model, Ensemble):
        await job.hold(job.model)
        await (stream_composed if job.stream else answer_composed)(job)
        return
    job.watch.listen()
    for name in asked.models:
        authorize(job.principal, Permission.CHAT, Asked(model=name))
    await job.admit_members(_own_limits(job, asked))
    ensemble = Ensemble(name=job.watch.model, plan=asked.plan, resources=job.services.catalog.resources)
    await job.hold(ensemble)
    request = msgspec.structs.replace(
        request, extra={name: value for name, value in request.extra.items() if name != "parallel"}
    )
    if job.stream:
        async with job.events() as out:
            if asked.enabled:
                await job.telling(lambda: _stream(job, request, asked, ensemble, out))
            else:
                await job.telling(lambda: pass_on(job, request, ensemble, out))
        return
    async with ensemble.open(
        msgspec.structs.replace(request, stream=None, stream_options=None), job.watch.call
    ) as reply:
        completion = await reply.completion()
    job.keep_answer(lambda: completion.response)
    job.headers.extend(result_headers(completion))
    if not asked.enabled:
        await job.answer(encode(response_of(completion, job)))
        return
    body = parallel_body(
        result_of(completion), plan=asked.plan, request_model=job.watch.model, id=_answer_id(job), created=job.created
    )
    await job.answer(body)


def _own_limits(job: Job, asked: ParallelRequest) -> dict[str, int]:
    """Return the models whose own limits this request counts in, and how many calls of each it may start.

    An ensemble's own members are asked by the name of the ensemble; those that the request names, by theirs.
    """
    names = asked.named if isinstance(job.model, Ensemble) else asked.models
    planned = Counter(member.model for member in branches_of(asked.plan)[: asked.plan.max_models])
    return {name: max(1, planned[name]) for name in asked.models if name in names}


async def _stream(job: Job, request: ChatRequest, asked: ParallelRequest, ensemble: Ensemble, out: EventStream) -> None:
    stream = ParallelStream(
        id=_answer_id(job), model=job.watch.model, created=job.created, plan=asked.plan, progress=asked.progress
    )
    job.watch.add_sink(lambda event: out.post(told) if (told := stream.event(event)) else None)
    async with (
        ensemble.open(request, job.watch.call) as reply,
        aclosing(parallel_events(reply, stream, job.watch.heard)) as events,
    ):
        async for told in events:
            await out.write(told)
    await out.end()


def _answer_id(job: Job) -> str:
    return "par_" + job.watch.call.id.removeprefix("run_")
