"""A calibration as text, as JSON-able values and as a picture."""

# matplotlib's own stubs leave the keyword arguments of nearly every call untyped
# pyright: reportUnknownMemberType=false

from pathlib import Path
from typing import TYPE_CHECKING, Any

from quorate.analytics.figure import figure_for
from quorate.consensus.calibration import Calibration, Cell, CellKey

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHARES = (0.4, 0.6, 0.8, 1.0)
_COLOURS = ("#1f5fbf", "#c2571a", "#2f855a", "#7a4fb5", "#b7791f", "#2c7a7b")


def calibration_text(calibration: Calibration) -> str:
    """Return the cells and the track records as text, ending without a newline."""
    levels = "".join(f"{f'share {share:g}':>11}" for share in _SHARES)
    lines = ["How often the leading answer is right, by its share of the votes"]
    lines += [f"{'votes':10}{'kind':10}{'panel':>6}{'labels':>9}{'right':>8}{levels}{'records':>10}"]
    known = {key: cell for key, cell in calibration.cells.items() if cell.by_share is not None}
    lines += [_cell_line(key, cell) for key, cell in known.items()]
    lines += _too_few(calibration)
    kinds = {key.kind for key in known}
    lines += ["", "How often each model is right", f"{'kind':10}{'model':46}{'right':>8}{'of':>8}"]
    lines += [
        f"{kind:10}{model[:44]:46}{100 * record.right / record.total:>7.1f}%{record.total:>8g}"
        for (model, kind), record in calibration.records.items()
        if kind in kinds
    ]
    return "\n".join(lines)


def _too_few(calibration: Calibration) -> list[str]:
    """Say which kinds have answers and not enough of them; they get no confidence."""
    few = [
        key.kind
        for key, cell in calibration.cells.items()
        if key.kind is not None and key.panel_size is None and cell.by_share is None and key.weighting == "equal"
    ]
    return [f"too few answers: {', '.join(few)}"] if few else []


def calibration_dict(calibration: Calibration) -> dict[str, Any]:
    """Return the cells and the track records as JSON-able values; the confidences are those of shares alone."""
    return {
        "cells": [
            {
                "weighting": key.weighting.value,
                "kind": key.kind and key.kind.value,
                "panel_size": key.panel_size,
                "labels": cell.labels,
                "right": cell.right,
                "calibrated": cell.by_share is not None,
                "uses_records": cell.combined is not None,
                "confidence": None
                if cell.by_share is None
                else [{"share": share, "confidence": cell.by_share.at(share)} for share in _SHARES],
            }
            for key, cell in calibration.cells.items()
        ],
        "records": [
            {"model": model, "kind": kind.value, "right": record.right, "total": record.total}
            for (model, kind), record in calibration.records.items()
        ],
    }


def plot_calibration(calibration: Calibration, path: Path) -> None:
    """Draw what a share is worth, one line for each kind and size with equal votes, as PNG or SVG by the suffix.

    Raises InvalidRequest for another suffix or a path that cannot be written, Misconfigured if matplotlib is missing.
    """
    with figure_for(path, (6.4, 5.6)) as figure:
        _draw(figure.subplots(), calibration)


def _draw(axes: "Axes", calibration: Calibration) -> None:
    axes.plot([0, 1], [0, 1], color="#7b8794", linewidth=0.8, linestyle="--")
    drawn = [
        (key, cell.by_share)
        for key, cell in calibration.cells.items()
        if cell.by_share is not None and key.panel_size is not None and key.weighting == "equal"
    ]
    for number, (key, curve) in enumerate(drawn):
        colour = _COLOURS[number % len(_COLOURS)]
        axes.plot(curve.scores, curve.values, color=colour, marker=".", label=f"{key.kind}, panel of {key.panel_size}")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="share of the votes", ylabel="leading answer right")
    if drawn:
        axes.legend(frameon=False, fontsize=8, loc="upper left")


def _cell_line(key: CellKey, cell: Cell) -> str:
    curve = cell.by_share
    shares = "".join(f"{'-' if curve is None else f'{100 * curve.at(share):.1f}%':>11}" for share in _SHARES)
    return (
        f"{key.weighting:10}{key.kind or 'any':10}{key.panel_size or 'any':>6}{cell.labels:>9}"
        f"{100 * cell.right / cell.labels:>7.1f}%{shares}{'used' if cell.combined is not None else '-':>10}"
    )
