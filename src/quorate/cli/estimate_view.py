"""`quorate ask --dry-run`: what a question would cost, without asking it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer
from rich.text import Text

from quorate.cli.list_table import Column, list_console, print_list
from quorate.cli.output_flag import output_of, without_output
from quorate.cli.printable import printable, printable_json
from quorate.core.units import format_usd
from quorate.engine.estimate import Estimate
from quorate.library.quorate import Quorate

if TYPE_CHECKING:
    from quorate.library.options import AskOptions

_COLUMNS = (
    Column(title="branch", copied=True),
    Column(title="prompt", right=True, spare=2),
    Column(title="answer", right=True, spare=2),
    Column(title="limit", right=True, spare=2),
    Column(title="attempts", right=True, spare=3),
    Column(title="expected cost", right=True),
    Column(title="at most", right=True),
)


def print_estimate(question: str, options: dict[str, Any], config: Path | None, *, json_output: bool) -> None:
    """Print what the question would cost with these options, as a table or as JSON."""
    asked = cast("AskOptions", without_output(options))
    found = Quorate.from_file(config).estimate(question, output=output_of(options), **asked)
    if json_output:
        typer.echo(printable_json(json.dumps({"object": "estimate", **asdict(found)}, indent=2)))
        return
    print_list(list_console(), _COLUMNS, _rows(found))
    typer.echo(f"nobody was asked; expected {format_usd(found.expected_microusd)}, at most {_most(found)}")


def _most(found: Estimate) -> str:
    """Return the most it can cost, and who makes it unknown."""
    parts = (*found.branches, *found.helpers)
    unpriced = dict.fromkeys(part.model for part in parts if part.most_microusd is None)
    told = format_usd(found.most_microusd)
    return printable(f"{told} (no price is known for {', '.join(unpriced)})" if unpriced else told)


def _rows(found: Estimate) -> Iterator[Sequence[Text]]:
    for part in (*found.branches, *found.helpers):
        yield (
            Text(printable(part.branch)),
            Text(f"{part.prompt_tokens:,}"),
            Text(f"{part.expected_output_tokens:,}"),
            Text(f"{part.most_output_tokens:,}"),
            Text(str(part.attempts)),
            Text(format_usd(part.expected_microusd)),
            Text(format_usd(part.most_microusd)),
        )
