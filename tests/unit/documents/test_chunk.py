"""Pieces of a text: together all of it, at their exact places, overlapping as asked."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.errors import InvalidRequest
from quorate.documents.chunk import By, Chunk, chunk

PROSE = "One two three. Four five six! Seven eight nine?\n\nTen eleven twelve. Thirteen fourteen fifteen.\n\nLast."
TEXTS = st.text(alphabet="ab .!?\n\té中", max_size=300) | st.text(max_size=300)


@st.composite
def cuts(draw: st.DrawFn) -> tuple[str, int, int, By]:
    size = draw(st.integers(1, 60))
    return draw(TEXTS), size, draw(st.integers(0, size - 1)), draw(st.sampled_from(By))


def overlaps(pieces: list[Chunk]) -> list[int]:
    return [first.end - second.start for first, second in itertools.pairwise(pieces)]


@given(cuts())
def test_pieces_cover_the_text_at_exact_places(cut: tuple[str, int, int, By]) -> None:
    text, size, overlap, by = cut
    pieces = chunk(text, size=size, overlap=overlap, by=by)
    assert all(piece.text == text[piece.start : piece.end] and piece.text for piece in pieces)
    assert all(piece.size <= size for piece in pieces)
    assert [piece.index for piece in pieces] == list(range(len(pieces)))
    if text:
        assert (pieces[0].start, pieces[-1].end) == (0, len(text))
        assert all(shared >= 0 for shared in overlaps(pieces))
        starts = [piece.start for piece in pieces]
        assert starts == sorted(set(starts))
    else:
        assert pieces == []


@given(st.lists(st.sampled_from(["a", "bb", "cccc"]), min_size=1, max_size=120), st.integers(2, 20), st.data())
def test_words_overlap_as_asked(words: list[str], size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size // 2))
    pieces = chunk(" ".join(words), size=size, overlap=overlap, by=By.WORDS)
    shared = [len(first.text[second.start - first.start :].split()) for first, second in itertools.pairwise(pieces)]
    assert set(shared) <= {overlap}


@given(TEXTS, st.integers(2, 60), st.data())
def test_characters_overlap_by_no_more_than_asked(text: str, size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size - 1))
    assert all(shared <= overlap for shared in overlaps(chunk(text, size=size, overlap=overlap)))


def test_pieces_end_where_sentences_or_paragraphs_do() -> None:
    pieces = chunk(PROSE, size=50)
    assert [piece.text.strip() for piece in pieces] == [
        "One two three. Four five six! Seven eight nine?",
        "Ten eleven twelve. Thirteen fourteen fifteen.",
        "Last.",
    ]


def test_words_are_not_cut_unless_they_are_longer_than_a_piece() -> None:
    pieces = chunk("short " + "x" * 25 + " end", size=10)
    assert [piece.text for piece in pieces] == ["short ", "x" * 10, "x" * 10, "xxxxx end"]


def test_sentences_and_paragraphs_are_counted() -> None:
    assert [len(re.findall("[.!?]", piece.text)) for piece in chunk(PROSE, size=2, by=By.SENTENCES)] == [2, 2, 2]
    assert [piece.text.count("\n\n") for piece in chunk(PROSE, size=1, by=By.PARAGRAPHS)] == [1, 1, 0]


def test_a_piece_knows_the_headings_it_stands_below() -> None:
    text = "intro words here\n\n# A\n\nfirst part\n\n## B\n\nsecond part\n\n```\n# no heading\n```\n\n# C\n\nthird part"
    found = {piece.text.split("\n")[0]: piece.headings for piece in chunk(text, size=1, by=By.PARAGRAPHS)}
    assert found["intro words here"] == ()
    assert found["second part"] == ("A", "B")
    assert found["```"] == ("A", "B")
    assert found["third part"] == ("C",)


@pytest.mark.parametrize(("size", "overlap"), [(0, 0), (10, 10), (10, -1)])
def test_sizes_that_make_no_sense_are_refused(size: int, overlap: int) -> None:
    with pytest.raises(InvalidRequest):
        chunk("text", size=size, overlap=overlap)
