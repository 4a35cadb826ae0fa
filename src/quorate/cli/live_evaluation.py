"""`quorate eval ... --live`: ask, write down, tell what it cost and how to go on."""

import asyncio
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import typer

from quorate.analytics.journal import Journal
from quorate.cli.counting import counting
from quorate.cli.exit_code import ExitCode
from quorate.cli.live_questions import Asked, LiveQuestions, ask_questions, read_recorded
from quorate.cli.printable import printable
from quorate.core.errors import InvalidRequest
from quorate.core.units import MICROUSD_PER_USD, format_usd
from quorate.library.quorate import Quorate

_SUFFIX = ".jsonl"


def models_from(names: str | None) -> tuple[str, ...]:
    """Return the models to ask; raises InvalidRequest unless they are two or more different ones."""
    models = tuple(name.strip() for name in (names or "").split(",") if name.strip())
    if len(models) < 2 or len(set(models)) < len(models):
        raise InvalidRequest("--live needs two or more different models: --models A,B,C", param="models")
    return models


def microusd_from(max_cost_usd: float | None) -> int | None:
    """Return the limit in micro-USD."""
    if max_cost_usd is None:
        return None
    if max_cost_usd <= 0:
        raise InvalidRequest("--max-cost has to be above 0; leave it out for no limit", param="max_cost")
    return math.floor(round(max_cost_usd * MICROUSD_PER_USD, 3))


def record_live(live: LiveQuestions, out: Path | None, config: Path | None) -> Path:
    """Ask what `out` does not hold yet, write it there, and return `out`.

    Ctrl-C keeps what is written and exits with 130. Raises InvalidRequest if `out` cannot be used or if nothing was
    answered at all.
    """
    if out is None or out.suffix != _SUFFIX:
        raise InvalidRequest(f"--live needs --out FILE{_SUFFIX}, where the answers are written", param="out")
    asked = Asked()
    with Journal(out) as journal:
        live = replace(live, already=read_recorded(journal, live))
        total = len(live.remaining())
        try:
            with counting("questions asked", total) as progress:
                asyncio.run(_ask(Quorate.from_file(config), live, journal, asked, progress))
        except KeyboardInterrupt:
            typer.echo(printable(f"interrupted: {_sum(asked, total)}; {_going_on(out)}"), err=True)
            raise typer.Exit(ExitCode.INTERRUPTED) from None
    _tell(asked, live, total, out)
    return out


async def _ask(
    quorate: Quorate, live: LiveQuestions, journal: Journal, asked: Asked, progress: Callable[[int], None]
) -> None:
    async with quorate:
        if remaining := live.remaining():
            # A model that does not exist fails here, once, not in every question.
            quorate.estimate(remaining[0].question.prompt, **live.options_of(remaining[0]))
        try:
            await ask_questions(quorate, live, journal, asked, progress)
        except* InvalidRequest as group:
            raise _first(group) from None


def _first(group: BaseExceptionGroup[InvalidRequest]) -> InvalidRequest:
    found = group.exceptions[0]
    return found if isinstance(found, InvalidRequest) else _first(found)


def _tell(asked: Asked, live: LiveQuestions, total: int, out: Path) -> None:
    """Tell on stderr what was asked, and what is still to do."""
    if asked.unanswered:
        typer.echo(
            printable(
                f"{asked.unanswered} questions got no answer and will be asked again next time; the last error:"
                f" {asked.last_error}"
            ),
            err=True,
        )
    if asked.stopped_at_microusd is not None and live.limit_microusd is not None:
        typer.echo(
            f"stopped: the next question may cost {format_usd(asked.stopped_at_microusd)}, and"
            f" {format_usd(_left(live, asked))} of {format_usd(live.limit_microusd)} is left; a higher limit goes on",
            err=True,
        )
    if total:
        typer.echo(printable(f"{_sum(asked, total)}; the answers are in {out}"), err=True)


def _left(live: LiveQuestions, asked: Asked) -> int:
    return max((live.limit_microusd or 0) - live.already.cost_microusd - asked.spent_microusd, 0)


def _sum(asked: Asked, total: int) -> str:
    more = " and calls whose price is not known" if asked.unpriced else ""
    return f"{asked.answered} of {total} questions answered; spent {format_usd(asked.spent_microusd)}{more}"


def _going_on(out: Path) -> str:
    return f"what was answered is in {out}; the same command goes on from there"


def print_live_estimate(live: LiveQuestions, out: Path | None, config: Path | None, *, json_output: bool) -> None:
    """Print what asking would cost, without asking anybody or writing anything."""
    if out is not None and out.is_file():
        with Journal(out) as journal:
            live = replace(live, already=read_recorded(journal, live))
    remaining = live.remaining()
    quorate = Quorate.from_file(config)
    found = [quorate.estimate(asking.question.prompt, **live.options_of(asking)) for asking in remaining]
    expected = _total([each.expected_microusd for each in found])
    most = _total([each.most_microusd for each in found])
    questions, calls = len(remaining), len(remaining) * len(live.models)
    if json_output:
        facts = {
            "object": "estimate",
            "questions": questions,
            "calls": calls,
            "already_answered": len(live.already.keys),
            "expected_microusd": expected,
            "most_microusd": most,
        }
        typer.echo(json.dumps(facts, indent=2))
        return
    typer.echo(
        f"{questions} questions to {len(live.models)} models: {calls} calls; {len(live.already.keys)} questions are"
        f" answered already\nnobody was asked; expected {format_usd(expected)}, at most {format_usd(most)}"
    )


def _total(costs: list[int | None]) -> int | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None
