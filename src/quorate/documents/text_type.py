"""Which encoding bytes are text in, and what kind of text it is."""

import codecs
import csv
import json
import re
from typing import Literal

Flavour = Literal["html", "csv", "markdown", "json", "xml", "text"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Control characters that texts do not have; ESC is allowed for what terminals print.
_BINARY = frozenset(range(32)) - frozenset(b"\x08\t\n\x0b\x0c\r\x1b")
_HTML = re.compile(r"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_MARKDOWN = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"^#{1,6} \S",
        r"^(?:```|~~~)",
        r"^\s{0,3}[-*+] \S.*\n\s{0,3}[-*+] \S",
        r"\[[^\]\n]{1,200}\]\([^)\s]{1,500}\)",
        r"^\|.*\|\n\|[ :|-]+\|",
        r"\*\*\S[^*\n]{0,200}\*\*",
    )
)
_MARKDOWN_SIGNS = 2
_DELIMITERS = ",;\t|"
_ROWS_LOOKED_AT = 20
_ROWS_NEEDED = 3
_BY_EXTENSION: dict[str, Flavour] = {".csv": "csv", ".tsv": "csv", ".md": "markdown", ".markdown": "markdown"}


def encoding_of(head: bytes) -> tuple[str | None, str]:
    """Return the encoding of a beginning of a file and what is odd about it; `None` if it is no text.

    A byte order mark decides; else UTF-8 if it is valid; else UTF-16 without a mark; else Windows-1252, with a note.
    """
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, ""
    if not _BINARY.intersection(head) and _decodes(head, "utf-8"):
        return "utf-8", ""
    if (encoding := _unmarked_utf16(head)) is not None:
        return encoding, "UTF-16 without a byte order mark, guessed"
    if _BINARY.intersection(head):
        return None, ""
    return "cp1252", "not UTF-8; read as Windows-1252, which is a guess"


def flavour_of(text: str, extension: str, *, whole: bool) -> Flavour:
    """Return what kind of text it is; `extension` is asked where the text leaves it open. `whole`: it is all there."""
    start = text.lstrip("\ufeff \t\r\n")
    if _HTML.match(start[:4096]):
        return "html"
    if start.startswith("<?xml"):
        return "html" if re.search(r"<html\b", start[:4096]) else "xml"
    if start[:1] in {"{", "["} and _is_json(start, whole=whole):
        return "json"
    if extension in _BY_EXTENSION:
        return _BY_EXTENSION[extension]
    if sum(bool(sign.search(text)) for sign in _MARKDOWN) >= _MARKDOWN_SIGNS:
        return "markdown"
    return "csv" if delimiter_of(text, whole=whole) else "text"


def delimiter_of(text: str, *, whole: bool) -> str:
    """Return what separates the columns of a table, empty if it does not look like one: at least three even rows."""
    lines = text.splitlines()[: _ROWS_LOOKED_AT + 1]
    if not whole or len(lines) > _ROWS_LOOKED_AT:
        lines = lines[:-1]
    best, most = "", 1
    for delimiter in _DELIMITERS:
        widths = _widths(lines, delimiter)
        if len(widths) >= _ROWS_NEEDED and len(set(widths)) == 1 and widths[0] > most:
            best, most = delimiter, widths[0]
    return best


def _widths(lines: list[str], delimiter: str) -> list[int]:
    try:
        return [len(row) for row in csv.reader(lines, delimiter=delimiter, strict=True) if row]
    except csv.Error:
        return []


def _is_json(text: str, *, whole: bool) -> bool:
    try:
        json.loads(text)
    except RecursionError:
        return True
    except json.JSONDecodeError as error:
        return not whole and error.pos > 0 and re.match(r'[\[{]\s*["\[{\d]', text) is not None
    return True


def _decodes(head: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(head, final=False)  # its end may be cut within a character
    except UnicodeDecodeError:
        return False
    return True


def _unmarked_utf16(head: bytes) -> str | None:
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if half > 1 and odd * 10 > half * 7 and even * 50 < half and _decodes(head, "utf-16-le"):
        return "utf-16-le"
    if half > 1 and even * 10 > half * 7 and odd * 50 < half and _decodes(head, "utf-16-be"):
        return "utf-16-be"
    return None
