"""`quorate eval cascade`: what a cascade is worth on recorded answers."""

import json
from pathlib import Path
from typing import Annotated

import typer

from quorate.cli.cascade_data import (
    CheapOption,
    CostsOption,
    DataOption,
    HalfOption,
    StrongOption,
    TrackOption,
    read_cases,
)
from quorate.cli.eval_options import ReportOption
from quorate.cli.options import JsonOption
from quorate.core.errors import InvalidRequest


def eval_cascade(
    data: DataOption,
    cheap: CheapOption = None,
    strong: StrongOption = None,
    costs: CostsOption = None,
    track: TrackOption = None,
    half: HalfOption = None,
    below: Annotated[
        float | None, typer.Option(min=0, max=1, metavar="SHARE", help="Escalate below this agreement.")
    ] = None,
    rule: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Escalate by a rule of `quorate calibrate cascade`.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Which resamples the intervals come from.")] = 0,
    report: ReportOption = None,
    json_output: JsonOption = False,
) -> None:
    """Measure a cascade: right answers, cost beside the best single model, how often it escalates. Prints Markdown."""
    if below is not None and rule is not None:
        raise InvalidRequest("a cascade escalates by --below or by --rule; give one", param="rule")
    if rule is not None and not rule.is_file():
        raise InvalidRequest(f"there is no file {str(rule)!r}", param="rule")
    # slow: msgspec and numpy, needed only here
    from quorate.analytics.cascade_page import write_cascade_report  # noqa: PLC0415
    from quorate.analytics.cascade_report import evaluate_cascade  # noqa: PLC0415
    from quorate.analytics.cascade_text import render_cascade  # noqa: PLC0415
    from quorate.analytics.report_files import require_writable  # noqa: PLC0415
    from quorate.consensus.escalation import decode_rule  # noqa: PLC0415
    from quorate.parallel.escalation import USUAL_BELOW  # noqa: PLC0415

    if report is not None:
        require_writable(report)
    fitted = None if rule is None else decode_rule(rule.read_bytes(), name=str(rule))
    if fitted is not None and cheap is None and strong is None:
        cheap, strong = ",".join(fitted.origin.cheap), fitted.origin.strong
    found = read_cases(data, costs, cheap, strong, track, half)
    measured = evaluate_cascade(found, rule=fitted, below=USUAL_BELOW if below is None else below, seed=seed)
    if fitted is not None and fitted.origin.data == data.name and (not half or fitted.origin.half in {"", half}):
        typer.echo("note: the rule was fitted on these prompts; measure it on others", err=True)
    if report is not None:
        write_cascade_report(measured, report, source=data.name)
    typer.echo(json.dumps(measured.to_dict(), indent=2) if json_output else render_cascade(measured))
