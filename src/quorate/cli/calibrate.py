"""`quorate calibrate`: learn from recorded answers what agreement is worth."""

import json
from pathlib import Path
from typing import Annotated

import typer

from quorate.cli import calibrate_cascade
from quorate.cli.counting import counting
from quorate.cli.default_command import group_with_default
from quorate.cli.options import JsonOption
from quorate.core.clock import SystemClock
from quorate.core.errors import InvalidRequest

_CONSENSUS = "consensus"

app = typer.Typer(
    cls=group_with_default(_CONSENSUS),
    no_args_is_help=True,
    help="Learn from recorded answers what agreement is worth: `quorate calibrate --data FILE`. No model is asked.",
)


@app.command(_CONSENSUS)
def consensus(
    data: Annotated[
        Path, typer.Option("--data", metavar="FILE", help="Recorded answers: .jsonl, .jsonl.gz or .jsonl.zst.")
    ],
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the calibration, as JSON.")] = None,
    panel_size: Annotated[int, typer.Option(min=2, help="The largest panel; the smaller ones come with it.")] = 5,
    draws: Annotated[int | None, typer.Option(min=1, help="Random panels per question.")] = None,
    seed: Annotated[int, typer.Option(help="Which panels are drawn.")] = 0,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Agreement that counts as agreeing.")] = 0.7,
    task: Annotated[str | None, typer.Option(help="Learn from the recordings of this task alone.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after that many questions.")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw a picture: .png or .svg.")] = None,
    json_output: JsonOption = False,
) -> None:
    """Learn how likely an agreement is right, and how often each model is: for `consensus.calibration`."""
    if not data.is_file():
        raise InvalidRequest(f"there is no file {str(data)!r}", param="data")
    # slow: msgspec and the recordings' formats, needed only here
    from quorate.analytics.calibrate import DEFAULT_DRAWS, calibrate  # noqa: PLC0415
    from quorate.analytics.calibration_view import (  # noqa: PLC0415
        calibration_dict,
        calibration_text,
        plot_calibration,
    )
    from quorate.config.calibration import source_of, write_calibration  # noqa: PLC0415
    from quorate.providers.recorded import read_recordings  # noqa: PLC0415

    with counting("recordings read") as progress:
        learned = calibrate(
            read_recordings(data),
            panel_size=panel_size,
            draws=draws or DEFAULT_DRAWS,
            seed=seed,
            threshold=threshold,
            task=task,
            limit=limit,
            progress=progress,
        )
    if plot is not None:
        plot_calibration(learned.calibration, plot)
    if out is not None:
        write_calibration(out, learned.calibration, source_of(data, learned.prompts, SystemClock()))
    if json_output:
        counts = {"prompts": learned.prompts, "skipped": learned.skipped, "out": None if out is None else str(out)}
        typer.echo(json.dumps(counts | calibration_dict(learned.calibration), indent=2))
        return
    skipped = f", {learned.skipped} skipped" if learned.skipped else ""
    typer.echo(f"Learned from {learned.prompts} prompts{skipped}\n\n{calibration_text(learned.calibration)}")
    typer.echo(f"\nwritten to {out}" if out is not None else "\nnothing was written; --out FILE keeps it")


app.command("cascade")(calibrate_cascade.calibrate_cascade)
