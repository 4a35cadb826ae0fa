"""Files that strangers send: each is refused with a reason or read without harm, in bounded time and memory.

Nothing is written beside them, and the process that reads goes on, or is replaced.
"""

import io
import random
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from document_workers import running_workers
from quorate.documents.extract import ExtractOptions, extract
from quorate.documents.images import change_image
from quorate.documents.job import Thumbnail
from quorate.documents.rejected import DocumentRejected, Reason
from quorate.documents.workers import DocumentWorkers
from written_documents import (
    encrypted_pdf,
    pdf_with_stream,
    png_that_claims,
    rewritten,
    write_docx,
    write_pdf,
    write_pptx,
    write_xlsx,
    written_pdf,
)

Make = Callable[[Path], Path]
PATIENCE_S = 40.0
ENTITIES = (
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]>"
)
FOREIGN = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.fixture(scope="module")
def workers() -> Iterator[DocumentWorkers]:
    with running_workers() as running:
        yield running


def put(content: bytes) -> Make:
    def make(path: Path) -> Path:
        path.write_bytes(content)
        return path

    return make


def office(kind: str) -> Make:
    def make(path: Path) -> Path:
        match kind:
            case "docx":
                return write_docx(path)
            case "xlsx":
                return write_xlsx(path, {"One": [["a", "b"], [1, 2]]})
            case _:
                return write_pptx(path, [("Title", "one\ntwo", "")])

    return make


def cut(make: Make, share: float) -> Make:
    """The first part of a good file."""

    def half(path: Path) -> Path:
        content = make(path).read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        return path

    return half


def scratched(make: Make) -> Make:
    """A good file with bytes changed in the middle."""

    def spoil(path: Path) -> Path:
        content = bytearray(make(path).read_bytes())
        for at in range(len(content) // 4, len(content) // 2, 7):
            content[at] ^= 0x5A
        path.write_bytes(content)
        return path

    return spoil


def with_parts(kind: str, parts: dict[str, Callable[[bytes], bytes] | bytes]) -> Make:
    def make(path: Path) -> Path:
        good = office(kind)(path.with_name("good"))
        rewritten(good, path, parts)
        good.unlink()
        return path

    return make


def entity_bomb(xml: bytes) -> bytes:
    head, _, rest = xml.partition(b"?>")
    return head + b"?>" + ENTITIES + rest.replace(b"<w:t>", b"<w:t>&i;", 1)


def foreign_entity(xml: bytes) -> bytes:
    head, _, rest = xml.partition(b"?>")
    return head + b"?><!-- " + b" " * 200_000 + b"-->" + FOREIGN + rest.replace(b"<w:t>", b"<w:t>&a;", 1)


def in_utf16(xml: bytes) -> bytes:
    return entity_bomb(xml).decode().replace("UTF-8", "UTF-16").encode("utf-16")


def far_row(xml: bytes) -> bytes:
    return xml.replace(b'<row r="2"', b'<row r="999999999"').replace(b'r="A2"', b'r="A999999999"')


def deep_xml(xml: bytes) -> bytes:
    return xml.replace(b"<w:body>", b"<w:body>" + b"<w:sdt>" * 100_000 + b"</w:sdt>" * 100_000, 1)


def archive(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in parts.items():
            made.writestr(name, content)
    return out.getvalue()


def lying_archive() -> bytes:
    """An archive whose index claims one byte for what unpacks to 50 million."""
    content = bytearray(archive({"word/document.xml": b" " * 50_000_000}))
    at = content.rfind(b"PK\x01\x02")
    content[at + 24 : at + 28] = (1).to_bytes(4, "little")
    return bytes(content)


def many_entries() -> bytes:
    return archive({f"word/{number}": b"" for number in range(10_500)} | {"word/document.xml": b"<a/>"})


def deflate_bomb(rounds: int) -> bytes:
    content = b"\0" * 100_000_000
    for _ in range(rounds):
        content = zlib.compress(content, 9)
    return pdf_with_stream(content, filters="[" + "/FlateDecode " * rounds + "]")


def kids_in_a_circle() -> bytes:
    return written_pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Pages /Parent 2 0 R /Kids [2 0 R] /Count 1 >>",
        ]
    )


def form_in_itself() -> bytes:
    resources = b"<< /XObject << /X 4 0 R >> >>"
    form = b"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 4 0 R >> >> /Length 5 >>"
    return written_pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R /Resources " + resources + b" >>",
            form + b"\nstream\n/X Do\nendstream",
        ]
    )


def ole_encrypted() -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le") + b"\0" * 600


