"""What a file is by its content. What its sender calls it is compared with that and never believed."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePath

from quorate.documents.rejected import DocumentRejected
from quorate.documents.text_type import encoding_of, flavour_of
from quorate.documents.zip_index import has_index, read_index

_HEAD = 65_536
#: A ZIP archive begins with its first file, an empty one with its index.
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_PDF_WITHIN = 1024


class Kind(StrEnum):
    """The kinds of files that are told apart."""

    PDF = "pdf"
    DOCX = "docx"
    XLSX = "xlsx"
    PPTX = "pptx"
    IMAGE = "image"
    HTML = "html"
    CSV = "csv"
    MARKDOWN = "markdown"
    JSON = "json"
    XML = "xml"
    TEXT = "text"
    RTF = "rtf"
    ODT = "odt"
    EPUB = "epub"
    ZIP = "zip"
    ARCHIVE = "archive"
    OLE = "ole"
    EXECUTABLE = "executable"
    EMPTY = "empty"
    UNKNOWN = "unknown"


#: Kinds that are text when one looks at their bytes.
TEXTUAL = frozenset({Kind.HTML, Kind.CSV, Kind.MARKDOWN, Kind.JSON, Kind.XML, Kind.TEXT, Kind.RTF})


@dataclass(frozen=True, slots=True, kw_only=True)
class FileType:
    """What a file is. `extension` begins with a dot, empty if there is none; `encoding` is that of a text.

    `note` says what is odd about it: an encoding that was guessed, a second format in the same file.
    """

    kind: Kind
    media_type: str
    extension: str = ""
    encoding: str | None = None
    note: str = ""

    @property
    def label(self) -> str:
        """The type in words, for messages."""
        return f"{self.kind} ({self.media_type})"


_OFFICE = "application/vnd.openxmlformats-officedocument"
_BY_KIND = {
    Kind.PDF: ("application/pdf", ".pdf"),
    Kind.DOCX: (f"{_OFFICE}.wordprocessingml.document", ".docx"),
    Kind.XLSX: (f"{_OFFICE}.spreadsheetml.sheet", ".xlsx"),
    Kind.PPTX: (f"{_OFFICE}.presentationml.presentation", ".pptx"),
    Kind.HTML: ("text/html", ".html"),
    Kind.CSV: ("text/csv", ".csv"),
    Kind.MARKDOWN: ("text/markdown", ".md"),
    Kind.JSON: ("application/json", ".json"),
    Kind.XML: ("application/xml", ".xml"),
    Kind.TEXT: ("text/plain", ".txt"),
    Kind.RTF: ("application/rtf", ".rtf"),
    Kind.ODT: ("application/vnd.oasis.opendocument.text", ".odt"),
    Kind.EPUB: ("application/epub+zip", ".epub"),
    Kind.ZIP: ("application/zip", ".zip"),
    Kind.OLE: ("application/x-ole-storage", ""),
    Kind.EXECUTABLE: ("application/x-executable", ""),
    Kind.EMPTY: ("application/x-empty", ""),
    Kind.UNKNOWN: ("application/octet-stream", ""),
}
_MAGIC: tuple[tuple[bytes, Kind, str, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", Kind.IMAGE, "image/png", ".png"),
    (b"\xff\xd8\xff", Kind.IMAGE, "image/jpeg", ".jpg"),
    (b"GIF87a", Kind.IMAGE, "image/gif", ".gif"),
    (b"GIF89a", Kind.IMAGE, "image/gif", ".gif"),
    (b"II*\x00", Kind.IMAGE, "image/tiff", ".tiff"),
    (b"MM\x00*", Kind.IMAGE, "image/tiff", ".tiff"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind.OLE, "application/x-ole-storage", ""),
    (b"\x1f\x8b", Kind.ARCHIVE, "application/gzip", ".gz"),
    (b"BZh", Kind.ARCHIVE, "application/x-bzip2", ".bz2"),
    (b"\xfd7zXZ\x00", Kind.ARCHIVE, "application/x-xz", ".xz"),
    (b"7z\xbc\xaf\x27\x1c", Kind.ARCHIVE, "application/x-7z-compressed", ".7z"),
    (b"Rar!\x1a\x07", Kind.ARCHIVE, "application/vnd.rar", ".rar"),
    (b"\x28\xb5\x2f\xfd", Kind.ARCHIVE, "application/zstd", ".zst"),
    (b"\x7fELF", Kind.EXECUTABLE, "application/x-executable", ""),
    (b"MZ", Kind.EXECUTABLE, "application/x-msdownload", ".exe"),
    (b"{\\rtf", Kind.RTF, "application/rtf", ".rtf"),
)
#: A name within an archive -> what the archive is.
_PARTS = {
    "word/document.xml": Kind.DOCX,
    "xl/workbook.xml": Kind.XLSX,
    "ppt/presentation.xml": Kind.PPTX,
    "META-INF/container.xml": Kind.EPUB,
}
_MACROS = ("word/vbaProject.bin", "xl/vbaProject.bin", "ppt/vbaProject.bin")
#: What people write for an extension -> the one we give.
_SAME_EXTENSION = {
    ".jpeg": ".jpg", ".jpe": ".jpg", ".tif": ".tiff", ".htm": ".html", ".xhtml": ".html", ".markdown": ".md",
    ".docm": ".docx", ".xlsm": ".xlsx", ".pptm": ".pptx", ".yml": ".txt", ".yaml": ".txt", ".log": ".txt",
    ".tsv": ".csv", ".text": ".txt", ".dib": ".bmp",
}  # fmt: skip
_TEXT_EXTENSIONS = frozenset({".txt", ".md", ".csv", ".json", ".html", ".xml"})


def recognise(path: Path, *, name: str = "") -> FileType:
    """Return what a file is. Reads at most 64 KiB of its beginning and the index of a ZIP archive; never raises for it.

    `name` decides only between kinds of plain text (`.csv`, `.md`), where the content leaves that open.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        return _of(Kind.EMPTY)
    if head.startswith(_ZIP):
        return _zip_type(path)
    binary = _by_magic(head)
    if binary is not None:
        return _with_second(binary, path)
    return _text_type(head, name)


