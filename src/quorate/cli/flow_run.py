"""`quorate flow run` and `resume`."""

from typing import Annotated

import typer

from quorate.cli.flow_options import FlowArgument, complete_inputs
from quorate.cli.options import ConfigOption, JsonOption

SimulatedOption = Annotated[
    bool, typer.Option("--simulated", help="Ask the five simulated models, whatever is configured.")
]
EventsOption = Annotated[bool, typer.Option("--events", help="Write every event as a line of JSON to stderr.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print the outputs and nothing else.")]
OutputOption = Annotated[
    str | None, typer.Option("--output", "-o", metavar="NAME", help="Print this output alone, a text as it is.")
]


def run(
    *,
    flow: FlowArgument,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            "-i",
            metavar="NAME=VALUE",
            autocompletion=complete_inputs,
            help="An input; `NAME=@FILE` takes the text of a file. More than one may be given.",
        ),
    ] = None,
    whole: Annotated[
        str | None, typer.Option("--inputs", metavar="FILE", help="All inputs in a JSON or YAML file; `-`: from stdin.")
    ] = None,
    files: Annotated[
        list[str] | None,
        typer.Option("--file", "-f", metavar="NAME=PATH", help="A file for an input that takes one."),
    ] = None,
    output: OutputOption = None,
    durable: Annotated[
        bool, typer.Option("--durable", help="Keep the run, so that it can be looked at and resumed.")
    ] = False,
    timeout_s: Annotated[
        float | None, typer.Option("--timeout", metavar="SECONDS", min=0, help="How long it may take.")
    ] = None,
    simulated: SimulatedOption = False,
    events: EventsOption = False,
    quiet: QuietOption = False,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Run a flow here and now and print its outputs.

    On a terminal a table shows the steps; piped, stdout holds the outputs as JSON and stderr what happens. Ctrl-C
    cancels the run: what `finally` says is done, a second one ends at once. Exits with 1 if the run failed.
    """
    # slow: the engine
    from quorate.cli.flow_inputs import given_inputs  # noqa: PLC0415
    from quorate.cli.flow_work import FlowDisplay, FlowOrder, leave, require_output, run_flow  # noqa: PLC0415
    from quorate.config.flow_target import open_flow  # noqa: PLC0415

    shelf, plan = open_flow(flow, config)
    require_output(plan, output)
    order = FlowOrder(
        plan=plan,
        folder=shelf.folder,
        inputs=given_inputs(plan, pairs=inputs or [], whole=whole, files=files or []),
        durable=durable,
        timeout_s=timeout_s,
        simulated=simulated,
    )
    display = FlowDisplay.choose(json_output=json_output, events=events, quiet=quiet, output=output)
    leave(run_flow(order, config, display))


def resume(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="As `quorate flow runs` shows it.")],
    output: OutputOption = None,
    events: EventsOption = False,
    quiet: QuietOption = False,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Run a kept run on that failed or was cancelled: what has finished is not done again."""
    # slow: the engine
    from quorate.cli.flow_work import FlowDisplay, leave, resume_run  # noqa: PLC0415

    display = FlowDisplay.choose(json_output=json_output, events=events, quiet=quiet, output=output)
    leave(resume_run(run_id, config, display))
