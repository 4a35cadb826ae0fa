"""Ask one question and show it: live on a terminal, plainly when piped, as JSON."""

import asyncio
import json
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec
import typer
from rich.console import Console

from quorate.cli.board import Board
from quorate.cli.draw import branch_table
from quorate.cli.exit_code import ExitCode
from quorate.cli.live_view import live_view
from quorate.cli.output_flag import output_of, without_output
from quorate.cli.printable import printable, printable_json
from quorate.cli.result_view import show_result, summary
from quorate.contracts.contract import Contract
from quorate.core.errors import QuorateError
from quorate.core.units import format_usd
from quorate.library.options import AskOptions
from quorate.library.quorate import Quorate
from quorate.model import Event, EventSink
from quorate.model.event import fan_out
from quorate.parallel.result import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """What is printed: `rich` draws on a terminal, `status` writes a line about the answer to stderr."""

    json: bool = False
    events: bool = False
    rich: bool = False
    status: bool = True
    stream: bool = False

    @classmethod
    def choose(cls, *, json_output: bool, events: bool, quiet: bool, stream: bool) -> "Display":
        """Return the display for the flags and for what stdout is."""
        plain = json_output or events or quiet
        return cls(
            json=json_output,
            events=events,
            rich=sys.stdout.isatty() and not plain,
            status=not plain,
            stream=stream and not json_output,
        )


def run_question(question: str, options: dict[str, Any], config: Path | None, display: Display) -> Result:
    """Ask, print, and return the result. Ctrl-C cancels everything and exits with 130, telling what was spent."""
    quorate = Quorate.from_file(config)
    board = Board()
    pieces: list[str] | None = [] if display.stream else None
    output = output_of(options)
    asked = cast("AskOptions", {**without_output(options), "on_event": _sink(board, display)})
    console = Console()
    try:
        with live_view(board, console, text=pieces) if display.rich else nullcontext():
            result = asyncio.run(_ask(quorate, question, output, asked, display, pieces))
    except KeyboardInterrupt:
        typer.echo(_interrupted(board), err=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except QuorateError:
        if display.rich and board.rows:
            console.print(branch_table(list(board.rows.values())))
        raise
    _show(result, display, console)
    return result


async def _ask(
    quorate: Quorate,
    question: str,
    output: Contract | None,
    options: AskOptions,
    display: Display,
    pieces: list[str] | None,
) -> Result:
    async with quorate:
        if pieces is None:
            return await quorate.ask(question, output=output, **options)
        async with quorate.stream(question, output=output, **options) as answer:
            async for text in answer:
                pieces.append(text)
                if not display.rich:
                    typer.echo(_safe(text), nl=False)
            return answer.result


def _sink(board: Board, display: Display) -> EventSink:
    return fan_out(board, _write_event) if display.events else board


def _write_event(event: Event) -> None:
    typer.echo(msgspec.json.encode(event).decode(), err=True)


def _show(result: Result, display: Display, console: Console) -> None:
    if display.json:
        typer.echo(printable_json(json.dumps(result.to_dict(), ensure_ascii=False, indent=2)))
    elif display.rich:
        show_result(result, console)
    else:
        typer.echo("" if display.stream else _safe(result.answer))
        if display.status:
            for warning in result.warnings:
                typer.echo(f"note: {warning}", err=True)
            typer.echo(summary(result), err=True)


def _safe(text: str) -> str:
    """Return an answer for stdout: a file or a pipe gets every byte, a terminal (`--quiet`) only what it can show."""
    return printable(text) if sys.stdout.isatty() else text


def _interrupted(board: Board) -> str:
    more = " and calls whose price is not known" if board.unpriced else ""
    return f"interrupted after {board.elapsed_s:.1f} s; spent until then: {format_usd(board.spent_microusd)}{more}"
