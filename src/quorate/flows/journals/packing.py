"""Values as they lie in a row: JSON, compressed where it is long. Never a format that could run anything."""

from typing import TypeVar

import msgspec
import zstandard

from quorate.core.errors import QuorateError

T = TypeVar("T")

#: What is longer is compressed: below, the time is worth more than the room.
PLAIN_BYTES = 64 * 1024
#: What a row may become when it is unpacked; an output is refused far below.
MAX_BYTES = 64 * 1024 * 1024
#: How zstd begins; no JSON does.
_MAGIC = b"\x28\xb5\x2f\xfd"

_encoder = msgspec.json.Encoder()


class Unreadable(QuorateError):
    """A row of the journal is not what the program wrote there."""

    code = "journal_unreadable"


def packed(value: object) -> bytes:
    """Return the JSON of a value, compressed if it is longer than 64 KiB."""
    data = _encoder.encode(value)
    return data if len(data) <= PLAIN_BYTES else zstandard.ZstdCompressor(level=3).compress(data)


def unpacked(data: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Return the value again. Raises `Unreadable`."""
    try:
        if data.startswith(_MAGIC):
            data = zstandard.ZstdDecompressor().decompress(data, max_output_size=MAX_BYTES)
        return decoder.decode(data)
    except (msgspec.MsgspecError, zstandard.ZstdError) as error:
        raise Unreadable("a row of the journal cannot be read: the file is damaged or was changed by hand") from error
