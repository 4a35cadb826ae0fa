"""The short way out: answers written straight to the connection of a server that is ours."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from quorate.server.outbound import Header

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}".encode() for status in HTTPStatus}
_header_line = b": ".join
_CHUNKED: Header = (b"transfer-encoding", b"chunked")


class Answering:
    """Sends the answer of a request in one write, or in one for each piece; a live object.

    The way through ASGI checks every header again and writes twice, which is a twentieth of what the gateway costs,
    and a fifth of what a stream costs. Header names are in small letters and values have no line ends: whoever calls
    has made them. Each method returns `False`, having written nothing, for what has to go the long way: a caller who
    reads too slowly has to be waited for, and HTTP/1.0 knows no chunks.
    """

    __slots__ = ("_cycle",)

    def __init__(self, cycle: "RequestResponseCycle") -> None:
        self._cycle = cycle

    def body(self) -> bytes | None:
        """Return the body of the request if all of it has come, `None` if it has to be waited for; once."""
        cycle = self._cycle
        if cycle.more_body or cycle.disconnected:
            return None
        body, cycle.body = bytes(cycle.body), bytearray()
        cycle.flow.resume_reading()
        return body

    def send(self, status: int, headers: Iterable[Header], body: bytes) -> bool:
        """Send a whole answer; `headers` hold its length."""
        cycle = self._cycle
        if cycle.flow.write_paused or cycle.response_started:
            return False
        if cycle.disconnected:
            return True
        self._write(status, headers, body)
        self._complete()
        return True

    def begin(self, status: int, headers: Iterable[Header], piece: bytes) -> bool:
        """Begin an answer of unknown length with its first piece (not empty)."""
        cycle = self._cycle
        if cycle.flow.write_paused or cycle.response_started or cycle.scope["http_version"] == "1.0":
            return False
        if not cycle.disconnected:
            self._write(status, (*headers, _CHUNKED), b"%x\r\n%b\r\n" % (len(piece), piece))
            cycle.chunked_encoding = True
            cycle.expected_content_length = 0
        return True

    def piece(self, piece: bytes) -> bool:
        """Send one more piece (not empty)."""
        cycle = self._cycle
        if cycle.flow.write_paused:
            return False
        if not cycle.disconnected:
            cycle.transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        return True

    def end(self, piece: bytes) -> bool:
        """Send the last piece (which may be empty) of an answer that `begin` began, and its end."""
        cycle = self._cycle
        if cycle.flow.write_paused:
            return False
        if not cycle.disconnected:
            cycle.transport.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(piece), piece) if piece else b"0\r\n\r\n")
            self._complete()
        return True

    def _complete(self) -> None:
        cycle = self._cycle
        cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()

    def _write(self, status: int, headers: Iterable[Header], body: bytes) -> None:
        cycle = self._cycle
        lines = [_STATUS_LINES[status], *map(_header_line, cycle.default_headers), *map(_header_line, headers)]
        lines.append(b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n")
        cycle.transport.write(b"\r\n".join(lines) + body)
        cycle.response_started = True
        cycle.waiting_for_100_continue = False
