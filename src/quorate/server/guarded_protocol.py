"""Uvicorn's HTTP protocol with caps on what a caller may cost, a call when it leaves, and a short way out."""

import re
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from quorate.server.answering import Answering
from quorate.server.hangup import SCOPE_KEY, Listeners
from quorate.server.inbound import BODY_KEY
from quorate.server.outbound import ANSWER_KEY

if TYPE_CHECKING:
    import asyncio

#: Line and headers of one request, as OpenAI's and most proxies' limits are.
MAX_HEADER_BYTES = 32 * 1024
#: How long a connection may take to send the headers of a request, the first one counted from its opening.
HEADER_TIME_S = 30.0
#: How long a connection may take to send the rest of a request.
BODY_TIME_S = 300.0
#: How long what was written may wait for a caller that reads nothing.
STALLED_S = 60.0
#: How long the rest of a request is read and thrown away that was answered before it was complete. Closed at once, the
#: connection would be reset, and a caller that still sends would never see the answer.
LINGER_S = 10.0

#: Headers that offer another protocol.
_OFFERS = frozenset({b"upgrade", b"http2-settings"})
#: A name, an IPv4 address or an IPv6 address in brackets, and a port (RFC 3986, 3.2); all of it may be missing.
_HOST = re.compile(rb"(?:\[[\w.~!$&'()*+,;=:%-]*\]|[\w.~!$&'()*+,;=%-]*)(?::[0-9]*)?[ \t]*", re.ASCII)


def _last_words(status: HTTPStatus, text: str) -> bytes:
    """Return the answer of a connection that closes after it."""
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: text/plain; charset=utf-8\r\n"
    return f"{head}content-length: {len(text)}\r\nconnection: close\r\n\r\n{text}".encode()


_TOO_LARGE = _last_words(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"the headers are larger than {MAX_HEADER_BYTES} bytes"
)
_TOO_SLOW = _last_words(HTTPStatus.REQUEST_TIMEOUT, f"the body did not come within {BODY_TIME_S:g} seconds")


class _BadRequest(Exception):
    """What is wrong with a request that the parser itself takes."""


