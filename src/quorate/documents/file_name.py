"""The names that senders give to files: made harmless, for people to read, never used as a path."""

import re
import unicodedata

_MAX_BYTES = 200
_SLASHES = re.compile(r"[/\\]")
#: What Windows does not allow in names, and the marks that turn the direction of reading around.
_UNWANTED = re.compile(r'[<>:"|?*\u202a-\u202e\u2066-\u2069\u200b-\u200f\ufeff]')


def safe_name(name: str) -> str:
    """Return a file name without folders, control characters and leading dots; `file` if nothing is left.

    It has at most 200 bytes; the extension is kept when a long name is cut.
    """
    last = _SLASHES.split(name)[-1]
    printable = "".join(char for char in last if unicodedata.category(char)[0] != "C")
    plain = _UNWANTED.sub("_", unicodedata.normalize("NFC", printable)).strip().lstrip(".").rstrip(". ")
    return _shortened(plain) or "file"


def _shortened(name: str) -> str:
    if len(name.encode()) <= _MAX_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension.encode()) > 20:  # noqa: PLR2004 - longer than any extension
        stem, dot, extension = name, "", ""
    room = _MAX_BYTES - len(f"{dot}{extension}".encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip() + dot + extension
