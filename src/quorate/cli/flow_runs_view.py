"""Kept runs of flows on the terminal and as JSON."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from quorate.cli.flow_view import row_of, show_flow_result, step_table
from quorate.cli.list_table import Column, list_console, print_list
from quorate.cli.printable import printable, printable_json
from quorate.config import load_settings
from quorate.config.flows_setup import open_journal
from quorate.core.clock import SystemClock
from quorate.core.ids import RunId
from quorate.core.units import format_usd
from quorate.flows.journal import RunView
from quorate.flows.outcome import RunStatus
from quorate.flows.queue_journal import QueueJournal

T = TypeVar("T")
_COLUMNS = (
    Column(title="run", copied=True),
    Column(title="flow"),
    Column(title="version", spare=2),
    Column(title="status"),
    Column(title="began", spare=1),
    Column(title="cost", right=True, spare=3),
)


def print_flow_runs(
    config: Path | None, *, flow: str | None, status: str | None, limit: int, json_output: bool
) -> None:
    """Print the latest runs."""
    wanted = None if status is None else RunStatus(status)
    views = _asked(config, lambda journal: journal.runs(flow=flow, status=wanted, limit=limit))
    if json_output:
        typer.echo(printable_json(json.dumps({"data": [_head(view) for view in views]}, indent=2)))
        return
    rows = [
        [
            Text(view.header.id),
            Text(printable(view.header.flow)),
            Text(view.header.version),
            Text(view.status.value),
            Text(view.header.created_at.isoformat(sep=" ", timespec="seconds")),
            Text(format_usd(view.spent_microusd)),
        ]
        for view in views
    ]
    print_list(list_console(), _COLUMNS, rows)
    if not rows:
        typer.echo("no run was kept; `quorate flow run --durable` keeps one", err=True)


def print_flow_run(run: str, config: Path | None, *, json_output: bool) -> None:
    """Print one run; one that has not ended, as far as it is."""
    view = _asked(config, lambda journal: journal.load(RunId(run)))
    if json_output:
        outcomes = [msgspec.to_builtins(each) for each in view.outcomes.values()]
        result = None if view.result is None else msgspec.to_builtins(view.result)
        found = {**_head(view), "inputs": view.header.inputs, "steps": outcomes, "result": result}
        typer.echo(printable_json(json.dumps(found, indent=2, ensure_ascii=False)))
        return
    console = Console()
    head = f"{view.header.id}  {view.header.flow} {view.header.version}  {view.status.value}"
    console.print(Text(printable(head), style="bold"))
    if view.result is not None:
        show_flow_result(view.result, console)
    else:
        console.print(step_table([row_of(each) for each in view.outcomes.values()]))


def _head(view: RunView) -> dict[str, Any]:
    header = view.header
    return {
        "id": header.id,
        "flow": header.flow,
        "version": header.version,
        "status": view.status.value,
        "created_at": header.created_at.isoformat(),
        "updated_at": view.updated_at.isoformat(),
        "spent_microusd": view.spent_microusd,
        "parent": header.parent,
        "labels": dict(header.labels),
    }


def _asked(config: Path | None, question: Callable[[QueueJournal], Awaitable[T]]) -> T:
    journal = open_journal(load_settings(config, probe=False), SystemClock())

    async def main() -> T:
        try:
            return await question(journal)
        finally:
            await journal.close()

    return asyncio.run(main())
