"""Flags that several commands about flows share, and completion of names of flows, inputs and executors."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from quorate.config.flow_shelf import FlowShelf
    from quorate.flows.plan import FlowPlan


def complete_flows(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the flows that continue what was typed."""
    found = _shelf(context.params.get("config"))
    if found is None:
        return []
    book = found.book
    return [(name, book.usual(name).description) for name in book.names() if name.startswith(incomplete)]


def complete_inputs(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the inputs of the flow that the line names, as `name=`."""
    plan = _plan(context)
    if plan is None or "=" in incomplete:
        return []
    described = {name: str(schema.get("description", "")) for name, schema in plan.input_schema["properties"].items()}
    return [(f"{name}=", told) for name, told in described.items() if name.startswith(incomplete)]


def complete_executors(incomplete: str) -> list[tuple[str, str]]:
    """Return the executors that continue what was typed."""
    # slow: pydantic, needed only when a name is completed
    from quorate.flows.executors.standard import standard_executors  # noqa: PLC0415

    executors = standard_executors()
    return [(name, executors.get(name).summary) for name in executors.names() if name.startswith(incomplete)]


FlowArgument = Annotated[
    str,
    typer.Argument(metavar="FLOW", autocompletion=complete_flows, help="A name, `NAME@VERSION`, or a file."),
]
FlowArguments = Annotated[
    list[str] | None,
    typer.Argument(metavar="FLOW", autocompletion=complete_flows, help="Names or files; none: all of the folder."),
]
OutFile = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to this file instead of stdout.")
]


def _shelf(config: object) -> "FlowShelf | None":
    try:
        # slow: pydantic and yaml, needed only when a name is completed
        from quorate.config import load_settings  # noqa: PLC0415
        from quorate.config.flow_shelf import open_shelf  # noqa: PLC0415

        return open_shelf(load_settings(Path(str(config)) if config else None, probe=False))
    except Exception:  # noqa: BLE001 - a broken configuration must not break the shell's line
        return None


def _plan(context: typer.Context) -> "FlowPlan | None":
    # A flag that still waits for its value leaves what was written before it among the arguments.
    flow, config = context.params.get("flow") or next(iter(context.args), None), context.params.get("config")
    try:
        # slow: pydantic and yaml, needed only when a name is completed
        from quorate.config.flow_target import open_flow  # noqa: PLC0415

        return open_flow(str(flow), Path(str(config)) if config else None)[1]
    except Exception:  # noqa: BLE001 - a broken flow must not break the shell's line
        return None
