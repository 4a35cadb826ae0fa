"""What track records and calibration are worth, as lines of text."""

from quorate.analytics.report import ScoreFigures, StopFigures, TrustReport


def trust_lines(report: TrustReport) -> list[str]:
    """Return the figures of one track."""
    name = f" ({report.track})" if report.track else ""
    return [
        f"Track records and calibration{name}: learned from {report.fitted} prompts, judged on {report.judged} others",
        f"{'votes':10}{'score':12}{'right':>8}{'AUC':>24}{'calibration error':>20}",
        *(_score(each) for each in report.scores),
        f"{'votes':10}{'stop':12}{'right':>8}{'mean calls':>24}{'saved':>20}",
        *(_stop(each) for each in report.stops),
    ]


def _score(each: ScoreFigures) -> str:
    area = "-" if each.auc is None else f"{each.auc.value:.3f} [{each.auc.low:.3f}, {each.auc.high:.3f}]"
    return f"{each.votes:10}{each.score:12}{100 * each.accuracy.value:>7.1f}%{area:>24}{each.ece:>20.3f}"


def _stop(each: StopFigures) -> str:
    saved = f"{100 * (1 - each.relative_calls):.1f}%"
    return f"{each.votes:10}{each.form:12}{100 * each.accuracy.value:>7.1f}%{each.mean_calls:>24.2f}{saved:>20}"
