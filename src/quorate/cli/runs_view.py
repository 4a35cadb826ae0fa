"""Runs on the terminal and as plain JSON values."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from quorate.cli.draw import seconds
from quorate.cli.list_table import Column, list_console, print_list
from quorate.cli.printable import printable
from quorate.core.units import format_usd
from quorate.model import State
from quorate.model.run import BranchRecord, RunRecord
from quorate.storage.run_store import StoredRun, Totals

_BAR_CELLS = 30
#: An id, a model, a state and a cost fit into 80 characters.
_COLUMNS = (
    Column(title="run", copied=True),
    Column(title="started (UTC)", spare=1),
    Column(title="model"),
    Column(title="mode", spare=5),
    Column(title="state"),
    Column(title="time", spare=2, right=True),
    Column(title="tokens", spare=4, right=True),
    Column(title="cost", right=True),
    Column(title="agreement", spare=3, right=True),
)
_STYLES: dict[State, str] = {
    State.PENDING: "dim",
    State.RUNNING: "cyan",
    State.FINISHED: "green",
    State.FAILED: "red",
    State.CANCELLED: "yellow",
}


def run_dict(run: RunRecord) -> dict[str, Any]:
    """Return a run without branches, ledger and texts; times as ISO 8601, UTC."""
    fields = msgspec.to_builtins(run)
    for name in ("branches", "ledger", "prompt", "answer"):
        del fields[name]
    return _with_times(fields)


def stored_dict(stored: StoredRun) -> dict[str, Any]:
    """Return a run with branches, its lines of the ledger, texts and the ids of the runs inside it."""
    run = stored.run
    return {
        **run_dict(run),
        "branches": [_with_times(msgspec.to_builtins(branch)) for branch in run.branches],
        "ledger": [_with_times(msgspec.to_builtins(line)) for line in run.ledger],
        "children": list(stored.children),
        "prompt": run.prompt,
        "answer": run.answer,
    }


def _with_times(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name.removesuffix("_s") if name.endswith("at_s") else name: _iso(value) if name.endswith("at_s") else value
        for name, value in fields.items()
    }


def _iso(at_s: float | None) -> str | None:
    return None if at_s is None else datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds")


def print_runs(runs: Sequence[RunRecord], totals: Totals, *, following: str | None, where: str) -> None:
    """Print a table of runs and what all of the time span add up to."""
    console = list_console()
    if runs:
        print_list(console, _COLUMNS, (_cells(run) for run in runs))
        console.print()
    console.print(Text(_summary(totals), style="dim"))
    if following is not None:
        console.print(Text(f"more: --after {following}", style="dim"), soft_wrap=True)
    console.print(Text(f"database: {where}", style="dim"), soft_wrap=True)


def _cells(run: RunRecord) -> tuple[Text, ...]:
    started = datetime.fromtimestamp(run.started_at_s, UTC)
    state = _state(run.state) + Text(f" {run.error_code}" if run.error_code else "", style="dim")
    agreement = "" if run.agreement is None else f"{run.agreement:.0%}"
    tokens = str(run.prompt_tokens + run.completion_tokens)
    return (
        Text(run.id),
        Text(started.strftime("%Y-%m-%d %H:%M:%S")),
        Text(printable(run.model)),
        Text(run.mode),
        state,
        Text(seconds(run.duration_s)),
        Text(tokens),
        Text(format_usd(run.cost_microusd)),
        Text(agreement),
    )


def _summary(totals: Totals) -> str:
    unpriced = f", {totals.unpriced} without a known price" if totals.unpriced else ""
    tokens = totals.prompt_tokens + totals.completion_tokens
    runs = "1 run" if totals.runs == 1 else f"{totals.runs} runs"
    return f"{runs} in all, {tokens} tokens, {format_usd(totals.cost_microusd)}{unpriced}"


def print_run(stored: StoredRun) -> None:
    """Print one run: what it was, when its branches ran, what it took."""
    run = stored.run
    console = list_console()
    head = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    head.add_column(style="dim", no_wrap=True)
    head.add_column(overflow="fold")
    for name, value in _facts(stored):
        head.add_row(name, value)
    console.print(head)
    if run.branches:
        console.print()
        console.print(_branches(run))
    for title, text in (("prompt", run.prompt), ("answer", run.answer)):
        if text is not None:
            console.print(Panel(Text(printable(text)), title=title, title_align="left", padding=(0, 1)))


def _facts(stored: StoredRun) -> list[tuple[str, Text]]:
    run = stored.run
    started = datetime.fromtimestamp(run.started_at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    answered = f"{run.operation}{', streamed' if run.stream else ''}, HTTP {run.status}"
    agreement = None if run.agreement is None else f"{run.agreement:.0%}, compared as {run.agreement_kind}"
    cost = format_usd(run.cost_microusd) + (" (estimated)" if run.estimated else "")
    facts: list[tuple[str, str | None]] = [
        ("run", run.id),
        ("model", f"{run.model} ({run.mode})"),
        ("request", f"{run.request_id} ({answered})"),
        ("tenant", f"{run.tenant}{f', key {run.key_id}' if run.key_id else ''}"),
        ("started", started),
        ("took", f"{run.duration_s:.3f} s{_first_token(run)}"),
        ("tokens", f"{run.prompt_tokens} in, {run.completion_tokens} out"),
        ("cost", cost),
        ("agreement", agreement),
        ("error", run.error_code),
        ("trace", run.trace_id),
        ("inside", run.parent_id),
        ("runs inside", ", ".join(stored.children) or None),
    ]
    lines = [(name, Text(printable(value))) for name, value in facts if value]
    return [*lines[:1], ("state", _state(run.state)), *lines[1:]]


def _first_token(run: RunRecord) -> str:
    return (
        "" if run.first_token_at_s is None else f", first token after {run.first_token_at_s - run.started_at_s:.3f} s"
    )


def _branches(run: RunRecord) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("branch", "provider", "state"):
        table.add_column(title, no_wrap=True)
    table.add_column(f"0 to {run.duration_s:.2f} s", no_wrap=True)
    for title in ("time", "tokens", "cost"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("")
    for branch in run.branches:
        table.add_row(
            printable(branch.branch),
            printable(branch.provider),
            _state(branch.state),
            _time_bar(run, branch),
            seconds(branch.finished_at_s - branch.started_at_s),
            str(branch.prompt_tokens + branch.completion_tokens),
            format_usd(branch.cost_microusd) if branch.leaf else "",
            _note(branch),
        )
    return table


def _state(state: State) -> Text:
    return Text(state.value, style=_STYLES[state])


def _note(branch: BranchRecord) -> Text:
    if branch.selected:
        return Text("chosen", style="bold green")
    attempts = f"{branch.attempts} attempts " if branch.attempts > 1 else ""
    return Text(f"{attempts}{printable(branch.error_code or '')}", style="dim")


def _time_bar(run: RunRecord, branch: BranchRecord) -> Text:
    """Return when the branch ran within the run: waiting for its first token light, from then on full."""
    first_at_s = branch.started_at_s if branch.first_token_at_s is None else branch.first_token_at_s
    begin = min(_cell(run, branch.started_at_s), _BAR_CELLS - 1)
    end = max(_cell(run, branch.finished_at_s), begin + 1)
    first = min(max(_cell(run, first_at_s), begin), end)
    return Text.assemble(
        " " * begin,
        ("░" * (first - begin), "dim"),
        ("█" * (end - first), "green" if branch.selected else "cyan"),
        " " * (_BAR_CELLS - end),
    )


def _cell(run: RunRecord, at_s: float) -> int:
    share = (at_s - run.started_at_s) / run.duration_s if run.duration_s > 0 else 0.0
    return min(_BAR_CELLS, max(0, round(share * _BAR_CELLS)))
