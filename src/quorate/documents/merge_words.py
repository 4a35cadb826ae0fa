"""The words that were read in pictures, put where a document has no text."""

from msgspec import structs

from quorate.documents.extracted import Extracted, Metadata, Page
from quorate.documents.job import OcrResult

_BETWEEN = "\n\n"


def as_document(words: OcrResult, *, max_chars: int) -> Extracted:
    """Return the words of pictures as a document, a page for each."""
    empty = Extracted(text="", pages=[], tables=[], metadata=Metadata(), warnings=[])
    return with_words(empty, words, max_chars=max_chars)


def with_words(read: Extracted, words: OcrResult, *, max_chars: int) -> Extracted:
    """Return a document whose empty pages have the words that were read in their pictures, cut at `max_chars`."""
    texts = {page.number: page.text for page in words.pages}
    pages = {page.number: page for page in read.pages}
    for number, text in texts.items():
        page = pages.get(number) or Page(number=number, title="", text="")
        if not page.text:
            pages[number] = structs.replace(page, text=text)
    placed: list[Page] = []
    at = 0
    for number in sorted(pages):
        start = at + (len(_BETWEEN) if placed else 0)
        text = pages[number].text[: max(0, max_chars - start)]
        placed.append(structs.replace(pages[number], text=text, start=start, end=start + len(text)))
        at = start + len(text)
        if at >= max_chars:
            break
    text = _BETWEEN.join(page.text for page in placed)
    counted = structs.replace(read.metadata, words=len(text.split()), pages=max(read.metadata.pages, len(placed)))
    warnings = [warning for warning in read.warnings if not warning.startswith("no_text")] + words.warnings
    if words.words:
        warnings.append(f"ocr: {len(texts)} page(s) were read from pictures, with confidence {words.confidence:.2f}")
    return structs.replace(
        read, text=text, pages=placed, metadata=counted, warnings=warnings, needs_ocr=not words.words
    )


def as_text(text: str) -> Extracted:
    """Return a text as a document of one page."""
    page = Page(number=1, title="", text=text, start=0, end=len(text))
    counted = Metadata(pages=1, words=len(text.split()))
    return Extracted(text=text, pages=[page], tables=[], metadata=counted, warnings=[])
