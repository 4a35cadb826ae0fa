"""The report of an evaluation of consensus as a folder: a page with tables and pictures, and the same as JSON."""

import json
from collections.abc import Sequence
from pathlib import Path

from quorate.analytics.charts import draw_charts
from quorate.analytics.markdown import escaped, heading, page, picture, table
from quorate.analytics.report import ConsensusReport, Group, ModelAccuracy, Rate, Spread
from quorate.analytics.report_files import write_report

_CAPTIONS = {
    "calibration.svg": "How often panels of each agreement are right",
    "risk-coverage.svg": "Errors when only the surest panels are answered",
    "accuracy.svg": "Accuracy of the panel's choice and of its members",
}
_BRACKETS = (
    "- Brackets are 95 % intervals: a bootstrap over prompts (the panels and the repeats of one prompt are drawn"
    " together), Wilson's for the vote of all, for each model and for the rows of the calibration."
)
_SCORES = (
    "- AUC: how well the score tells right from wrong, 0.5 not at all, 1 perfectly. AURC: the mean share of errors over"
    " all shares of panels answered, the surest first; lower is better.\n"
    "- ECE: the mean distance between score and share of right answers in ten bins of equal mass, equal scores in one"
    " bin."
)
_STOPPED = (
    "Cost counts the answers waited for, time runs until the last of them; what cancelled calls had cost by then is not"
    " in the recording.\n"
    "- Order of arrival: by recorded latency where every answer has one, else random."
)


def write_consensus_report(report: ConsensusReport, folder: Path, *, source: str) -> None:
    """Write `report.md`, `report.json` and three pictures as `folder`; `source` names the data.

    The same report gives the same bytes. Raises InvalidRequest if `folder` holds something else or cannot be written.
    """
    pictures = draw_charts(report)
    text = json.dumps(report.to_dict(), indent=2, ensure_ascii=False) + "\n"
    files = {"report.md": consensus_page(report, source=source), "report.json": text, **pictures}
    write_report(folder, files)


def consensus_page(report: ConsensusReport, *, source: str) -> str:
    """Return the report as a page of Markdown; it shows the pictures that lie beside it."""
    return page(
        [
            heading("What consensus is worth", 1),
            _facts(report, source),
            heading("Accuracy"),
            picture(_CAPTIONS["accuracy.svg"], "accuracy.svg"),
            _accuracy(report),
            _verdict(report),
            heading("What the score tells"),
            _scores(report),
            picture(_CAPTIONS["calibration.svg"], "calibration.svg"),
            _calibration(report),
            heading("Answering only when sure"),
            picture(_CAPTIONS["risk-coverage.svg"], "risk-coverage.svg"),
            _curve(report),
            heading("Stopping early: calls, cost, time"),
            _early(report),
            heading("Each model alone"),
            _models(report.models),
            heading("How it was measured"),
            _method(report),
        ]
    )


def _facts(report: ConsensusReport, source: str) -> str:
    kinds = ", ".join(f"{kind} {count}" for kind, count in report.kinds.items())
    rows = [
        ("data", escaped(source)),
        ("prompts", f"{report.prompts:,}"),
        ("recordings", f"{report.recordings:,} used, {report.skipped:,} skipped"),
        ("calls without an answer", f"{report.failures:,}"),
        ("kinds of answers", kinds),
        ("panels", f"{report.draws} random ones of {report.panel_size} for each recording, seed {report.seed}"),
        ("threshold", f"{report.threshold:g}"),
        ("order of arrival", report.arrival),
    ]
    told = table(("", ""), rows)
    if report.simulated:
        names = ", ".join(escaped(name) for name in report.simulated)
        told = f"**SIMULATED models: the figures say nothing about real ones** ({names}).\n\n{told}"
    return told


def _groups(report: ConsensusReport) -> list[tuple[str, Group]]:
    tracks = [(escaped(group.track) or "(no track)", group) for group in report.tracks]
    tasks = [(escaped(f"{group.track} / {group.task}" if group.track else group.task), group) for group in report.tasks]
    return [("all", report.total), *(tracks if any(group.track for group in report.tracks) else []), *tasks]


