"""Fitting and measuring cascades on recorded answers."""

import csv
import json
import random
from pathlib import Path

import numpy as np
import pytest

from quorate.analytics.cascade_cases import CascadeCases, Half, cascade_cases
from quorate.analytics.cascade_fit import Fitted, Target, fit_cascade
from quorate.analytics.cascade_plot import plot_frontier
from quorate.analytics.cascade_report import evaluate_cascade
from quorate.analytics.cascade_text import render_cascade, render_fitted
from quorate.analytics.logistic import fit_logistic
from quorate.analytics.recorded_costs import NO_COSTS, RecordedCosts, read_costs
from quorate.consensus.escalation import RuleOrigin
from quorate.core.errors import InvalidRequest
from quorate.providers.recorded import RecordedAnswer, Recording

CHEAP = ("mini-a", "mini-b")


def recordings(count: int = 400, *, costs: bool = True) -> list[Recording]:
    """Sums: the cheap models are wrong on half of the long ones, together on a tenth of all; the strong one is not."""
    rng = random.Random(0)
    found: list[Recording] = []
    for number in range(count):
        long = number % 2 == 1
        truth = rng.randrange(10, 99)
        apart, together = long and rng.random() < 0.5, rng.random() < (0.2 if long else 0.02)
        said = (truth + 1 if together else truth, truth + (1 if together else 2 if apart else 0))
        prompt = f"What is {truth} + 0?" + " Take all the time that you need for it." * (8 if long else 0)
        answers = [
            RecordedAnswer(
                model=model,
                text=f"The answer is {value}.",
                correct=value == truth,
                cost_microusd=cost if costs else None,
                latency_s=1.0,
            )
            for model, value, cost in zip((*CHEAP, "strong-1"), (*said, truth), (5, 5, 100), strict=True)
        ]
        found.append(
            Recording(
                track="sums", task="", prompt_id=str(number), prompt=prompt, truth=str(truth), answers=tuple(answers)
            )
        )
    return found


def cases(half: Half | None = None) -> CascadeCases:
    return cascade_cases(recordings(), cheap=CHEAP, strong="strong", half=half)


def fitted(found: CascadeCases, target: Target = Target.QUALITY, limit: float | None = None) -> Fitted:
    origin = RuleOrigin(
        data="sums.jsonl",
        sha256="0",
        size_bytes=1,
        prompts=len(found.cases),
        cheap=found.cheap,
        strong=found.strong,
        fitted_on="2026-11-28",
    )
    return fit_cascade(found, target=target, limit=limit, origin=origin)


def test_a_logistic_fit_finds_the_side() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(500, 2))
    fit = fit_logistic(rows, rows[:, 0] > 0, ridge=1.0)
    assert fit.weights[0] > 3
    assert abs(fit.weights[1]) < 0.5
    assert ((fit.probability(rows) > 0.5) == (rows[:, 0] > 0)).mean() > 0.98


def test_a_logistic_fit_of_one_side_alone_ends() -> None:
    fit = fit_logistic(np.zeros((20, 1)), np.ones(20, dtype=np.bool_), ridge=1.0)
    assert 0.9 < float(fit.probability(np.zeros((1, 1)))[0]) < 1


def test_a_rule_beats_the_plain_agreement_on_prompts_that_it_has_not_seen() -> None:
    rule = fitted(cases(half="first"), limit=0.8).rule
    report, plain = evaluate_cascade(cases(half="second"), rule=rule), evaluate_cascade(cases(half="second"))
    assert report.accuracy.value > plain.accuracy.value
    assert report.relative_cost is not None
    assert report.relative_cost.value < 0.9
    assert report.best == "strong"
    assert report.mean_latency_s == pytest.approx(1 + report.escalated.value)


def test_the_target_is_kept() -> None:
    found = cases()
    assert (fitted(found, limit=0.5).chosen.relative_cost or 1) <= 0.5
    assert fitted(found, Target.COST, 0.97).chosen.accuracy >= 0.97
    everything = fitted(found, Target.COST)
    assert everything.chosen.accuracy == 1.0
    assert (everything.chosen.relative_cost or 2) < 1.1


def test_the_frontier_goes_from_nobody_to_everybody() -> None:
    frontier = fitted(cases()).frontier
    assert (frontier[0].share, frontier[-1].share) == (0, 1)
    assert frontier[0].relative_cost == pytest.approx(0.1)
    assert frontier[-1].relative_cost == pytest.approx(1.1)


