"""What holds for DOCX, XLSX and PPTX: archives of XML, looked over before a parser gets them."""

import zipfile
import zlib
from datetime import datetime
from pathlib import Path

from quorate.documents.rejected import DocumentRejected, Reason
from quorate.documents.zip_index import read_index, require_harmless

_PIECE = 1_000_000
#: Office documents have no document type definitions (ECMA-376, part 2, 8.1.4), and entities need one.
_FORBIDDEN = tuple(
    word.encode(encoding) for word in ("<!DOCTYPE", "<!ENTITY") for encoding in ("ascii", "utf-16-le", "utf-16-be")
)
_LONGEST = max(map(len, _FORBIDDEN))


def require_clean(path: Path) -> None:
    """Raise `DocumentRejected` for an archive that unpacks to too much, is encrypted, or whose XML defines entities."""
    entries = read_index(path)
    require_harmless(entries)
    if any(entry.encrypted for entry in entries):
        raise DocumentRejected(
            Reason.ENCRYPTED, "parts of the document are encrypted", hint="save it without a password"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in entries:
                if entry.name.lower().endswith((".xml", ".rels", ".vml")):
                    _require_no_definitions(archive, entry.name)
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError) as error:
        raise DocumentRejected(Reason.DAMAGED, f"the document's archive is damaged: {error}") from error


def _require_no_definitions(archive: zipfile.ZipFile, name: str) -> None:
    with archive.open(name) as part:
        kept = b""
        while piece := part.read(_PIECE):
            window = kept + piece
            if any(word in window for word in _FORBIDDEN):
                raise DocumentRejected(
                    Reason.UNSAFE, f"{name!r} in the document defines entities, as office documents never do"
                )
            kept = window[-_LONGEST:]


def moment(created: datetime | None) -> str:
    """Return when a document says it was made, in RFC 3339; empty if it does not."""
    return "" if created is None else created.isoformat()
