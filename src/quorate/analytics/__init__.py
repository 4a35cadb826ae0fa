"""Evaluation: what agreement is worth on recorded answers, with intervals, as data, text, pages and pictures."""

from quorate.analytics.consensus_page import write_consensus_report
from quorate.analytics.evaluation import DEFAULT_DRAWS, evaluate_consensus
from quorate.analytics.judge_evaluation import evaluate_judges
from quorate.analytics.judge_report import JudgeReport
from quorate.analytics.judge_task import read_tasks
from quorate.analytics.judge_text import render_judges, render_judges_markdown
from quorate.analytics.judge_trial import JudgeTrial
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
    "JudgeReport",
    "JudgeTrial",
    "ModelAccuracy",
    "Rate",
    "RiskCoverage",
    "Spread",
    "evaluate_consensus",
    "evaluate_judges",
    "plot_consensus",
    "read_tasks",
    "render_judges",
    "render_judges_markdown",
    "render_text",
    "usual_jobs",
    "write_consensus_report",
]
