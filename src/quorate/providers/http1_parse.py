"""From bytes to responses, one after another on one connection: no socket, no clock, the same for any split."""

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from quorate.providers.http1_errors import Cut, NoAnswer, NotHttp

#: Of one response, interim ones before it included; and of what may lie between two pieces of a body (trailers, chunk
#: extensions).
MAX_HEAD_BYTES = 64 * 1024
_FIRST_FINAL_STATUS = 200
#: `identity` says nothing, and some old servers say it. Others were not asked for.
_TRANSFER_CODINGS = frozenset({b"chunked", b"identity"})


class ResponseParser:
    """A live object that reads responses (RFC 9112) with llhttp; `begin` before each.

    Interim responses (1xx) and trailers are skipped, an upgrade is refused. Strict where leniency would let two
    readers see different messages: two lengths, a length beside chunks. A bare LF ends a line (section 2.2).
    """

    __slots__ = (
        "_between",
        "_bodiless",
        "_fed",
        "_head_bytes",
        "_interim",
        "_parser",
        "_refused",
        "_until_close",
        "complete",
        "fields",
        "has_head",
        "keep_alive",
        "parts",
        "size",
        "status",
    )

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True)
        self.begin()

    def begin(self, *, bodiless: bool = False) -> None:
        """Expect the next response; `bodiless` if it answers HEAD."""
        self.status = 0
        self.fields: dict[bytes, bytes] = {}
        self.has_head = False
        self.complete = False
        self.keep_alive = False
        self.parts: list[bytes] = []
        self.size = 0  # bytes in `parts`
        self._bodiless = bodiless
        self._interim = False
        self._until_close = False
        self._head_bytes = 0
        self._fed = 0
        self._between = 0
        self._refused = ""

    def feed(self, data: bytes) -> None:
        """Read `data`; raise `NotHttp`. What follows a whole response is not read: the connection is used up."""
        size = self.size
        had_head = self.has_head
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            if not self.complete:
                raise NotHttp(str(error) if isinstance(error, HttpParserError) else "it switches protocols") from None
            self.keep_alive = False
        if not had_head:
            self._check_head(len(data))
        elif self.size == size and not self.complete:
            self._between += len(data)
            if max(self._between, self._head_bytes) > MAX_HEAD_BYTES:
                raise NotHttp(f"more than {MAX_HEAD_BYTES} bytes between two pieces of the body")
        else:
            self._between = 0

    def eof(self) -> None:
        """The connection ended: so does a body that has no other end; else raise `NoAnswer` or `Cut`."""
        self.keep_alive = False
        if self.complete:
            return
        if not self.has_head:
            raise NoAnswer
        if not self._until_close:
            raise Cut
        self.complete = True

    def close(self) -> None:
        """Read no more: the parser leads back here, and both would wait for the garbage collector."""
        del self._parser

    def take(self) -> bytes:
        """Return the body that has arrived since the last call; empty if none."""
        parts = self.parts
        if not parts:
            return b""
        self.parts = []
        self.size = 0
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def on_message_begin(self) -> None:
        """See httptools; so for all `on_` methods."""
        if self.complete:
            self.keep_alive = False

    def on_header(self, name: bytes, value: bytes) -> None:  # noqa: D102
        if self.complete:
            return
        self._head_bytes += len(name) + len(value)
        if not self.has_head:
            self.fields.setdefault(name.lower(), value)

    def on_headers_complete(self) -> None:  # noqa: D102
        if self.complete:
            return
        status = self._parser.get_status_code()
        if status < _FIRST_FINAL_STATUS:
            self._interim = True
            self.fields = {}
            return
        self.status = status
        self.has_head = True
        self.keep_alive = self._parser.should_keep_alive()
        coding = self.fields.get(b"transfer-encoding")
        coding = coding and coding.rstrip(b" ").lower()
        if coding is not None and coding not in _TRANSFER_CODINGS:
            self._refused = f"transfer-encoding {coding[:40]!r} was not asked for"
        self._until_close = not self.keep_alive and b"content-length" not in self.fields and coding != b"chunked"
        if self._bodiless:
            self.complete = True
            self.keep_alive = False

    def on_body(self, data: bytes) -> None:  # noqa: D102
        if not self.complete:
            self.parts.append(data)
            self.size += len(data)

    def on_message_complete(self) -> None:  # noqa: D102
        if self._interim:
            self._interim = False
        else:
            self.complete = True

    def _check_head(self, size: int) -> None:
        """Refuse a head that is too large or says what we cannot read, with all that came after it."""
        self._fed += size
        too_large = self._head_bytes > MAX_HEAD_BYTES or (not self.has_head and self._fed > 2 * MAX_HEAD_BYTES)
        reason = f"its headers are larger than {MAX_HEAD_BYTES} bytes" if too_large else self._refused
        if reason:
            self.begin()
            raise NotHttp(reason)
