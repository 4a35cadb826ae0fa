"""`POST /v1/responses`: any model behind the stateless part of OpenAI's Responses API."""

from contextlib import aclosing

import msgspec

from quorate.core.errors import QuorateError
from quorate.server.composed import result_headers, runnable
from quorate.server.event_stream import EventStream
from quorate.server.job import Job
from quorate.server.responses_api import body, events
from quorate.wire.responses import ResponsesRequest, chat_request, read_responses


async def responses(job: Job) -> None:
    """Answer a responses request: as a chat request to the model, in the other API's words."""
    request = read_responses(job.body)
    if job.stream:
        async with job.events() as out:
            await job.telling(lambda: _stream(job, request, out))
        return
    asked = msgspec.structs.replace(chat_request(request), stream=None)
    async with runnable(job).open(asked, job.watch.call) as reply:
        completion = await reply.completion()
    job.keep_answer(lambda: completion.text)
    job.headers.extend(result_headers(completion))
    await job.answer(body(completion, request, id=_response_id(job), created_at=job.created))


async def _stream(job: Job, request: ResponsesRequest, out: EventStream) -> None:
    asked = msgspec.structs.replace(chat_request(request), stream=True)
    spoke = False
    try:
        async with (
            runnable(job).open(asked, job.watch.call) as reply,
            aclosing(events(reply, request, id=_response_id(job), created_at=job.created)) as told,
        ):
            async for event in told:
                spoke = True
                await out.write(event)
            completion = await reply.completion()
            job.keep_answer(lambda: completion.text)
            job.hangup.over = True  # the last event has been sent; what follows only tidies up
    except QuorateError as error:
        if not spoke:
            raise
        job.error = error  # the last event told it, in this API's own way
    await out.end()


def _response_id(job: Job) -> str:
    return "resp_" + job.watch.call.id.removeprefix("run_")
