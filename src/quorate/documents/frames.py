"""How a worker process and its owner talk over pipes: a JSON text and bytes, each with its length before it."""

import struct
from typing import BinaryIO

_LENGTHS = struct.Struct(">QQ")


class FrameTooLong(ValueError):
    """The other side sends more than is taken."""


def send(pipe: BinaryIO, text: bytes, payload: bytes = b"") -> None:
    """Send a frame; `OSError` if nobody listens."""
    pipe.write(_LENGTHS.pack(len(text), len(payload)))
    pipe.write(text)
    pipe.write(payload)
    pipe.flush()


def receive(pipe: BinaryIO, *, max_bytes: int) -> tuple[bytes, bytes] | None:
    """Return the next frame, `None` if the other side has gone; raise `FrameTooLong` before reading one."""
    head = _exactly(pipe, _LENGTHS.size)
    if head is None:
        return None
    text_bytes, payload_bytes = _LENGTHS.unpack(head)
    if text_bytes + payload_bytes > max_bytes:
        raise FrameTooLong(f"{text_bytes + payload_bytes} bytes")
    text, payload = _exactly(pipe, text_bytes), _exactly(pipe, payload_bytes)
    return None if text is None or payload is None else (text, payload)


def _exactly(pipe: BinaryIO, count: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < count:
        part = pipe.read(count - len(parts))
        if not part:
            return None
        parts += part
    return bytes(parts)
