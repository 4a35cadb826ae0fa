"""The demonstration: the same questions in the three modes, side by side, and what was won."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import typer
from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from quorate.cli.draw import bar
from quorate.cli.exit_code import ExitCode
from quorate.cli.printable import printable_json
from quorate.consensus import Kind
from quorate.core.units import format_usd
from quorate.library.quorate import Quorate
from quorate.model import State
from quorate.parallel.plan import Mode
from quorate.parallel.result import Result
from quorate.providers.simulated_bank import Question, QuestionBank

_CONCURRENT = 5
_TOPICS = ("fact", "arithmetic", "choice", "yes_no", "json", "code")
#: Kinds whose normalised answer is not what a person would read.
_REWRITTEN = frozenset({Kind.CODE, Kind.JSON, Kind.PROSE})
_MODES = (Mode.ALL, Mode.QUORUM, Mode.RACE)
#: Columns that everything but the question and its answer take.
_FIXED_WIDTH = 46
_LEAST_WIDTH = 34
_MOST_WIDTH = 64
_LABEL = "SIMULATED: five invented models, invented prices. No key, no network, no money; the times are really waited."


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question and its result in each mode."""

    question: Question
    results: dict[Mode, Result]

    def right(self, mode: Mode) -> bool:
        """Whether the answer is one of the right ones."""
        return self.results[mode].answer in self.question.right


def run_demo(*, questions: int, seed: int, json_output: bool) -> None:
    """Ask the questions and print what came out."""
    chosen = choose(QuestionBank.built_in().questions, questions)
    console = Console()
    try:
        asked = asyncio.run(_run(chosen, seed, console, show=not json_output))
    except KeyboardInterrupt:
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if json_output:
        typer.echo(printable_json(json.dumps(report(asked, seed), ensure_ascii=False, indent=2)))
    else:
        _conclude(asked, console)


def choose(bank: Sequence[Question], count: int) -> list[Question]:
    """Return `count` questions, topic by topic in turn."""
    by_topic = {topic: [question for question in bank if question.topic == topic] for topic in _TOPICS}
    longest = max(len(own) for own in by_topic.values())
    turns = [own[turn] for turn in range(longest) for own in by_topic.values() if turn < len(own)]
    return turns[:count]


async def _run(questions: Sequence[Question], seed: int, console: Console, *, show: bool) -> list[Asked]:
    asked: list[Asked] = []
    if show:
        console.print(Panel(Text(_LABEL, style="bold"), border_style="yellow"))

    def picture() -> Table:
        return _table(asked, len(questions), console.width)

    live = Live(console=console, auto_refresh=False, get_renderable=picture)
    if show and console.is_terminal:
        live.start()
    try:
        async for one in _results(questions, seed):
            asked.append(one)
            live.refresh()
    finally:
        live.stop()
    if show and not console.is_terminal:
        console.print(picture())
    return asked


async def _results(questions: Sequence[Question], seed: int) -> AsyncIterator[Asked]:
    async with Quorate.simulated() as quorate:
        for number, question in enumerate(questions):
            # The modes run at the same time, each with its own calls: they do not know of each other.
            results = await asyncio.gather(
                *(
                    quorate.ask(question.prompt, mode=mode, seed=seed + number, max_concurrent=_CONCURRENT)
                    for mode in _MODES
                )
            )
            yield Asked(question=question, results=dict(zip(_MODES, results, strict=True)))


