from pathlib import Path

import pytest

from quorate.analytics.markdown import escaped, page, table
from quorate.analytics.report_files import write_report
from quorate.core.errors import InvalidRequest

FILES = {"report.md": "# One\n", "report.json": "{}\n"}


def test_a_report_takes_the_place_of_an_earlier_one_and_leaves_nothing_beside(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "report"
    write_report(folder, {**FILES, "old.svg": "<svg/>"})
    write_report(folder, FILES)
    assert {path.name for path in folder.iterdir()} == set(FILES)
    assert [path.name for path in folder.parent.iterdir()] == ["report"]


@pytest.mark.parametrize("name", ["notes.txt", "thesis.md"])
def test_a_folder_with_something_else_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("precious")
    with pytest.raises(InvalidRequest, match=f"holds '{name}'"):
        write_report(tmp_path, FILES)
    assert (tmp_path / name).read_text() == "precious"


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("")
    with pytest.raises(InvalidRequest, match="is no folder"):
        write_report(tmp_path / "report", FILES)
    with pytest.raises(InvalidRequest, match="cannot write the report"):
        write_report(tmp_path / "report" / "below", FILES)


def test_names_cannot_break_a_table_or_a_page() -> None:
    drawn = page([table(("a", "b"), [(escaped("x|y\n<script> [z](http://e)"), "1")])])
    assert drawn.count("\n") == 3
    assert r"x\|y \<script\> \[z\](http://e)" in drawn
