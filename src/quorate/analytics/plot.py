"""A report as a picture: calibration on the left, accuracies on the right."""

# matplotlib's own stubs leave the keyword arguments of nearly every call untyped
# pyright: reportUnknownMemberType=false

from pathlib import Path
from typing import TYPE_CHECKING

from quorate.analytics.charts import MEASURES, label, shown_groups
from quorate.analytics.figure import figure_for
from quorate.analytics.report import ConsensusReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE_INCHES = (11.5, 5.6)
_INK, _FAINT, _GRID = "#1f2933", "#7b8794", "#e4e7eb"
_COLOURS = ("#1f5fbf", "#c2571a", "#2f855a", "#7a4fb5")


def plot_consensus(report: ConsensusReport, path: Path | str) -> None:
    """Write the report as a PNG or SVG, by the suffix of `path`.

    Raises InvalidRequest for another suffix or a path that cannot be written, Misconfigured if matplotlib is missing.
    """
    with figure_for(Path(path), _SIZE_INCHES, param="path") as figure:
        left, right = figure.subplots(1, 2, width_ratios=(1.0, 1.15))
        _calibration(left, report)
        _accuracies(right, report)
        figure.suptitle(_title(report), x=0.012, ha="left", fontsize=11, color=_INK)


def _title(report: ConsensusReport) -> str:
    simulated = "SIMULATED models, " if report.simulated else ""
    return (
        f"{simulated}Agreement of {report.panel_size} models on recorded answers: {report.prompts:,} prompts,"
        f" {report.draws} random panels each"
    )


def _calibration(axes: "Axes", report: ConsensusReport) -> None:
    most = max(each.panels for each in report.bins)
    axes.plot((0, 1), (0, 1), linestyle=(0, (4, 4)), linewidth=1, color=_FAINT, zorder=1)
    axes.axvline(report.threshold, linewidth=1, color=_FAINT, linestyle=":", zorder=1)
    axes.annotate(f"stop line {report.threshold:g}", (report.threshold, 0.015), (-4, 0), textcoords="offset points",
                  rotation=90, ha="right", va="bottom", fontsize=8, color=_FAINT)  # fmt: skip
    for each in report.bins:
        rate = each.accuracy
        axes.plot((each.mean_score, each.mean_score), (rate.low, rate.high), color=_INK, linewidth=1.4, zorder=4)
        axes.scatter(
            [each.mean_score], [rate.value], s=24 + 150 * each.panels / most, color=_COLOURS[0], alpha=0.85, zorder=3,
            edgecolors="white", linewidths=1,
        )  # fmt: skip
        axes.annotate(f"{each.panels:,}", (each.mean_score, rate.high), (0, 9), textcoords="offset points",
                      ha="center", fontsize=8, color=_INK)  # fmt: skip
    axes.set(xlim=(-0.03, 1.06), ylim=(0, 1.09), xlabel="agreement (share of the leading answer)")
    axes.set_ylabel("leading answer right")
    axes.set_title("Calibration (number of panels at each point)", fontsize=10, loc="left", color=_INK)
    _plain(axes, grid="both")
    if report.total.auc is not None:
        area = report.total.auc
        axes.text(0.02, 0.96, f"AUC {area.value:.3f} [{area.low:.3f}, {area.high:.3f}]", transform=axes.transAxes,
                  fontsize=9, va="top", color=_INK)  # fmt: skip


def _accuracies(axes: "Axes", report: ConsensusReport) -> None:
    groups = shown_groups(report)
    thick = 0.8 / len(groups)
    for place, group in enumerate(groups):
        shift = (place - (len(groups) - 1) / 2) * thick
        for row, (_, measure) in enumerate(MEASURES):
            rate = measure(group)
            axes.barh(row + shift, rate.value, height=thick * 0.86, color=_COLOURS[place], alpha=0.9, zorder=2,
                      label=label(group) if row == 0 else None)  # fmt: skip
            axes.plot((rate.low, rate.high), (row + shift, row + shift), color=_INK, linewidth=1.4, zorder=3)
            axes.annotate(f"{100 * rate.value:.1f} %", (rate.high, row + shift), (4, 0), textcoords="offset points",
                          va="center", fontsize=8, color=_INK)  # fmt: skip
    axes.set_yticks(range(len(MEASURES)), [name for name, _ in MEASURES], fontsize=9)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.12), xlabel="accuracy, with 95 % interval")
    axes.set_xticks((0, 0.2, 0.4, 0.6, 0.8, 1.0))
    stop = report.total.early_stop
    axes.set_title(f"Accuracy (early stop: {stop.mean_calls:.2f} calls of {report.panel_size})", fontsize=10,
    loc="left",
                   color=_INK)  # fmt: skip
    _plain(axes, grid="x")
    if len(groups) > 1:
        axes.figure.legend(loc="outside lower right", frameon=False, fontsize=9, ncols=len(groups))


def _plain(axes: "Axes", *, grid: str) -> None:
    axes.grid(visible=True, axis="x" if grid == "x" else "both", color=_GRID, linewidth=0.8, zorder=0)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_FAINT)
    axes.tick_params(colors=_INK, labelsize=9)
