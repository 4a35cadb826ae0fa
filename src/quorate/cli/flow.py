"""`quorate flow`: make, check, look at, test and run flows."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from quorate.cli import flow_run, flow_runs
from quorate.cli.exit_code import ExitCode
from quorate.cli.flow_options import FlowArgument, FlowArguments, OutFile, complete_executors
from quorate.cli.light_group import LightGroup
from quorate.cli.options import ConfigOption, JsonOption
from quorate.cli.printable import printable, printable_json
from quorate.core.errors import InvalidRequest

FormatName = Literal["svg", "mermaid"]
TemplateName = Literal["hello", "parallel", "loop", "documents"]

app = typer.Typer(cls=LightGroup, no_args_is_help=True, help="Make, check, look at, test and run flows.")


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the flow is called.")],
    template: Annotated[TemplateName, typer.Option("--template", "-t", help="What it begins with.")] = "hello",
    config: ConfigOption = None,
) -> None:
    """Write a commented flow to begin with; it runs with simulated models. Nothing is overwritten."""
    # slow: pydantic and yaml, needed only to find the folder
    from quorate.cli.flow_new import write_flow  # noqa: PLC0415

    file = write_flow(name, template, config)
    typer.echo(f"wrote {file}; see what it does with: quorate flow plan {name}")


@app.command("list")
def list_flows(config: ConfigOption = None, json_output: JsonOption = False) -> None:
    """List the flows, their versions and what they are for."""
    # slow: pydantic, yaml and the compiler
    from quorate.cli.flow_list import print_flows  # noqa: PLC0415

    print_flows(config, json_output=json_output)


@app.command("check")
def check(
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FLOW|FILE|FOLDER]...", help="What to check; none: all of the folder of flows."),
    ] = None,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Find everything that is wrong with flows, each with its line; nothing is run. Exits with 1 if something is."""
    # slow: pydantic, yaml and the compiler
    from quorate.cli.flow_check import check_flows, print_checked  # noqa: PLC0415

    found = check_flows(targets or [], config)
    print_checked(found, json_output=json_output)
    if found.problems:
        raise typer.Exit(ExitCode.FAILED)


@app.command("plan")
def plan(
    flow: FlowArgument,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="TEXT", help="Of several versions, the one that runs with this key get."),
    ] = None,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show what waits for what, the critical path, what may be skipped and what a run costs at most; nothing is run."""
    # slow: pydantic, yaml and the compiler
    from quorate.cli.flow_pages import analysis_of  # noqa: PLC0415
    from quorate.flows.analysis_text import analysis_text  # noqa: PLC0415

    found = analysis_of(flow, config, key=key)
    text = json.dumps(found.to_dict(), indent=2, ensure_ascii=False) if json_output else analysis_text(found)
    typer.echo(printable_json(text) if json_output else printable(text))


app.command("run")(flow_run.run)
app.command("resume")(flow_run.resume)
app.command("runs")(flow_runs.runs)
app.command("show")(flow_runs.show)


@app.command("test")
def run_tests(
    flows: FlowArguments = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write a report in JUnit's XML as well.")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Let steps that are not mocked ask real models and servers; that may cost.")
    ] = False,
    simulated: flow_run.SimulatedOption = False,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Run the tests that are written in flows. Exits with 1 if one does not pass.

    Steps that a test mocks are not executed, and a `wait` takes no time.
    """
    # slow: the engine
    from quorate.cli.flow_testing import flows_tested, print_reports, write_junit  # noqa: PLC0415

    if live and simulated:
        raise InvalidRequest("--live asks real models and --simulated asks none; give one of them", param="live")
    reports = flows_tested(flows or [], config, live=live, simulated=simulated)
    print_reports(reports, json_output=json_output)
    if junit is not None:
        write_junit(reports, junit)
    if not all(report.passed for report in reports):
        raise typer.Exit(ExitCode.FAILED)


@app.command("graph")
def graph(
    flow: FlowArgument,
    form: Annotated[
        FormatName | None, typer.Option("--format", help="As a picture or as text; not given: by the file's name.")
    ] = None,
    output: OutFile = None,
    config: ConfigOption = None,
) -> None:
    """Draw a flow."""
    # slow: pydantic, yaml and the compiler
    from quorate.cli.flow_pages import drawn, write_page  # noqa: PLC0415

    as_svg = form == "svg" or (form is None and (output is None or output.suffix == ".svg"))
    write_page(drawn(flow, config, as_svg=as_svg), output)


@app.command("docs")
def docs(flow: FlowArgument, output: OutFile = None, config: ConfigOption = None) -> None:
    """Write a page about a flow in Markdown: inputs, outputs, steps, a graph, and how it is run."""
    # slow: pydantic, yaml and the compiler
    from quorate.cli.flow_pages import page_of, write_page  # noqa: PLC0415

    write_page(page_of(flow, config), output)


@app.command("executors")
def executors(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", autocompletion=complete_executors, help="The one to show; none: list all."),
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """List what steps can do, or show the configuration and the result of one executor."""
    # slow: pydantic, needed only to show them
    from quorate.cli.executors_view import print_executor, print_executors  # noqa: PLC0415

    if name is None:
        print_executors(json_output=json_output)
    else:
        print_executor(name, json_output=json_output)


@app.command("schema")
def schema() -> None:
    """Print the JSON Schema of flows, for editors."""
    # slow: pydantic, needed only to show them
    from quorate.flows.executors.standard import standard_executors  # noqa: PLC0415
    from quorate.flows.language.schema import flow_schema  # noqa: PLC0415

    typer.echo(json.dumps(flow_schema(standard_executors()), indent=2))
