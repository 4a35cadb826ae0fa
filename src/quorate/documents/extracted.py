"""What was read out of a document: plain values, which travel from the process that reads to whoever asked."""

import msgspec


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page, a slide, a sheet, or the part of a text below a heading; `number` counts from 1 in the document.

    `start` and `end` are its place in the document's text.
    """

    number: int
    title: str
    text: str
    start: int = 0
    end: int = 0


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table: `name` is its sheet or where it stands, `rows` its cells as text, the head first if there is one."""

    name: str
    rows: list[list[str]]


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """What the document says of itself (`created`: RFC 3339 where it can be read), and counts of what was read."""

    title: str = ""
    author: str = ""
    created: str = ""
    language: str = ""
    pages: int = 0
    words: int = 0


class Extracted(msgspec.Struct, frozen=True, kw_only=True, tag="extracted"):
    """The text of a document in reading order, headings and tables as Markdown.

    `warnings` are words for programs, a colon and an explanation: `no_text`, `cut`, `encoding`, `macros`, `pages`.
    `needs_ocr`: pages have no text and are most likely pictures.
    """

    text: str
    pages: list[Page]
    tables: list[Table]
    metadata: Metadata
    warnings: list[str]
    needs_ocr: bool = False
