"""Where the headings of a text in Markdown are."""

import re
from dataclasses import dataclass

_HEADING = re.compile(r"(#{1,6})[ \t]+(\S.*?)[ \t#]*$")
_FENCE = re.compile(r"[ ]{0,3}(```|~~~)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A heading: where its line begins, its level from 1 to 6, its words."""

    at: int
    level: int
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading with what stands below it, up to the next one; the first may have no heading."""

    title: str
    text: str


def headings_of(text: str) -> list[Heading]:
    """Return the headings in their order; lines within fences are none."""
    found: list[Heading] = []
    at, fence = 0, ""
    for line in text.splitlines(keepends=True):
        if (mark := _FENCE.match(line)) is not None:
            fence = "" if fence == mark[1] else fence or mark[1]
        elif not fence and line[:1] == "#" and (match := _HEADING.match(line.rstrip("\n"))) is not None:
            found.append(Heading(at=at, level=len(match[1]), title=match[2]))
        at += len(line)
    return found


def sections_of(text: str) -> list[Section]:
    """Return a text cut at its headings; one section for a text without any."""
    headings = headings_of(text)
    starts = [heading.at for heading in headings]
    sections = [
        Section(title=heading.title, text=text[heading.at : end].strip())
        for heading, end in zip(headings, [*starts[1:], len(text)], strict=True)
    ]
    before = text[: starts[0]].strip() if starts else text
    return [Section(title="", text=before), *sections] if before or not sections else sections
