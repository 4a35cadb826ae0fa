"""`POST /v1/embeddings`: of an OpenAI-compatible endpoint, byte for byte, or of the built-in hashed n-grams."""

import asyncio
from collections.abc import Sequence

from quorate.core.errors import InvalidRequest
from quorate.model.call import Call
from quorate.model.usage import Charge, Usage
from quorate.providers.estimate import estimate_text_tokens
from quorate.providers.relay import WholeAnswer
from quorate.server.job import Job
from quorate.server.leaf import as_leaf
from quorate.server.outbound import cost_headers
from quorate.wire.embeddings import read_embedding_request, write_embedding_response

#: The catalog name of the embedding that is built in.
HASHED = "hashed"


async def embeddings(job: Job) -> None:
    """Answer an embeddings request."""
    relay = job.relay

    async def ask(call: Call) -> WholeAnswer:
        if job.watch.model == HASHED:
            return await _embed(job, call)
        if relay is not None:
            return await relay.embeddings(job.fields, call)
        raise InvalidRequest(f"{job.watch.model!r} gives no embeddings; ask a model that does", param="model")

    answer = await as_leaf(job, ask)
    job.headers.extend(cost_headers(answer.charge.cost_microusd))
    await job.answer(answer.body)


async def _embed(job: Job, call: Call) -> WholeAnswer:
    request = read_embedding_request(job.body)
    texts = request.texts
    vectors = await asyncio.to_thread(_vectors, texts, request.dimensions)
    tokens = sum(map(estimate_text_tokens, texts))
    charge = Charge(usage=Usage(prompt_tokens=tokens), cost_microusd=0, estimated=True)
    call.budget.charge(charge, by=HASHED)
    body = write_embedding_response(
        vectors,
        model=HASHED,
        prompt_tokens=tokens,
        encoding_format=request.encoding_format,
    )
    return WholeAnswer(body=body, charge=charge)


def _vectors(texts: Sequence[str], dimensions: int | None) -> list[bytes]:
    """Return little-endian float32 numbers, one row for each text; blocking."""
    # slow: numpy, 12 MB that a gateway without this model never needs
    from quorate.providers.hashed_embedding import HashedEmbedding  # noqa: PLC0415

    return [row.tobytes() for row in HashedEmbedding(HASHED).embed(texts, dimensions)]
