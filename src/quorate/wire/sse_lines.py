"""Cutting a stream of server-sent events into whole events without changing a byte."""

import re

from quorate.core.errors import TooLarge

_EVENT_END = re.compile(rb"\n\n|\r\n\r\n|\r\r|\n\r\n|\r\n\n")
_LINE_END = re.compile(rb"\r\n|\n|\r")
_NAMES_ERROR = re.compile(rb"(?:\A|[\r\n])event: ?error[\r\n]")
#: As much of an event's end as may lie before a cut: all of the longest end but its last byte.
_SEAM_BYTES = 3
_BOM = b"\xef\xbb\xbf"


class SseCutter:
    """Gives events as they came, each with its payload (the `data` lines joined, empty for comments); a live object.

    For relaying; `SseDecoder` reads events for their own sake. One event may hold `max_event_bytes`. A byte order mark
    at the very start is dropped: it belongs to the stream, which whoever passes events on begins anew.
    """

    __slots__ = ("_held", "_max_event_bytes", "_started")

    def __init__(self, *, max_event_bytes: int = 16 * 1024 * 1024) -> None:
        self._max_event_bytes = max_event_bytes
        self._started = False
        self._held = bytearray()

    @property
    def rest(self) -> bytes:
        """What came after the last whole event."""
        return bytes(self._held)

    def only(self, data: bytes) -> bytes | None:
        """Return the payload if `data` is one whole event of one `data` line, as nearly all pieces are; else `None`.

        What has a payload here is done with; everything else is for `feed`.
        """
        # Four searches in C: a regular expression takes several times as long.
        if (
            self._held
            or not self._started
            or not data.startswith(b"data: ")
            or data.find(b"\n") != len(data) - 2
            or not data.endswith(b"\n\n")
            or b"\r" in data
        ):
            return None
        return data[6:-2].strip()

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """Return (event, payload) for each event that `data` completes; raise `TooLarge` for one that never ends."""
        payload = self.only(data)
        if payload is not None:
            return [(data, payload)]
        look_from = 0
        if self._held:
            # Joined and searched anew each time, a large event in small pieces would cost the square of its size.
            if self._started and _EVENT_END.search(self._held[-_SEAM_BYTES:] + data) is None:
                self._held += data
                self._check_size()
                return []
            look_from = max(0, len(self._held) - _SEAM_BYTES)
            data = bytes(self._held) + data
        if not self._started:
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._held = bytearray(data)
                return []
            self._started = True
            data = data.removeprefix(_BOM)
            look_from = 0
        events: list[tuple[bytes, bytes]] = []
        begin = 0
        for end in _EVENT_END.finditer(data, look_from):
            event = data[begin : end.end()]
            events.append((event, payload_of(event)))
            begin = end.end()
        self._held = bytearray(data[begin:])
        self._check_size()
        return events

    def _check_size(self) -> None:
        if len(self._held) > self._max_event_bytes:
            raise TooLarge(f"one event of the stream is larger than {self._max_event_bytes} bytes")


def payload_of(event: bytes) -> bytes:
    """Return the `data` of one event."""
    if event.startswith(b"data: ") and event.count(b"\n") == 2:  # noqa: PLR2004 - one line and the blank one
        return event[6:].strip()
    lines = [line[5:].strip() for line in _LINE_END.split(event) if line.startswith(b"data:")]
    return b"\n".join(lines)


def names_error(event: bytes) -> bool:
    """Return whether one event has the type `error`."""
    return b"event:" in event and _NAMES_ERROR.search(event) is not None