def _accuracy(report: ConsensusReport) -> str:
    titles = ("", "prompts", "vote of all", "panel", "best member", "mean member", "any member")
    rows = [
        (
            name,
            f"{group.prompts:,}",
            _share(group.full_vote),
            _share(group.selection),
            _share(group.best_member),
            _share(group.mean_member),
            _share(group.any_member),
        )
        for name, group in _groups(report)
    ]
    return table(titles, rows)


def _verdict(report: ConsensusReport) -> str:
    total = report.total
    compared = "ties or beats" if total.best_member.value >= total.selection.value else "is behind"
    return (
        f"The best member of a panel, known in hindsight, {compared} the panel's choice. Agreement buys a measure of"
        " confidence, and protection when it is not known which model is best. It is no proof: models share errors."
    )


def _scores(report: ConsensusReport) -> str:
    titles = ("", "AUC", "AURC", "least AURC", "ECE", "panels at the threshold", "of these right")
    rows = [
        (
            name,
            _number(group.auc),
            _number(group.risk_coverage.aurc),
            f"{group.risk_coverage.least:.3f}",
            _number(group.ece),
            _percent(group.covered),
            _share(group.accuracy_covered),
        )
        for name, group in _groups(report)
    ]
    return table(titles, rows)


def _calibration(report: ConsensusReport) -> str:
    rows = [
        (f"{each.low:.2f} to {each.high:.2f}", f"{each.mean_score:.3f}", f"{each.panels:,}", _share(each.accuracy))
        for each in report.bins
    ]
    return table(("agreement", "mean", "panels", "right"), rows)


def _curve(report: ConsensusReport) -> str:
    rows = [
        (f"{point.threshold:.3f}", _percent(point.coverage), _share(point.error))
        for point in report.total.risk_coverage.points
    ]
    return table(("answered at a score of", "share answered", "of these wrong"), rows)


def _early(report: ConsensusReport) -> str:
    titles = (
        *("", "right", "full panel right", "calls", "share of the calls", "micro-USD", "full", "median s", "full"),
        *("95 % s", "full"),
    )
    rows = [
        (
            name,
            _share(group.early_stop.accuracy),
            _share(group.selection),
            f"{group.early_stop.mean_calls:.2f}",
            _percent(group.early_stop.relative_calls),
            _amount(group.early_stop.cost_microusd),
            _amount(group.early_stop.full_cost_microusd),
            *_times(group.early_stop.latency, group.early_stop.full_latency),
        )
        for name, group in _groups(report)
    ]
    return table(titles, rows)


def _times(early: Spread | None, full: Spread | None) -> tuple[str, str, str, str]:
    if early is None or full is None:
        return ("-", "-", "-", "-")
    return (f"{early.median_s:.2f}", f"{full.median_s:.2f}", f"{early.p95_s:.2f}", f"{full.p95_s:.2f}")


def _models(models: Sequence[ModelAccuracy]) -> str:
    titles = ("track", "model", "right", "no answer", "micro-USD", "tokens", "median s", "95 % s")
    rows = [
        (
            escaped(each.track),
            escaped(each.model) + (" (simulated)" if each.simulated else ""),
            _share(each.accuracy),
            f"{each.failures:,}",
            _amount(each.cost_microusd),
            _amount(each.completion_tokens),
            "-" if each.latency is None else f"{each.latency.median_s:.2f}",
            "-" if each.latency is None else f"{each.latency.p95_s:.2f}",
        )
        for each in models
    ]
    return table(titles, rows, numbers_from=2)


def _method(report: ConsensusReport) -> str:
    return (
        f"{_BRACKETS}\n{_SCORES}\n- A panel stops early at {report.quorum} or more answers, when they agree to the"
        f" threshold or the leader cannot be overtaken. {_STOPPED}"
    )


def _share(rate: Rate | None) -> str:
    return "-" if rate is None else f"{100 * rate.value:.1f} % [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"


def _number(rate: Rate | None) -> str:
    return "-" if rate is None else f"{rate.value:.3f} [{rate.low:.3f}, {rate.high:.3f}]"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _amount(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"
