"""What can be said of a flow, as plain text for a terminal."""

from collections.abc import Iterable, Sequence

from quorate.core.units import format_usd
from quorate.flows.analysis import Analysis, StepReport

_HEADS = ("stage", "step", "does", "waits for", "attempts", "if it fails", "at most")


def analysis_text(analysis: Analysis) -> str:
    """Return the analysis as lines and a table, ending without a newline; `*` marks the critical path."""
    lines = [f"{analysis.flow} {analysis.version}  (digest {analysis.digest[:12]})", ""]
    lines += _table([_HEADS, *(_row(step) for step in analysis.steps)])
    skips = [f"  {step.path}: {reason}" for step in analysis.steps for reason in step.skips]
    if skips:
        lines += ["", "may be skipped:", *skips]
    lines += ["", *_summary(analysis)]
    return "\n".join(lines)


def _row(step: StepReport) -> tuple[str, ...]:
    depth = step.path.count("/")
    does = step.executor or step.kind
    if step.foreach:
        does += f", for each ({step.width} at once)"
    if step.cached:
        does += ", cached"
    return (
        f"{step.stage or '-'}{'*' if step.critical else ''}",
        "  " * depth + step.path.rpartition("/")[2],
        does,
        ", ".join(step.needs) or "-",
        str(step.attempts),
        step.on_failure,
        _most(step.most_calls, step.most_cost_microusd),
    )


def _most(calls: int | None, cost_microusd: int | None) -> str:
    if calls == 0 and cost_microusd == 0:
        return "-"
    asked = "calls unknown" if calls is None else f"{calls} call{'' if calls == 1 else 's'}"
    return f"{asked}, {'cost unknown' if cost_microusd is None else format_usd(cost_microusd)}"


def _summary(analysis: Analysis) -> Iterable[str]:
    limits = analysis.limits
    timed = f" = {analysis.critical_path_s:.3g} s" if analysis.critical_path_s is not None else " (by weight)"
    yield f"critical path: {' -> '.join(analysis.critical_path) or 'none'}{timed}"
    if analysis.critical_path_s and analysis.sequential_s is not None:
        speed_up = analysis.sequential_s / analysis.critical_path_s
        yield f"one after the other: {analysis.sequential_s:.3g} s; {speed_up:.2f} times as long"
    yield f"at once: at most {analysis.most_parallel} (limit {limits.concurrency})"
    most = _most(analysis.most_calls, analysis.most_cost_microusd)
    yield f"a run needs at most: {'no calls of models' if most == '-' else most}"
    if limits.max_cost_microusd is not None:
        yield f"a run may cost: {format_usd(limits.max_cost_microusd)}"
    if limits.timeout_s is not None:
        yield f"a run may take: {limits.timeout_s:g} s"
    yield f"durability: {limits.durability.value}"


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