@pytest.mark.parametrize(
    ("target", "limit", "why"),
    [(Target.QUALITY, 0.01, "cannot be reached"), (Target.COST, 1.01, "no setting has 1.010")],
)
def test_a_target_out_of_reach_is_told(target: Target, limit: float, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        fitted(cases(), target, limit)


def test_a_cost_target_needs_costs() -> None:
    found = cascade_cases(recordings(costs=False), cheap=CHEAP, strong="strong")
    with pytest.raises(InvalidRequest, match="the costs of 0 of 400 prompts"):
        fitted(found, limit=0.5)
    assert fitted(found).chosen.relative_cost is None
    assert evaluate_cascade(found).relative_cost is None


def test_too_few_prompts_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="20 prompts can be used; a rule needs 50"):
        fitted(cascade_cases(recordings(20), cheap=CHEAP, strong="strong"))


def test_models_are_found_by_a_beginning_and_without_regard_to_writing() -> None:
    assert len(cascade_cases(recordings(4), cheap=("Mini A", "MINI_B"), strong="strong").cases) == 4
    with pytest.raises(InvalidRequest, match="may be mini-a, mini-b"):
        cascade_cases(recordings(4), cheap=("mini",), strong="strong")
    with pytest.raises(InvalidRequest, match=r"none of the 4 recordings .* \(models: mini-a, mini-b, strong-1\)"):
        cascade_cases(recordings(4), cheap=CHEAP, strong="other")


def test_halves_are_apart_and_together_all() -> None:
    ids = [{case.prompt_id for case in found.cases} for found in (cases("first"), cases("second"))]
    assert not ids[0] & ids[1]
    assert len(ids[0] | ids[1]) == 400


def test_the_right_answer_is_found_from_the_truth() -> None:
    bare = [
        Recording(
            track="",
            task="",
            prompt_id="1",
            prompt="What is 6 * 7?",
            truth="42",
            answers=tuple(
                RecordedAnswer(model=model, text=text) for model, text in (("mini-a", "It is 42."), ("strong-1", "41"))
            ),
        )
    ]
    (case,) = cascade_cases(bare, cheap=("mini-a",), strong="strong-1").cases
    assert (case.right, case.strong_right) == (True, False)


class TestCosts:
    def write(self, folder: Path, name: str) -> RecordedCosts:
        rows = [{"track": "sums", "prompt_id": "1", "model": "Mini.A", "cost_usd": "0.000005"}]
        file = folder / name
        with file.open("w", newline="", encoding="utf-8") as out:
            if name.endswith("csv"):
                writer = csv.DictWriter(out, rows[0])
                writer.writeheader()
                writer.writerows(rows)
            else:
                out.writelines(json.dumps(row) + "\n" for row in rows)
        return read_costs(file)

    @pytest.mark.parametrize("name", ["costs.csv", "costs.jsonl"])
    def test_they_are_joined_by_normalised_names(self, tmp_path: Path, name: str) -> None:
        costs = self.write(tmp_path, name)
        assert costs.of("sums", "1", "mini-a") == pytest.approx(5)
        assert costs.of("sums", "2", "mini-a") is None
        assert NO_COSTS.of("sums", "1", "mini-a") is None

    @pytest.mark.parametrize(
        ("name", "text", "why"),
        [
            ("c.csv", "prompt_id,model\n1,a\n", "row 1 is no cost"),
            ("c.csv", "prompt_id,model,cost_usd\n1,a,-1\n", "row 1 is no cost"),
            ("c.jsonl", "{", "cannot be read"),
            ("c.txt", "", "has to end in"),
        ],
    )
    def test_what_is_no_cost_is_told(self, tmp_path: Path, name: str, text: str, why: str) -> None:
        (tmp_path / name).write_text(text)
        with pytest.raises(InvalidRequest, match=why):
            read_costs(tmp_path / name)


def test_reports_are_markdown_and_json() -> None:
    found = cases()
    text = render_cascade(evaluate_cascade(found))
    assert "| strong alone | 100.0% [100.0%, 100.0%] | 0.100 |" in text
    assert "Escalates: agreement below 0.7." in text
    assert json.loads(json.dumps(evaluate_cascade(found).to_dict()))["prompts"] == 400
    assert "| escalated | right | cost" in render_fitted(fitted(found))


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_the_frontier_is_drawn(tmp_path: Path, suffix: str) -> None:
    plot_frontier(fitted(cases()), tmp_path / f"frontier.{suffix}")
    assert (tmp_path / f"frontier.{suffix}").stat().st_size > 1000
    with pytest.raises(InvalidRequest, match=r"end the name in \.png or \.svg"):
        plot_frontier(fitted(cases()), tmp_path / "frontier.gif")
