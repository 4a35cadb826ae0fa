"""A streamed `parallel` answer: progress, then the answer as every OpenAI client reads it, then the report."""

from collections.abc import AsyncGenerator, Callable

import msgspec

from quorate.model import Completion, Delta, Event, Reply
from quorate.model.event import BranchDelta
from quorate.parallel.plan import Plan
from quorate.server.parallel_answer import output_field, parallel_report, result_of
from quorate.server.parallel_request import Progress
from quorate.wire.open import encode
from quorate.wire.sse import END, encode_comment, encode_sse
from quorate.wire.stream import ChatChunk, encode_chunk

_encoder = msgspec.json.Encoder()


class ParallelStream:
    """Turns what happens in one call into server-sent events: pure, but for remembering the head of its chunks.

    Progress is told in comments (`: quorate {"event": ...}`) or, with `Progress.CHUNKS`, in chunks without choices
    whose field `quorate` holds the event; clients of OpenAI pass over both. The texts of single branches are not told.
    """

    def __init__(self, *, id: str, model: str, created: int, plan: Plan, progress: Progress) -> None:  # noqa: A002 - the wire's word
        self._head = ChatChunk(id=id, model=model, created=created)
        self._plan = plan
        self._progress = progress

    def event(self, event: Event) -> bytes:
        """Return the bytes that tell of an event; empty for what is not told."""
        if self._progress is Progress.NONE or isinstance(event, BranchDelta):
            return b""
        if self._progress is Progress.COMMENTS:
            return encode_comment("quorate " + _encoder.encode(event).decode())
        return encode_sse(encode(msgspec.structs.replace(self._head, extra={"quorate": event})))

    def delta(self, delta: Delta) -> bytes:
        """Return the bytes of a piece of the answer, under the stream's own id and model; empty for a piece of nothing.

        The usage of a single branch is left out: that of all comes at the end.
        """
        chunk = delta.chunk
        if not chunk.choices:
            return b""
        head = self._head
        return encode_chunk(
            msgspec.structs.replace(
                chunk, id=head.id, model=head.model, created=head.created, object=head.object, usage=None
            )
        )

    def end(self, completion: Completion) -> bytes:
        """Return the last chunk, which has no choices but the report and the usage of all, and `[DONE]`.

        There is one such chunk, whether or not `include_usage` was asked for: clients that add up the usage of chunks
        would count a second one twice.
        """
        result = result_of(completion)
        report = parallel_report(result, self._plan)
        extra = {name: getattr(report, name) for name in report.__struct_fields__} | output_field(result)
        return encode_sse(encode(msgspec.structs.replace(self._head, extra=extra))) + END


async def parallel_events(
    reply: Reply, stream: ParallelStream, heard: Callable[[Delta], object] | None = None
) -> AsyncGenerator[bytes]:
    """Yield the bytes of the answer and of its end, whole events at a time; errors of the reply come out as they are.

    `heard` is told of each piece before its bytes come. Use it under `contextlib.aclosing`. Events come by
    `stream.event`, from the sink of the call.
    """
    async for delta in reply:
        if heard is not None:
            heard(delta)
        if data := stream.delta(delta):
            yield data
    yield stream.end(await reply.completion())
