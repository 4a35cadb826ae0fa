"""`quorate calibrate cascade`: fit the rule by which a cascade escalates."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

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
from quorate.cli.options import JsonOption
from quorate.core.clock import SystemClock
from quorate.core.errors import InvalidRequest

if TYPE_CHECKING:
    from quorate.analytics.cascade_cases import CascadeCases
    from quorate.analytics.cascade_fit import Fitted

_CHUNK_BYTES = 1 << 20


def calibrate_cascade(
    data: DataOption,
    cheap: CheapOption = None,
    strong: StrongOption = None,
    costs: CostsOption = None,
    track: TrackOption = None,
    half: HalfOption = None,
    target: Annotated[
        Literal["quality", "cost"],
        typer.Option(help="The most right answers for a cost, or the least cost for right answers."),
    ] = "quality",
    at_most: Annotated[
        float | None,
        typer.Option(
            min=0, max=10, metavar="SHARE", help="With `quality`: the cost, as a share of the strong model's alone."
        ),
    ] = None,
    at_least: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, metavar="SHARE", help="With `cost`: the right answers. Not given: the strong model's."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the rule, as JSON.")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the frontier: .png or .svg.")] = None,
    json_output: JsonOption = False,
) -> None:
    """Fit when to go on to the strong model; show what every setting gives, and write the rule for `escalate.rule`."""
    if (at_most is not None and target != "quality") or (at_least is not None and target != "cost"):
        raise InvalidRequest("--at-most goes with --target quality and --at-least with --target cost", param="target")
    found = read_cases(data, costs, cheap, strong, track, half)
    fitted = _fitted(found, data, track, half, target, at_most if target == "quality" else at_least)
    if out is not None:
        out.write_bytes(fitted.rule.encode())
    if plot is not None:
        # slow: numpy, needed only here
        from quorate.analytics.cascade_plot import plot_frontier  # noqa: PLC0415

        plot_frontier(fitted, plot)
    _show(fitted, json_output=json_output)
    left_out = found.read - len(found.cases)
    typer.echo(f"{left_out} of {found.read} recordings left out; costs of {found.priced} joined", err=True)


def _fitted(
    found: "CascadeCases",
    data: Path,
    track: str | None,
    half: str | None,
    target: Literal["quality", "cost"],
    limit: float | None,
) -> "Fitted":
    # slow: numpy, needed only here
    from quorate.analytics.cascade_fit import Target, fit_cascade  # noqa: PLC0415
    from quorate.consensus.escalation import RuleOrigin  # noqa: PLC0415

    origin = RuleOrigin(
        data=data.name,
        sha256=_digest(data),
        size_bytes=data.stat().st_size,
        prompts=len(found.cases),
        cheap=found.cheap,
        strong=found.strong,
        fitted_on=SystemClock().now().date().isoformat(),
        track=track or "",
        half=half or "",
    )
    return fit_cascade(found, target=Target(target), limit=limit, origin=origin)


def _show(fitted: "Fitted", *, json_output: bool) -> None:
    # slow: numpy, needed only here
    from quorate.analytics.cascade_text import render_fitted  # noqa: PLC0415

    if not json_output:
        typer.echo(render_fitted(fitted))
        return
    frontier = [asdict(each) for each in fitted.frontier]
    whole = {"chosen": asdict(fitted.chosen), "frontier": frontier, "rule": json.loads(fitted.rule.encode())}
    typer.echo(json.dumps(whole, indent=2))


def _digest(file: Path) -> str:
    # slow: hashing, needed only here
    from hashlib import sha256  # noqa: PLC0415

    digest = sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
