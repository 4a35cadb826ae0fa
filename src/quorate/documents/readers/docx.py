"""DOCX: paragraphs, headings, lists and tables in their order; without headers, footers and comments."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast

import docx
from docx.table import Table
from docx.text.paragraph import Paragraph

from quorate.documents.extracted import Extracted, Metadata
from quorate.documents.job import ExtractJob
from quorate.documents.readers.builder import Builder, markdown_table, trimmed
from quorate.documents.readers.office import moment, require_clean

_HEADING = re.compile(r"heading (\d)", re.IGNORECASE)
_DEEPEST = 5


class _Holder(Protocol):
    def iter_inner_content(self) -> Iterator[Paragraph | Table]: ...


def read_docx(job: ExtractJob, builder: Builder) -> Extracted:
    """Return the text, as one page for each heading: the format has no pages of its own."""
    require_clean(Path(job.path))
    document = docx.Document(job.path)
    blocks: list[str] = []
    tables = 0
    for block in cast("_Holder", document).iter_inner_content():
        if isinstance(block, Table):
            tables += 1
            rows = _rows(block)
            builder.table(f"table {tables}", rows)
            blocks.append(markdown_table(rows))
        elif text := _paragraph(block):
            blocks.append(text)
    builder.sections(_joined(blocks))
    properties = document.core_properties
    return builder.finish(
        Metadata(
            title=properties.title,
            author=properties.author,
            created=moment(properties.created),
            language=properties.language,
        )
    )


def _joined(blocks: list[str]) -> str:
    """Return blocks with a blank line between them, but for the lines of one list."""
    text = ""
    for before, block in zip(["", *blocks], blocks, strict=False):
        gap = "\n" if _is_item(before) and _is_item(block) else "\n\n"
        text += block if not text else gap + block
    return text


def _is_item(block: str) -> bool:
    return block.startswith(("- ", "1. "))


def _paragraph(paragraph: Paragraph) -> str:
    text = paragraph.text.strip()
    if not text:
        return ""
    style = (paragraph.style.name if paragraph.style is not None else "") or ""
    if (match := _HEADING.match(style)) is not None:
        return f"{'#' * max(1, min(6, int(match[1])))} {' '.join(text.split())}"
    if style == "Title":
        return f"# {' '.join(text.split())}"
    if style.startswith("List Bullet"):
        return f"- {text}"
    return f"1. {text}" if style.startswith("List Number") else text


def _rows(table: Table) -> list[list[str]]:
    rows: list[list[str]] = []
    for row in table.rows:
        seen: set[int] = set()
        cells: list[str] = []
        for cell in row.cells:  # a merged cell comes once for each column that it covers
            key = id(cell._tc)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - no public name for it
            cells.append("" if key in seen else _cell(cell, 0))
            seen.add(key)
        rows.append(trimmed(cells))
    return rows


def _cell(cell: object, depth: int) -> str:
    parts: list[str] = []
    for block in cast("_Holder", cell).iter_inner_content():
        if isinstance(block, Paragraph):
            parts.append(block.text.strip())
        elif depth < _DEEPEST:
            parts += [_cell(inner, depth + 1) for row in block.rows for inner in row.cells]
    return " ".join(part for part in parts if part)
