"""The flags of `quorate ask`."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from quorate.cli.options import KindName, ModeName, SelectName, SynthesisName, complete_models

_plan = partial(typer.Option, rich_help_panel="How the models are combined")
_request = partial(typer.Option, rich_help_panel="What the models are asked")
_limit = partial(typer.Option, rich_help_panel="Limits")
_output = partial(typer.Option, rich_help_panel="Output")

Prompt = Annotated[
    list[str] | None,
    typer.Argument(help="The question. `-`, or nothing with something piped in: standard input.", show_default=False),
]

File = Annotated[
    Path | None,
    _request("--file", "-f", metavar="FILE", help="A text that follows the question."),
]
System = Annotated[str | None, _request("--system", "-s", metavar="TEXT", help="System message.")]
Temperature = Annotated[float | None, _request(metavar="T", min=0, max=2, help="How freely they write.")]
MaxTokens = Annotated[int | None, _request(metavar="N", min=1, help="The most tokens an answer may have.")]
Seed = Annotated[int | None, _request(metavar="N", help="Makes random choices repeatable.")]
Output = Annotated[
    str | None,
    _request(metavar="TYPE|FILE", help="What an answer must be: a type, e.g. number, or a file with a JSON Schema."),
]

Models = Annotated[
    str | None,
    _plan(
        "--models",
        "-m",
        metavar="A,B,C",
        autocompletion=complete_models,
        help="Who is asked: configured names or `provider:model-id`.",
    ),
]
ModeFlag = Annotated[
    ModeName | None,
    _plan("--mode", help="Wait for all, take the first, or stop when enough agree."),
]
SelectFlag = Annotated[SelectName | None, _plan("--select", help="How the answer is chosen or made.")]
SynthesisFlag = Annotated[
    SynthesisName | None, _plan("--synthesis", help="How `--select synthesis` makes one answer of several.")
]
Provenance = Annotated[
    bool | None,
    _plan("--provenance", help="Ask once more which answers support which part of a synthesis.", show_default=False),
]
KindFlag = Annotated[KindName | None, _plan("--kind", help="What the answers are; found out if not given.")]
MinModels = Annotated[int | None, _plan(metavar="N", min=1, help="Answers needed.")]
MaxModels = Annotated[int | None, _plan(metavar="N", min=1, help="At most so many branches.")]
Threshold = Annotated[
    float | None,
    _plan(metavar="SHARE", min=0, max=1, help="Agreement that a quorum needs."),
]
Floor = Annotated[
    float | None,
    _plan(metavar="SHARE", min=0, max=1, help="Below this agreement no vote or synthesis speaks for all."),
]
FuseTop = Annotated[int | None, _plan(metavar="N", min=1, help="How many answers `rank_then_fuse` fuses.")]
Count = Annotated[int | None, _plan(metavar="N", min=1, help="Copies of each model.")]
Judge = Annotated[
    str | None,
    _plan(metavar="MODEL", autocompletion=complete_models, help="The model that judges."),
]
Synthesiser = Annotated[
    str | None,
    _plan(metavar="MODEL", autocompletion=complete_models, help="The model that merges."),
]
PairJudge = Annotated[
    str | None,
    _plan(metavar="MODEL", autocompletion=complete_models, help="Says whether answers mean the same where it is open."),
]
RequireConsensus = Annotated[
    bool,
    _plan("--require-consensus", help="Exit with 3 if the models do not agree."),
]

MaxConcurrent = Annotated[int | None, _limit(metavar="N", min=1, help="Branches at once.")]
Retries = Annotated[int | None, _limit(metavar="N", min=0, help="Further attempts per branch.")]
Timeout = Annotated[
    float | None,
    _limit("--timeout", min=0, metavar="SECONDS", help="Limit of each branch."),
]
DeadlineFlag = Annotated[
    float | None,
    _limit("--deadline", min=0, metavar="SECONDS", help="Limit of everything."),
]
MaxCost = Annotated[
    float | None,
    _limit("--max-cost", min=0, metavar="USD", help="The most it may cost."),
]

DryRun = Annotated[
    bool,
    _output("--dry-run", help="Ask nobody; print what it would cost."),
]
Stream = Annotated[bool, _output("--stream", help="Print the answer as it is written.")]
Events = Annotated[bool, _output("--events", help="Every event as a line of JSON on stderr.")]
Quiet = Annotated[bool, _output("--quiet", "-q", help="The answer and nothing else.")]
