"""Tables of lists: as wide as the terminal, whole columns left out where it is narrow."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

#: A file or a pipe has no width to fit into: nothing is cut off.
_WIDTH_OF_FILES = 250
_GAP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """`spare` orders what a narrow terminal does without: the highest goes first, 0 stays.

    A column that is `copied` is never cut short.
    """

    title: str
    spare: int = 0
    right: bool = False
    copied: bool = False


def list_console() -> Console:
    """Return the console to print a list on."""
    console = Console()
    if not console.is_terminal:
        console.width = _WIDTH_OF_FILES
    return console


def print_list(console: Console, columns: Sequence[Column], rows: Iterable[Sequence[Text]]) -> None:
    """Print the rows, and which columns there was no room for; nothing in them is read as markup."""
    rows = list(rows)
    widths = [
        max(cell_len(text) for text in (column.title, *(row[position].plain for row in rows)))
        for position, column in enumerate(columns)
    ]
    shown = _fitting(columns, widths, console.width)
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
    for position in shown:
        column = columns[position]
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=True,
            overflow="ellipsis",
            min_width=widths[position] if column.copied else None,
        )
    for row in rows:
        table.add_row(*(row[position] for position in shown))
    console.print(table)
    left_out = [column.title for position, column in enumerate(columns) if position not in shown]
    if left_out:
        console.print(Text(f"no room here for: {', '.join(left_out)}; --json has all", style="dim"))


def _fitting(columns: Sequence[Column], widths: Sequence[int], room: int) -> list[int]:
    """Return the positions of the columns to show."""
    shown = list(range(len(columns)))
    for position in sorted(shown, key=lambda each: -columns[each].spare):
        if sum(widths[each] + _GAP for each in shown) - _GAP <= room or not columns[position].spare:
            break
        shown.remove(position)
    return shown