REFUSED: dict[str, tuple[Make, set[Reason]]] = {
    "nothing": (put(b""), {Reason.EMPTY}),
    "program": (put(b"\x7fELF\x02\x01\x01" + b"\0" * 100), {Reason.UNSUPPORTED}),
    "random bytes": (put(bytes(range(256)) * 40), {Reason.UNSUPPORTED}),
    "pdf cut to its head": (put(b"%PDF-1.7\n"), {Reason.DAMAGED, Reason.EMPTY}),
    "pdf with a head and rubbish": (put(b"%PDF-1.7\n" + bytes(range(256)) * 50), {Reason.DAMAGED}),
    "pdf encrypted": (lambda path: encrypted_pdf(path, password="p"), {Reason.ENCRYPTED}),
    "pdf whose pages go in a circle": (put(kids_in_a_circle()), {Reason.DAMAGED}),
    "docx cut in half": (cut(office("docx"), 0.5), {Reason.UNSUPPORTED, Reason.DAMAGED}),
    "xlsx cut in half": (cut(office("xlsx"), 0.5), {Reason.UNSUPPORTED, Reason.DAMAGED}),
    "pptx cut in half": (cut(office("pptx"), 0.5), {Reason.UNSUPPORTED, Reason.DAMAGED}),
    "docx scratched": (scratched(office("docx")), {Reason.DAMAGED, Reason.UNSUPPORTED}),
    "docx encrypted": (put(ole_encrypted()), {Reason.ENCRYPTED}),
    "docx without parts": (put(archive({"word/document.xml": b"<a/>"})), {Reason.DAMAGED}),
    "docx with a bomb of entities": (with_parts("docx", {"word/document.xml": entity_bomb}), {Reason.UNSAFE}),
    "the same in utf-16": (with_parts("docx", {"word/document.xml": in_utf16}), {Reason.UNSAFE}),
    "docx with an entity that reads a file": (
        with_parts("docx", {"word/document.xml": foreign_entity}),
        {Reason.UNSAFE},
    ),
    "xlsx with a bomb of entities": (with_parts("xlsx", {"xl/worksheets/sheet1.xml": entity_bomb}), {Reason.UNSAFE}),
    "pptx with a bomb of entities": (with_parts("pptx", {"ppt/slides/slide1.xml": entity_bomb}), {Reason.UNSAFE}),
    "docx with a zip bomb": (with_parts("docx", {"word/media/x.bin": b"\0" * 20_000_000}), {Reason.TOO_LARGE}),
    "archive that unpacks to 300 MB": (
        put(archive({"word/document.xml": b"a b " * 500_000, **{f"{n}": b"\0" * 30_000_000 for n in range(10)}})),
        {Reason.TOO_LARGE},
    ),
    "archive whose index lies": (put(lying_archive()), {Reason.DAMAGED}),
    "archive of very many files": (put(many_entries()), {Reason.UNSUPPORTED, Reason.TOO_LARGE}),
    "plain archive": (put(archive({"a.txt": b"x"})), {Reason.UNSUPPORTED}),
    "xlsx with a row at the end of the world": (
        with_parts("xlsx", {"xl/worksheets/sheet1.xml": far_row}),
        {Reason.TOO_LARGE},
    ),
    "csv of a million columns": (put((b"a," * 1_000_000 + b"a\n") * 3), {Reason.TOO_LARGE}),
    "csv with a cell that never ends": (put(b'a,b\n1,2\n3,4\n"' + b"x" * 5_000_000), {Reason.TOO_LARGE}),
}


