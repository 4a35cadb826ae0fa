"""The text of each format, in its order, with headings and tables as Markdown."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from PIL import Image

from document_workers import running_workers
from quorate.documents.extract import ExtractOptions, extract
from quorate.documents.rejected import DocumentRejected, Reason
from quorate.documents.workers import DocumentWorkers
from written_documents import drawn_text, encrypted_pdf, write_docx, write_pdf, write_pptx, write_xlsx


@pytest.fixture(scope="module")
def workers() -> Iterator[DocumentWorkers]:
    with running_workers() as running:
        yield running


async def refusal(path: Path, workers: DocumentWorkers, options: ExtractOptions | None = None) -> DocumentRejected:
    with pytest.raises(DocumentRejected) as caught:
        await extract(path, options, workers=workers)
    return caught.value


async def test_pdf(tmp_path: Path, workers: DocumentWorkers) -> None:
    read = await extract(write_pdf(tmp_path / "a.pdf", ["First page.", "Second page."]), workers=workers)
    assert read.text == "First page.\n\nSecond page."
    assert [(page.number, read.text[page.start : page.end]) for page in read.pages] == [
        (1, "First page."),
        (2, "Second page."),
    ]
    assert (read.metadata.title, read.metadata.author, read.metadata.pages, read.metadata.words) == (
        "Agreement",
        "A. Clerk",
        2,
        4,
    )
    assert (read.warnings, read.needs_ocr) == ([], False)


async def test_docx(tmp_path: Path, workers: DocumentWorkers) -> None:
    read = await extract(write_docx(tmp_path / "a.docx"), workers=workers)
    assert read.text == (
        "# Terms\n\nThese are the terms.\n\n- first\n- second\n\n## Prices\n\n"
        "| item | price |\n| --- | --- |\n| a \\| b | 12 |\n\nThe end."
    )
    assert [page.title for page in read.pages] == ["Terms", "Prices"]
    assert [table.rows for table in read.tables] == [[["item", "price"], ["a | b", "12"]]]
    assert read.metadata.title == "Terms"


async def test_xlsx(tmp_path: Path, workers: DocumentWorkers) -> None:
    rows = [["name", "n", "day"], ["x", 2.5, date(2026, 1, 2)], [None, 3, None], ["", True, None]]
    path = write_xlsx(tmp_path / "a.xlsx", {"One": rows, "Two": [["y"]]})
    read = await extract(path, workers=workers)
    assert read.text == (
        "## One\n\n| name | n | day |\n| --- | --- | --- |\n| x | 2.5 | 2026-01-02T00:00:00 |\n|  | 3 |  |\n"
        "|  | TRUE |  |\n\n## Two\n\n| y |\n| --- |"
    )
    assert [(table.name, len(table.rows)) for table in read.tables] == [("One", 4), ("Two", 1)]


async def test_pptx(tmp_path: Path, workers: DocumentWorkers) -> None:
    path = write_pptx(tmp_path / "a.pptx", [("Plan", "one\ntwo", "say it"), ("End", "bye", "")])
    read = await extract(path, workers=workers)
    assert read.text == "## Plan\n\n- one\n- two\n\nNotes: say it\n\n## End\n\nbye"
    assert [page.title for page in read.pages] == ["Plan", "End"]


HTML = """<html lang="en"><head><title> The  page </title><meta name=author content="A. Clerk">
<style>p {}</style></head><body><script>var hidden = 1</script><h1>Head <i>line</i></h1>
<p>One   <b>bold</b>
word.<br>Next.</p><ul><li>x<li>y<ol><li>z</ol></ul><p hidden>not seen</p>
<table><tr><th>a<th>b<tr><td>1|2<td>3</table><h2>Code</h2><pre>  a
 b</pre><div>end</div>"""


async def test_html(tmp_path: Path, workers: DocumentWorkers) -> None:
    (tmp_path / "a").write_text(HTML)
    read = await extract(tmp_path / "a", workers=workers)
    assert read.text == (
        "# Head line\n\nOne bold word.\nNext.\n\n- x\n- y\n  - z\n\n| a | b |\n| --- | --- |\n| 1\\|2 | 3 |\n\n"
        "## Code\n\n```\n  a\n b\n```\n\nend"
    )
    assert (read.metadata.title, read.metadata.author, read.metadata.language) == ("The page", "A. Clerk", "en")
    assert [table.rows for table in read.tables] == [[["a", "b"], ["1|2", "3"]]]


async def test_csv_finds_its_separator(tmp_path: Path, workers: DocumentWorkers) -> None:
    (tmp_path / "a").write_text('name;"a;b"\nx;1\n"y\nz";2\n')
    read = await extract(tmp_path / "a", ExtractOptions(name="a.csv"), workers=workers)
    assert [table.rows for table in read.tables] == [[["name", "a;b"], ["x", "1"], ["y\nz", "2"]]]
    assert read.text.splitlines()[-1] == "| y z | 2 |"


async def test_markdown_keeps_its_form_and_has_a_page_for_each_heading(
    tmp_path: Path, workers: DocumentWorkers
) -> None:
    text = "before\n\n# A\n\nx **y**\n\n```\n# code\n```\n\n## B\n\nz"
    (tmp_path / "a").write_text(text)
    read = await extract(tmp_path / "a", workers=workers)
    assert read.text == text
    assert [(page.number, page.title) for page in read.pages] == [(1, ""), (2, "A"), (3, "B")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
async def test_text_in_its_encoding(tmp_path: Path, workers: DocumentWorkers, encoding: str) -> None:
    (tmp_path / "a").write_bytes("déjà vu\r\ntwo\x0b".encode(encoding))
    read = await extract(tmp_path / "a", workers=workers)
    assert read.text == "déjà vu\ntwo"
    assert bool(read.warnings) == (encoding == "cp1252")


async def test_only_the_pages_that_are_asked_for(tmp_path: Path, workers: DocumentWorkers) -> None:
    path = write_pdf(tmp_path / "a.pdf", ["one", "two", "three"])
    read = await extract(path, ExtractOptions(pages=[1, 3]), workers=workers)
    assert ([page.number for page in read.pages], read.text) == ([1, 3], "one\n\nthree")
    error = await refusal(path, workers, ExtractOptions(pages=[2, 9]))
    assert (error.reason, error.message) == (Reason.PAGES, "there is no page 9: the document has 3")


async def test_a_long_text_is_cut_and_says_so(tmp_path: Path, workers: DocumentWorkers) -> None:
    path = write_pdf(tmp_path / "a.pdf", ["one", "two", "three"])
    read = await extract(path, ExtractOptions(max_chars=7), workers=workers)
    assert read.text == "one\n\ntw"
    assert read.warnings == ["cut: the document is longer than 7 characters"]


async def test_pages_that_are_pictures_need_to_be_read_otherwise(tmp_path: Path, workers: DocumentWorkers) -> None:
    drawn_text(["words"]).save(tmp_path / "scan.pdf")
    read = await extract(tmp_path / "scan.pdf", workers=workers)
    assert (read.text, read.needs_ocr, read.warnings) == ("", True, ["no_text: 1 page(s) without text (1)"])
    empty = await extract(write_pdf(tmp_path / "empty.pdf", [""]), workers=workers)
    assert (empty.needs_ocr, empty.warnings) == (False, ["no_text: 1 page(s) without text (1)"])


async def test_an_encrypted_pdf_opens_with_its_password(tmp_path: Path, workers: DocumentWorkers) -> None:
    path = encrypted_pdf(tmp_path / "a.pdf", password="right")
    assert (await refusal(path, workers)).reason is Reason.ENCRYPTED
    assert (await refusal(path, workers, ExtractOptions(password="wrong"))).reason is Reason.WRONG_PASSWORD
    assert (await extract(path, ExtractOptions(password="right"), workers=workers)).text == "a secret sentence"


async def test_what_is_no_document_says_what_to_do(tmp_path: Path, workers: DocumentWorkers) -> None:
    Image.new("L", (9, 9)).save(tmp_path / "a.png")
    error = await refusal(tmp_path / "a.png", workers)
    assert error.reason is Reason.UNSUPPORTED
    assert "ocr" in error.hint
    (tmp_path / "b").write_bytes(b"")
    assert (await refusal(tmp_path / "b", workers)).reason is Reason.EMPTY
