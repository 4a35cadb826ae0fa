"""`multipart/form-data` (RFC 7578), read part by part while it comes: a file is never in memory as a whole."""

from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from quorate.core.errors import ClientGone, InvalidRequest, TooLarge, UnsupportedMedia
from quorate.server.inbound import Inbound, Receive

_FORM = b"multipart/form-data"
_MOST_PARTS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is said of a part before its content; `filename` is `None` for a plain field."""

    name: str
    filename: str | None
    media_type: str


@dataclass(frozen=True, slots=True)
class _Data:
    piece: bytes


class _End:
    """The end of a part."""


class Multipart:
    """The parts of one request, in their order; a live object.

    `async for part in form.parts()`: read `form.content()` of each before the next one, or leave it out. Raises
    `UnsupportedMedia` if the request is no form, `InvalidRequest` for one that is broken, `TooLarge` when it grows
    beyond `limit_bytes`, `ClientGone` if the caller leaves.
    """

    def __init__(self, inbound: Inbound, receive: Receive, *, limit_bytes: int) -> None:
        self._receive = receive
        self._limit_bytes = limit_bytes
        self._read_bytes = 0
        self._found: deque[Part | _Data | _End] = deque()
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._headers: dict[bytes, bytes] = {}
        self._parts = 0
        self._more = True
        self._whole = False
        self._parser = self._made(_boundary(inbound))

    async def parts(self) -> AsyncGenerator[Part]:
        """Yield what is said of each part."""
        while (found := await self._next()) is not None:
            if isinstance(found, Part):
                yield found

    async def content(self) -> AsyncGenerator[bytes]:
        """Yield the content of the part that `parts` gave last, as it comes."""
        while isinstance(found := await self._next(), _Data):
            yield found.piece

    async def text(self, *, limit_bytes: int) -> str:
        """Return the content of the part that `parts` gave last, which is UTF-8 text of at most `limit_bytes`."""
        held = bytearray()
        async for piece in self.content():
            held += piece
            if len(held) > limit_bytes:
                raise TooLarge(f"a field of the form is longer than {limit_bytes} bytes")
        try:
            return held.decode()
        except UnicodeDecodeError as error:
            raise InvalidRequest(f"a field of the form is not UTF-8 text: {error.reason}") from None

    async def _next(self) -> Part | _Data | _End | None:
        while not self._found:
            if not self._more:
                return None
            await self._read()
        return self._found.popleft()

    async def _read(self) -> None:
        message = await self._receive()
        if message["type"] != "http.request":
            raise ClientGone("the caller left before the request was complete")
        body: bytes = message.get("body", b"")
        self._more = message.get("more_body", False)
        self._read_bytes += len(body)
        if self._read_bytes > self._limit_bytes:
            raise TooLarge(f"the form is larger than {self._limit_bytes} bytes")
        try:
            self._parser.write(body)
        except FormParserError as error:
            raise InvalidRequest(f"the body is not the form that it says it is: {error}") from None
        if not self._more and not self._whole:
            raise InvalidRequest("the form is cut: its last boundary is missing")

    def _end(self) -> None:
        self._whole = True

    def _made(self, boundary: bytes) -> MultipartParser:
        return MultipartParser(
            boundary,
            {
                "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                "on_header_end": self._end_header,
                "on_headers_finished": self._begin_part,
                "on_part_data": lambda data, start, end: self._found.append(_Data(data[start:end])),
                "on_part_end": lambda: self._found.append(_End()),
                "on_end": self._end,
            },
        )

    def _end_header(self) -> None:
        self._headers[bytes(self._header[0]).lower()] = bytes(self._header[1])
        self._header = (bytearray(), bytearray())

    def _begin_part(self) -> None:
        headers, self._headers = self._headers, {}
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise InvalidRequest(f"the form has more than {_MOST_PARTS} parts")
        kind, options = parse_options_header(headers.get(b"content-disposition", b""))
        if kind != b"form-data" or b"name" not in options:
            raise InvalidRequest("a part of the form has no `Content-Disposition: form-data` with a `name`")
        filename = options.get(b"filename")
        self._found.append(
            Part(
                name=_text(options[b"name"]),
                filename=None if filename is None else _text(filename),
                media_type=_text(headers.get(b"content-type", b"")).split(";", 1)[0].strip().lower(),
            )
        )


def is_form(inbound: Inbound) -> bool:
    """Return whether a request says that its body is a form with parts."""
    return (inbound.content_type or b"").split(b";", 1)[0].strip().lower() == _FORM


def _boundary(inbound: Inbound) -> bytes:
    kind, options = parse_options_header(inbound.content_type or b"")
    boundary = options.get(b"boundary", b"")
    if kind != _FORM:
        raise UnsupportedMedia(f"the content type is {_text(kind)!r}; send multipart/form-data")
    if not 1 <= len(boundary) <= 70:  # noqa: PLR2004 - RFC 2046
        raise InvalidRequest("the content type has no `boundary` of 1 to 70 characters", param="Content-Type")
    if inbound.content_encoding not in {None, b"identity"}:
        raise UnsupportedMedia("a form is read as it is; send it without a Content-Encoding")
    return boundary


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
