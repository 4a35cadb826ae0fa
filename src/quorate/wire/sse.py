"""Server-sent events, WHATWG HTML section 9.2: encoding one event, decoding bytes cut anywhere."""

import re
from typing import NamedTuple

from quorate.core.errors import TooLarge

DONE = "[DONE]"

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


class SseEvent(NamedTuple):
    """One event: its `data` lines joined by newlines, its type (`message` if none was named), its id."""

    data: str
    event: str = "message"
    id: str | None = None


def encode_sse(data: bytes, *, event: str | None = None, event_id: str | None = None) -> bytes:
    """Return the bytes of one event; `data` is one line (compact JSON)."""
    head = b"" if event is None else b"event: " + event.encode() + b"\n"
    if event_id is not None:
        head += b"id: " + event_id.encode() + b"\n"
    return head + b"data: " + data + b"\n\n"


#: The event that ends a chat stream as OpenAI's API does.
END = encode_sse(DONE.encode())


def encode_comment(text: str) -> bytes:
    """Return a comment: heartbeat and progress that every client ignores."""
    return b": " + text.replace("\r", " ").replace("\n", " ").encode() + b"\n\n"


class SseDecoder:
    """Turns bytes into events, wherever the network cuts them.

    One event may hold at most `max_event_bytes`; more raises `TooLarge`. An event that is not ended by a blank line
    when the bytes end is dropped, as the standard says; `pending` tells whether there was one.
    """

    def __init__(self, *, max_event_bytes: int = 16 * 1024 * 1024) -> None:
        self._max_event_bytes = max_event_bytes
        self._tail = bytearray()
        self._after_cr = False
        self._started = False
        self._size = 0
        self._data: list[str] = []
        self._event = ""
        self._id: str | None = None

    @property
    def pending(self) -> bool:
        """Whether an unfinished event has been read."""
        return bool(self._data or self._tail)

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """Return the events that `chunk` completes."""
        if not chunk:
            return []
        if self._after_cr:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        self._tail += chunk
        if not self._ready():
            return []
        self._after_cr = self._tail.endswith(b"\r")
        if len(self._tail) > len(chunk) and b"\n" not in chunk and b"\r" not in chunk:
            self._check_size(len(self._tail))
            return []
        *lines, rest = _LINE_END.split(bytes(self._tail))
        self._tail = bytearray(rest)
        events = [event for line in lines if (event := self._line(line)) is not None]
        self._check_size(len(rest))
        return events

    def _ready(self) -> bool:
        """Drop a byte order mark at the very start; wait while it may still be arriving."""
        if not self._started:
            if len(self._tail) < len(_BOM) and _BOM.startswith(bytes(self._tail)):
                return False
            self._started = True
            if self._tail.startswith(_BOM):
                del self._tail[: len(_BOM)]
        return True

    def _line(self, line: bytes) -> SseEvent | None:
        if not line:
            return self._dispatch()
        self._size += len(line)
        self._check_size(0)
        name, _, value = line.partition(b":")
        text = value.removeprefix(b" ").decode("utf-8", "replace")
        match name:
            case b"data":
                self._data.append(text)
            case b"event":
                self._event = text
            case b"id" if "\0" not in text:
                self._id = text
            case _:
                pass
        return None

    def _dispatch(self) -> SseEvent | None:
        data, event = self._data, self._event
        self._data, self._event, self._size = [], "", 0
        return SseEvent("\n".join(data), event or "message", self._id) if data else None

    def _check_size(self, waiting: int) -> None:
        if self._size + waiting > self._max_event_bytes:
            raise TooLarge(f"one event of the stream is larger than {self._max_event_bytes} bytes")
