"""The frontier of a cascade as a picture: what every share of escalated prompts gives."""

# matplotlib's own stubs leave the keyword arguments of nearly every call untyped
# pyright: reportUnknownMemberType=false

from pathlib import Path

from quorate.analytics.cascade_fit import Fitted
from quorate.core.errors import InvalidRequest, Misconfigured

_FORMATS = (".png", ".svg")
_INK, _FAINT, _BLUE, _ORANGE = "#1f2933", "#7b8794", "#1f5fbf", "#c2571a"


def plot_frontier(fitted: Fitted, path: Path) -> None:
    """Write the frontier as a PNG or SVG, by the suffix of `path`: right answers over cost, or over escalations.

    Raises InvalidRequest for another suffix or a path that cannot be written, Misconfigured if matplotlib is missing.
    """
    if path.suffix.lower() not in _FORMATS:
        raise InvalidRequest(f"cannot draw {str(path)!r}; end the name in {' or '.join(_FORMATS)}", param="plot")
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  # optional dependency, and slow: 300 ms, needed only here
    except ImportError as error:
        raise Misconfigured("drawing needs matplotlib; run: pip install 'quorate[plot]'") from error
    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    axes = figure.subplots()
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
    try:
        figure.savefig(path, dpi=144, metadata={"Date": None} if path.suffix.lower() == ".svg" else None)
    except OSError as error:
        raise InvalidRequest(f"cannot write {str(path)!r} ({error}); give a path in a folder that exists") from error
