"""`quorate flow runs` and `show`: runs of flows that were kept."""

from typing import Annotated, Literal

import typer

from quorate.cli.flow_options import complete_flows
from quorate.cli.options import ConfigOption, JsonOption

StatusName = Literal["queued", "running", "waiting", "succeeded", "partial", "failed", "cancelled"]


def runs(
    flow: Annotated[
        str | None, typer.Option("--flow", metavar="NAME", autocompletion=complete_flows, help="Of this flow only.")
    ] = None,
    status: Annotated[StatusName | None, typer.Option("--status", help="That stand like this.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many.")] = 20,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """List runs of flows in the configured journal, the latest first."""
    # slow: the journal
    from quorate.cli.flow_runs_view import print_flow_runs  # noqa: PLC0415

    print_flow_runs(config, flow=flow, status=status, limit=limit, json_output=json_output)


def show(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="As `quorate flow runs` shows it.")],
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show a run with its steps, errors and outputs."""
    # slow: the journal
    from quorate.cli.flow_runs_view import print_flow_run  # noqa: PLC0415

    print_flow_run(run_id, config, json_output=json_output)
