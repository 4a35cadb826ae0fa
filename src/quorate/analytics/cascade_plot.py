"""The frontier of a cascade as a picture: what every share of escalated prompts gives."""

# matplotlib's own stubs leave the keyword arguments of nearly every call untyped
# pyright: reportUnknownMemberType=false

from pathlib import Path
from typing import TYPE_CHECKING

from quorate.analytics.cascade_fit import Fitted
from quorate.analytics.figure import figure_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _FAINT, _BLUE, _ORANGE = "#1f2933", "#7b8794", "#1f5fbf", "#c2571a"


def plot_frontier(fitted: Fitted, path: Path) -> None:
    """Write the frontier as a PNG or SVG, by the suffix of `path`: right answers over cost, or over escalations.

    Raises InvalidRequest for another suffix or a path that cannot be written, Misconfigured if matplotlib is missing.
    """
    with figure_for(path, (6.4, 4.6)) as figure:
        _draw(figure.subplots(), fitted)


def _draw(axes: "Axes", fitted: Fitted) -> None:
    priced = fitted.chosen.relative_cost is not None
    points = [*fitted.frontier, fitted.chosen]
    across = [100 * ((each.relative_cost or 0.0) if priced else each.share) for each in points]
    up = [100 * each.accuracy for each in points]
    axes.plot(across[:-1], up[:-1], color=_BLUE, marker=".", linewidth=1.4)
    axes.scatter(across[-1:], up[-1:], color=_ORANGE, s=60, zorder=3)
    axes.annotate("chosen", (across[-1], up[-1]), (6, -12), textcoords="offset points", fontsize=9, color=_ORANGE)
    axes.set(xlabel="cost, % of the strong model alone" if priced else "escalated, % of the prompts", ylabel="right, %")
    origin = fitted.rule.origin
    axes.set_title(f"{' + '.join(origin.cheap)} -> {origin.strong}", fontsize=10, loc="left", color=_INK)
    axes.grid(visible=True, color="#e4e7eb", linewidth=0.8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(colors=_FAINT, labelsize=9)