def _table(asked: Sequence[Asked], total: int, width: int) -> Table:
    """Return a line per question; times are in seconds."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("question", "majority says", "agreement"):
        table.add_column(title, no_wrap=True)
    for title in (*(f"{mode.value} s" for mode in _MODES), "in turn"):
        table.add_column(title, justify="right", no_wrap=True)
    for one in asked:
        table.add_row(*_cells(one, min(_MOST_WIDTH, max(_LEAST_WIDTH, width - _FIXED_WIDTH))))
    if len(asked) < total:
        table.add_row(Text(f"{len(asked) + 1} of {total} ...", style="cyan"))
    return table


def _cells(one: Asked, room: int) -> list[str | Text]:
    whole = one.results[Mode.ALL]
    mark, style = ("✓", "green") if one.right(Mode.ALL) else ("✗", "red")
    score = whole.agreement.score if whole.agreement else 0.0
    plain = whole.agreement is not None and whole.agreement.kind not in _REWRITTEN
    leader = whole.agreement.leader if whole.agreement is not None and plain else None
    said = leader.answer if leader is not None and leader.answer else whole.answer
    for_question = room * 3 // 5
    return [
        _short(one.question.prompt, for_question),
        Text(f"{mark} ", style=style) + Text(_short(said, room - for_question - 2)),
        bar(score, cells=4) + Text(f" {score:4.0%}"),
        *(f"{one.results[mode].latency.total_s:.2f}" for mode in _MODES),
        f"{whole.latency.sequential_s:.2f}",
    ]


def _short(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Won:
    """What a mode gave over all questions: means per question, `cancelled` calls in all."""

    mode: Mode
    right: int
    time_s: float
    sequential_s: float
    cost_microusd: float
    agreement: float | None
    calls: int
    cancelled: int

    @property
    def speedup(self) -> float:
        """How many times faster than the same calls one after another."""
        return self.sequential_s / self.time_s if self.time_s else 1.0


def won(asked: Sequence[Asked], mode: Mode) -> Won:
    """Return what a mode gave."""
    results = [one.results[mode] for one in asked]
    branches = [branch for result in results for branch in result.branches]
    scores = [result.agreement.score for result in results if result.agreement is not None]
    return Won(
        mode=mode,
        right=sum(one.right(mode) for one in asked),
        time_s=fmean(result.latency.total_s for result in results),
        sequential_s=fmean(result.latency.sequential_s for result in results),
        cost_microusd=fmean(result.spend.known_microusd for result in results),
        agreement=fmean(scores) if scores else None,
        calls=len(branches),
        cancelled=sum(branch.state is State.CANCELLED for branch in branches),
    )


def alone(asked: Sequence[Asked]) -> dict[str, float]:
    """Return the share of right answers of each model by itself."""
    right: dict[str, list[bool]] = {}
    for one in asked:
        for branch in one.results[Mode.ALL].branches:
            right.setdefault(branch.model, []).append(branch.text in one.question.right)
    return {model: fmean(answers) for model, answers in right.items()}


def report(asked: Sequence[Asked], seed: int) -> dict[str, Any]:
    """Return everything as plain JSON values."""
    return {
        "simulated": True,
        "seed": seed,
        "modes": {
            mode.value: {
                "right": gain.right,
                "questions": len(asked),
                "mean_time_s": gain.time_s,
                "mean_sequential_s": gain.sequential_s,
                "speedup": gain.speedup,
                "mean_cost_microusd": gain.cost_microusd,
                "mean_agreement": gain.agreement,
                "calls": gain.calls,
                "cancelled": gain.cancelled,
            }
            for mode in _MODES
            for gain in [won(asked, mode)]
        },
        "alone": alone(asked),
        "questions": [
            {
                "prompt": one.question.prompt,
                "right": {mode.value: one.right(mode) for mode in Mode},
                "results": {mode.value: result.to_dict() for mode, result in one.results.items()},
            }
            for one in asked
        ],
    }


def _conclude(asked: Sequence[Asked], console: Console) -> None:
    console.print()
    console.print(_summary(asked))
    console.print()
    singles = alone(asked)
    listed = " · ".join(f"{model} {share:.0%}" for model, share in singles.items())
    console.print(Text(f"Right answers of each model alone: {listed}", style="dim"))
    everything, quorum, race = (won(asked, mode) for mode in _MODES)
    cancelled = quorum.cancelled + race.cancelled
    lines = [
        f"all     waits for everybody: {_right(everything, asked)}, {everything.speedup:.1f}x faster than in turn.",
        f"quorum  stops when enough agree: {_right(quorum, asked)} in {_share(quorum, everything)} of that time.",
        f"race    takes the first answer: {_right(race, asked)} in {_share(race, everything)} of that time.",
        f"{cancelled} calls were cancelled once they could change nothing; what they had cost is counted.",
    ]
    console.print(Text("\n".join(lines)))
    console.print()
    console.print(Text("Next", style="bold"))
    for command, what in _NEXT:
        console.print(Text(f"  {command}", style="green"))
        console.print(Text(f"      {what}", style="dim"))


_NEXT = (
    ('quorate ask "Is 91 a prime number?" --mode quorum', "one question, live"),
    ("export OPENAI_API_KEY=...", "a key (of any provider), or Ollama: the same asks real models"),
    ("quorate doctor", "what was found"),
)


def _right(gain: Won, asked: Sequence[Asked]) -> str:
    return f"{gain.right} of {len(asked)} right"


def _share(gain: Won, everything: Won) -> str:
    return f"{gain.time_s / everything.time_s:.0%}"


def _summary(asked: Sequence[Asked]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("mode", style="bold", no_wrap=True)
    table.add_column("right", justify="right", no_wrap=True)
    table.add_column("mean agreement", no_wrap=True)
    for title in ("time", "in turn", "speed-up", "cost", "cancelled"):
        table.add_column(title, justify="right", no_wrap=True)
    for mode in _MODES:
        gain = won(asked, mode)
        score = "" if gain.agreement is None else bar(gain.agreement, cells=8) + Text(f" {gain.agreement:.0%}")
        table.add_row(
            mode.value,
            f"{gain.right}/{len(asked)}",
            score,
            f"{gain.time_s:.2f} s",
            f"{gain.sequential_s:.2f} s",
            f"{gain.speedup:.1f}x",
            format_usd(round(gain.cost_microusd)),
            f"{gain.cancelled}/{gain.calls}",
        )
    return table
