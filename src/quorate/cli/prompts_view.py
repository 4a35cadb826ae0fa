"""Saved prompts on the terminal and as JSON."""

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from rich.text import Text

from quorate.cli.exit_code import ExitCode
from quorate.cli.flow_inputs import split_pair, text_of
from quorate.cli.list_table import Column, list_console, print_list
from quorate.cli.printable import printable, printable_json
from quorate.cli.result_view import summary
from quorate.config import configure
from quorate.core.errors import NotFound
from quorate.flows.inputs import read_text
from quorate.library.quorate import Quorate
from quorate.parallel.result import Result
from quorate.prompts.definition import PromptDefinition
from quorate.prompts.folder import PromptFolder

_COLUMNS = (Column(title="prompt", copied=True), Column(title="inputs"), Column(title="description", spare=1))


def prompts_of(config: Path | None) -> PromptFolder:
    """Return the saved prompts; raise `NotFound` where no folder of them is configured. Blocking."""
    prompts = configure(config, probe=False).prompts
    if prompts is None:
        raise NotFound("there are no saved prompts; the configuration names their folder under prompts.folder")
    return prompts


def print_prompts(config: Path | None, *, json_output: bool) -> None:
    """Print the names of all, with what they need."""
    prompts = prompts_of(config)
    found = [prompts.definition(name) for name in prompts.names()]
    if json_output:
        typer.echo(printable_json(json.dumps({"data": [_as_json(each) for each in found]}, indent=2)))
        return
    rows = [
        (Text(each.name), Text(", ".join(each.section.inputs)), Text(printable(each.section.description)))
        for each in found
    ]
    print_list(list_console(), _COLUMNS, rows)


def print_prompt(name: str, config: Path | None, *, json_output: bool) -> None:
    """Print one: its inputs, whom it asks, its file as it is written."""
    found = prompts_of(config).definition(name)
    if json_output:
        typer.echo(printable_json(json.dumps(_as_json(found), indent=2, ensure_ascii=False)))
        return
    typer.echo(printable(Path(found.written.file).read_text(encoding="utf-8").rstrip()))


def ask_prompt(name: str, pairs: Sequence[str], config: Path | None, *, quiet: bool, json_output: bool) -> None:
    """Ask a saved prompt and print its answer; Ctrl-C cancels and exits with 130."""
    definition = prompts_of(config).definition(name)
    try:
        result = asyncio.run(_asked(name, _values(definition, pairs), config))
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if json_output:
        typer.echo(printable_json(json.dumps(result.to_dict(), ensure_ascii=False, indent=2)))
        return
    typer.echo(printable(result.answer) if sys.stdout.isatty() else result.answer)
    if not quiet:
        typer.echo(summary(result), err=True)


async def _asked(name: str, values: dict[str, Any], config: Path | None) -> Result:
    async with Quorate.from_file(config) as q:
        return await q.prompt(name, **values)


def _values(definition: PromptDefinition, pairs: Sequence[str]) -> dict[str, Any]:
    """Return the values as what the inputs are; one that is unknown is refused when the prompt is filled."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, value = split_pair(pair, "input")
        known = definition.section.inputs.get(name)
        text = text_of(Path(value[1:])) if value.startswith("@") else value
        found[name] = text if known is None else read_text(text, known.type)
    return found


def _as_json(found: PromptDefinition) -> dict[str, Any]:
    section = found.section
    return {
        "name": found.name,
        "file": found.written.file,
        "description": section.description,
        "inputs": {name: {"type": each.type, "required": each.needed} for name, each in section.inputs.items()},
        "models": list(section.asked()),
        "cache": {"ttl_s": section.cache.ttl, "key": section.cache.key} if section.cache.enabled else None,
    }
