"""From the chunks of one response to the deltas of a reply: what is whole, what is cut, what can be skipped."""

from collections.abc import AsyncGenerator, Iterator

from quorate.core.errors import Failure, Malformed, TooLarge, Unavailable
from quorate.model.completion import Delta
from quorate.providers.dialect import StreamParser
from quorate.providers.transport import HttpResponse
from quorate.wire.sse import SseDecoder
from quorate.wire.stream import ChatChunk, Joiner

#: How long a stream whose answer is whole may still bring its usage and its end mark.
GRACE_S = 2.0
#: How long after the end mark the connection may take to show that it can be used again.
DRAIN_S = 0.02


class StreamReader:
    """Reads one stream; a live object. `joiner` holds what has arrived, whatever happens.

    `answers` is how many were asked for. Noise (what does not begin like a JSON object) is skipped if the answer proves
    whole without it: every answer that began says why it ended, or the provider's end mark comes. Without either the
    stream was cut. An object that cannot be read ends the stream: a part of the answer would be missing.
    """

    def __init__(self, parser: StreamParser, joiner: Joiner, *, answers: int = 1) -> None:
        self.joiner = joiner
        self._answers = answers
        self._parser = parser
        self._decoder = SseDecoder()
        self._unread: Malformed | None = None
        self._began = False

    async def deltas(self, response: HttpResponse) -> AsyncGenerator[Delta]:
        """Yield the pieces as they come; raise if the stream ends before the answer does."""
        lingering = False
        async for data in response:
            if self._parser.finished:
                continue  # only the connection's end is awaited now
            for chunk in self._chunks(data):
                self.joiner.add(chunk)
                if not self._began and (chunk.says_something or any(choice.finish_reason for choice in chunk.choices)):
                    self._began = True
                    response.began()
                yield Delta(chunk=chunk)
            if self._parser.finished:
                response.linger(DRAIN_S)
            elif not lingering and self._all_answered():
                lingering = True
                response.linger(GRACE_S)
        self._require_whole()

    def _chunks(self, data: bytes) -> Iterator[ChatChunk]:
        try:
            events = self._decoder.feed(data)
        except TooLarge as error:
            raise Malformed(error.message) from None
        for event in events:
            try:
                yield from self._parser.feed(event)
            except Malformed as error:
                if event.data.lstrip().startswith("{"):
                    raise
                self._unread = self._unread or error

    def _all_answered(self) -> bool:
        """Whether as many answers as were asked for have ended; before that another one may still begin."""
        return self.joiner.finished and len(self.joiner.response().choices) >= self._answers

    def _require_whole(self) -> None:
        if self.joiner.finished or (self._parser.finished and self.joiner.response().choices):
            return
        if self._unread is not None:
            raise self._unread
        if self._parser.finished:
            raise Malformed("the stream ended properly and held no answer")
        raise Unavailable("the stream was cut before the answer was complete", failure=Failure.CUT_STREAM)
