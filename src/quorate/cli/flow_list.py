"""The flows of the folder, on the terminal and as JSON."""

import json
from pathlib import Path

import typer
from rich.text import Text

from quorate.cli.list_table import Column, list_console, print_list
from quorate.cli.printable import printable
from quorate.config import load_settings
from quorate.config.flow_shelf import open_shelf


def print_flows(config: Path | None, *, json_output: bool) -> None:
    """Print name, versions (newest first) and purpose of each flow; of broken ones, how many there are. Blocking."""
    book = open_shelf(load_settings(config, probe=False)).book
    rows = [(name, book.versions(name), book.resolve(name).description) for name in book.names()]
    if json_output:
        found = [{"name": name, "versions": list(versions), "description": text} for name, versions, text in rows]
        typer.echo(json.dumps({"data": found}, indent=2))
    else:
        columns = (Column(title="flow", copied=True), Column(title="versions"), Column(title="does"))
        texts = [(Text(name), Text(", ".join(versions)), Text(printable(text))) for name, versions, text in rows]
        print_list(list_console(), columns, texts)
    if wrong := len(book.problems()):
        typer.echo(f"{wrong} problem{'' if wrong == 1 else 's'} in other flows; see quorate flow check", err=True)
