"""`quorate eval judge`: how right a judging model is, and which biases it has."""

import json
from pathlib import Path
from typing import Annotated

import typer

from quorate.cli.eval_options import ReportOption
from quorate.cli.options import ConfigOption, JsonOption, complete_models
from quorate.cli.printable import printable
from quorate.core.errors import InvalidRequest
from quorate.core.units import MICROUSD_PER_USD

_Judges = Annotated[
    str,
    typer.Option(
        "--judge",
        metavar="A,B",
        autocompletion=complete_models,
        help="The models that judge: configured names or `provider:model-id`.",
    ),
]
_Data = Annotated[
    Path, typer.Option("--data", metavar="FILE", help="Labelled pairs or recorded answers: .jsonl, .jsonl.gz.")
]
_Own = Annotated[
    str | None, typer.Option(metavar="NAME", help="The name under which the one judge's own answers are recorded.")
]
_MaxCost = Annotated[float | None, typer.Option("--max-cost", min=0, metavar="USD", help="The most this run may cost.")]
_Resume = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="A journal: what it holds is not asked again, what is done is added."),
]


def judge(
    judges: _Judges,
    data: _Data,
    own: _Own = None,
    answers: Annotated[int, typer.Option(min=2, max=20, help="Recorded answers in each choice.")] = 4,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after that many tasks.")] = None,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Joint score at which a pair agrees.")] = 0.7,
    seed: Annotated[int, typer.Option(help="Which answers are shown, in which order.")] = 0,
    max_cost_usd: _MaxCost = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="The most tokens a verdict may have.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=100, help="Calls at once.")] = 4,
    resume: _Resume = None,
    report: ReportOption = None,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Measure judges: accuracy, and bias for places, for length, for their own answers. This asks the models.

    Every task is asked in both orders. Press Ctrl-C to stop; with --resume the next run goes on from there.
    """
    names = list(dict.fromkeys(name.strip() for name in judges.split(",") if name.strip()))
    _check(names, data, own, threshold, max_cost_usd)
    # slow: numpy and the library, needed only here
    from quorate.analytics.judge_text import render_judges  # noqa: PLC0415
    from quorate.cli.judge_work import Work, measure  # noqa: PLC0415

    found = measure(
        Work(
            judges=names,
            data=data,
            own=own,
            answers=answers,
            limit=limit,
            threshold=threshold,
            seed=seed,
            limit_microusd=None if max_cost_usd is None else round(max_cost_usd * MICROUSD_PER_USD),
            max_tokens=max_tokens,
            concurrency=concurrency,
            journal=resume,
            report=report,
            config=config,
        )
    )
    if json_output:
        typer.echo(json.dumps(found.to_dict(), indent=2))
    else:
        typer.echo(printable(render_judges(found)))


def _check(names: list[str], data: Path, own: str | None, threshold: float, max_cost_usd: float | None) -> None:
    if not names:
        raise InvalidRequest("no judge is named; give --judge a model", param="judge")
    if not data.is_file():
        raise InvalidRequest(f"there is no file {str(data)!r}", param="data")
    if own is not None and len(names) > 1:
        raise InvalidRequest(f"--own is of one judge, and {len(names)} are named", param="own")
    if not threshold > 0:
        raise InvalidRequest(f"the threshold {threshold!r} is not in (0, 1]; 0.7 is usual", param="threshold")
    if max_cost_usd is not None and not max_cost_usd > 0:
        raise InvalidRequest(
            f"--max-cost is {max_cost_usd!r}; it must be above 0, and is left out for no limit", param="max_cost"
        )
