"""Calls of every model whose answer is ours to write: ensembles, other providers' formats, simulated models."""

from dataclasses import replace
from typing import Any

import msgspec

from quorate.model import Completion, Model
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import Member, Mode, Plan
from quorate.parallel.result import Result
from quorate.server.event_stream import EventStream
from quorate.server.job import Job
from quorate.server.outbound import Headers, cost_headers
from quorate.wire.chat import ChatRequest, ChatResponse
from quorate.wire.open import decode, encode
from quorate.wire.sse import END, encode_sse
from quorate.wire.stream import ChatChunk, encode_chunk


async def answer_composed(job: Job) -> None:
    """Answer with the whole of what the model says."""
    request = msgspec.structs.replace(read_request(job), stream=None, stream_options=None)
    async with runnable(job).open(request, job.watch.call) as reply:
        completion = await reply.completion()
    job.keep_answer(lambda: completion.response)
    job.headers.extend(result_headers(completion))
    await job.answer(encode(response_of(completion, job)))


async def stream_composed(job: Job) -> None:
    """Answer piece by piece."""
    request = read_request(job)
    async with job.events() as out:
        await job.telling(lambda: stream_answer(job, request, out))


def read_request(job: Job) -> ChatRequest:
    """Return the request in full; raises `InvalidRequest` naming what does not fit."""
    return decode(job.body, ChatRequest)


def runnable(job: Job) -> Model:
    """Return what runs: an ensemble as it is; any other model as the one branch of a plan, with retries and events."""
    job.watch.listen()
    model = job.model
    if model is None or isinstance(model, Ensemble):
        assert model is not None
        return model
    job.watch.recorder.single = True
    defaults = job.services.defaults.plan
    plan = Plan(members=(Member(model=job.watch.model),), mode=Mode.RACE, timeout_s=None, retry=defaults.retry)
    resources = job.services.catalog.resources

    def resolve(name: str) -> Model:
        return model if name == job.watch.model else resources.resolve(name)

    return Ensemble(name=job.watch.model, plan=plan, resources=replace(resources, resolve=resolve), for_one=True)


def result_headers(completion: Completion) -> Headers:
    """Return the headers that say what an answer cost and how much its makers agree."""
    headers = cost_headers(completion.cost_microusd)
    detail = completion.detail
    if isinstance(detail, Result) and detail.agreement is not None:
        headers.append((b"x-quorate-agreement", b"%.4f" % detail.agreement.score))
        if detail.agreement.confidence is not None:
            headers.append((b"x-quorate-confidence", b"%.4f" % detail.agreement.confidence))
    return headers


def response_of(completion: Completion, job: Job) -> ChatResponse:
    """Return the completion as the wire's, under the model's name, with a `quorate` field if many models answered."""
    response = completion.response
    extra = {**response.extra, **_ours(completion, job)}
    return msgspec.structs.replace(
        response,
        id=response.id or f"chatcmpl-{job.watch.call.id}",
        created=response.created or job.created,
        model=completion.model,
        usage=response.usage or completion.usage.to_wire(),
        extra=extra,
    )


def answering(job: Job) -> str:
    """Return the model that answers: the one that was asked for, or the one that stands in for it."""
    fallbacks = job.watch.recorder.fallbacks
    return fallbacks[-1].to if fallbacks and job.watch.recorder.single else job.watch.model


def _ours(completion: Completion, job: Job) -> dict[str, Any]:
    """Return what only this gateway tells: who answered, how much they agree, what it cost."""
    detail = completion.detail
    output = {} if completion.output is None else {"output": completion.output.to_dict()}
    if not isinstance(detail, Result) or not isinstance(job.model, Ensemble):
        told = {name: True for name in ("simulated", "cached") if completion.metadata.get(name)}
        ours: dict[str, Any] = {**told, **output}
        if fallbacks := job.watch.recorder.fallbacks:
            ours["answered_by"] = answering(job)
            ours["failed"] = [{"model": each.model, "code": each.code, "message": each.message} for each in fallbacks]
        return {"quorate": ours} if ours else {}
    agreement = detail.agreement
    return {
        "quorate": {
            "run_id": job.watch.call.id,
            "method": detail.method.value,
            "answered_by": detail.chosen,
            "agreement": None if agreement is None else agreement.score,
            "calibrated": False if agreement is None else agreement.calibrated,
            "confidence": None if agreement is None else agreement.confidence,
            "consensus": detail.consensus,
            "no_consensus": detail.no_consensus,
            "basis": detail.provenance.basis.value,
            "contradictions": len(detail.contradictions),
            "cost_microusd": detail.cost_microusd,
            "warnings": list(detail.warnings),
            **output,
            **({"stages": detail.to_dict()["stages"]} if detail.stages else {}),
        }
    }


async def stream_answer(job: Job, request: ChatRequest, out: EventStream) -> None:
    """Send the pieces of the answer to `out`, and its end."""
    await pass_on(job, request, runnable(job), out)


async def pass_on(job: Job, request: ChatRequest, model: Model, out: EventStream) -> None:
    """Send the pieces of what `model` says to `out`, then the usage if it was asked for, and the end."""
    async with model.open(request, job.watch.call) as reply:
        async for delta in reply:
            job.watch.heard(delta)
            if delta.chunk.choices:
                await out.write(encode_chunk(chunk_for(job, delta.chunk)))
        completion = await reply.completion()
    await _end(job, request, out, completion)


def chunk_for(job: Job, chunk: ChatChunk) -> ChatChunk:
    """Return a piece as part of this answer: one id, model and time, whoever made it; the usage comes at the end."""
    return msgspec.structs.replace(
        chunk,
        id=f"chatcmpl-{job.watch.call.id}",
        created=job.created,
        model=answering(job),
        usage=None,
    )


async def _end(job: Job, request: ChatRequest, out: EventStream, completion: Completion) -> None:
    """Send the usage if it was asked for, the end mark, and the end."""
    options = request.stream_options
    if options is not None and options.include_usage:
        last = ChatChunk(usage=completion.usage.to_wire(), extra=_ours(completion, job))
        usage_chunk = msgspec.structs.replace(chunk_for(job, last), usage=last.usage)
        await out.write(encode_sse(encode(usage_chunk)))
    await out.end(END)
