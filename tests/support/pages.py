"""The repository's Markdown pages as a reader of them sees it: code blocks, links, headings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]
_PATTERNS = ("*.md", "docs/**/*.md", "[!.]*/README.md")
_TITLE = re.compile(r'title="([^"]*)"')
_NOTE = re.compile(r"<!--\s*example:\s*(.*?)\s*-->\s*$", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One Markdown file; `name` is its path from the root of the repository."""

    name: str
    text: str

    def tokens(self) -> list[Token]:
        return MarkdownIt("commonmark").enable("table").parse(_without_front_matter(self.text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced code block: its language, `title="…"`, the `<!-- example: … -->` before it, its first line of code."""

    language: str
    title: str
    note: str
    line: int
    code: str


def page_at(path: Path) -> Page:
    return Page(name=path.relative_to(ROOT).as_posix(), text=path.read_text(encoding="utf-8"))


@cache
def all_pages() -> tuple[Page, ...]:
    paths = {path for pattern in _PATTERNS for path in ROOT.glob(pattern)}
    assert paths, f"no page under {ROOT}"
    return tuple(page_at(path) for path in sorted(paths))


def _without_front_matter(text: str) -> str:
    """Blank lines in its place, so that line numbers stay right."""
    found = re.match(r"---\n.*?\n---\n", text, re.DOTALL)
    return "\n" * found.group().count("\n") + text[found.end() :] if found else text


def blocks(page: Page) -> Iterator[Block]:
    note = ""
    for token in page.tokens():
        if token.type == "fence":
            language = token.info.split(maxsplit=1)[0] if token.info.strip() else ""
            title = _TITLE.search(token.info)
            line = (token.map or [0, 0])[0] + 2
            yield Block(
                language=language, title=title.group(1) if title else "", note=note, line=line, code=token.content
            )
        found = _NOTE.match(token.content) if token.type == "html_block" else None
        note = found.group(1) if found else ""


def links(page: Page) -> Iterator[tuple[int, str]]:
    """(line, target) of every link and picture."""
    for token in page.tokens():
        for child in token.children or ():
            target = child.attrGet("href") or child.attrGet("src")
            if target:
                yield (token.map or [0, 0])[0] + 1, str(target)


def headings(page: Page, tag: str = "") -> list[str]:
    """The text of the headings, in order: all of them, or only `h2`."""
    found: list[str] = []
    tokens = page.tokens()
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open" and tag in {"", opening.tag}:
            found.append("".join(child.content for child in inline.children or ()))
    return found


def anchors(page: Page) -> set[str]:
    """What `#…` may point at: headings, as the site and as the code host spell them, and explicit ids."""
    found = set(re.findall(r'\bid="([^"]+)"', page.text)) | set(re.findall(r"\{\s*#([\w-]+)", page.text))
    for heading in headings(page):
        words = re.sub(r"[^\w\s-]", "", heading.lower()).strip()
        found |= {re.sub(r"[-\s]+", "-", words), re.sub(r"\s", "-", words)}
    return found
