"""Chat requests with a `parallel` field: an ad-hoc plan, run and answered in the field's own form."""

from contextlib import aclosing

import msgspec

from quorate.access.authorize import Asked, authorize
from quorate.access.permission import Permission
from quorate.engine.choose import Chosen, Wish, choose, need_of
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import Plan
from quorate.server.composed import (
    answer_composed,
    pass_on,
    read_request,
    response_of,
    result_headers,
    stream_composed,
)
from quorate.server.estimate_call import answer_estimate
from quorate.server.event_stream import EventStream
from quorate.server.job import Job
from quorate.server.parallel_answer import parallel_body, result_of
from quorate.server.parallel_request import ParallelLimits, ParallelRequest, read_parallel
from quorate.server.parallel_stream import ParallelStream, parallel_events
from quorate.server.visible import as_seen
from quorate.wire.chat import ChatRequest
from quorate.wire.open import encode


async def answer_parallel(job: Job) -> None:
    """Run the plan that the field describes; with `enabled` false, answer as a plain completion."""
    request = read_request(job)
    asked = _read(job, request)
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
    await job.admit_members(_own_names(job, asked))
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
    job.keep_answer(lambda: completion.text)
    job.headers.extend(result_headers(completion))
    if not asked.enabled:
        await job.answer(encode(response_of(completion, job)))
        return
    body = parallel_body(
        result_of(completion), plan=asked.plan, request_model=job.watch.model, id=_answer_id(job), created=job.created
    )
    await job.answer(body)


def _read(job: Job, request: ChatRequest) -> ParallelRequest:
    services = job.services
    named = "" if job.model is None or isinstance(job.model, Ensemble) else job.watch.model

    def choosing(wish: Wish) -> tuple[Chosen, ...]:
        listed = {card.name: card for card in services.catalog.cards()}
        for name in wish.among:
            authorize(job.principal, Permission.CHAT, Asked(model=name))
            listed.setdefault(name, as_seen(job.principal, name, services.catalog.card))
        cards = [card for card in listed.values() if job.principal.may_ask(card.name)]
        return choose(cards, need=need_of(request), wish=wish)

    return read_parallel(
        job.fields["parallel"],
        base=_base(job),
        choose=choosing,
        model=named,
        resolve=lambda name: as_seen(job.principal, name, services.catalog.resolve),
        limits=ParallelLimits(branches=services.settings.max_branches, timeout_s=services.settings.request_timeout_s),
    )


def _base(job: Job) -> Plan:
    """Return what holds where the field says nothing."""
    return job.model.plan if isinstance(job.model, Ensemble) else job.services.defaults.plan


def _own_names(job: Job, asked: ParallelRequest) -> list[str]:
    """Return the models that are asked by name: an ensemble's own members are asked by the name of the ensemble."""
    if not isinstance(job.model, Ensemble):
        return list(asked.models)
    base = job.model.plan
    configured = {*(member.model for member in base.members), *base.helpers}
    return [name for name in asked.models if name not in configured]


async def _stream(job: Job, request: ChatRequest, asked: ParallelRequest, ensemble: Ensemble, out: EventStream) -> None:
    stream = ParallelStream(
        id=_answer_id(job), model=job.watch.model, created=job.created, plan=asked.plan, progress=asked.progress
    )
    job.watch.add_sink(lambda event: out.post(told) if (told := stream.event(event)) else None)
    async with ensemble.open(request, job.watch.call) as reply:
        async with aclosing(parallel_events(reply, stream, job.watch.heard)) as events:
            async for told in events:
                await out.write(told)
        completion = await reply.completion()
        job.keep_answer(lambda: completion.text)
    await out.end()


def _answer_id(job: Job) -> str:
    return "par_" + job.watch.call.id.removeprefix("run_")
