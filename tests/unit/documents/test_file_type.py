"""What a file is by its content, whatever it is called."""

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from quorate.documents.file_name import safe_name
from quorate.documents.file_type import Kind, mismatch, recognise
from written_documents import write_docx, write_pdf, write_pptx, write_xlsx


def put(folder: Path, content: bytes, name: str = "file") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "kind", "media_type"),
    [
        (b"", Kind.EMPTY, "application/x-empty"),
        (b"%PDF-1.7\n", Kind.PDF, "application/pdf"),
        (b"\xef\xbb\xbf junk\n%PDF-1.4", Kind.PDF, "application/pdf"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", Kind.IMAGE, "image/webp"),
        (b"GIF89a....", Kind.IMAGE, "image/gif"),
        (b"II*\x00....", Kind.IMAGE, "image/tiff"),
        (b"\x7fELF\x02\x01", Kind.EXECUTABLE, "application/x-executable"),
        (b"MZ\x90\x00\x03", Kind.EXECUTABLE, "application/x-msdownload"),
        (b"\x1f\x8b\x08\x00", Kind.ARCHIVE, "application/gzip"),
        (b"{\\rtf1 x}", Kind.RTF, "application/rtf"),
        (b"<!DOCTYPE html><p>x", Kind.HTML, "text/html"),
        (b"<!-- a -->\n<html lang=en>", Kind.HTML, "text/html"),
        (b"<?xml version='1.0'?><a/>", Kind.XML, "application/xml"),
        (b'{"a": [1, 2]}', Kind.JSON, "application/json"),
        (b"a,b,c\n1,2,3\n4,5,6\n", Kind.CSV, "text/csv"),
        (b"# Title\n\n- one\n- two\n", Kind.MARKDOWN, "text/markdown"),
        (b"Hello, world.\nThis is text, with a comma, or two.\n", Kind.TEXT, "text/plain"),
        (b"{not json", Kind.TEXT, "text/plain"),
        (b"\x00\x01\x02\x03\xff", Kind.UNKNOWN, "application/octet-stream"),
    ],
)
def test_by_content(tmp_path: Path, content: bytes, kind: Kind, media_type: str) -> None:
    found = recognise(put(tmp_path, content))
    assert (found.kind, found.media_type) == (kind, media_type)


def test_office_files_are_told_apart_by_what_they_hold(tmp_path: Path) -> None:
    documents = [
        write_docx(tmp_path / "1"),
        write_xlsx(tmp_path / "2", {"a": [[1]]}),
        write_pptx(tmp_path / "3", [("t", "l", "")]),
    ]
    assert [recognise(path).kind for path in documents] == [Kind.DOCX, Kind.XLSX, Kind.PPTX]


@pytest.mark.parametrize(
    ("made_as", "extension"), [("PNG", ".png"), ("JPEG", ".jpg"), ("BMP", ".bmp"), ("TIFF", ".tiff")]
)
def test_images(tmp_path: Path, made_as: str, extension: str) -> None:
    content = io.BytesIO()
    Image.new("RGB", (3, 3)).save(content, format=made_as)
    found = recognise(put(tmp_path, content.getvalue()))
    assert (found.kind, found.extension) == (Kind.IMAGE, extension)


@pytest.mark.parametrize(
    ("content", "encoding", "guessed"),
    [
        ("héllo".encode(), "utf-8", False),
        ("héllo".encode("utf-8-sig"), "utf-8-sig", False),
        ("héllo".encode("utf-16"), "utf-16", False),
        ("hello there".encode("utf-16-be"), "utf-16-be", True),
        ("h\u00e9llo \u201cthere\u201d".encode("cp1252"), "cp1252", True),
    ],
)
def test_encodings(tmp_path: Path, content: bytes, encoding: str, guessed: bool) -> None:
    found = recognise(put(tmp_path, content))
    assert (found.kind, found.encoding, bool(found.note)) == (Kind.TEXT, encoding, guessed)


def test_a_character_that_is_cut_in_two_at_the_end_of_what_is_looked_at_is_no_error(tmp_path: Path) -> None:
    assert recognise(put(tmp_path, b"a" + "é".encode() * 40_000)).encoding == "utf-8"


def test_a_name_decides_between_kinds_of_text_only(tmp_path: Path) -> None:
    assert recognise(put(tmp_path, b"a\n1\n"), name="x.csv").kind is Kind.CSV
    assert recognise(put(tmp_path, b"plain words"), name="x.md").kind is Kind.MARKDOWN
    assert recognise(put(tmp_path, b"plain words"), name="x.pdf").kind is Kind.TEXT


@pytest.mark.parametrize(
    ("content", "name", "declared", "said"),
    [
        (b"PK\x05\x06" + b"\0" * 18, "a.pdf", "", "declared .pdf but is zip (application/zip)"),
        (b"MZ\x90\0", "a.png", "", "declared .png but is executable (application/x-msdownload)"),
        (b"%PDF-1.7", "a.pdf", "image/png", "declared image/png but is pdf (application/pdf)"),
        (b"%PDF-1.7", "a.PDF", "application/pdf; x=y", ""),
        (b"%PDF-1.7", "a", "application/octet-stream", ""),
        (b"\xff\xd8\xff\xe0", "a.JPEG", "image/jpeg", ""),
        (b"plain words", "a.md", "text/markdown", ""),
        (b"plain words", "notes.yaml", "text/x-unheard-of", ""),
    ],
)
def test_a_contradiction_is_said(tmp_path: Path, content: bytes, name: str, declared: str, said: str) -> None:
    assert mismatch(recognise(put(tmp_path, content), name=name), name=name, declared=declared) == said


def test_a_file_of_two_kinds_says_so(tmp_path: Path) -> None:
    pdf = write_pdf(tmp_path / "a.pdf", ["x"]).read_bytes()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as both:
        both.writestr("word/document.xml", "x")
    found = recognise(put(tmp_path, pdf + archive.getvalue()))
    assert (found.kind, found.note) == (Kind.PDF, "it is a ZIP archive as well")


@given(st.binary(max_size=3000), st.text(max_size=20))
def test_any_bytes_are_something(tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(content)
    mismatch(recognise(path, name=name), name=name)


@pytest.mark.parametrize(
    ("given_name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("a\x00b.pdf", "ab.pdf"),
        (".htaccess", "htaccess"),
        ("..", "file"),
        ("", "file"),
        ("re\u202efdp.exe", "refdp.exe"),
        ("x" * 400 + ".pdf", "x" * 196 + ".pdf"),
        ("C:\\a:b|c.txt", "a_b_c.txt"),
    ],
)
def test_names_are_made_harmless(given_name: str, safe: str) -> None:
    assert safe_name(given_name) == safe


@given(st.text(max_size=400))
def test_a_safe_name_is_one(name: str) -> None:
    safe = safe_name(name)
    assert safe
    assert len(safe.encode()) <= 200
    assert not set(safe) & set("/\\\0\n\r")
    assert not safe.startswith(".")
    assert safe_name(safe) == safe
