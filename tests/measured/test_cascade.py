"""Acceptance of cascades on real recorded answers: fitted on one half of the prompts, measured on the other.

The data are not part of the project: QUORATE_DATA names their folder, without it the tests skip; so they do where
neither pyarrow nor polars reads the recorded costs.
"""

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from quorate.analytics.cascade_cases import CascadeCases, Half, cascade_cases
from quorate.analytics.cascade_fit import Target, fit_cascade
from quorate.analytics.cascade_report import evaluate_cascade
from quorate.analytics.cascade_text import render_cascade, render_fitted
from quorate.analytics.recorded_costs import RecordedCosts, read_costs
from quorate.consensus.escalation import RuleOrigin
from quorate.providers.recorded import read_recordings

DATA = Path(os.environ.get("QUORATE_DATA", Path(__file__).parents[3] / "shared" / "data"))
ANSWERS = DATA / "consensus" / "b_consensus_dev.jsonl.zst"
COSTS = DATA / "routing" / "a_routing_outcomes_dev.parquet"
POOLS = {
    "zeroeval": (("gpt-4o-mini", "deepseek-v2.5"), "o1-mini"),
    "mmlupro": (("gemini-1.5-flash", "DeepSeek-Coder-V2"), "gemini-1.5-pro"),
}

pytestmark = [
    pytest.mark.skipif(not ANSWERS.is_file(), reason=f"no recorded answers at {ANSWERS}; set QUORATE_DATA"),
    pytest.mark.skipif(
        find_spec("pyarrow") is None and find_spec("polars") is None, reason="nothing here reads Parquet"
    ),
    pytest.mark.timeout(900),
]


@pytest.fixture(scope="module")
def costs() -> RecordedCosts:
    return read_costs(COSTS)


def cases(track: str, half: Half, costs: RecordedCosts) -> CascadeCases:
    cheap, strong = POOLS[track]
    return cascade_cases(read_recordings(ANSWERS), cheap=cheap, strong=strong, costs=costs, track=track, half=half)


@pytest.mark.parametrize(
    ("track", "at_most", "least_right", "most_cost"),
    [("zeroeval", 0.53, 0.93, 0.55), ("mmlupro", 0.66, 0.73, 0.70)],
)
def test_a_fitted_cascade_keeps_the_best_models_accuracy_at_a_part_of_its_cost(
    track: str, at_most: float, least_right: float, most_cost: float, costs: RecordedCosts
) -> None:
    seen: CascadeCases = cases(track, "first", costs)
    kept: CascadeCases = cases(track, "second", costs)
    for fit_on, judge_on in ((seen, kept), (kept, seen)):
        assert fit_on.priced == len(fit_on.cases)
        origin = RuleOrigin(
            data=ANSWERS.name,
            sha256="",
            size_bytes=0,
            prompts=len(fit_on.cases),
            cheap=fit_on.cheap,
            strong=fit_on.strong,
            fitted_on="2026-11-28",
        )
        fitted = fit_cascade(fit_on, target=Target.QUALITY, limit=at_most, origin=origin)
        report = evaluate_cascade(judge_on, rule=fitted.rule)
        plain = evaluate_cascade(judge_on)
        print(render_fitted(fitted), render_cascade(report), render_cascade(plain), sep="\n\n")  # noqa: T201  # the figures are the point
        assert report.relative_cost is not None
        assert plain.relative_cost is not None
        if fit_on is seen:
            assert report.accuracy.value >= least_right
            assert report.relative_cost.value <= most_cost
            assert report.accuracy.value >= plain.accuracy.value
