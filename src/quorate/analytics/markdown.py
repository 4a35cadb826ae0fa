"""Small pieces of Markdown for reports: headings, tables, pictures, with foreign text made harmless."""

import re
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#])")
_SPACE = re.compile(r"\s+")


def escaped(text: str) -> str:
    """Return foreign text (a model's or a data set's name) on one line, so that it reads as it is."""
    return _SPECIAL.sub(r"\\\1", _SPACE.sub(" ", text).strip())


def heading(text: str, level: int = 2) -> str:
    """Return a heading."""
    return f"{'#' * level} {text}"


def table(titles: Sequence[str], rows: Iterable[Sequence[str]], *, numbers_from: int = 1) -> str:
    """Return a table; the columns from `numbers_from` on are set to the right. Cells are Markdown already."""
    rule = ["---" if at < numbers_from else "---:" for at in range(len(titles))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (titles, rule, *rows))


def picture(caption: str, file: str) -> str:
    """Return a picture that lies beside the report."""
    return f"![{escaped(caption)}]({file})"


def page(parts: Iterable[str]) -> str:
    """Return the parts as one page, with blank lines between."""
    return "\n\n".join(parts) + "\n"
