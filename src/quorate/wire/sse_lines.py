"""Cutting a stream of server-sent events into whole events without changing a byte."""

import re

from quorate.core.errors import TooLarge

_EVENT_END = re.compile(rb"\n\n|\r\n\r\n|\r\r|\n\r\n|\r\n\n")
_LINE_END = re.compile(rb"\r\n|\n|\r")


class SseCutter:
    """Gives events as they came, each with its payload (the `data` lines joined, empty for comments); a live object.

    For relaying; `SseDecoder` reads events for their own sake. One event may hold `max_event_bytes`.
    """

    __slots__ = ("_max_event_bytes", "_tail")

    def __init__(self, *, max_event_bytes: int = 16 * 1024 * 1024) -> None:
        self._max_event_bytes = max_event_bytes
        self._tail = b""

    @property
    def rest(self) -> bytes:
        """What came after the last whole event."""
        return self._tail

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """Return (event, payload) for each event that `data` completes; raise `TooLarge` for one that never ends."""
        if self._tail:
            data = self._tail + data
        events: list[tuple[bytes, bytes]] = []
        begin = 0
        for end in _EVENT_END.finditer(data):
            event = data[begin : end.end()]
            events.append((event, payload_of(event)))
            begin = end.end()
        self._tail = data[begin:]
        if len(self._tail) > self._max_event_bytes:
            raise TooLarge(f"one event of the stream is larger than {self._max_event_bytes} bytes")
        return events


def payload_of(event: bytes) -> bytes:
    """Return the `data` of one event."""
    if event.startswith(b"data: ") and event.count(b"\n") == 2:  # noqa: PLR2004 - one line and the blank one
        return event[6:].strip()
    lines = [line[5:].strip() for line in _LINE_END.split(event) if line.startswith(b"data:")]
    return b"\n".join(lines)