def names_in(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def content_of(path: Path) -> bytes:
    return path.read_bytes()


async def reason_for(path: Path, workers: DocumentWorkers) -> DocumentRejected:
    name = "x.csv" if path.name.startswith("csv") else "x"
    with pytest.raises(DocumentRejected) as caught:
        await extract(path, ExtractOptions(name=name), workers=workers, timeout_s=PATIENCE_S)
    return caught.value


@pytest.mark.parametrize("case", REFUSED)
async def test_refused_with_a_reason(case: str, tmp_path: Path, workers: DocumentWorkers) -> None:
    make, reasons = REFUSED[case]
    path = make(tmp_path / case.replace(" ", "_"))
    begun = time.monotonic()
    error = await reason_for(path, workers)
    assert error.reason in reasons, error.message
    assert time.monotonic() - begun < PATIENCE_S
    assert len(error.message) < 600
    assert str(tmp_path) not in error.message
    assert names_in(tmp_path) == [path.name]


HARMLESS: dict[str, Make] = {
    "pdf cut in half": cut(lambda path: write_pdf(path, ["some words"] * 5), 0.6),
    "pdf scratched": scratched(lambda path: write_pdf(path, ["some words"] * 5)),
    "pdf that unpacks to much": put(deflate_bomb(1)),
    "pdf that packs a bomb twice": put(deflate_bomb(2)),
    "pdf that draws itself": put(form_in_itself()),
    "docx that is nested deeply": with_parts("docx", {"word/document.xml": deep_xml}),
    "html that is nested deeply": put(b"<html><body>" + b"<div>" * 200_000 + b"x"),
    "html of one long line": put(b"<html>" + b"a <b>b</b> " * 300_000),
    "json that is nested deeply": put(b"[" * 1_000_000),
    "huge text": put(b"some words and more " * 3_000_000),
    "text of marks only": put(b"# [" * 300_000),
    "archive with names of other folders": with_parts(
        "docx", {"../../outside.xml": b"<a/>", "/tmp/outside.xml": b"<a/>", "a\\..\\b": b"x"}
    ),
    "pdf and archive at once": lambda path: put(
        write_pdf(path, ["some words"]).read_bytes() + archive({"word/document.xml": b"<a/>"})
    )(path),
}


@pytest.mark.parametrize("case", HARMLESS)
async def test_read_or_refused_without_harm(case: str, tmp_path: Path, workers: DocumentWorkers) -> None:
    path = HARMLESS[case](tmp_path / "file")
    try:
        read = await extract(path, workers=workers, timeout_s=4.0)
    except DocumentRejected as error:
        assert error.reason in {Reason.DAMAGED, Reason.TOO_LARGE, Reason.TIMEOUT}, error.message  # noqa: PT017 - either is right
    else:
        assert len(read.text) <= 500_000
    assert names_in(tmp_path) == ["file"]


async def test_after_all_that_a_good_file_is_read(tmp_path: Path, workers: DocumentWorkers) -> None:
    read = await extract(write_pdf(tmp_path / "a.pdf", ["good"]), workers=workers)
    assert read.text == "good"


GOOD: dict[str, Make] = {
    "pdf": lambda path: write_pdf(path, ["some words on a page", "and more"]),
    "docx": office("docx"),
    "xlsx": office("xlsx"),
    "pptx": office("pptx"),
    "html": put(b"<html><body><h1>A</h1><table><tr><td>1<td>2</table><ul><li>x</ul><p>words"),
}


def mutants(good: bytes, count: int, seed: int) -> Iterator[bytes]:
    """The file with bytes changed, left out, or put in from elsewhere in it."""
    chance = random.Random(seed)
    for _ in range(count):
        content = bytearray(good)
        for _ in range(chance.choice([1, 3, 20])):
            at, length = chance.randrange(len(content)), chance.choice([1, 2, 8, 64])
            start = chance.randrange(len(good))
            match chance.randrange(3):
                case 0:
                    content[at : at + length] = chance.randbytes(length)
                case 1 if len(content) > 2 * length:
                    del content[at : at + length]
                case _:
                    content[at:at] = good[start : start + length]
        yield bytes(content)


@pytest.mark.parametrize("kind", GOOD)
async def test_mutants_are_read_or_refused(kind: str, tmp_path: Path, workers: DocumentWorkers) -> None:
    good = content_of(GOOD[kind](tmp_path / "good"))
    ends: set[str] = set()
    for content in mutants(good, 40, seed=11):
        try:
            await extract(put(content)(tmp_path / "mutant"), workers=workers, timeout_s=PATIENCE_S)
            ends.add("read")
        except DocumentRejected as error:
            ends.add(error.reason)
    allowed = {"read", Reason.DAMAGED, Reason.UNSUPPORTED, Reason.TOO_LARGE, Reason.ENCRYPTED, Reason.UNSAFE}
    assert ends <= allowed
    assert len(ends) > 1 or kind == "html"


def noise_then(content: bytes) -> bytes:
    return content[: len(content) // 2]


def good_png() -> bytes:
    out = io.BytesIO()
    Image.effect_noise((200, 200), 50).save(out, format="PNG")
    return out.getvalue()


PICTURES: dict[str, tuple[bytes, set[Reason]]] = {
    "many pixels": (png_that_claims(60_000, 60_000), {Reason.TOO_LARGE}),
    "a little too many": (png_that_claims(9_500, 9_500), {Reason.TOO_LARGE}),
    "fewer rows than it says": (png_that_claims(9_000, 9_000), {Reason.DAMAGED}),
    "cut": (noise_then(good_png()), {Reason.DAMAGED}),
    "head only": (b"\x89PNG\r\n\x1a\n", {Reason.DAMAGED, Reason.UNSUPPORTED}),
    "no picture": (b"plain words", {Reason.UNSUPPORTED}),
    "a program for printers": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", {Reason.UNSUPPORTED}),
}


@pytest.mark.parametrize("case", PICTURES)
async def test_pictures_are_refused_with_a_reason(case: str, tmp_path: Path, workers: DocumentWorkers) -> None:
    content, reasons = PICTURES[case]
    path = put(content)(tmp_path / "file")
    with pytest.raises(DocumentRejected) as caught:
        await change_image(path, [Thumbnail(size=10)], workers=workers, timeout_s=PATIENCE_S)
    assert caught.value.reason in reasons, caught.value.message
    assert names_in(tmp_path) == ["file"]
