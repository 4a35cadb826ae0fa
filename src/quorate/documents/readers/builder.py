"""Collects what is read out of a document, up to a number of characters."""

from collections.abc import Iterable, Sequence

from quorate.documents.extracted import Extracted, Metadata, Page, Table
from quorate.documents.headings import sections_of
from quorate.documents.rejected import DocumentRejected, Reason

#: Cells of all tables together that are given as rows; all of them are in the text.
MAX_CELLS = 100_000
_BETWEEN = "\n\n"
_CONTROLS = {code: None for code in range(32) if chr(code) not in "\t\n"}


class Builder:
    """A live object: one document while it is read. `wanted` are the numbers of the pages to keep, empty for all."""

    def __init__(self, *, max_chars: int, wanted: Sequence[int] = ()) -> None:
        self._max_chars = max_chars
        self._wanted = frozenset(wanted)
        self._pages: list[Page] = []
        self._tables: list[Table] = []
        self._warnings: list[str] = []
        self._length = 0
        self._cells = 0
        self._seen = 0
        self.full = False

    def wants(self, number: int) -> bool:
        """Return whether a page is asked for."""
        return not self._wanted or number in self._wanted

    def page(self, text: str, *, title: str = "") -> None:
        """Add the next page; what goes beyond the number of characters is cut off, and `full` says so."""
        self._seen += 1
        if not self.wants(self._seen) or self.full:
            return
        text = cleaned(text)
        start = self._length + (len(_BETWEEN) if self._pages else 0)
        room = self._max_chars - start
        if len(text) > room:
            self.full = True
            text = text[: max(0, room)]
            self.warn(f"cut: the document is longer than {self._max_chars} characters")
            if not text:
                return
        self._pages.append(Page(number=self._seen, title=title, text=text, start=start, end=start + len(text)))
        self._length = start + len(text)

    def skip_page(self) -> None:
        """Count a page that nobody asked for, without reading it."""
        self._seen += 1

    def sections(self, markdown: str) -> None:
        """Add a text, as one page for each of its headings."""
        for section in sections_of(cleaned(markdown)):
            self.page(section.text, title=section.title)

    def table(self, name: str, rows: list[list[str]]) -> None:
        """Add a table to those that are given as rows."""
        self._cells += sum(map(len, rows))
        if self._cells <= MAX_CELLS:
            self._tables.append(Table(name=name, rows=rows))
        else:
            self.warn(f"cut: more than {MAX_CELLS} cells; further tables are in the text only")

    def warn(self, warning: str) -> None:
        """Add a warning, once."""
        if warning not in self._warnings:
            self._warnings.append(warning)

    def finish(self, metadata: Metadata, *, needs_ocr: bool = False) -> Extracted:
        """Return what was read; raise `DocumentRejected` (`no_such_page`)."""
        absent = sorted(number for number in self._wanted if number > self._seen)
        if absent and not self.full:
            raise DocumentRejected(
                Reason.PAGES, f"there is no page {absent[0]}: the document has {self._seen}", hint="ask for others"
            )
        text = _BETWEEN.join(page.text for page in self._pages)
        return Extracted(
            text=text,
            pages=self._pages,
            tables=self._tables,
            metadata=Metadata(
                title=metadata.title.strip(),
                author=metadata.author.strip(),
                created=metadata.created,
                language=metadata.language,
                pages=max(self._seen, metadata.pages),
                words=len(text.split()),
            ),
            warnings=self._warnings,
            needs_ocr=needs_ocr,
        )


def cleaned(text: str) -> str:
    """Return a text with line feeds only, without control characters and lone surrogates, and no blanks around it."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROLS)
    return text.encode("utf-8", "replace").decode().strip()


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as a table in Markdown, the first one as its head; empty for no rows."""
    if not rows:
        return ""
    width = max(map(len, rows))
    lines = [_line(row, width) for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]])


def _line(row: Sequence[str], width: int) -> str:
    cells = [cell.replace("|", "\\|").replace("\n", " ").strip() for cell in row]
    return "| " + " | ".join([*cells, *[""] * (width - len(cells))]) + " |"


def trimmed(cells: Iterable[str]) -> list[str]:
    """Return cells without the empty ones at the end."""
    kept = list(cells)
    while kept and not kept[-1]:
        kept.pop()
    return kept
