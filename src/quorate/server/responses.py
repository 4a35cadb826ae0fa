"""`POST /v1/responses`: any model behind the stateless part of OpenAI's Responses API."""

from contextlib import aclosing

import msgspec

from quorate.model import Delta
from quorate.server.composed import answering, result_headers, runnable
from quorate.server.event_stream import EventStream
from quorate.server.job import Job
from quorate.server.responses_api import body, events
from quorate.wire.responses import ResponsesRequest, chat_request, read_responses
from quorate.wire.responses_answer import response_head
from quorate.wire.responses_stream import ResponsesStream


async def responses(job: Job) -> None:
    """Answer a responses request: as a chat request to the model, in the other API's words."""
    request = read_responses(job.body)
    if job.stream:
        stream = ResponsesStream(response_head(request, id=_response_id(job), created_at=job.created))
        async with job.events(stream.fail) as out:
            await job.telling(lambda: _stream(job, request, stream, out))
        return
    asked = msgspec.structs.replace(chat_request(request), stream=None)
    async with runnable(job).open(asked, job.watch.call) as reply:
        completion = await reply.completion()
    job.keep_answer(lambda: completion.response)
    job.headers.extend(result_headers(completion))
    answered = msgspec.structs.replace(request, model=answering(job))
    await job.answer(body(completion, answered, id=_response_id(job), created_at=job.created))


async def _stream(job: Job, request: ResponsesRequest, stream: ResponsesStream, out: EventStream) -> None:
    asked = msgspec.structs.replace(chat_request(request), stream=True)

    def heard(delta: Delta) -> None:
        job.watch.heard(delta)
        stream.name(answering(job))

    async with (
        runnable(job).open(asked, job.watch.call) as reply,
        aclosing(events(reply, stream, heard=heard, before_end=job.settle)) as told,
    ):
        async for event in told:
            await out.write(event)
        job.hangup.over = True  # the last event has been sent; what follows only tidies up
    await out.end()


def _response_id(job: Job) -> str:
    return "resp_" + job.watch.call.id.removeprefix("run_")
