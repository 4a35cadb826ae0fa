"""Executors on the terminal and as JSON."""

import json
from collections.abc import Mapping
from typing import Any, cast

import typer
from rich.text import Text

from quorate.cli.list_table import Column, list_console, print_list
from quorate.cli.printable import printable
from quorate.flows.executors.standard import standard_executors
from quorate.flows.run.view import result_fields
from quorate.source.described import described_schema


def print_executors(*, json_output: bool) -> None:
    """Print the names of all, and what each does."""
    executors = standard_executors()
    found = [(name, executors.get(name).summary) for name in executors.names()]
    if json_output:
        typer.echo(json.dumps({"data": [{"name": name, "summary": summary} for name, summary in found]}, indent=2))
        return
    columns = (Column(title="executor", copied=True), Column(title="does"))
    print_list(list_console(), columns, [(Text(name), Text(printable(summary))) for name, summary in found])


def print_executor(name: str, *, json_output: bool) -> None:
    """Print what can be configured of one, and the fields of its result; raise `NotFound`."""
    executor = standard_executors().get(name)
    schema = described_schema(executor.config)
    fields = result_fields(executor)
    if json_output:
        found = {"name": name, "summary": executor.summary, "config": schema, "result": list(fields)}
        typer.echo(json.dumps(found, indent=2))
        return
    typer.echo(printable(f"{name}: {executor.summary}\n"))
    required = cast("list[str]", schema.get("required", []))
    rows = [
        (Text(key), Text(_kind(value)), Text("required" if key in required else ""), Text(_first_line(value)))
        for key, value in cast("Mapping[str, Mapping[str, Any]]", schema.get("properties", {})).items()
    ]
    columns = (Column(title="key", copied=True), Column(title="type"), Column(title=""), Column(title="meaning"))
    print_list(list_console(), columns, rows)
    more = ", and others" if executor.open_result else ""
    typer.echo(f"\nresult: {', '.join(fields)}{more}" if fields else "\nresult: a plain value")


def _kind(schema: Mapping[str, Any]) -> str:
    """Return what a value is, in a word or two."""
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if choices := cast("list[Mapping[str, Any]]", schema.get("anyOf", schema.get("oneOf", []))):
        kinds = dict.fromkeys(_kind(choice) for choice in choices)
        return " | ".join(kind for kind in kinds if kind != "null") or "null"
    if "const" in schema:
        return str(schema["const"])
    return str(schema.get("type", "section" if "$ref" in schema else "anything"))


def _first_line(schema: Mapping[str, Any]) -> str:
    return printable(str(schema.get("description", "")).partition("\n")[0])
