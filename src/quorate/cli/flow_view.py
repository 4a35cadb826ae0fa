"""A run of a flow on a terminal: live, and when it has ended."""

import json
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from quorate.cli.draw import bar, seconds
from quorate.cli.flow_board import FlowBoard, FlowRow
from quorate.cli.printable import printable
from quorate.core.units import format_usd
from quorate.flows.outcome import FlowResult, RunStatus, StepOutcome

_REFRESH_PER_S = 10
_NOTE_CHARACTERS = 60
#: So many rows are shown while it runs; a loop may have thousands.
_MOST_ROWS = 30
_LOOK: dict[str, tuple[str, str]] = {
    "waiting": ("·", "dim"),
    "running": ("▸", "cyan"),
    "succeeded": ("✓", "green"),
    "failed": ("✗", "red"),
    "skipped": ("-", "dim"),
    "cancelled": ("-", "yellow"),
}
_COLOURS = {RunStatus.SUCCEEDED: "green", RunStatus.PARTIAL: "yellow"}


@contextmanager
def live_flow(board: FlowBoard, console: Console) -> Generator[None]:
    """Show `board` until the block is left, then wipe it."""
    with Live(console=console, get_renderable=lambda: frame(board), refresh_per_second=_REFRESH_PER_S, transient=True):
        yield


def frame(board: FlowBoard) -> RenderableType:
    """Return one picture of the board; of many rows, those that run and those that ended last."""
    rows = list(board.rows.values())
    hidden = max(0, len(rows) - _MOST_ROWS)
    shown = [row for row in rows if not hidden or row.state in {"running", "failed"}]
    parts: list[RenderableType] = [step_table(shown[:_MOST_ROWS], elapsed_s=board.elapsed_s)]
    if hidden:
        parts.append(Text(f"of {len(rows)} steps, those that run or failed", style="dim"))
    line = Text("progress   ") + bar(board.percent / 100, style="cyan") + Text(f"  {board.percent:3.0f}%", style="bold")
    told = f"  {board.elapsed_s:.1f} s  {format_usd(board.spent_microusd)}"
    return Group(*parts, Text(), line + Text(told, style="dim"))


def step_table(rows: Sequence[FlowRow], *, elapsed_s: float | None = None) -> Table:
    """Return one line per step; `elapsed_s` counts for those that run."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("step", "state"):
        table.add_column(title, no_wrap=True)
    for title in ("time", "cost"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("", overflow="ellipsis", no_wrap=True, max_width=_NOTE_CHARACTERS)
    for row in rows:
        mark, style = _LOOK.get(row.state, ("·", "dim"))
        running_s = elapsed_s - row.started_s if elapsed_s is not None and row.started_s is not None else None
        table.add_row(
            Text(printable("  " * row.depth + row.path.rpartition("/")[2])),
            Text(f"{mark} {row.state}", style=style),
            seconds(row.latency_s if row.settled else running_s),
            format_usd(row.cost_microusd) if row.settled and row.state != "skipped" else "",
            Text(printable(" ".join(row.note.split())), style="dim"),
        )
    return table


def show_flow_result(result: FlowResult, console: Console) -> None:
    """Print the steps, every error, the outputs and what it took."""
    console.print(step_table([row_of(outcome) for outcome in result.steps.values()]))
    console.print()
    for line in error_lines(result):
        console.print(Text(printable(line), style="red" if result.status is RunStatus.FAILED else "yellow"))
    for name, value in result.outputs.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
        style = _COLOURS.get(result.status, "red")
        body = Text(printable(text.strip()))
        console.print(Panel(body, title=name, title_align="left", border_style=style, padding=(0, 1)))
    for line in summary_lines(result):
        console.print(Text(line, style="dim"))


def row_of(outcome: StepOutcome) -> FlowRow:
    """Return the line of a step that has ended."""
    note = outcome.reason or (outcome.error.message if outcome.error else "")
    return FlowRow(
        path=outcome.path,
        state=outcome.status.value,
        started_s=outcome.started_s,
        latency_s=outcome.latency_s,
        cost_microusd=outcome.cost_microusd,
        settled=True,
        note=f"{outcome.handled_by} stands in: {note}" if outcome.handled_by not in {"", "continue"} else note,
    )


def error_lines(result: FlowResult) -> Iterator[str]:
    """Yield every error with its stage, its code, and what can be done."""
    for error in result.errors:
        hint = f" ({error.hint})" if error.hint else ""
        yield f"{error.stage}: {error.code}: {error.message}{hint}"


def summary_lines(result: FlowResult) -> Iterable[str]:
    """Return what it took: status, cost, time, and what running beside each other saved."""
    latency = result.latency
    ran = sum(outcome.attempts > 0 for outcome in result.steps.values())
    cost = "cost unknown" if result.cost_microusd is None else format_usd(result.cost_microusd)
    parts = [f"{result.status.value}", f"{ran} step{'' if ran == 1 else 's'}", cost, f"{latency.total_s:.2f} s"]
    if latency.speedup > 1:
        parts.append(f"{latency.speedup:.1f}x faster than one after another ({latency.work_s:.2f} s)")
    parts.append(f"critical path {latency.critical_path_s:.2f} s")
    return (" · ".join(parts), result.run_id)
