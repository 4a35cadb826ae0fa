"""Documents that tests write themselves: good ones, and such as strangers send."""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import docx
import openpyxl
import pypdf
from PIL import Image, ImageDraw, ImageFont
from pptx import Presentation
from reportlab.pdfgen.canvas import Canvas

Rewrite = Callable[[bytes], bytes]


def write_pdf(path: Path, pages: Sequence[str], *, title: str = "Agreement", author: str = "A. Clerk") -> Path:
    """A PDF with a line of text on each page; an empty one for an empty text."""
    canvas = Canvas(str(path), invariant=1)
    canvas.setTitle(title)
    canvas.setAuthor(author)
    for text in pages:
        for number, line in enumerate(text.splitlines()):
            canvas.drawString(72, 720 - 16 * number, line)
        canvas.showPage()
    canvas.save()
    return path


def write_docx(path: Path) -> Path:
    """Headings, paragraphs, a list and a table."""
    document = docx.Document()
    document.core_properties.title = "Terms"
    document.core_properties.author = "A. Clerk"
    document.add_heading("Terms", level=1)
    document.add_paragraph("These are the terms.")
    document.add_paragraph("first", style="List Bullet")
    document.add_paragraph("second", style="List Bullet")
    document.add_heading("Prices", level=2)
    table = document.add_table(rows=2, cols=2)
    for row, values in zip(table.rows, (("item", "price"), ("a | b", "12")), strict=True):
        for cell, value in zip(row.cells, values, strict=True):
            cell.text = value
    document.add_paragraph("The end.")
    document.save(str(path))
    return path


def write_xlsx(path: Path, sheets: Mapping[str, Sequence[Sequence[object]]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(cast("Any", book.active))
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    book.save(str(path))
    return path


def write_pptx(path: Path, slides: Sequence[tuple[str, str, str]]) -> Path:
    """Slides of a title, lines and notes."""
    show = cast("Any", Presentation())
    for title, lines, notes in slides:
        slide = show.slides.add_slide(show.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = lines
        if notes:
            slide.notes_slide.notes_text_frame.text = notes
    show.save(str(path))
    return path


def drawn_text(lines: Sequence[str], *, angle: float = 0.0, noise: float = 0.0, seed: int = 7) -> Image.Image:
    """A picture of text as a scanner makes it: a little turned, with specks."""
    image = Image.new("L", (1600, 140 + 90 * len(lines)), 255)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((80, 60 + 90 * number), line, fill=0, font=ImageFont.load_default(52))
    image = image.rotate(angle, fillcolor=255, resample=Image.Resampling.BICUBIC)
    chance = random.Random(seed)
    for _ in range(int(image.width * image.height * noise)):
        at = chance.randrange(image.width), chance.randrange(image.height)
        image.putpixel(at, chance.randrange(80, 256))
    return image


def encrypted_pdf(path: Path, *, password: str) -> Path:
    """A PDF that opens with a password only (RC4, which needs no further package)."""
    writer = pypdf.PdfWriter(clone_from=write_pdf(path, ["a secret sentence"]))
    writer.encrypt(password, algorithm="RC4-128")
    writer.write(path)
    return path


def rewritten(source: Path, target: Path, parts: Mapping[str, Rewrite | bytes]) -> Path:
    """An archive with some of its parts changed, or added."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        names = [*old.namelist(), *(name for name in parts if name not in old.namelist())]
        for name in names:
            change = parts.get(name)
            if isinstance(change, bytes):
                content = change
            else:
                content = old.read(name)
                content = change(content) if change else content
            new.writestr(name, content)
    return target


def png_that_claims(width: int, height: int) -> bytes:
    """A picture of a few bytes whose head says that it is huge, with rows to match for as long as it is short."""

    def part(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1_000_000, 9)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", rows) + part(b"IEND", b"")


def pdf_with_stream(content: bytes, *, filters: str = "/FlateDecode") -> bytes:
    """A PDF of one page, its parts written by hand, with these bytes as what is drawn."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R >>",
        f"<< /Length {len(content)} /Filter {filters} >>\nstream\n".encode() + content + b"\nendstream",
    ]
    return written_pdf(objects)


def written_pdf(objects: Sequence[bytes]) -> bytes:
    """A PDF of these objects, numbered from 1; the first is its catalog."""
    out = io.BytesIO(b"%PDF-1.7\n")
    out.seek(0, io.SEEK_END)
    places: list[int] = []
    for number, content in enumerate(objects, start=1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, content))
    table = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    for place in places:
        out.write(b"%010d 00000 n \n" % place)
    out.write(b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table))
    return out.getvalue()