def kind_of(media_type: str) -> Kind:
    """Return the kind of files that have a media type which `recognise` gives; `UNKNOWN` for any other."""
    return _KINDS.get(media_type, Kind.IMAGE if media_type.startswith("image/") else Kind.UNKNOWN)


def same_extension(extension: str) -> str:
    """Return the extension that `recognise` gives for one that means the same (`.jpeg`: `.jpg`)."""
    return _SAME_EXTENSION.get(extension, extension)


def mismatch(found: FileType, *, name: str = "", declared: str = "") -> str:
    """Return how a name and a declared media type contradict what the file is, empty if they do not.

    Plain text may call itself as it likes; `application/octet-stream` says nothing.
    """
    extension = PurePath(name).suffix.lower()
    extension = _SAME_EXTENSION.get(extension, extension)
    is_text = found.kind in TEXTUAL
    if (
        extension in _KNOWN_EXTENSIONS
        and extension != found.extension
        and not (is_text and extension in _TEXT_EXTENSIONS)
    ):
        return f"declared {extension} but is {found.label}"
    declared = declared.partition(";")[0].strip().lower()
    if declared in _KNOWN_TYPES and declared != found.media_type and not (is_text and _is_text_type(declared)):
        return f"declared {declared} but is {found.label}"
    return ""


def _is_text_type(media_type: str) -> bool:
    return media_type.startswith("text/") or media_type in {"application/json", "application/xml"}


_KINDS = {entry[2]: entry[1] for entry in _MAGIC} | {media: kind for kind, (media, _) in _BY_KIND.items()}
_KNOWN_EXTENSIONS = frozenset(
    {extension for _, extension in _BY_KIND.values()} | {entry[3] for entry in _MAGIC} | {".webp", ".bmp"}
) - {""}
_KNOWN_TYPES = (
    frozenset({media for media, _ in _BY_KIND.values()} | {entry[2] for entry in _MAGIC} | {"image/webp", "image/bmp"})
    - {"application/octet-stream"}
)  # fmt: skip


def _of(kind: Kind, *, encoding: str | None = None, note: str = "") -> FileType:
    media_type, extension = _BY_KIND[kind]
    return FileType(kind=kind, media_type=media_type, extension=extension, encoding=encoding, note=note)


def _by_magic(head: bytes) -> FileType | None:
    for magic, kind, media_type, extension in _MAGIC:
        if head.startswith(magic):
            return FileType(kind=kind, media_type=media_type, extension=extension)
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return FileType(kind=Kind.IMAGE, media_type="image/webp", extension=".webp")
    if head.startswith(b"BM") and head[6:10] == b"\x00\x00\x00\x00":
        return FileType(kind=Kind.IMAGE, media_type="image/bmp", extension=".bmp")
    # readers of PDF allow for rubbish before the header
    return _of(Kind.PDF) if b"%PDF-" in head[:_PDF_WITHIN] else None


def _with_second(found: FileType, path: Path) -> FileType:
    if not has_index(path):
        return found
    return FileType(
        kind=found.kind, media_type=found.media_type, extension=found.extension, note="it is a ZIP archive as well"
    )


def _zip_type(path: Path) -> FileType:
    try:
        names = {entry.name for entry in read_index(path)}
    except DocumentRejected as error:
        return _of(Kind.ZIP, note=error.message)
    note = "it holds macros, which are not run" if names.intersection(_MACROS) else ""
    for part, kind in _PARTS.items():
        if part in names:
            return _of(kind, note=note)
    if "content.xml" in names and "META-INF/manifest.xml" in names:
        return _of(Kind.ODT)
    return _of(Kind.ZIP)


def _text_type(head: bytes, name: str) -> FileType:
    encoding, note = encoding_of(head)
    if encoding is None:
        return _of(Kind.UNKNOWN)
    text = head.decode(encoding, errors="ignore")
    flavour = flavour_of(text, PurePath(name).suffix.lower(), whole=len(head) < _HEAD)
    return _of(Kind(flavour), encoding=encoding, note=note)
