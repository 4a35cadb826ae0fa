"""Run a flow and show it: live on a terminal, plainly when piped, as JSON."""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import typer
from rich.console import Console

from quorate.cli.exit_code import ExitCode
from quorate.cli.flow_board import FlowBoard
from quorate.cli.flow_inputs import GivenInputs, kept_inputs
from quorate.cli.flow_view import error_lines, live_flow, show_flow_result, step_table, summary_lines
from quorate.cli.printable import printable, printable_json
from quorate.config import Built, build, configure, simulated_settings
from quorate.config.flows_folder import flows_folder
from quorate.config.flows_setup import open_flows
from quorate.core.clock import SystemClock
from quorate.core.errors import InvalidRequest, QuorateError
from quorate.core.ids import RunId
from quorate.core.tasks import background
from quorate.core.units import format_usd
from quorate.flows.event import StepEnded
from quorate.flows.flows import Flows
from quorate.flows.outcome import FlowResult, RunStatus
from quorate.flows.plan import Durability, FlowPlan
from quorate.flows.run.watch import Watch
from quorate.model import Event, EventSink, new_call
from quorate.model.event import fan_out
from quorate.source.place import did_you_mean, listed


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowDisplay:
    """What is printed: `rich` draws on a terminal, `status` tells on stderr how it went, `output` is shown alone."""

    json: bool = False
    events: bool = False
    rich: bool = False
    status: bool = True
    output: str | None = None

    @classmethod
    def choose(cls, *, json_output: bool, events: bool, quiet: bool, output: str | None) -> "FlowDisplay":
        """Return the display for the flags and for what stdout is."""
        plain = json_output or events or quiet or output is not None
        return cls(
            json=json_output,
            events=events,
            rich=sys.stdout.isatty() and not plain,
            status=not (json_output or events or quiet),
            output=output,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowOrder:
    """What is to be run: a flow with its inputs. `simulated`: by simulated models, whatever is configured."""

    plan: FlowPlan
    folder: Path
    inputs: GivenInputs
    durable: bool = False
    timeout_s: float | None = None
    simulated: bool = False


def run_flow(order: FlowOrder, config: Path | None, display: FlowDisplay) -> FlowResult:
    """Run a flow, print what came of it and return it. Ctrl-C cancels it and exits with 130; again, at once."""
    built = built_for(config, simulated=order.simulated)
    flows = open_flows(built, SystemClock(), folder=order.folder, durable=order.durable)

    async def work(sink: EventSink) -> FlowResult:
        call = new_call(
            clock=flows.clock,
            timeout_s=order.timeout_s,
            limit_microusd=built.defaults.max_cost_microusd,
            sink=sink,
        )
        if order.durable and display.status:
            typer.echo(f"run {call.id}", err=True)
        try:
            inputs = await kept_inputs(order.inputs, flows, call.id)
            durability = _durability(order)
            return await flows.run(order.plan, inputs, call, durability=durability, labels={"trigger": "cli"})
        finally:
            if not order.durable:
                await flows.files.delete(call.id)

    return _shown(built, flows, work, display)


def resume_run(run: str, config: Path | None, display: FlowDisplay) -> FlowResult:
    """Run a run on that failed or was cancelled, print what came of it and return it."""
    built = configure(config)
    flows = open_flows(built, SystemClock(), folder=flows_folder(built.settings) or Path())

    async def work(sink: EventSink) -> FlowResult:
        async with flows.watching(RunId(run)) as watch, background(_told(watch, sink)):
            return await flows.runner.resume(RunId(run))

    return _shown(built, flows, work, display)


def built_for(config: Path | None, *, simulated: bool) -> Built:
    """Return the configuration built; `simulated`: with the five simulated models in place of all others. Blocking."""
    if not simulated:
        return configure(config)
    other = build(simulated_settings())
    return replace(configure(config, probe=False), catalog=other.catalog, defaults=other.defaults, prompts=None)


def require_output(plan: FlowPlan, name: str | None) -> None:
    """Raise `InvalidRequest` for an output that the flow does not have: before anything is paid for."""
    known = [each.name for each in plan.outputs]
    if name is not None and name not in known:
        hint = did_you_mean(name, known) or f" (outputs: {listed(known)})"
        raise InvalidRequest(f"the flow {plan.name!r} has no output {name!r}{hint}", param="output")


def leave(result: FlowResult) -> None:
    """End the command with the exit code for how a run ended: outputs with handled errors are a success."""
    if result.status not in {RunStatus.SUCCEEDED, RunStatus.PARTIAL}:
        raise typer.Exit(ExitCode.FAILED)


def _durability(order: FlowOrder) -> Durability:
    if not order.durable:
        return Durability.FAST
    own = order.plan.limits.durability
    return Durability.DURABLE if own is Durability.FAST else own


async def _told(watch: Watch, sink: EventSink) -> None:
    async for seen in watch:
        sink(seen.event)


def _shown(
    built: Built, flows: Flows, work: Callable[[EventSink], Coroutine[Any, Any, FlowResult]], display: FlowDisplay
) -> FlowResult:
    board, console = FlowBoard(), Console()

    async def main() -> FlowResult:
        try:
            return await work(_sink(board, display))
        finally:
            await flows.close()
            await built.close()

    try:
        with live_flow(board, console) if display.rich else nullcontext():
            result = asyncio.run(main())
    except KeyboardInterrupt:
        spent = format_usd(board.spent_microusd)
        typer.echo(f"interrupted after {board.elapsed_s:.1f} s; spent until then: {spent}", err=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except QuorateError:
        if display.rich and board.rows:
            console.print(step_table(list(board.rows.values())))
        raise
    print_flow_result(result, display, console)
    if display.status and all(card.simulated for card in built.catalog.cards()):
        typer.echo("note: all models here are simulated", err=True)
    return result


def print_flow_result(result: FlowResult, display: FlowDisplay, console: Console) -> None:
    """Print a run that has ended."""
    if display.json:
        typer.echo(printable_json(json.dumps(msgspec.to_builtins(result), ensure_ascii=False, indent=2)))
        return
    if display.rich:
        show_flow_result(result, console)
        return
    _print_outputs(result, display)
    if display.status:
        for line in (*error_lines(result), *summary_lines(result)):
            typer.echo(printable(line), err=True)


def _print_outputs(result: FlowResult, display: FlowDisplay) -> None:
    """Print one output as it is, or all of them as JSON."""
    value: object = result.outputs
    if display.output is not None:
        value = result.outputs.get(display.output)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    typer.echo(printable(text) if sys.stdout.isatty() else text)


def _sink(board: FlowBoard, display: FlowDisplay) -> EventSink:
    if display.events:
        return fan_out(board, _write_event)
    return fan_out(board, _write_step) if display.status and not display.rich else board


def _write_event(event: Event) -> None:
    typer.echo(msgspec.json.encode(event).decode(), err=True)


def _write_step(event: Event) -> None:
    """Tell on one line that a step of the flow itself has ended."""
    if isinstance(event, StepEnded) and not {"/", "["} & set(event.step):
        how = {"step.finished": "succeeded", "step.failed": "failed", "step.skipped": "skipped"}[_tag(event)]
        typer.echo(printable(f"{event.percent:3.0f}%  {event.step}: {how} at {event.at_s:.2f} s"), err=True)


def _tag(event: Event) -> str:
    return str(type(event).__struct_config__.tag)
