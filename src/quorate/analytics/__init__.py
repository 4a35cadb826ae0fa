"""Evaluation: what agreement is worth on recorded answers, with intervals, as data, text and pictures."""

from quorate.analytics.evaluation import evaluate_consensus
from quorate.analytics.judge_evaluation import evaluate_judges
from quorate.analytics.judge_report import JudgeReport
from quorate.analytics.judge_task import read_tasks
from quorate.analytics.judge_text import render_judges, render_judges_markdown
from quorate.analytics.judge_trial import JudgeTrial
from quorate.analytics.plot import plot_consensus
from quorate.analytics.report import Bin, ConsensusReport, EarlyStop, Group, ModelAccuracy, Rate
from quorate.analytics.text import render_text

__all__ = [
    "Bin",
    "ConsensusReport",
    "EarlyStop",
    "Group",
    "JudgeReport",
    "JudgeTrial",
    "ModelAccuracy",
    "Rate",
    "evaluate_consensus",
    "evaluate_judges",
    "plot_consensus",
    "read_tasks",
    "render_judges",
    "render_judges_markdown",
    "render_text",
]
