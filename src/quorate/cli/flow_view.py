"""Runs and tests of flows, on a terminal."""

import json
import sys
from collections.abc import Sequence

import msgspec
import typer

from quorate.cli.printable import printable, printable_json
from quorate.core.units import format_usd
from quorate.flows.event import StepFailed, StepFinished, StepRetry, StepSkipped
from quorate.flows.flow_tests import FlowTestReport
from quorate.flows.outcome import FlowResult
from quorate.model.event import Event


def tell_step(event: Event) -> None:
    """Say on a terminal's stderr how a step ended, as it does."""
    if not sys.stderr.isatty():
        return
    match event:
        case StepFinished():
            line = f"✓ {event.step}  {event.latency_s:.2f} s"
        case StepFailed():
            line = f"✗ {event.step}  {event.code}: {event.message}"
        case StepSkipped():
            line = f"· {event.step}  skipped: {event.reason}"
        case StepRetry():
            line = f"↻ {event.step}  {event.code}, again in {event.delay_s:.1f} s"
        case _:
            return
    typer.echo(printable(line), err=True)


def show_result(result: FlowResult, *, json_output: bool) -> None:
    """Print the outputs, or the whole result as JSON; errors and times go to stderr."""
    if json_output:
        typer.echo(printable_json(msgspec.json.format(msgspec.json.encode(result), indent=2).decode()))
        return
    for name, value in result.outputs.items():
        text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
        typer.echo(printable(f"{name}:\n{text}\n" if "\n" in text else f"{name}: {text}"))
    for error in result.errors:
        hint = f" ({error.hint})" if error.hint else ""
        typer.echo(printable(f"{error.stage or 'flow'}: {error.code}: {error.message}{hint}"), err=True)
    cost = "unknown" if result.cost_microusd is None else format_usd(result.cost_microusd)
    latency = result.latency
    times = f"{latency.total_s:.2f} s, {latency.speedup:.1f}x of one after the other"
    said = ", simulated" if result.simulated else ""
    typer.echo(f"{result.status}: {times}, cost {cost}{said}", err=True)


def show_tests(reports: Sequence[FlowTestReport]) -> None:
    """Print how each test went, and what was not as expected."""
    for report in reports:
        typer.echo(printable(f"{'✓' if report.passed else '✗'} {report.flow}: {report.test}"))
        if report.error:
            typer.echo(printable(f"    {report.place}: {report.error}"))
        for check in report.checks:
            if not check.passed:
                told = f"    {report.place}: {check.what}: expected {check.expected}, found {check.found}"
                typer.echo(printable(told))
    failed = sum(not report.passed for report in reports)
    typer.echo(f"{len(reports)} test{'' if len(reports) == 1 else 's'}, {failed} failed")
