"""`POST /v1/chat/completions`: which way a request is answered."""

from quorate.server.composed import answer_composed, stream_composed
from quorate.server.job import Job
from quorate.server.parallel_call import answer_parallel
from quorate.server.relayed import relay_stream, relay_whole
from quorate.server.top_level import has


async def chat(job: Job) -> None:
    """Answer a chat request: by an ad-hoc plan, by one endpoint whose bytes are passed on, or by any other model."""
    if has(job.fields, "parallel"):
        await answer_parallel(job)
    elif job.relay is not None and job.relay.endpoint is job.model:
        await (relay_stream if job.stream else relay_whole)(job, job.relay)
    elif job.stream:
        await stream_composed(job)
    else:
        await answer_composed(job)
