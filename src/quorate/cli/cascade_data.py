"""Which recorded answers a cascade is fitted to or measured on: flags that two commands share, and reading them."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from quorate.core.errors import InvalidRequest

if TYPE_CHECKING:
    from quorate.analytics.cascade_cases import CascadeCases

_PROGRESS_EVERY = 250
_data = partial(typer.Option, rich_help_panel="Recorded answers")

DataOption = Annotated[Path, _data("--data", metavar="FILE", help="Recorded answers: .jsonl, .jsonl.gz or .jsonl.zst.")]
CostsOption = Annotated[
    Path | None, _data("--costs", metavar="FILE", help="What each answer cost: .csv, .jsonl or .parquet.")
]
CheapOption = Annotated[str, _data("--cheap", metavar="A,B", help="The models of the first stage.")]
StrongOption = Annotated[str, _data("--strong", metavar="C", help="The model of the second stage.")]
TrackOption = Annotated[str | None, _data("--track", metavar="NAME", help="Only the recordings of this track.")]
HalfOption = Annotated[
    Literal["first", "second"] | None,
    _data("--half", help="Only half of the prompts: fit on one, measure on the other."),
]


def read_cases(
    data: Path,
    costs: Path | None,
    cheap: str,
    strong: str,
    track: str | None,
    half: Literal["first", "second"] | None,
) -> "CascadeCases":
    """Return the cases that the flags name; raises `InvalidRequest` for files and models that are not there."""
    for name, file in (("data", data), ("costs", costs)):
        if file is not None and not file.is_file():
            raise InvalidRequest(f"there is no file {str(file)!r}", param=name)
    # slow: numpy, needed only here
    from quorate.analytics.cascade_cases import cascade_cases  # noqa: PLC0415
    from quorate.analytics.recorded_costs import NO_COSTS, read_costs  # noqa: PLC0415
    from quorate.providers.recorded import read_recordings  # noqa: PLC0415

    tells = sys.stderr.isatty()
    found = cascade_cases(
        read_recordings(data),
        cheap=[name.strip() for name in cheap.split(",") if name.strip()],
        strong=strong.strip(),
        costs=NO_COSTS if costs is None else read_costs(costs),
        track=track,
        half=half,
        progress=_count if tells else None,
    )
    if tells:
        typer.echo("\r\x1b[K", nl=False, err=True)
    return found


def _count(read: int) -> None:
    if read % _PROGRESS_EVERY == 0:
        typer.echo(f"\r{read} questions read", nl=False, err=True)
