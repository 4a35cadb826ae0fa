"""A finished question on the terminal."""

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from quorate.cli.board import Row
from quorate.cli.draw import agreement_line, bar, branch_table
from quorate.cli.printable import printable
from quorate.core.units import format_usd
from quorate.model import Outcome
from quorate.parallel.provenance import Basis
from quorate.parallel.result import Result

_SHORT = 60
#: So many parts of an answer and of what contradicts it are shown.
_MOST = 8


def show_result(result: Result, console: Console) -> None:
    """Print branches, agreement, the answer and what it took."""
    console.print(branch_table([row_of(outcome) for outcome in result.branches], chosen=result.chosen))
    if result.helpers:
        console.print(branch_table([row_of(outcome) for outcome in result.helpers]))
    console.print()
    if result.agreement is not None:
        console.print(Group(*_agreement(result)))
    for line in _origin(result):
        console.print(Text(printable(line), style="dim"))
    if result.no_consensus:
        console.print(Text("no consensus: the answer stands for one model alone", style="yellow"))
    for warning in result.warnings:
        console.print(Text(printable(f"note: {warning}"), style="yellow"))
    title = "answer (simulated)" if result.completion.metadata.get("simulated") else "answer"
    console.print(
        Panel(Text(printable(result.answer)), title=title, title_align="left", border_style="green", padding=(0, 1))
    )
    console.print(Text(summary(result), style="dim"))


def row_of(outcome: Outcome) -> Row:
    """Return a branch's line."""
    started_s = outcome.started_s
    return Row(
        branch=outcome.branch,
        model=outcome.model,
        state=outcome.state,
        started_s=started_s,
        first_token_s=None if outcome.first_token_s is None else outcome.first_token_s - started_s,
        latency_s=outcome.latency_s,
        tokens=outcome.completion.usage.completion_tokens if outcome.completion else None,
        cost_microusd=outcome.spend.cost_microusd,
        settled=True,
        note=outcome.error.message if outcome.error else "",
    )


def _agreement(result: Result) -> list[RenderableType]:
    agreement = result.agreement
    assert agreement is not None
    answered = sum(outcome.ok for outcome in result.branches)
    lines: list[RenderableType] = [
        agreement_line(agreement.score, agreement.kind.value, answered, len(result.branches))
    ]
    if agreement.confidence is not None:
        lines.append(
            Text("confidence ") + bar(agreement.confidence) + Text(f"  {agreement.confidence:.0%}", style="bold")
        )
    names = {outcome.index: outcome.branch for outcome in result.branches}
    for cluster in agreement.clusters[:5] if len(agreement.clusters) > 1 else ():
        who = ", ".join(names[index] for index in cluster.members)
        said = printable(" ".join((cluster.answer or "").split()))
        said = f"{said[:_SHORT]}: " if said else ""
        lines.append(
            Text("           ") + bar(cluster.share, cells=12, style="dim") + Text(f"  {said}{who}", style="dim")
        )
    lines.append(Text())
    return lines


def _origin(result: Result) -> Iterator[str]:
    """Yield which branches an answer made of several comes from, and the fields that no majority decided."""
    provenance = result.provenance
    if provenance.basis is Basis.ANSWER:
        return
    shown = provenance.sources[:_MOST]
    for source in shown:
        part = " ".join(source.part.split())[:_SHORT]
        branches = ", ".join(source.branches) or "no answer"
        yield f"from {branches}{f': {part}' if part else ''} ({provenance.basis})"
    if len(provenance.sources) > len(shown):
        yield f"and {len(provenance.sources) - len(shown)} more parts (--json has them all)"
    for dissent in [each for each in result.contradictions if each.part][:_MOST]:
        yield f"open {dissent.part}: {dissent.answer[:_SHORT] or 'nothing'} says {', '.join(dissent.branches)}"


def summary(result: Result) -> str:
    """Return in one line what it took: who answered, the agreement, cost, time and speed-up."""
    answered = sum(outcome.ok for outcome in result.branches)
    parts = [f"{answered} of {len(result.branches)} answered"]
    if result.agreement is not None:
        parts.append(f"agreement {result.agreement.score:.2f} ({result.agreement.kind.value})")
        if result.agreement.confidence is not None:
            parts.append(f"confidence {result.agreement.confidence:.2f}")
    about = "about " if result.spend.estimated else ""
    parts.append(f"{about}{format_usd(result.cost_microusd)}" if result.cost_microusd is not None else "cost unknown")
    faster = f", {result.speedup:.1f}x faster than one after another" if len(result.branches) > 1 else ""
    parts.append(f"{result.latency.total_s:.2f} s{faster}")
    return f"{' · '.join(parts)} · {result.reason}"
