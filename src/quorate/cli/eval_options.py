"""Flags that the commands of `quorate eval` share."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from quorate.cli.options import complete_models

DataOption = Annotated[
    Path | None,
    typer.Option("--data", metavar="FILE", help="Recorded answers: .jsonl, .jsonl.gz or .jsonl.zst."),
]
LimitOption = Annotated[int | None, typer.Option(min=1, metavar="N", help="Stop after that many questions.")]
SeedOption = Annotated[int, typer.Option(metavar="N", help="Makes what is drawn at random repeatable.")]
ReportOption = Annotated[
    Path | None,
    typer.Option("--report", metavar="DIR", help="Write report.md, report.json and pictures as this folder."),
]
JobsOption = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Processes that work at once; as many as processors if not given."),
]
PanelSizeOption = Annotated[int, typer.Option(min=2, metavar="N", help="Models in each random panel.")]
DrawsOption = Annotated[int | None, typer.Option(min=1, metavar="N", help="Random panels per question.")]
ThresholdOption = Annotated[
    float, typer.Option(min=0, max=1, metavar="SHARE", help="Agreement that counts as agreeing.")
]
PlotOption = Annotated[Path | None, typer.Option("--plot", metavar="FILE", help="Draw a picture: .png or .svg.")]

_live = partial(typer.Option, rich_help_panel="Asking models (--live)")

LiveOption = Annotated[
    Path | None,
    _live("--live", metavar="QUESTIONS.jsonl", help="Ask these questions instead of reading recorded answers."),
]
ModelsOption = Annotated[
    str | None,
    _live("--models", "-m", metavar="A,B,C", autocompletion=complete_models, help="Who is asked, two or more."),
]
OutOption = Annotated[
    Path | None,
    _live("--out", metavar="FILE.jsonl", help="Where the answers are written; what it holds is not asked again."),
]
RepeatOption = Annotated[int, _live("--repeat", min=1, metavar="N", help="How often each question is asked.")]
ConcurrencyOption = Annotated[int, _live("--concurrency", min=1, metavar="N", help="Questions at once.")]
MaxCostOption = Annotated[
    float | None,
    _live("--max-cost", min=0, metavar="USD", help="The most that everything in --out may cost together."),
]
DeadlineOption = Annotated[
    float | None, _live("--deadline", min=0, metavar="SECONDS", help="Limit of each question, all its models together.")
]
TimeoutOption = Annotated[float | None, _live("--timeout", min=0, metavar="SECONDS", help="Limit of each answer.")]
RetriesOption = Annotated[int | None, _live("--retries", min=0, metavar="N", help="Further attempts per answer.")]
SystemOption = Annotated[str | None, _live("--system", "-s", metavar="TEXT", help="System message.")]
TemperatureOption = Annotated[float | None, _live(metavar="T", min=0, max=2, help="How freely they write.")]
MaxTokensOption = Annotated[int | None, _live(metavar="N", min=1, help="The most tokens an answer may have.")]
AskSeedOption = Annotated[
    int | None, _live("--ask-seed", metavar="N", help="Sent to the models; each repetition gets the next number.")
]
DryRunOption = Annotated[bool, _live("--dry-run", help="Ask nobody; print what it would cost.")]
