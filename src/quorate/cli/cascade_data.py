"""Which recorded answers a cascade is fitted to or measured on: flags that two commands share, and reading them."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from quorate.cli.counting import counting
from quorate.core.errors import InvalidRequest

if TYPE_CHECKING:
    from quorate.analytics.cascade_cases import CascadeCases

_data = partial(typer.Option, rich_help_panel="Recorded answers")

DataOption = Annotated[Path, _data("--data", metavar="FILE", help="Recorded answers: .jsonl, .jsonl.gz or .jsonl.zst.")]
CostsOption = Annotated[
    Path | None, _data("--costs", metavar="FILE", help="What each answer cost: .csv, .jsonl or .parquet.")
]
CheapOption = Annotated[
    str | None,
    _data(
        "--cheap",
        metavar="A,B",
        help="The models of the first stage; not given: two that cost far less than C.",
    ),
]
StrongOption = Annotated[
    str | None,
    _data("--strong", metavar="C", help="The model of the second stage; not given: the one most often right."),
]
TrackOption = Annotated[str | None, _data("--track", metavar="NAME", help="Only the recordings of this track.")]
HalfOption = Annotated[
    Literal["first", "second"] | None,
    _data("--half", help="Only half of the prompts: fit on one, measure on the other."),
]


def read_cases(
    data: Path,
    costs: Path | None,
    cheap: str | None,
    strong: str | None,
    track: str | None,
    half: Literal["first", "second"] | None,
) -> "CascadeCases":
    """Return the cases that the flags name; raises `InvalidRequest` for files and models that are not there.

    Without models, those that the recordings suggest are taken, and named on stderr.
    """
    if (cheap is None) != (strong is None):
        raise InvalidRequest("give both --cheap and --strong, or neither", param="cheap" if cheap is None else "strong")
    for name, file in (("data", data), ("costs", costs)):
        if file is not None and not file.is_file():
            raise InvalidRequest(f"there is no file {str(file)!r}", param=name)
    # slow: numpy, needed only here
    from quorate.analytics.cascade_cases import cascade_cases  # noqa: PLC0415
    from quorate.analytics.cascade_choice import choose_models  # noqa: PLC0415
    from quorate.analytics.recorded_costs import NO_COSTS, read_costs  # noqa: PLC0415
    from quorate.providers.recorded import read_recordings  # noqa: PLC0415

    known = NO_COSTS if costs is None else read_costs(costs)
    if cheap is None or strong is None:
        with counting("recordings read to choose models") as progress:
            choice = choose_models(read_recordings(data), known, track=track, half=half, progress=progress)
        first, second = list(choice.cheap), choice.strong
        typer.echo(f"from {', '.join(first)} to {second}; --cheap and --strong name others", err=True)
    else:
        first, second = [name.strip() for name in cheap.split(",") if name.strip()], strong.strip()
    with counting("recordings read") as progress:
        return cascade_cases(
            read_recordings(data), cheap=first, strong=second, costs=known, track=track, half=half, progress=progress
        )