class GuardedProtocol(HttpToolsProtocol):
    """A live object: one connection. llhttp itself reads headers without end."""

    def connection_made(self, transport: Any) -> None:
        """A client connected."""
        super().connection_made(transport)
        self._on_lost = Listeners()
        self._in_head = True
        self._head_bytes = 0
        self._tail = b""
        self._in_body = False
        self._framing_bytes = 0
        self._got_body = False
        self._offer = b""
        self._hosts: list[bytes] | None = None
        self._gently = _HalfClosing(self)
        self._head_timer: asyncio.TimerHandle | None = self.loop.call_later(HEADER_TIME_S, self._head_is_late)
        self._stalled: asyncio.TimerHandle | None = None
        self._linger: asyncio.TimerHandle | None = None
        self._body_timer: asyncio.TimerHandle | None = None
        #: Since when no request is under way, in the loop's seconds; `None` while one is.
        self._idle_since: float | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """The client left, or the connection was closed."""
        idle, self.timeout_keep_alive_task = self.timeout_keep_alive_task, None
        for timer in (self._head_timer, self._body_timer, self._stalled, self._linger, idle):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)
        self._on_lost.lose()
        del self._gently  # it leads back here: the connection would wait for the garbage collector

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEADER_BYTES and not self._fits(data):
                self._refuse(_TOO_LARGE)
                return
            self._tail = data[-3:]
            self._feed(data)
            if self._in_head and self._head_bytes and self._head_timer is None and not self.transport.is_closing():
                self._head_timer = self.loop.call_later(HEADER_TIME_S, self._head_is_late)
        else:
            self._got_body = False
            self._feed(data)
            self._count_framing(len(data))
        if self._in_body and self._body_timer is None and not self.transport.is_closing():
            self._body_timer = self.loop.call_later(BODY_TIME_S, self._body_is_late)

    def _count_framing(self, size: int) -> None:
        """Refuse what goes on and on without being a body: trailers and extensions of chunks, kept or not."""
        if self._got_body or not self._in_body:
            self._framing_bytes = 0
            return
        self._framing_bytes += size
        if self._framing_bytes > MAX_HEADER_BYTES:
            self._refuse(_TOO_LARGE)

    def _feed(self, data: bytes) -> None:
        """Read the data; a request that offers another protocol is read again without the offer (RFC 9110, 7.8).

        Java's client makes one by default, and the parser leaves such a request after its headers.
        """
        super().data_received(data)
        while self._offer:
            data = self._offer + data[self._offer_end :]
            self._offer = b""
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            super().data_received(data)

    def _unsupported_upgrade_warning(self) -> None:
        """The parser left the request; note where."""
        left = sys.exc_info()[1]
        assert isinstance(left, httptools.HttpParserUpgrade)
        self._offer_end: int = left.args[0]

    def pause_writing(self) -> None:
        """The caller reads more slowly than we write."""
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(STALLED_S, self.transport.abort)

    def resume_writing(self) -> None:
        """The caller has caught up."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _head_is_late(self) -> None:
        """Close, unless an earlier request on this connection is still being answered."""
        self._head_timer = None
        if not self.cycle or self.cycle.response_complete:  # `None` before the first request
            self.transport.close()

    def _fits(self, data: bytes) -> bool:
        """Whether the headers end within their cap, though this piece (which may hold a body) passes it."""
        room = len(data) - (self._head_bytes - MAX_HEADER_BYTES)
        return b"\r\n\r\n" in self._tail + data[: max(room, 0) + 4]

    def _body_is_late(self) -> None:
        """Close, unless this request waits until an earlier one on this connection has been answered."""
        self._body_timer = None
        if self.pipeline:
            self._body_timer = self.loop.call_later(BODY_TIME_S, self._body_is_late)
        else:
            self._refuse(_TOO_SLOW)

    def _refuse(self, answer: bytes) -> None:
        """Close with an answer, unless it would stand in the middle of another one."""
        if not self._answering:
            self.transport.write(answer)
        self.transport.close()

    @property
    def _answering(self) -> bool:
        """Whether anything was written that belongs to the request that comes in, or has to come before its answer."""
        if not self.cycle:  # `None` before the first request
            return False
        return bool(self.pipeline) or (
            self.cycle.response_started if self._in_body else not self.cycle.response_complete
        )

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._offer = b""
        self.scope[SCOPE_KEY] = self._on_lost  # type: ignore[typeddict-unknown-key]

    def on_headers_complete(self) -> None:
        """The headers are complete."""
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._offer = self._without_offer()
            return
        hosts = [value for name, value in self.headers if name == b"host"]
        if hosts != self._hosts:  # as a rule all requests of a connection have the same
            self._require_one_host(hosts)
        self._in_head = False
        self._in_body = True
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        super().on_headers_complete()
        cycle = self.cycle
        cycle.transport = self._gently  # type: ignore[assignment] # all of a transport that a cycle uses
        if self.scope["http_version"] == "1.0":
            _unchunk(cycle)
        # What follows a body in chunks is no header: it would be taken for one where it comes in the same piece, past
        # every proxy that looks at headers only.
        self.headers = []
        answering = Answering(cycle)
        self.scope[ANSWER_KEY] = answering  # type: ignore[typeddict-unknown-key]
        self.scope[BODY_KEY] = answering.body  # type: ignore[typeddict-unknown-key]

    def _require_one_host(self, hosts: list[bytes]) -> None:
        """Raise `_BadRequest` unless the request names its host, once (RFC 9112, 3.2); HTTP/1.0 need not.

        Of two a proxy may have believed the other one.
        """
        if len(hosts) > 1:
            raise _BadRequest("the request has more than one header Host")
        if hosts and _HOST.fullmatch(hosts[0]) is None:
            raise _BadRequest("the header Host names no host")
        if not hosts and self.parser.get_http_version() != "1.0":
            raise _BadRequest("the request has no header Host")
        self._hosts = hosts or None

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request, and say why if it was not the parser who found that."""
        error = sys.exc_info()[1]
        reason = None if error is None else error.__context__
        self._refuse(_last_words(HTTPStatus.BAD_REQUEST, str(reason) if isinstance(reason, _BadRequest) else msg))

    def _without_offer(self) -> bytes:
        """Return the head of the request without what asks for another protocol."""
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        for name, value in self.headers:
            if name == b"connection":
                lines.append(b"connection: close" if b"close" in value.lower() else b"connection: keep-alive")
            elif name not in _OFFERS:
                lines.append(name + b": " + value)
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def on_body(self, body: bytes) -> None:
        """A part of the body came."""
        self._got_body = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is complete; the next bytes are headers again."""
        if self._offer:
            return
        super().on_message_complete()
        self._in_head = True
        self._in_body = False
        self._head_bytes = 0
        self._framing_bytes = 0
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None
        self.cycle.transport = self.transport
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
            self._go_on_or_close()

    def _go_on_or_close(self) -> None:
        if self.cycle.keep_alive:
            self._await_next()
        else:
            self.transport.close()

    def on_response_complete(self) -> None:
        """A whole answer was written: the next request of the connection is answered, or awaited."""
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if self.pipeline:
                self._start_asgi_task(*self.pipeline.pop())
            else:
                self._await_next()
        if self._in_body and self.cycle.response_complete and self._linger is None:
            self._linger = self.loop.call_later(LINGER_S, self.transport.abort)

    def _await_next(self) -> None:
        """Let the connection be idle for as long as it may.

        One timer serves all pauses between requests: set with each of them, it would be a fiftieth of what a request
        costs.
        """
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_again_in(self.timeout_keep_alive)

    def _unset_keepalive_if_required(self) -> None:
        """Bytes came, so the connection is not idle; the timer finds that out."""
        self._idle_since = None

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if it has been idle for too long."""
        self.timeout_keep_alive_task = None
        if self._idle_since is None:
            return
        left_s = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left_s > 0:
            self._look_again_in(left_s)
        else:
            super().timeout_keep_alive_handler()

    def _look_again_in(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)


def _unchunk(cycle: RequestResponseCycle) -> None:
    """Have a response without a length end with the connection: HTTP/1.0 knows no chunks (RFC 9112, 6.1)."""
    pass_on = cycle.send

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            cycle.chunked_encoding = False
        else:
            cycle.expected_content_length = len(message.get("body", b""))
        await pass_on(message)

    cycle.send = send


class _HalfClosing:
    """What a cycle writes to while its request still comes in; a live object. Closing it closes one way only."""

    __slots__ = ("_protocol",)

    def __init__(self, protocol: GuardedProtocol) -> None:
        self._protocol = protocol

    def write(self, data: bytes) -> None:
        self._protocol.transport.write(data)

    def is_closing(self) -> bool:
        return self._protocol.transport.is_closing()

    def close(self) -> None:
        transport = self._protocol.transport
        if self._protocol.cycle.response_complete and transport.can_write_eof() and not transport.is_closing():
            transport.write_eof()
        else:
            transport.close()
