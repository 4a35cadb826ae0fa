"""Tests of flows on the terminal, as JSON, and as JUnit's XML."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

import typer

from quorate.cli.flow_work import built_for
from quorate.cli.printable import printable, printable_json
from quorate.config import Built, load_settings
from quorate.config.flow_target import FlowTarget, plans_of
from quorate.config.flows_setup import open_flows
from quorate.config.load import Settings
from quorate.core.clock import SystemClock
from quorate.core.errors import InvalidRequest
from quorate.flows.flow_tests import FlowTestReport, FlowTests


def flows_tested(names: Sequence[str], config: Path | None, *, live: bool, simulated: bool) -> list[FlowTestReport]:
    """Return how the tests of flows went; raise `BadConfiguration` for flows that cannot be compiled. Blocking."""
    settings = load_settings(config, probe=False)
    built = built_for(config, simulated=simulated)
    return asyncio.run(_tested(_by_folder(names, settings), settings, built, live=live))


async def _tested(
    groups: dict[Path | None, list[str]], settings: Settings, built: Built, *, live: bool
) -> list[FlowTestReport]:
    reports: list[FlowTestReport] = []
    try:
        for folder, names in groups.items():
            flows = await asyncio.to_thread(open_flows, built, SystemClock(), folder=folder, durable=False)
            try:
                tests = await asyncio.to_thread(FlowTests, flows, live=live)
                for plan in await asyncio.to_thread(plans_of, names, flows.book, settings):
                    reports += await tests.run_all(plan)
            finally:
                await flows.close()
    finally:
        await built.close()
    return reports


def _by_folder(names: Sequence[str], settings: Settings) -> dict[Path | None, list[str]]:
    groups: dict[Path | None, list[str]] = {} if names else {None: []}
    for name in names:
        groups.setdefault(FlowTarget.of(name, settings).folder, []).append(name)
    return groups


def print_reports(reports: Sequence[FlowTestReport], *, json_output: bool) -> None:
    """Print a line for each test, and for one that did not pass what was expected and what was found."""
    passed = sum(report.passed for report in reports)
    if json_output:
        found = {"passed": passed, "tests": [report.to_dict() for report in reports]}
        typer.echo(printable_json(json.dumps(found, indent=2, ensure_ascii=False)))
        return
    for report in reports:
        mark = "✓" if report.passed else "✗"
        typer.echo(printable(f"{mark} {report.flow}: {report.test} ({report.duration_s * 1000:.0f} ms)"))
        for line in failure_lines(report):
            typer.echo(printable(f"    {line}"))
    typer.echo(f"{passed} of {len(reports)} passed" if reports else "there are no tests in these flows")


def failure_lines(report: FlowTestReport) -> Iterator[str]:
    """Yield what is wrong with a test that did not pass; nothing for another."""
    if report.passed:
        return
    if report.place:
        yield f"at {report.place}"
    if report.error:
        yield report.error
    for check in report.checks:
        if not check.passed:
            yield f"{check.what}: expected {check.expected}"
            yield f"{' ' * len(check.what)}  found    {check.found}"
    for error in report.result.errors if report.result else ():
        yield f"{error.stage}: {error.code}: {error.message}{f' ({error.hint})' if error.hint else ''}"


def write_junit(reports: Sequence[FlowTestReport], file: Path) -> None:
    """Write the report that build servers read; raise `InvalidRequest` where that is not possible."""
    try:
        file.write_text("\n".join(_junit(reports)) + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(f"{str(file)!r} cannot be written: {error.strerror}", param="junit") from None


def _junit(reports: Sequence[FlowTestReport]) -> Iterator[str]:
    failures = sum(not report.passed for report in reports)
    time_s = sum(report.duration_s for report in reports)
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f'<testsuite name="quorate flow test" tests="{len(reports)}" failures="{failures}" time="{time_s:.3f}">'
    for report in reports:
        name, flow = escape(printable(report.test)), escape(printable(report.flow))
        head = f'  <testcase classname="{flow}" name="{name}" time="{report.duration_s:.3f}"'
        if report.passed:
            yield f"{head}/>"
            continue
        yield f"{head}>"
        told = escape(printable("\n".join(failure_lines(report))))
        yield f'    <failure message="not as expected">{told}</failure>'
        yield "  </testcase>"
    yield "</testsuite>"
