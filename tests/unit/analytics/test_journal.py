from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.analytics.journal import Journal
from quorate.core.errors import InvalidRequest

LINES = (b'{"a":1}', b'{"b":"x y"}')


def grown(path: Path, *lines: bytes) -> bytes:
    with Journal(path) as journal:
        for line in lines:
            journal.append(line)
    return path.read_bytes()


def test_lines_are_kept_and_others_follow(tmp_path: Path) -> None:
    assert grown(tmp_path / "j.jsonl", LINES[0]) == LINES[0] + b"\n"
    assert grown(tmp_path / "j.jsonl", LINES[1]) == b"\n".join([*LINES, b""])


@given(st.integers(0, len(LINES[1])))
def test_half_a_last_line_is_dropped_and_a_whole_one_is_ended(
    tmp_path_factory: pytest.TempPathFactory, kept: int
) -> None:
    path = tmp_path_factory.mktemp("torn") / "j.jsonl"
    path.write_bytes(LINES[0] + b"\n" + LINES[1][:kept])
    whole = [LINES[0], *([LINES[1]] if kept == len(LINES[1]) else []), LINES[1]]
    assert grown(path, LINES[1]) == b"".join(line + b"\n" for line in whole)


def test_a_first_line_that_was_never_finished_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    path.write_bytes(b'{"a": "' + b"x" * 200_000)
    assert grown(path) == b""


def test_two_do_not_write_at_once(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.jsonl"), pytest.raises(InvalidRequest, match="another process writes"):
        grown(tmp_path / "j.jsonl")


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot write"):
        grown(tmp_path / "no" / "j.jsonl")


def test_only_an_open_journal_grows(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not open"):
        Journal(tmp_path / "j.jsonl").append(b"{}")
