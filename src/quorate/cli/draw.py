"""Pieces of terminal output: bars, states, tables of branches."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from quorate.cli.board import Board, Row
from quorate.cli.printable import printable
from quorate.core.units import format_usd
from quorate.model import State

_BAR_CELLS = 24
_NOTE_CHARACTERS = 60
_LOOK: dict[State, tuple[str, str]] = {
    State.PENDING: ("·", "dim"),
    State.RUNNING: ("▸", "cyan"),
    State.FINISHED: ("✓", "green"),
    State.FAILED: ("✗", "red"),
    State.CANCELLED: ("-", "yellow"),
}


def bar(share: float, *, cells: int = _BAR_CELLS, style: str | None = None) -> Text:
    """Return a bar that is filled to `share` (0 to 1); its colour tells high from low unless a style is given."""
    share = min(1.0, max(0.0, share))
    full = round(share * cells)
    colour = style or ("green" if share >= 0.7 else "yellow" if share >= 0.5 else "red")
    return Text("█" * full, style=colour) + Text("░" * (cells - full), style="dim")


def seconds(value: float | None) -> str:
    """Return seconds for reading; empty for `None`."""
    return "" if value is None else f"{value:.2f} s"


def branch_table(rows: Sequence[Row], *, chosen: str | None = None, elapsed_s: float | None = None) -> Table:
    """Return one line per branch; `elapsed_s` counts for those that run."""
    streamed = any(row.first_token_s is not None for row in rows)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("branch", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for title in (*(("first token",) if streamed else ()), "time", "tokens", "cost"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("", overflow="ellipsis", no_wrap=True, max_width=_NOTE_CHARACTERS)
    for row in rows:
        table.add_row(*_cells(row, chosen, elapsed_s, streamed=streamed))
    return table


def _cells(row: Row, chosen: str | None, elapsed_s: float | None, *, streamed: bool) -> list[str | Text]:
    mark, style = _LOOK[row.state]
    name = "  " * row.depth + row.branch.rpartition("/")[2]
    running_s = elapsed_s - row.started_s if elapsed_s is not None and row.started_s is not None else None
    return [
        Text(name, style="bold" if row.branch == chosen else ""),
        Text(f"{mark} {row.state.value}", style=style),
        *([seconds(row.first_token_s)] if streamed else []),
        seconds(row.latency_s if row.settled else running_s),
        "" if row.tokens is None else str(row.tokens),
        format_usd(row.cost_microusd) if row.settled else "",
        Text("chosen", style="bold green") if row.branch == chosen else Text(_one_line(row.note), style="dim"),
    ]


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))


def agreement_line(score: float, kind: str, answered: int, total: int) -> Text:
    """Return the agreement as a bar and in words."""
    line = Text("agreement  ") + bar(score) + Text(f"  {score:.0%}", style="bold")
    return line + Text(f"  {answered} of {total} answered, compared as {kind}", style="dim")


def progress_line(board: Board) -> Text:
    """Return how far the question is."""
    percent = board.progress.percent
    line = Text("progress   ") + bar(percent / 100, style="cyan") + Text(f"  {percent:3.0f}%", style="bold")
    spent = format_usd(board.spent_microusd) + (" +" if board.unpriced else "")
    return line + Text(f"  {board.elapsed_s:.1f} s  {spent}", style="dim")
