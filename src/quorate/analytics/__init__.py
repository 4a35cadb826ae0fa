"""Evaluation: what agreement is worth on recorded answers, with intervals, as data, text and pictures."""

from quorate.analytics.evaluation import evaluate_consensus
from quorate.analytics.plot import plot_consensus
from quorate.analytics.report import Bin, ConsensusReport, EarlyStop, Group, ModelAccuracy, Rate
from quorate.analytics.text import render_text

__all__ = [
    "Bin",
    "ConsensusReport",
    "EarlyStop",
    "Group",
    "ModelAccuracy",
    "Rate",
    "evaluate_consensus",
    "plot_consensus",
    "render_text",
]
