"""The pictures of a report: calibration, risk over coverage, accuracies; drawn here, so nothing has to be installed."""

import math
from collections.abc import Callable, Sequence

from quorate.analytics.report import ConsensusReport, CoveragePoint, Group, Rate
from quorate.analytics.svg import COLOURS, FAINT, GRID, INK, Drawing

MEASURES: tuple[tuple[str, Callable[[Group], Rate]], ...] = (
    ("somebody right (ceiling)", lambda group: group.any_member),
    ("best member (hindsight)", lambda group: group.best_member),
    ("vote of all models", lambda group: group.full_vote),
    ("panel's choice", lambda group: group.selection),
    ("panel, stopped early", lambda group: group.early_stop.accuracy),
    ("member at random", lambda group: group.mean_member),
)
_MOST_GROUPS = 4
_WIDTH, _HEIGHT = 620, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 36, 48, 52
_STEPS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
#: The largest share of errors that the axis ends at, the smallest that holds all of them.
_ERROR_AXES = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
_NAMES_WIDTH = 176
_ROW_HEIGHT = 16
_SURE_ENOUGH = 0.02


def draw_charts(report: ConsensusReport) -> dict[str, str]:
    """Return the pictures as SVG by file name: the same report, the same bytes."""
    return {
        "calibration.svg": draw_calibration(report),
        "risk-coverage.svg": draw_risk_coverage(report),
        "accuracy.svg": draw_accuracy(report),
    }


def shown_groups(report: ConsensusReport) -> tuple[Group, ...]:
    """Return the groups that pictures tell apart: the tracks if there are two to four, else all together."""
    return report.tracks if 1 < len(report.tracks) <= _MOST_GROUPS else (report.total,)


def label(group: Group) -> str:
    """Return what a picture calls a group."""
    return f"{group.track or 'all'} ({group.prompts:,} prompts)"


