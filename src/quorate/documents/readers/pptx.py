"""PPTX: a page for each slide: its title, its texts and tables in the order of its shapes, its notes."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

from pptx import Presentation

from quorate.documents.extracted import Extracted, Metadata
from quorate.documents.job import ExtractJob
from quorate.documents.readers.builder import Builder, markdown_table
from quorate.documents.readers.office import moment, require_clean

_DEEPEST = 20


def read_pptx(job: ExtractJob, builder: Builder) -> Extracted:
    """Return the slides."""
    require_clean(Path(job.path))
    show = cast("Any", Presentation(job.path))
    for number, slide in enumerate(cast("Iterable[Any]", show.slides), start=1):
        if not builder.wants(number) or builder.full:
            builder.skip_page()
            continue
        title = _title(slide)
        parts = [f"## {title}"] if title else []
        parts += _texts(slide, number, builder)
        if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None and notes.text.strip():
            parts.append(f"Notes: {notes.text.strip()}")
        builder.page("\n\n".join(parts), title=title)
    properties = show.core_properties
    return builder.finish(
        Metadata(
            title=properties.title,
            author=properties.author,
            created=moment(properties.created),
            language=properties.language,
        )
    )


def _title(slide: Any) -> str:
    shape = slide.shapes.title
    return " ".join(shape.text_frame.text.split()) if shape is not None else ""


def _texts(slide: Any, number: int, builder: Builder) -> list[str]:
    parts: list[str] = []
    heading = slide.shapes.title
    for shape in _shapes(slide.shapes, 0):
        if heading is not None and shape.shape_id == heading.shape_id:
            continue
        if getattr(shape, "has_table", False):
            rows = [[str(cell.text).strip() for cell in row.cells] for row in shape.table.rows]
            builder.table(f"slide {number}", rows)
            parts.append(markdown_table(rows))
        elif shape.has_text_frame and (text := _lines(shape.text_frame)):
            parts.append(text)
    return parts


def _shapes(shapes: Any, depth: int) -> Iterator[Any]:
    for shape in cast("Iterable[Any]", shapes):
        inner = getattr(shape, "shapes", None)
        if inner is None:
            yield shape
        elif depth < _DEEPEST:
            yield from _shapes(inner, depth + 1)


def _lines(frame: Any) -> str:
    lines = [(int(paragraph.level), str(paragraph.text).strip()) for paragraph in frame.paragraphs]
    lines = [(level, text) for level, text in lines if text]
    if len(lines) == 1:
        return lines[0][1]
    return "\n".join(f"{'  ' * level}- {text}" for level, text in lines)
