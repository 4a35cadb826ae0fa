"""A response of server-sent events: begun when there is something to say, kept awake while there is not."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

import msgspec

from quorate.core.errors import QuorateError
from quorate.core.tasks import Standby
from quorate.server.hangup import Hangup
from quorate.server.inbound import Send
from quorate.server.outbound import AnswersAtOnce, Headers
from quorate.wire.problem import openai_error_body
from quorate.wire.sse import END, encode_comment, encode_sse

PING = encode_comment("ping")
#: How an error is told in a stream.
ErrorEvents = Callable[[QuorateError], bytes]

_HTTP_OK = 200
_HEADERS: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


def chat_error(error: QuorateError) -> bytes:
    """Return the event that tells an error in a stream of chat completions: clients raise it."""
    return encode_sse(msgspec.json.encode(openai_error_body(error)))


class EventStream:
    """Writes whole events to the caller; a live object, used as a context manager around the work.

    Nothing is sent before the first event, so an error before it still has a status of its own; after `heartbeat_s`
    of silence a comment is sent instead, which begins the response. `post` is for what comes from callbacks: it is
    written as soon as the loop turns. `error_events` says how this API tells an error; `at_once` is the short way out.
    `before_end` is done before the end mark is sent.
    """

    __slots__ = (
        "_at_once",
        "_awake",
        "_before_end",
        "_error_events",
        "_first_beat",
        "_hangup",
        "_headers",
        "_heartbeat_s",
        "_last_s",
        "_loop",
        "_posted",
        "_pump",
        "_send",
        "_turn",
        "begun",
        "ended",
    )

    def __init__(
        self,
        send: Send,
        headers: Headers,
        hangup: Hangup,
        *,
        heartbeat_s: float,
        error_events: ErrorEvents = chat_error,
        at_once: AnswersAtOnce | None = None,
        before_end: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._send = send
        self._before_end = before_end
        self._at_once = at_once
        self._error_events = error_events
        self._hangup = hangup
        self._headers = headers
        self._heartbeat_s = heartbeat_s
        self._loop = asyncio.get_running_loop()
        self._last_s = self._loop.time()
        self._posted: list[bytes] = []
        # The heartbeat must not speak between the head and the first event, nor after the end.
        self._turn = asyncio.Lock()
        # What speaks beside the work begins when it has something to say: most answers end before the first heartbeat.
        self._awake: asyncio.Event | None = None
        self._pump = Standby()
        self._first_beat: asyncio.TimerHandle | None = None
        self.begun = False
        self.ended = False

    async def __aenter__(self) -> Self:
        self._first_beat = self._loop.call_later(self._heartbeat_s, self._wake)
        if self._posted:
            self._wake()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._first_beat is not None:
            self._first_beat.cancel()
            self._first_beat = None
        await self._pump.settle()

    def write_now(self, events: bytes) -> bool:
        """Send whole events (not empty) without waiting; `False`, with nothing sent, if that takes `write`."""
        way = self._at_once
        if way is None or self._posted or self.ended or self._turn.locked() or events.endswith(END):
            return False
        if self.begun:
            sent = way.piece(events)
        else:
            sent = self.begun = way.begin(_HTTP_OK, [*_HEADERS, *self._headers], events)
        if sent:
            self._last_s = self._loop.time()
        return sent

    async def write(self, events: bytes) -> None:
        """Send whole events, after those that were posted; nothing after the end."""
        if events and self.write_now(events):
            return
        if self._before_end is not None and events.endswith(END):
            await self._before_end()
        async with self._turn:
            if not self.ended:
                await self._write(events)

    def post(self, events: bytes) -> None:
        """Send whole events soon; never waits."""
        self._posted.append(events)
        if self._first_beat is not None:  # entered
            self._wake()

    async def end(self, events: bytes = b"") -> None:
        """End the response, with its last events if there are any; once is enough."""
        if self._before_end is not None and events.endswith(END):
            await self._before_end()
        async with self._turn:
            if self.ended:
                return
            if self._posted or not self.begun:
                await self._write(events)
                events = b""
            if self._at_once is not None and self._at_once.end(events):
                self.ended = self._hangup.over = True
                return
            if events:
                await self._write(events)  # a slow caller has the end mark only when this is over
            self._hangup.over = True
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
            self.ended = True  # last: who is interrupted while a slow caller reads may end it again

    async def fail(self, error: QuorateError) -> None:
        """End a response that has begun with an error event and without `[DONE]`.

        After the end mark the caller has the whole answer, and nothing is told.
        """
        if not self._hangup.over:
            await self.write(self._error_events(error))
        await self.end()

    async def _write(self, events: bytes) -> None:
        if self._posted:
            posted, self._posted = self._posted, []
            events = b"".join((*posted, events))
        self._last_s = self._loop.time()
        if not self.begun:
            self.begun = True
            await self._begin(events)
        elif events and (self._at_once is None or not self._at_once.piece(events)):
            await self._send({"type": "http.response.body", "body": events, "more_body": True})
        if events.endswith(END):
            self._hangup.over = True  # clients hang up when they have read the end mark

    async def _begin(self, events: bytes) -> None:
        headers = [*_HEADERS, *self._headers]
        if self._at_once is not None and events and self._at_once.begin(_HTTP_OK, headers, events):
            return
        self._at_once = None
        await self._send({"type": "http.response.start", "status": _HTTP_OK, "headers": headers})
        if events:
            await self._send({"type": "http.response.body", "body": events, "more_body": True})

    def _wake(self) -> None:
        if self._awake is None:
            self._awake = asyncio.Event()
            self._pump.start(self._keep_awake(self._awake))
        self._awake.set()

    async def _keep_awake(self, awake: asyncio.Event) -> None:
        while True:
            silent_s = self._loop.time() - self._last_s
            try:
                async with asyncio.timeout(max(0.0, self._heartbeat_s - silent_s)):
                    await awake.wait()
            except TimeoutError:
                if not self._posted and self._loop.time() - self._last_s >= self._heartbeat_s:
                    await self.write(PING)
            awake.clear()
            if self._posted:
                await self.write(b"")