class _Axes:
    """A square of two axes from 0 to 1 (upwards to `top`) on a drawing."""

    def __init__(self, drawing: Drawing, *, across: str, up: str, top: float = 1.0) -> None:
        self.drawing = drawing
        self.top = top
        for step in _STEPS:
            self.drawing.line([self.at(step, 0), self.at(step, top)], colour=GRID, width=1)
            self.drawing.line([self.at(0, step * top), self.at(1, step * top)], colour=GRID, width=1)
            x, y = self.at(step, 0)
            self.drawing.text(x, y + 18, f"{step:g}", anchor="middle", size=11)
            x, y = self.at(0, step * top)
            self.drawing.text(x - 8, y + 4, f"{round(step * top, 3):g}", anchor="end", size=11)
        self.drawing.text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 12, across, anchor="middle")
        self.drawing.text(18, (_TOP + _HEIGHT - _BOTTOM) / 2, up, anchor="middle", upright=True)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return the pixels of a point."""
        return (
            _LEFT + x * (_WIDTH - _LEFT - _RIGHT),
            _HEIGHT - _BOTTOM - y / self.top * (_HEIGHT - _TOP - _BOTTOM),
        )


def draw_calibration(report: ConsensusReport) -> str:
    """Return how often panels of each agreement are right; calibrated ones lie on the diagonal."""
    drawing = Drawing(_WIDTH, _HEIGHT, "Calibration: agreement and how often the leading answer is right")
    drawing.text(_LEFT, 26, f"Calibration{_mark(report)}; the numbers are panels", size=14)
    axes = _Axes(drawing, across="agreement (share of the leading answer)", up="leading answer right")
    drawing.line([axes.at(0, 0), axes.at(1, 1)], colour=FAINT, dashes="4 4")
    drawing.line([axes.at(report.threshold, 0), axes.at(report.threshold, 1)], colour=FAINT, dashes="2 3")
    most = max(each.panels for each in report.bins)
    for each in report.bins:
        x, y = axes.at(each.mean_score, each.accuracy.value)
        radius = 3 + 8 * math.sqrt(each.panels / most)
        drawing.line([axes.at(each.mean_score, each.accuracy.low), axes.at(each.mean_score, each.accuracy.high)])
        drawing.circle(x, y, radius, colour=COLOURS[0])
        top = min(axes.at(each.mean_score, each.accuracy.high)[1], y - radius)
        drawing.text(x, max(top - 5, _TOP - 5), f"{each.panels:,}", anchor="middle", size=10)
    ece = report.total.ece
    drawing.text(_LEFT + 8, _TOP + 16, f"ECE {ece.value:.3f} [{ece.low:.3f}, {ece.high:.3f}]", size=12)
    return drawing.to_svg()


def draw_risk_coverage(report: ConsensusReport) -> str:
    """Return how the share of errors grows with the share of panels that are answered, surest first."""
    groups = shown_groups(report)
    highest = max(point.error.high for group in groups for point in _steady(group))
    top = next(axis for axis in _ERROR_AXES if highest <= axis)
    drawing = Drawing(_WIDTH, _HEIGHT, "Errors over coverage when only the surest panels are answered")
    drawing.text(_LEFT, 26, f"Errors when only the surest are answered{_mark(report)}", size=14)
    axes = _Axes(drawing, across="share answered (coverage)", up="share of these wrong", top=top)
    for at, group in enumerate(groups):
        points = _steady(group)
        upper = [axes.at(point.coverage, point.error.high) for point in points]
        lower = [axes.at(point.coverage, point.error.low) for point in points]
        drawing.area([*upper, *reversed(lower)], colour=COLOURS[at])
        drawing.line([axes.at(point.coverage, point.error.value) for point in points], colour=COLOURS[at], width=2)
        for point in points:
            drawing.circle(*axes.at(point.coverage, point.error.value), 4, colour=COLOURS[at])
        area = group.risk_coverage.aurc
        told = f"{label(group)}: AURC {area.value:.3f} [{area.low:.3f}, {area.high:.3f}]"
        drawing.bar(_LEFT + 8, _TOP + 6 + 18 * at, 12, 10, colour=COLOURS[at])
        drawing.text(_LEFT + 26, _TOP + 15 + 18 * at, told)
    return drawing.to_svg()


def _steady(group: Group) -> Sequence[CoveragePoint]:
    """Return the points with enough panels to be drawn: at the strictest thresholds a handful may say anything."""
    points = group.risk_coverage.points
    return [point for point in points if point.coverage >= _SURE_ENOUGH] or points


def draw_accuracy(report: ConsensusReport) -> str:
    """Return how often the panel, its members and the vote of all are right, with 95 % intervals."""
    groups = shown_groups(report)
    row_height = _ROW_HEIGHT * len(groups) + 14
    height = _TOP + row_height * len(MEASURES) + 30 + 18 * len(groups)
    drawing = Drawing(_WIDTH, height, "Accuracy of the panel's choice and of its members")
    drawing.text(12, 26, f"Right answers, with 95 % intervals{_mark(report)}", size=14)
    room = _WIDTH - _NAMES_WIDTH - 64
    for row, (name, measure) in enumerate(MEASURES):
        top = _TOP + row * row_height
        drawing.text(_NAMES_WIDTH - 10, top + row_height / 2, name, anchor="end")
        for at, group in enumerate(groups):
            rate, y = measure(group), top + 5 + at * _ROW_HEIGHT
            drawing.bar(_NAMES_WIDTH, y, rate.value * room, _ROW_HEIGHT - 3, colour=COLOURS[at])
            middle = y + (_ROW_HEIGHT - 3) / 2
            drawing.line([(_NAMES_WIDTH + rate.low * room, middle), (_NAMES_WIDTH + rate.high * room, middle)])
            drawing.text(_NAMES_WIDTH + rate.high * room + 6, middle + 4, f"{100 * rate.value:.1f} %", size=11)
    for at, group in enumerate(groups):
        y = _TOP + row_height * len(MEASURES) + 16 + 18 * at
        drawing.bar(_NAMES_WIDTH, y - 9, 12, 10, colour=COLOURS[at])
        drawing.text(_NAMES_WIDTH + 18, y, label(group), colour=INK)
    return drawing.to_svg()


def _mark(report: ConsensusReport) -> str:
    return " of SIMULATED models" if report.simulated else ""
