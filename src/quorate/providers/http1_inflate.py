"""Compressed bodies, decompressed as they are read and never further than asked: a bomb costs one piece of memory."""

import zlib

from quorate.providers.http1_errors import Undecodable

#: The most that one `pull` gives.
PIECE_BYTES = 256 * 1024
#: Of one body. Each costs microseconds and a copy of what follows it, and may hold nothing at all.
MAX_MEMBERS = 1_000
_GZIP = 16 + zlib.MAX_WBITS
_RAW_DEFLATE = -zlib.MAX_WBITS
_CODINGS = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": zlib.MAX_WBITS}


def inflater(coding: str) -> "Inflater | None":
    """Return what reads a body with this `content-encoding`, `None` if it is not compressed; raise `Undecodable`."""
    name = coding.strip().lower()
    if name in ("", "identity"):
        return None
    if name not in _CODINGS:
        raise Undecodable(f"content-encoding {coding[:40]!r} was not asked for")
    return Inflater(_CODINGS[name])


class Inflater:
    """A live object for one body. `deflate` is zlib's format (RFC 9110) or, as some servers have it, the bare one."""

    __slots__ = ("_begun", "_full", "_inflate", "_input", "_members", "_wbits")

    def __init__(self, wbits: int) -> None:
        self._wbits = wbits
        self._inflate = zlib.decompressobj(wbits)
        self._input = b""
        self._begun = False
        self._members = 1
        self._full = False  # the last piece was cut off, so there may be more without more input

    @property
    def ended(self) -> bool:
        """Whether the body may end here: no byte of it, or all of the compressed stream."""
        return not self._begun or (self._inflate.eof and not self._input)

    def push(self, data: bytes) -> None:
        """Take more of the compressed body, when `pull` has nothing left to give."""
        self._input = data

    def pull(self) -> bytes:
        """Return the next piece, empty if there is none without more input; raise `Undecodable`."""
        while self._input or self._full:
            if not self._begun:
                self._begin()
            elif self._inflate.eof and self._input:  # another member follows (RFC 1952 section 2.2)
                self._begin_member()
            data, self._input = self._input, b""
            try:
                piece = self._inflate.decompress(data, PIECE_BYTES)
            except zlib.error as error:
                raise Undecodable(str(error)) from None
            self._input = self._inflate.unconsumed_tail or self._inflate.unused_data
            self._full = len(piece) == PIECE_BYTES
            if piece:
                return piece
        return b""

    def _begin_member(self) -> None:
        if self._wbits != _GZIP:
            raise Undecodable("something follows the compressed data")
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise Undecodable(f"it consists of more than {MAX_MEMBERS} compressed pieces")
        self._inflate = zlib.decompressobj(self._wbits)

    def _begin(self) -> None:
        self._begun = True
        if self._wbits == zlib.MAX_WBITS and self._input[0] & 0x0F != zlib.DEFLATED:
            self._wbits = _RAW_DEFLATE
            self._inflate = zlib.decompressobj(_RAW_DEFLATE)
