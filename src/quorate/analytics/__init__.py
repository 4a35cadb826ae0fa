"""Evaluation: what agreement is worth on recorded answers, with intervals, as data, text, pages and pictures."""

from quorate.analytics.consensus_page import write_consensus_report
from quorate.analytics.evaluation import DEFAULT_DRAWS, evaluate_consensus
from quorate.analytics.plot import plot_consensus
from quorate.analytics.report import (
    Bin,
    ConsensusReport,
    CoveragePoint,
    EarlyStop,
    Group,
    ModelAccuracy,
    Rate,
    RiskCoverage,
    Spread,
)
from quorate.analytics.text import render_text
from quorate.analytics.trials import usual_jobs

__all__ = [
    "DEFAULT_DRAWS",
    "Bin",
    "ConsensusReport",
    "CoveragePoint",
    "EarlyStop",
    "Group",
    "ModelAccuracy",
    "Rate",
    "RiskCoverage",
    "Spread",
    "evaluate_consensus",
    "plot_consensus",
    "render_text",
    "usual_jobs",
    "write_consensus_report",
]
