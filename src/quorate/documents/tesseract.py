"""What tesseract is given and what it answers. Runs within a worker process only.

Pictures go in through a pipe and its table of words (TSV) comes out of one, so no file is written.
"""

import csv
import io
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import cast

from PIL import Image, ImageOps, ImageSequence

from quorate.documents.change_image import MAX_PIXELS, eight_bits, opened
from quorate.documents.confine import allow_program
from quorate.documents.file_type import Kind
from quorate.documents.job import OcrJob, OcrPage, OcrResult, Word
from quorate.documents.rejected import DocumentRejected, Reason

_LANGUAGE = re.compile(r"[A-Za-z0-9_/]{2,40}")
_WORD_LEVEL = "5"
_MAX_TABLE_BYTES = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    page: OcrPage
    words: list[Word]


def recognise_words(job: OcrJob) -> OcrResult:
    """Return the words of all pages; raise `DocumentRejected`."""
    allow_program(job.program)
    _require_languages(job)
    warnings: list[str] = []
    read = [_read(image, number, job) for number, image in _pictures(job, warnings)]
    if not read:
        raise DocumentRejected(Reason.NO_TEXT, "there is no picture in the document to read words in")
    words = [word for each in read for word in each.words]
    return OcrResult(
        text="\n\n".join(each.page.text for each in read if each.page.text),
        confidence=_mean(words),
        pages=[each.page for each in read],
        words=words,
        languages=list(job.languages),
        warnings=warnings,
    )


def _require_languages(job: OcrJob) -> None:
    listed = _run([job.program, "--list-langs"], b"").decode(errors="replace").splitlines()[1:]
    installed = sorted(line.strip() for line in listed if line.strip())
    for language in job.languages:
        if not _LANGUAGE.fullmatch(language) or language not in installed:
            package = f"tesseract-ocr-{language.lower().replace('_', '-')}"
            raise DocumentRejected(
                Reason.LANGUAGE,
                f"tesseract has no language {language!r}; installed are {', '.join(installed)}",
                hint=f"on Debian: apt-get install {package}",
            )


def _pictures(job: OcrJob, warnings: list[str]) -> Iterator[tuple[int, Image.Image]]:
    """Yield the pictures to read with the numbers of their pages."""
    pages = _pdf_pictures(job, warnings) if job.kind == Kind.PDF else _frames(Path(job.path))
    done, seen = 0, 0
    for number, image in pages:
        seen = max(seen, number)
        if job.pages and number not in job.pages:
            continue
        if done >= job.max_pages:
            warnings.append(f"pages: only the first {job.max_pages} were read")
            return
        done += 1
        yield number, image
    if job.pages and max(job.pages) > seen:
        raise DocumentRejected(Reason.PAGES, f"there is no page {max(job.pages)}: the document has {seen}")


def _frames(path: Path) -> Iterator[tuple[int, Image.Image]]:
    with opened(path) as image:
        for number, frame in enumerate(ImageSequence.Iterator(image), start=1):
            yield number, ImageOps.exif_transpose(frame)


def _pdf_pictures(job: OcrJob, warnings: list[str]) -> Iterator[tuple[int, Image.Image]]:
    """Yield the largest picture of each page, which is the page itself where it was scanned."""
    # only documents need the parser, images do not
    from quorate.documents.readers.pdf import open_pdf  # noqa: PLC0415

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    for number, page in enumerate(open_pdf(Path(job.path), job.password).pages, start=1):
        if job.pages and number not in job.pages:
            yield number, Image.new("L", (1, 1))
            continue
        found = cast("list[Image.Image | None]", [picture.image for picture in page.images])
        largest = max(filter(None, found), key=lambda image: image.width * image.height, default=None)
        if largest is None:
            warnings.append(f"no_text: page {number} has no picture to read")
            continue
        yield number, largest.rotate(-page.rotation, expand=True) if page.rotation else largest


def _read(image: Image.Image, number: int, job: OcrJob) -> _Read:
    content = io.BytesIO()
    _paper(image).save(content, format="PNG", compress_level=1)
    dpi = _dpi(image) or job.dpi
    command = [job.program, "stdin", "stdout", "-l", "+".join(job.languages)]
    command += ["--psm", str(job.page_mode), "--dpi", str(dpi), "tsv"]
    table = _run(command, content.getvalue()).decode("utf-8", errors="replace")
    words = [word for word in _words(table, number) if word.confidence >= job.min_confidence]
    return _Read(
        page=OcrPage(
            number=number,
            text=_text(words),
            confidence=_mean(words),
            words=len(words),
            width=image.width,
            height=image.height,
        ),
        words=words,
    )


def _paper(image: Image.Image) -> Image.Image:
    """Return a picture in grey, on white where it is transparent."""
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return eight_bits(image).convert("L")


def _dpi(image: Image.Image) -> int:
    said = image.info.get("dpi")
    try:
        dpi = round(float(said[0])) if said else 0
    except (TypeError, ValueError, IndexError, ZeroDivisionError):
        return 0
    return dpi if 70 <= dpi <= 2400 else 0  # noqa: PLR2004 - what scanners do; screens say 72 and less


def _run(command: list[str], picture: bytes) -> bytes:
    done = subprocess.run(command, input=picture, capture_output=True, check=False)  # noqa: S603 - no shell
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2][:200]
        raise DocumentRejected(Reason.DAMAGED, f"tesseract cannot read the picture: {said or done.returncode}")
    if len(done.stdout) > _MAX_TABLE_BYTES:
        raise DocumentRejected(Reason.TOO_LARGE, "the picture holds more words than are taken")
    return done.stdout


def _words(table: str, page: int) -> Iterator[Word]:
    """Yield the words of tesseract's table; lines are numbered through over blocks and paragraphs."""
    lines: dict[tuple[str, str, str], int] = {}
    for row in csv.DictReader(io.StringIO(table), delimiter="\t", quoting=csv.QUOTE_NONE):
        text = (row["text"] or "").strip()
        if row["level"] != _WORD_LEVEL or not text:
            continue
        line = lines.setdefault((row["block_num"], row["par_num"], row["line_num"]), len(lines) + 1)
        yield Word(
            text=text,
            confidence=round(max(0.0, float(row["conf"])) / 100, 4),
            left=int(row["left"]),
            top=int(row["top"]),
            width=int(row["width"]),
            height=int(row["height"]),
            page=page,
            line=line,
        )


def _text(words: Iterable[Word]) -> str:
    lines: dict[int, list[str]] = {}
    for word in words:
        lines.setdefault(word.line, []).append(word.text)
    return "\n".join(" ".join(line) for line in lines.values())


def _mean(words: list[Word]) -> float:
    return round(fmean(word.confidence for word in words), 4) if words else 0.0
