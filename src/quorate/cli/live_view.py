"""The live table while a question runs, in a thread of its own, so that drawing never delays an answer."""

from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from quorate.cli.board import Board
from quorate.cli.draw import agreement_line, branch_table, progress_line
from quorate.cli.printable import printable

_REFRESH_PER_S = 10
_TAIL_LINES = 8


@contextmanager
def live_view(board: Board, console: Console, *, text: list[str] | None = None) -> Generator[None]:
    """Show `board` until the block is left, then wipe it; `text` collects the streamed answer."""
    with Live(
        console=console,
        get_renderable=lambda: frame(board, text),
        refresh_per_second=_REFRESH_PER_S,
        transient=True,
    ):
        yield


def frame(board: Board, text: list[str] | None = None) -> RenderableType:
    """Return one picture of the board."""
    rows = list(board.rows.values())
    parts: list[RenderableType] = [branch_table(rows, elapsed_s=board.elapsed_s), Text()]
    if (now := board.agreement) is not None:
        parts.append(agreement_line(now.score, now.kind, now.answered, now.total))
    parts.append(progress_line(board))
    if text:
        tail = "".join(text).splitlines()[-_TAIL_LINES:]
        parts += [Text(), Text(printable("\n".join(tail)))]
    return Group(*parts)
