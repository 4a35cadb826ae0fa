"""A long text in pieces that overlap, cut where paragraphs, sentences or words end; positions are exact."""

import bisect
import itertools
import math
import re
from dataclasses import dataclass
from enum import StrEnum

from quorate.core.errors import InvalidRequest
from quorate.documents.headings import headings_of

_WORD = re.compile(r"\s*\S+\s*|\s+")
_SENTENCE_END = re.compile(r"""[.!?\u2026\u3002\uff01\uff1f]["'\u201d\u2019)\]]*\s+|\n[ \t]*\n\s*""")
_PARAGRAPH_END = re.compile(r"\n[ \t]*\n\s*")
#: A piece is cut early, at the end of a paragraph or sentence, if it is at least this full then.
_FULL_ENOUGH = 0.6
_CHARS_PER_TOKEN = 4


class By(StrEnum):
    """What sizes are counted in. `tokens` is an estimate: a token for each four characters of a word, at least one."""

    CHARACTERS = "characters"
    WORDS = "words"
    TOKENS = "tokens"
    SENTENCES = "sentences"
    PARAGRAPHS = "paragraphs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece: `text` is `whole[start:end]`, `size` in what was counted, `headings` those that it stands below."""

    index: int
    text: str
    start: int
    end: int
    size: int
    headings: tuple[str, ...] = ()


def chunk(text: str, *, size: int, overlap: int = 0, by: By = By.CHARACTERS) -> list[Chunk]:
    """Return the pieces of a text, each of at most `size`, together all of it; none for an empty text.

    A piece begins at most `overlap` before the last one ends: as many whole words (sentences, paragraphs) as fit.
    Takes about a second for each million characters. Raises `InvalidRequest`.
    """
    if size < 1:
        raise InvalidRequest(f"the size of a chunk is {size}; it must be at least 1", param="size")
    if not 0 <= overlap < size:
        raise InvalidRequest(
            f"the overlap is {overlap}; it must be at least 0 and less than the size {size}", param="overlap"
        )
    if not text:
        return []
    pieces = _Pieces(text, size, by)
    trail = _Trail(text)
    return [
        Chunk(index=index, text=text[start:end], start=start, end=end, size=weight, headings=trail.at(start))
        for index, (start, end, weight) in enumerate(pieces.windows(size, overlap))
    ]


class _Pieces:
    """The smallest parts that are not cut: where each ends, and how much the text weighs until there."""

    def __init__(self, text: str, size: int, by: By) -> None:
        ends, weights = _parts(text, size, by)
        self._ends = [0, *ends]
        self._sums = [0, *itertools.accumulate(weights)]
        counted = by not in {By.SENTENCES, By.PARAGRAPHS}
        self._paragraphs = [match.end() for match in _PARAGRAPH_END.finditer(text)] if counted else []
        self._sentences = [match.end() for match in _SENTENCE_END.finditer(text)] if counted else []

    def windows(self, size: int, overlap: int) -> list[tuple[int, int, int]]:
        """Return (start, end, weight) of each piece."""
        found: list[tuple[int, int, int]] = []
        first, count = 0, len(self._ends) - 1
        while True:
            last = bisect.bisect_right(self._sums, self._sums[first] + size) - 1
            if last < count:
                last = self._cut(first, last, size)
            found.append((self._ends[first], self._ends[last], self._sums[last] - self._sums[first]))
            if last >= count:
                return found
            back = bisect.bisect_left(self._sums, self._sums[last] - overlap)
            first = max(first + 1, min(back, last))

    def _cut(self, first: int, last: int, size: int) -> int:
        """Return where to end a piece: after the last paragraph or else sentence that leaves it full enough."""
        least = bisect.bisect_left(self._sums, self._sums[first] + math.ceil(size * _FULL_ENOUGH))
        for stops in (self._paragraphs, self._sentences):
            at = bisect.bisect_right(stops, self._ends[last]) - 1
            while at >= 0 and stops[at] >= self._ends[min(least, last)]:
                part = bisect.bisect_left(self._ends, stops[at])
                if self._ends[part] == stops[at] and part > first:
                    return part
                at -= 1
        return last


def _parts(text: str, size: int, by: By) -> tuple[list[int], list[int]]:
    match by:
        case By.PARAGRAPHS | By.SENTENCES:
            pattern = _PARAGRAPH_END if by is By.PARAGRAPHS else _SENTENCE_END
            ends = [match.end() for match in pattern.finditer(text)]
            ends = ends if ends and ends[-1] == len(text) else [*ends, len(text)]
            return ends, [1] * len(ends)
        case By.WORDS:
            ends = [match.end() for match in _WORD.finditer(text)]
            return ends, [1] * len(ends)
        case By.TOKENS | By.CHARACTERS:
            return _measured(text, size, tokens=by is By.TOKENS)


def _measured(text: str, size: int, *, tokens: bool) -> tuple[list[int], list[int]]:
    """Return words; one that is longer than a whole chunk is cut."""
    most = size * _CHARS_PER_TOKEN if tokens else size
    ends: list[int] = []
    weights: list[int] = []
    for match in _WORD.finditer(text):
        for start in range(match.start(), match.end(), most):
            end = min(start + most, match.end())
            ends.append(end)
            weights.append(
                max(1, math.ceil(len(text[start:end].strip()) / _CHARS_PER_TOKEN)) if tokens else end - start
            )
    return ends, weights


class _Trail:
    """Which headings a place stands below."""

    def __init__(self, text: str) -> None:
        self._places: list[int] = []
        self._paths: list[tuple[str, ...]] = []
        open_: list[tuple[int, str]] = []
        for heading in headings_of(text):
            open_ = [(level, title) for level, title in open_ if level < heading.level]
            open_.append((heading.level, heading.title))
            self._places.append(heading.at)
            self._paths.append(tuple(title for _, title in open_))

    def at(self, place: int) -> tuple[str, ...]:
        index = bisect.bisect_right(self._places, place) - 1
        return self._paths[index] if index >= 0 else ()
