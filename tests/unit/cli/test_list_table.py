"""Tables of lists: what a narrow terminal shows, and that it says what it does not."""

import io

import pytest
from rich.console import Console
from rich.text import Text

from quorate.cli.list_table import Column, print_list

COLUMNS = (
    Column(title="id", copied=True),
    Column(title="name"),
    Column(title="mode", spare=2),
    Column(title="cost", spare=1, right=True),
)
ROW = ("run_" + "7" * 20, "north", "quorum", "$0.10")


def printed(width: int, *rows: tuple[str, ...]) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_list(console, COLUMNS, ([Text(cell) for cell in row] for row in rows))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("width", "shown", "left_out"),
    [(80, ROW, ""), (45, (ROW[0], ROW[1], ROW[3]), "mode"), (36, ROW[:2], "mode, cost"), (28, ROW[:1], "mode, cost")],
)
def test_whole_columns_are_left_out_and_named(width: int, shown: tuple[str, ...], left_out: str) -> None:
    lines = printed(width, ROW).splitlines()
    cells = lines[1].split()
    assert cells[: len(shown)] == list(shown)
    assert all(len(line) <= width for line in lines[:2])
    told = " ".join(" ".join(lines[2:]).split())
    assert told == (f"no room here for: {left_out}; --json has all" if left_out else "")


def test_nothing_is_markup() -> None:
    assert "[bold]x[/]" in printed(80, ("i", "[bold]x[/]", "m", "c"))
