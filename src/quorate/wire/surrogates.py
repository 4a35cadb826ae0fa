"""Halves of surrogate pairs in JSON: its grammar lets them be escaped (RFC 8259, section 8.2), but they are no text."""

import re
from typing import Final

#: Every escape is taken whole, so that a backslash is never read twice; the group is a half without its other half.
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_REPLACEMENT: Final = rb"\ufffd"


def lone_surrogate(data: bytes) -> str | None:
    r"""Return the first half of a pair that stands alone in JSON, as it is escaped (`\ud83d`); `None` without one."""
    return next(("\\" + match[1].decode() for match in _ESCAPE.finditer(data) if match[1]), None)


def mended(data: bytes) -> bytes:
    """Return JSON with U+FFFD, the replacement character, for each half of a pair that stands alone."""
    return _ESCAPE.sub(lambda match: _REPLACEMENT if match[1] else match[0], data)
