"""Calls of one OpenAI-compatible endpoint: what it says is passed on byte for byte."""

from quorate.core.errors import ProviderError, QuorateError
from quorate.model.call import Call
from quorate.providers.account import NO_ANSWER
from quorate.providers.relay import RelayEndpoint
from quorate.server.composed import answer_composed, read_request, stream_answer
from quorate.server.event_stream import EventStream
from quorate.server.job import Job
from quorate.server.leaf import as_leaf, first_token
from quorate.server.outbound import cost_headers
from quorate.server.stand_in import stands_in
from quorate.wire.chat import ChatResponse
from quorate.wire.sse import END


async def relay_whole(job: Job, relay: RelayEndpoint) -> None:
    """Answer with the endpoint's own bytes; after its failure, with what one of its fallbacks says."""
    try:
        answer = await as_leaf(job, lambda call: relay.chat(job.fields, call))
    except QuorateError as error:
        if not stands_in(job, error):
            raise
        await answer_composed(job)
        return
    job.keep_answer(lambda: _read(relay, answer.body))
    job.headers.extend(cost_headers(answer.charge.cost_microusd))
    await job.answer(answer.body)


async def relay_stream(job: Job, relay: RelayEndpoint) -> None:
    """Answer with the endpoint's own events as they come, or those of a fallback if nothing of an answer came.

    An error after the first of them is told in the stream, which then ends without `[DONE]`.
    """
    async with job.events() as out:
        await job.telling(lambda: _relay_or_stand_in(job, relay, out))


async def _relay_or_stand_in(job: Job, relay: RelayEndpoint, out: EventStream) -> None:
    try:
        await as_leaf(job, lambda call: _pass_on(job, relay, out, call))
    except QuorateError as error:
        if job.spoke or not stands_in(job, error):
            raise
        await stream_answer(job, read_request(job), out)


async def _pass_on(job: Job, relay: RelayEndpoint, out: EventStream, call: Call) -> None:
    def now(events: bytes) -> bool:
        # After nothing but comments of the provider the answer has not begun: it can still come from another try.
        if not job.spoke and b"data:" in events:
            job.spoke = True
        return out.write_now(events)

    async with relay.stream(job.fields, call) as stream:
        try:
            await stream.pass_on(now, out.write, first=lambda: first_token(job))
        finally:
            if job.spoke:
                job.keep_answer(stream.response)
        await out.end(END)


def _read(relay: RelayEndpoint, answer: bytes) -> ChatResponse:
    try:
        return relay.read(answer)
    except ProviderError:
        return NO_ANSWER  # the caller has it as it came; here nobody can say what it says
