"""What a ZIP archive says it holds: names and sizes from its index at the end; nothing is unpacked.

Layout: APPNOTE.TXT of PKWARE, sections 4.3.12 and 4.3.16.
"""

import struct
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from quorate.documents.rejected import DocumentRejected, Reason

#: Together, unpacked.
MAX_UNPACKED_BYTES = 200_000_000
#: Unpacked against packed, where it is more than a megabyte.
MAX_RATIO = 200
MAX_ENTRIES = 10_000
_MAX_INDEX_BYTES = 4_000_000
_SMALL = 1_000_000
_END = b"PK\x05\x06"
_END_FORMAT = struct.Struct("<4s4H2LH")
_TAIL = 65_535 + _END_FORMAT.size


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipEntry:
    """One file of an archive: its name as written there (never a path of ours), and its sizes in bytes."""

    name: str
    packed: int
    unpacked: int
    encrypted: bool


def has_index(path: Path) -> bool:
    """Return whether a file ends as a ZIP archive does, whatever it begins with."""
    return _end_of(path) is not None


def read_index(path: Path) -> tuple[ZipEntry, ...]:
    """Return the entries of an archive; raise `DocumentRejected` (`damaged`, `too_large`).

    Reads at most 4 MB, whatever the archive claims.
    """
    end = _end_of(path)
    if end is None:
        raise DocumentRejected(Reason.DAMAGED, "the ZIP archive has no index at its end: it is cut off")
    _, _, _, _, count, index_bytes, _, _ = _END_FORMAT.unpack(end)
    if count > MAX_ENTRIES or index_bytes > _MAX_INDEX_BYTES:
        raise DocumentRejected(
            Reason.TOO_LARGE, f"the ZIP archive has {count} entries; at most {MAX_ENTRIES} are looked at"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            entries = tuple(map(_entry, archive.infolist()))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, UnicodeDecodeError) as error:
        raise DocumentRejected(Reason.DAMAGED, f"the ZIP archive's index cannot be read: {error}") from error
    return entries


def require_harmless(entries: Sequence[ZipEntry]) -> None:
    """Raise `DocumentRejected` (`too_large`) for an archive that unpacks to much more than it is."""
    unpacked = sum(entry.unpacked for entry in entries)
    if unpacked > MAX_UNPACKED_BYTES:
        raise DocumentRejected(
            Reason.TOO_LARGE, f"the file unpacks to {unpacked} bytes; at most {MAX_UNPACKED_BYTES} are read"
        )
    for entry in entries:
        if entry.unpacked > _SMALL and entry.unpacked > MAX_RATIO * max(1, entry.packed):
            raise DocumentRejected(
                Reason.TOO_LARGE,
                f"{entry.name!r} in the file unpacks to {entry.unpacked} bytes from {entry.packed}: "
                f"more than {MAX_RATIO} times as much",
            )


def _entry(info: zipfile.ZipInfo) -> ZipEntry:
    return ZipEntry(
        name=info.filename, packed=info.compress_size, unpacked=info.file_size, encrypted=bool(info.flag_bits & 1)
    )


def _end_of(path: Path) -> bytes | None:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL))
        tail = file.read(_TAIL)
    at = tail.rfind(_END)
    end = tail[at : at + _END_FORMAT.size]
    return end if at >= 0 and len(end) == _END_FORMAT.size else None
