"""`POST /v1/chat/completions`: which way a request is answered."""

from quorate.providers.relay import RelayEndpoint
from quorate.resilience.resilient import bare, is_held_back
from quorate.server.composed import answer_composed, stream_composed
from quorate.server.job import Job
from quorate.server.parallel_call import answer_parallel
from quorate.server.relayed import relay_stream, relay_whole
from quorate.server.top_level import has


async def chat(job: Job) -> None:
    """Answer a chat request: by an ad-hoc plan, by one endpoint whose bytes are passed on, or by any other model."""
    if has(job.fields, "parallel"):
        await answer_parallel(job)
    elif (relay := _relay(job)) is not None:
        await (relay_stream if job.stream else relay_whole)(job, relay)
    elif job.stream:
        await stream_composed(job)
    else:
        await answer_composed(job)


def _relay(job: Job) -> RelayEndpoint | None:
    """Return the relay if its bytes are the answer: not where the endpoint is hedged, or held back."""
    relay, model = job.relay, job.model
    if relay is None or model is None or bare(model) is not relay.endpoint:
        return None
    return None if job.stream and is_held_back(model) else relay
