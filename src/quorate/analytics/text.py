"""A report as plain text."""

from quorate.analytics.report import ConsensusReport, Group, Rate
from quorate.analytics.trust_text import trust_lines

_RULE_WIDTH = 120


def render_text(report: ConsensusReport) -> str:
    """Return the report as text of at most 125 columns, ending without a newline."""
    sections = [
        _heading(report),
        _groups(report),
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
    return [
        f"Consensus over recorded answers: {report.prompts} prompts{skipped}; kinds: {kinds}",
        f"{report.draws} panels of {report.panel_size} each, seed {report.seed}; agreed: share >= {report.threshold:g}",
    ]


def _groups(report: ConsensusReport) -> list[str]:
    head = f"{'':24}{'prompts':>8}{'full vote':>11}{'panel':>8}{'best one':>10}{'mean one':>10}{'any one':>9}"
    head += f"{'AUC':>22}{'covered':>9}{'right there':>12}"
    rows = [_group_row(group) for group in (report.total, *report.tracks, *report.tasks)]
    return ["Accuracy, and what agreement tells", head, "-" * _RULE_WIDTH, *rows]


def _group_row(group: Group) -> str:
    name = "all" if not group.track and not group.task else group.track
    name = f"  {group.task}" if group.task else name
    auc = "-" if group.auc is None else f"{group.auc.value:.3f} [{group.auc.low:.3f}, {group.auc.high:.3f}]"
    there = "-" if group.accuracy_covered is None else _percent(group.accuracy_covered.value)
    return (
        f"{name[:23]:24}{group.prompts:>8}{_percent(group.full_vote.value):>11}{_percent(group.selection.value):>8}"
        f"{_percent(group.best_member.value):>10}{_percent(group.mean_member.value):>10}"
        f"{_percent(group.any_member.value):>9}{auc:>22}{_percent(group.covered):>9}{there:>12}"
    ).rstrip()


def _calibration(report: ConsensusReport) -> list[str]:
    rows = [f"{_span(each.low, each.high):>12}{each.panels:>9}   {_rate(each.accuracy)}" for each in report.bins]
    return ["Agreement and how often the leading answer is right", f"{'agreement':>12}{'panels':>9}   right", *rows]


def _early(report: ConsensusReport) -> list[str]:
    head = f"{'':26}{'right':>8}{'full':>8}{'mean calls':>12}{'calls':>8}{'micro-USD':>12}{'full':>10}"
    rows = [_early_row(group) for group in (report.total, *report.tracks)]
    return [f"Stopping early at {report.quorum} or more answers", head, *rows]


def _early_row(group: Group) -> str:
    stop = group.early_stop
    costs = (stop.cost_microusd, stop.full_cost_microusd)
    spent, full = ("-" if cost is None else f"{cost:.0f}" for cost in costs)
    return (
        f"{(group.track or 'all')[:25]:26}{_percent(stop.accuracy.value):>8}{_percent(group.selection.value):>8}"
        f"{stop.mean_calls:>12.2f}{_percent(stop.relative_calls):>8}{spent:>12}{full:>10}"
    )


def _models(report: ConsensusReport) -> list[str]:
    rows = [f"{each.track[:20]:22}{each.model[:44]:46}{_rate(each.accuracy)}" for each in report.models]
    return ["Each model alone", *rows]


def _notes(report: ConsensusReport) -> list[str]:
    total = report.total
    better = total.best_member.value >= total.selection.value
    verdict = "ties or beats" if better else "is behind"
    return [
        f"The best member of a panel, known in hindsight, {verdict} the panel's choice: agreement buys a measure of",
        "confidence, and protection when it is not known which model is best. It is no proof: models share errors.",
        "Intervals: 95 %.",
    ]


def _rate(rate: Rate) -> str:
    return f"{_percent(rate.value):>7}  [{_percent(rate.low)}, {_percent(rate.high)}]  n={rate.count}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _span(low: float, high: float) -> str:
    return f"{low:.2f}" if low == high else f"{low:.1f}-{high:.1f}"
