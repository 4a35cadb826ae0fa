"""`quorate flow`: check, look at, test, draw and run flows."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from quorate.cli.exit_code import ExitCode
from quorate.cli.options import ConfigOption, JsonOption
from quorate.cli.printable import printable, printable_json

app = typer.Typer(no_args_is_help=True, help="Check, look at, test, draw and run flows.")

FlowArgument = Annotated[str, typer.Argument(metavar="FLOW", help="A name, or a file; `NAME@VERSION` for one version.")]
FolderOption = Annotated[
    Path | None,
    typer.Option("--folder", metavar="FOLDER", help="Where the flows are, instead of the configured place."),
]


@app.command("list")
def list_flows(folder: FolderOption = None, config: ConfigOption = None, json_output: JsonOption = False) -> None:
    """List the flows, their versions and what they are for."""
    # slow: executors and the compiler
    from quorate.cli.flow_work import opened  # noqa: PLC0415

    flows = opened(config, folder)
    rows = [(name, flows.book.versions(name), flows.plan(name).description) for name in flows.book.names()]
    if json_output:
        items = [{"name": name, "versions": versions, "description": text} for name, versions, text in rows]
        typer.echo(json.dumps(items, indent=2))
        return
    width = max((len(name) for name, _, _ in rows), default=0)
    for name, versions, text in rows:
        typer.echo(f"{name:<{width}}  {', '.join(versions)}  {printable(text)}")


@app.command("check")
def check(folder: FolderOption = None, config: ConfigOption = None, json_output: JsonOption = False) -> None:
    """Report everything that is wrong with the flows, each problem with file, line and column."""
    # slow: executors and the compiler
    from quorate.cli.flow_work import opened  # noqa: PLC0415

    book = opened(config, folder).book
    problems = book.problems()
    if json_output:
        found = [{"where": each.where, "path": list(each.path), "message": each.message} for each in problems]
        typer.echo(json.dumps({"ok": not problems, "flows": list(book.names()), "problems": found}, indent=2))
    else:
        for problem in problems:
            typer.echo(printable(str(problem)), err=True)
        if not problems:
            count = len(book.names())
            typer.echo(f"{count} flow{'' if count == 1 else 's'}, nothing wrong")
    if problems:
        raise typer.Exit(ExitCode.MISCONFIGURED)


@app.command("plan")
def plan(
    flow: FlowArgument, folder: FolderOption = None, config: ConfigOption = None, json_output: JsonOption = False
) -> None:
    """Show stages, the critical path, what may be skipped and the most it can cost; nothing runs."""
    # slow: executors and the compiler
    from quorate.cli.flow_work import found_plan, opened  # noqa: PLC0415
    from quorate.flows.analyse import analyse  # noqa: PLC0415
    from quorate.flows.analysis_text import analysis_text  # noqa: PLC0415

    flows = opened(config, folder, flow)
    analysis = analyse(found_plan(flows, flow), executors=flows.executors, catalog=flows.services.catalog)
    typer.echo(json.dumps(analysis.to_dict(), indent=2) if json_output else printable(analysis_text(analysis)))


@app.command("graph")
def graph(
    flow: FlowArgument,
    format_: Annotated[Literal["svg", "mermaid"], typer.Option("--format", help="How it is drawn.")] = "mermaid",
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it there.")] = None,
    folder: FolderOption = None,
    config: ConfigOption = None,
) -> None:
    """Draw a flow."""
    # slow: executors and the compiler
    from quorate.cli.flow_work import found_plan, opened  # noqa: PLC0415
    from quorate.flows.draw_mermaid import draw_mermaid  # noqa: PLC0415
    from quorate.flows.draw_svg import draw_svg  # noqa: PLC0415

    found = found_plan(opened(config, folder, flow), flow)
    text = draw_svg(found) if format_ == "svg" else draw_mermaid(found)
    if output is None:
        typer.echo(text)
    else:
        output.write_text(text, encoding="utf-8")


@app.command("run")
def run(
    flow: FlowArgument,
    given: Annotated[
        list[str] | None, typer.Option("--input", "-i", metavar="NAME=VALUE", help="An input; a file by its path.")
    ] = None,
    inputs: Annotated[
        str | None, typer.Option("--inputs", metavar="JSON", help="All inputs as a JSON object, or `@file.json`.")
    ] = None,
    timeout_s: Annotated[float | None, typer.Option("--timeout", metavar="SECONDS", help="At most so long.")] = None,
    durable: Annotated[bool, typer.Option("--durable", help="Keep the run in the journal.")] = False,
    folder: FolderOption = None,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Run a flow and print its outputs; how it went is told on stderr."""
    # slow: executors and the compiler
    from quorate.cli.flow_view import show_result, tell_step  # noqa: PLC0415
    from quorate.cli.flow_work import opened, result_of, spoken_inputs  # noqa: PLC0415
    from quorate.flows.outcome import RunStatus  # noqa: PLC0415

    flows = opened(config, folder, flow, durable=durable)
    spoken = spoken_inputs(given or [], inputs)
    result = result_of(flows, flow, spoken, timeout_s=timeout_s, durable=durable, sink=tell_step)
    show_result(result, json_output=json_output)
    if result.status not in {RunStatus.SUCCEEDED, RunStatus.PARTIAL}:
        raise typer.Exit(ExitCode.FAILED)


@app.command("test")
def run_tests(
    names: Annotated[list[str] | None, typer.Argument(metavar="[FLOW]...", help="All flows if none is named.")] = None,
    live: Annotated[bool, typer.Option("--live", help="Let steps ask real models and servers.")] = False,
    folder: FolderOption = None,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Run the tests that are written in flows; steps that a test does not mock may ask simulated models only."""
    # slow: executors and the compiler
    from quorate.cli.flow_view import show_tests  # noqa: PLC0415
    from quorate.cli.flow_work import opened, reports_of  # noqa: PLC0415

    flows = opened(config, folder, *(names or ()))
    reports = reports_of(flows, names or flows.book.names(), live=live)
    if json_output:
        typer.echo(printable_json(json.dumps([report.to_dict() for report in reports], indent=2, ensure_ascii=False)))
    else:
        show_tests(reports)
    if not all(report.passed for report in reports):
        raise typer.Exit(ExitCode.FAILED)


@app.command("schema")
def schema() -> None:
    """Print the JSON Schema of flows, for editors."""
    # slow: executors and the compiler
    from quorate.flows.executors.standard import standard_executors  # noqa: PLC0415
    from quorate.flows.language.schema import flow_schema  # noqa: PLC0415

    typer.echo(json.dumps(flow_schema(standard_executors()), indent=2))
