"""A report as plain text."""

from typing import Literal

from quorate.analytics.report import ConsensusReport, Group, ModelAccuracy, Rate, Spread
from quorate.analytics.trust_text import trust_lines

_RULE_WIDTH = 120


def render_text(report: ConsensusReport) -> str:
    """Return the report as text of at most 125 columns, ending without a newline."""
    sections = [
        _heading(report),
        _groups(report),
        _scores(report),
        _calibration(report),
        _early(report),
        *map(trust_lines, report.trust),
        _models(report),
        _notes(report),
    ]
    return "\n\n".join("\n".join(section) for section in sections)


def _heading(report: ConsensusReport) -> list[str]:
    kinds = ", ".join(f"{kind} {count}" for kind, count in report.kinds.items())
    skipped = f", {report.skipped} skipped" if report.skipped else ""
    again = f" in {report.recordings} recordings" if report.recordings != report.prompts else ""
    lines = [
        f"Consensus over recorded answers: {report.prompts} prompts{again}{skipped}; kinds: {kinds}",
        f"{report.draws} panels of {report.panel_size} each, seed {report.seed}; agreed: share >= {report.threshold:g}",
        f"order of arrival: {report.arrival}",
    ]
    if report.simulated:
        lines.append(f"SIMULATED models, so the figures say nothing about real ones: {', '.join(report.simulated)}")
    if report.failures:
        lines.append(f"{report.failures} calls gave no answer; they are in no panel")
    return lines


def _groups(report: ConsensusReport) -> list[str]:
    head = f"{'':24}{'prompts':>8}{'full vote':>11}{'panel':>22}{'best one':>22}{'mean one':>10}{'any one':>9}"
    rows = [_group_row(group) for group in _all(report)]
    return ["Accuracy", head, "-" * _RULE_WIDTH, *rows]


def _all(report: ConsensusReport) -> tuple[Group, ...]:
    return (*_totals(report), *report.tasks)


def _totals(report: ConsensusReport) -> tuple[Group, ...]:
    """Return all together and the tracks; a single track without a name is all together."""
    named = any(group.track for group in report.tracks)
    return (report.total, *(report.tracks if named else ()))


def _name(group: Group) -> str:
    name = f"  {group.task}" if group.task else group.track or "all"
    return f"{name[:23]:24}"


def _group_row(group: Group) -> str:
    return (
        f"{_name(group)}{group.prompts:>8}{_percent(group.full_vote.value):>11}{_within(group.selection):>22}"
        f"{_within(group.best_member):>22}{_percent(group.mean_member.value):>10}{_percent(group.any_member.value):>9}"
    )


def _scores(report: ConsensusReport) -> list[str]:
    head = f"{'':24}{'AUC':>22}{'AURC':>22}{'least':>8}{'ECE':>22}{'covered':>9}{'right there':>12}"
    rows = [_score_row(group) for group in _all(report)]
    return ["What the score tells", head, "-" * _RULE_WIDTH, *rows]


def _score_row(group: Group) -> str:
    there = "-" if group.accuracy_covered is None else _percent(group.accuracy_covered.value)
    curve = group.risk_coverage
    return (
        f"{_name(group)}{_number(group.auc):>22}{_number(curve.aurc):>22}{curve.least:>8.3f}{_number(group.ece):>22}"
        f"{_percent(group.covered):>9}{there:>12}"
    )


def _number(rate: Rate | None) -> str:
    return "-" if rate is None else f"{rate.value:.3f} [{rate.low:.3f}, {rate.high:.3f}]"


def _within(rate: Rate) -> str:
    return f"{_percent(rate.value)} [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"


def _calibration(report: ConsensusReport) -> list[str]:
    rows = [f"{_span(each.low, each.high):>12}{each.panels:>9}   {_rate(each.accuracy)}" for each in report.bins]
    return ["Agreement and how often the leading answer is right", f"{'agreement':>12}{'panels':>9}   right", *rows]


def _early(report: ConsensusReport) -> list[str]:
    head = f"{'':26}{'right':>8}{'full':>8}{'mean calls':>12}{'calls':>8}{'micro-USD':>12}{'full':>10}"
    head += f"{'median s':>10}{'full':>8}{'95 % s':>9}{'full':>8}"
    rows = [_early_row(group) for group in _totals(report)]
    return [f"Stopping early at {report.quorum} or more answers", head, *rows]


def _early_row(group: Group) -> str:
    stop = group.early_stop
    costs = (stop.cost_microusd, stop.full_cost_microusd)
    spent, full = ("-" if cost is None else f"{cost:.0f}" for cost in costs)
    return (
        f"{(group.track or 'all')[:25]:26}{_percent(stop.accuracy.value):>8}{_percent(group.selection.value):>8}"
        f"{stop.mean_calls:>12.2f}{_percent(stop.relative_calls):>8}{spent:>12}{full:>10}"
        f"{_seconds(stop.latency, 'median_s'):>10}{_seconds(stop.full_latency, 'median_s'):>8}"
        f"{_seconds(stop.latency, 'p95_s'):>9}{_seconds(stop.full_latency, 'p95_s'):>8}"
    )


def _seconds(spread: Spread | None, which: Literal["median_s", "p95_s"]) -> str:
    if spread is None:
        return "-"
    return f"{spread.median_s if which == 'median_s' else spread.p95_s:.2f}"


def _models(report: ConsensusReport) -> list[str]:
    head = f"{'':22}{'':36}{'right':>7}{'micro-USD':>37}{'median s':>10}{'95 % s':>8}"
    return ["Each model alone", head, *(_model_row(each) for each in report.models)]


def _model_row(each: ModelAccuracy) -> str:
    cost = "-" if each.cost_microusd is None else f"{each.cost_microusd:.0f}"
    return (
        f"{each.track[:20]:22}{each.model[:34]:36}{_rate(each.accuracy):34}{cost:>10}"
        f"{_seconds(each.latency, 'median_s'):>10}{_seconds(each.latency, 'p95_s'):>8}"
    )


def _notes(report: ConsensusReport) -> list[str]:
    total = report.total
    better = total.best_member.value >= total.selection.value
    verdict = "ties or beats" if better else "is behind"
    return [
        f"The best member of a panel, known in hindsight, {verdict} the panel's choice: agreement buys a measure of",
        "confidence, and protection when it is not known which model is best. It is no proof: models share errors.",
        "AUC: 0.5 tells nothing, 1 everything. AURC: the mean error over all shares of panels answered, surest first,",
        "and its least possible value. ECE: ten bins of equal mass. Intervals: 95 %, over prompts.",
    ]


def _rate(rate: Rate) -> str:
    return f"{_percent(rate.value):>7}  [{_percent(rate.low)}, {_percent(rate.high)}]  n={rate.count}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _span(low: float, high: float) -> str:
    return f"{low:.2f}" if low == high else f"{low:.1f}-{high:.1f}"
