"""A stream of an OpenAI-compatible endpoint on its way to the caller: read just enough to know when it is whole."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from quorate.core.errors import Failure, Malformed, ProviderError, QuorateError, TooLarge, Unavailable
from quorate.providers.account import RequestAccount
from quorate.providers.openai import OpenAIDialect, OpenAIStream
from quorate.providers.relay_facts import Heard, read_chunk
from quorate.providers.stream_reader import DRAIN_S, GRACE_S
from quorate.providers.transport import HttpResponse
from quorate.wire.chat import ChatResponse
from quorate.wire.sse import DONE, SseEvent
from quorate.wire.sse_lines import SseCutter, names_error

if TYPE_CHECKING:
    from quorate.model.usage import Charge

_DONE = DONE.encode()


class RelayedStream:
    """The events of a stream as they came; a live object. `pass_on` gives them away as chunks of whole events."""

    def __init__(
        self,
        response: HttpResponse,
        heard: Heard,
        account: RequestAccount,
        *,
        dialect: OpenAIDialect,
        answers: int,
        shows_usage: bool,
    ) -> None:
        self._response = response
        self._dialect = dialect
        self._heard = heard
        self._account = account
        self._answers = answers
        self._shows_usage = shows_usage
        self._cutter = SseCutter()
        self._odd = OpenAIStream()
        self._unread: Malformed | None = None
        self._done = False
        self._began = False
        self._lingers = False
        self._untaken = b""
        self._error: QuorateError | None = None
        self.charge: Charge | None = None

    def response(self) -> ChatResponse:
        """Return what has been said so far."""
        return self._heard.response()

    async def pass_on(
        self, now: Callable[[bytes], bool], later: Callable[[bytes], Awaitable[None]], *, first: Callable[[], None]
    ) -> None:
        """Pass the stream on until the answer is whole, but for the end mark.

        Each chunk goes to `now` in the moment it comes, and to `later` if that returns `False`; `first` is called
        when the first piece of the answer has come. Raises `ProviderError` when the stream is cut or tells of an
        error, so that whoever passes it on says so instead of ending it.
        """
        while await self._response.pour(partial(self._arrived, now, first)):
            if self._untaken:
                untaken, self._untaken = self._untaken, b""
                await later(untaken)
            if self._error is not None:
                raise self._error
            self._linger()
        self._require_whole()
        self._settle()

    def _arrived(self, now: Callable[[bytes], bool], first: Callable[[], None], data: bytes) -> bool:
        """Pass on the events that `data` completes; `False` if that is not all there is to do."""
        if self._done:
            return True  # only the connection's end is awaited now
        if self._began and self._continues(data):
            if now(data):
                return True
            self._untaken = data
            return False
        heard = self._heard
        events, self._error = self._passed(data)
        if not self._began and (heard.spoke or heard.ended):
            self._began = True
            self._response.began()
            first()
        if events and (self._error is None or heard.spoke) and not now(events):
            self._untaken = events
        return not (self._untaken or self._done or heard.ended or self._error is not None)

    def _continues(self, data: bytes) -> bool:
        """Take note of one event that only continues an answer, as nearly all do; `False`, with nothing noted, if not.

        A short way for these: what is common to all of them is all that a stream costs.
        """
        payload = self._cutter.only(data)
        return payload is not None and self._heard.continues(payload)

    def _linger(self) -> None:
        """Wait only so long for what may follow a whole answer."""
        if self._done:
            self._response.linger(DRAIN_S)
        elif not self._lingers and self._heard.finished and self._heard.ended >= self._answers:
            self._lingers = True
            self._response.linger(GRACE_S)

    def _passed(self, data: bytes) -> tuple[bytes, QuorateError | None]:
        """Read the events that `data` completes; return those that the caller is to see, and the error after them."""
        passed: list[bytes] = []
        try:
            for event, payload in self._cutter.feed(data):
                if self._passes(event, payload):
                    passed.append(event)
        except TooLarge as error:
            return b"".join(passed), Malformed(error.message)
        except ProviderError as error:
            return b"".join(passed), error
        return b"".join(passed), None

    def _passes(self, event: bytes, payload: bytes) -> bool:
        """Take note of one event; return whether the caller sees it."""
        if not payload:
            return True  # a comment
        if payload == _DONE:
            self._done = True
            return False
        told_error = names_error(event)
        facts = None if told_error else read_chunk(payload)
        if facts is None:
            return self._read_odd(payload, event="error" if told_error else "message")
        self._heard.add(facts)
        return self._shows_usage or facts.usage is None or bool(facts.choices)

    def _read_odd(self, payload: bytes, *, event: str) -> bool:
        """Let the dialect's parser read what is not plain; it raises for an error that the event tells of."""
        try:
            chunks = self._odd.feed(SseEvent(payload.decode("utf-8", "replace"), event))
        except Malformed as error:
            if payload.startswith(b"{"):
                raise
            self._unread = self._unread or error
            return False
        for chunk in chunks:
            self._heard.add_chunk(chunk)
        return self._shows_usage or not chunks or any(chunk.choices or chunk.usage is None for chunk in chunks)

    def _require_whole(self) -> None:
        if self._heard.finished or (self._done and self._heard.spoke):
            return
        if self._unread is not None:
            raise self._unread
        if self._done:
            raise Malformed("the stream ended properly and held no answer")
        if not self._began and self._cutter.rest.lstrip().startswith(b"{"):
            self._dialect.parse(self._cutter.rest)  # raises what an error says that came as plain JSON
            raise Malformed("the answer to a streamed request is not a stream")
        raise Unavailable("the stream was cut before the answer was complete", failure=Failure.CUT_STREAM)

    def _settle(self) -> None:
        usage = self._heard.usage
        if usage is not None and usage.total_tokens > 0:
            self.charge = self._account.settle_counted(usage)
        else:
            self.charge = self._account.settle(self._heard.response())
