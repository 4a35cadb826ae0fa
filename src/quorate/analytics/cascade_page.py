"""The report of a cascade as a folder: a page with a picture of cost and right answers, and the same as JSON."""

import json
from pathlib import Path

from quorate.analytics.cascade_report import CascadeReport
from quorate.analytics.cascade_text import render_cascade
from quorate.analytics.markdown import escaped, page, picture
from quorate.analytics.report import Rate
from quorate.analytics.report_files import write_report
from quorate.analytics.svg import COLOURS, GRID, INK, Drawing

_WIDTH, _HEIGHT = 620, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 150, 48, 52
_STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)
_PICTURE = "cost-accuracy.svg"


def write_cascade_report(report: CascadeReport, folder: Path, *, source: str) -> None:
    """Write a page, the figures as JSON and, where costs are recorded, a picture as `folder`; as `write_report`."""
    parts = [render_cascade(report), f"Measured on {escaped(source)}."]
    files = {"report.json": json.dumps(report.to_dict(), indent=2) + "\n"}
    drawn = draw_cost_accuracy(report)
    if drawn is not None:
        parts.append(picture("Cost and right answers of the cascade and of each model alone", _PICTURE))
        files[_PICTURE] = drawn
    write_report(folder, {**files, "report.md": page(parts)})


def draw_cost_accuracy(report: CascadeReport) -> str | None:
    """Return right answers over cost, the cascade and each model alone, as SVG; `None` where costs are not recorded.

    The upper left corner is best: right, and cheap. Bars are 95 % intervals.
    """
    points = [("cascade", report.accuracy, report.usd_per_1000)]
    points += [(alone.model, alone.accuracy, alone.usd_per_1000) for alone in report.alone]
    known = [(name, rate, cost) for name, rate, cost in points if cost is not None]
    most = max((cost for _, _, cost in known), default=0.0)
    if len(known) < len(points) or most <= 0:
        return None
    drawing = Drawing(_WIDTH, _HEIGHT, "Right answers over cost")
    drawing.text(_LEFT, 26, "Right answers over cost; bars are 95 % intervals", size=14)
    _axes(drawing, most)
    for place, (name, rate, cost) in enumerate(known):
        _point(drawing, name, rate, cost / most, colour=COLOURS[0] if place == 0 else COLOURS[1])
    return drawing.to_svg()


def _axes(drawing: Drawing, most_usd: float) -> None:
    for step in _STEPS:
        drawing.line([_at(step, 0), _at(step, 1)], colour=GRID, width=1)
        drawing.line([_at(0, step), _at(1, step)], colour=GRID, width=1)
        x, y = _at(step, 0)
        drawing.text(x, y + 18, f"{step * most_usd:.3g}", anchor="middle", size=11)
        x, y = _at(0, step)
        drawing.text(x - 8, y + 4, f"{step:.0%}", anchor="end", size=11)
    drawing.text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 12, "US dollars per 1,000 prompts", anchor="middle")
    drawing.text(18, (_TOP + _HEIGHT - _BOTTOM) / 2, "right", anchor="middle", upright=True)


def _point(drawing: Drawing, name: str, rate: Rate, cost: float, *, colour: str) -> None:
    x, y = _at(cost, rate.value)
    drawing.line([_at(cost, rate.low), _at(cost, rate.high)], colour=INK)
    drawing.circle(x, y, 6, colour=colour)
    drawing.text(x + 10, y + 4, f"{name} {rate.value:.1%}", size=12)


def _at(cost: float, right: float) -> tuple[float, float]:
    """Return the pixels of a point; both from 0 to 1."""
    return _LEFT + cost * (_WIDTH - _LEFT - _RIGHT), _HEIGHT - _BOTTOM - right * (_HEIGHT - _TOP - _BOTTOM)
