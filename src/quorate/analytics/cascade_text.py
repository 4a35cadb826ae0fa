"""A cascade's evaluation and its calibration as Markdown."""

from collections.abc import Iterator

from quorate.analytics.cascade_fit import Fitted, Setting
from quorate.analytics.cascade_report import CascadeReport
from quorate.analytics.report import Rate


def render_cascade(report: CascadeReport) -> str:
    """Return the report as Markdown, ending without a newline."""
    return "\n".join(_lines(report))


def _lines(report: CascadeReport) -> Iterator[str]:
    yield f"# Cascade: {' + '.join(report.cheap)} -> {report.strong}"
    yield ""
    yield f"{report.prompts} prompts, {report.skipped} left out, costs of {report.priced} known."
    yield f"Escalates: {report.how}."
    yield ""
    yield "| | right | $ per 1,000 |"
    yield "|---|---|---|"
    yield f"| cascade | {_rate(report.accuracy)} | {_usd(report.usd_per_1000)} |"
    for alone in report.alone:
        yield f"| {alone.model} alone | {_rate(alone.accuracy)} | {_usd(alone.usd_per_1000)} |"
    yield ""
    yield f"- escalated: {_rate(report.escalated)}; {report.calls:.2f} calls per prompt"
    if report.kept_right is not None:
        yield f"- right where it did not escalate: {_rate(report.kept_right)}"
    yield f"- against {report.best}, the best alone: {_points(report.gain)} points"
    if report.relative_cost is not None:
        yield f"- cost, as a share of {report.best}'s: {_rate(report.relative_cost)}"
    if report.mean_latency_s is not None:
        yield f"- mean latency: {report.mean_latency_s:.2f} s, one stage after the other"
    yield ""
    yield "Intervals: 95 %, bootstrap over prompts."


def render_fitted(fitted: Fitted) -> str:
    """Return the frontier and the choice as Markdown, ending without a newline."""
    rule = fitted.rule
    rows = [f"| {_percent(each.share)} | {_percent(each.accuracy)} | {_cost(each)} |" for each in fitted.frontier]
    chosen = fitted.chosen
    return "\n".join(
        [
            f"# Rule for {' + '.join(rule.origin.cheap)} -> {rule.origin.strong}",
            "",
            f"Fitted on {rule.origin.prompts} prompts of {rule.origin.data}; figures by five-fold cross-validation.",
            "",
            "| escalated | right | cost, strong model alone = 100% |",
            "|---|---|---|",
            *rows,
            "",
            f"Chosen: {_percent(chosen.share)} escalated, {_percent(chosen.accuracy)} right, cost {_cost(chosen)}",
        ]
    )


def _cost(setting: Setting) -> str:
    return "-" if setting.relative_cost is None else _percent(setting.relative_cost)


def _rate(rate: Rate) -> str:
    return f"{_percent(rate.value)} [{_percent(rate.low)}, {_percent(rate.high)}]"


def _points(rate: Rate) -> str:
    return f"{100 * rate.value:+.1f} [{100 * rate.low:+.1f}, {100 * rate.high:+.1f}]"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _usd(cost: float | None) -> str:
    return "-" if cost is None else f"{cost:.3f}"
