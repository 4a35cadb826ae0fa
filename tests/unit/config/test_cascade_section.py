"""How cascades are written, and what is wrong with them."""

from pathlib import Path

import pytest

from quorate.config import BadConfiguration, build, load_settings, settings_from_text
from quorate.consensus.escalation import EscalationRule, RuleOrigin
from quorate.core.errors import Misconfigured
from quorate.engine import ModelKind
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.escalation import Below, ByJudge, ByRule, Cascade
from quorate.parallel.plan import Mode, Plan

TOP = "version: 1\nmodels:\n"
SIMS = "".join(f"  {name}: {{type: simulated}}\n" for name in ("a", "b", "strong", "j"))


def plan_of(written: str) -> tuple[Plan, Cascade]:
    made = build(settings_from_text(f"{TOP}{SIMS}  thrifty: {written}\n", name="q.yaml"))
    model = made.catalog.resolve("thrifty")
    assert isinstance(model, Ensemble)
    assert model.plan.cascade is not None
    return model.plan, model.plan.cascade


def problems(written: str) -> list[str]:
    with pytest.raises(BadConfiguration) as caught:
        settings_from_text(f"{TOP}{SIMS}  thrifty: {written}\n", name="q.yaml")
    return [str(problem) for problem in caught.value.problems]


def rule(answers: int) -> EscalationRule:
    origin = RuleOrigin(
        data="x", sha256="0", size_bytes=1, prompts=1, cheap=("a", "b"), strong="s", fitted_on="2026-11-28"
    )
    return EscalationRule(answers=answers, least_gain=0.1, share=0.4, stay=0.0, strong=0.0, features=(), origin=origin)


def test_a_stage_is_a_name_a_list_or_a_mapping() -> None:
    stages = "[[a, {model: b, weight: 2}], {members: [a, b], mode: quorum, threshold: 0.9}, strong]"
    plan, cascade = plan_of(f"{{type: cascade, stages: {stages}}}")
    assert [(member.model, member.group) for member in plan.members] == [
        ("a", 1),
        ("b", 1),
        ("a", 2),
        ("b", 2),
        ("strong", 3),
    ]
    assert (plan.members[1].weight, cascade.stages[1].mode, cascade.stages[1].threshold) == (2, Mode.QUORUM, 0.9)
    assert [stage.escalate for stage in cascade.stages] == [Below(share=0.7)] * 3


def test_a_stage_may_escalate_by_its_own_rule() -> None:
    _, cascade = plan_of(
        "{type: cascade, escalate: {below: 0.9}, stages: [[a, b], {members: [b], escalate: {judge: j}}, strong]}"
    )
    assert [stage.escalate for stage in cascade.stages[:2]] == [Below(share=0.9), ByJudge(judge="j")]


@pytest.mark.parametrize(("written", "after_s"), [("true", 0.0), ("2.5", 2.5), ("false", None)])
def test_speculation_is_a_switch_or_a_delay(written: str, after_s: float | None) -> None:
    _, cascade = plan_of(f"{{type: cascade, stages: [[a, b], strong], speculate: {written}}}")
    assert cascade.speculate_after_s == after_s


def test_a_cap_is_in_dollars() -> None:
    _, cascade = plan_of("{type: cascade, stages: [[a, b], strong], max_cost_usd: 0.02}")
    assert cascade.max_cost_microusd == 20_000


def test_the_card_says_cascade() -> None:
    made = build(settings_from_text(f"{TOP}{SIMS}  thrifty: {{type: cascade, stages: [[a, b], strong]}}\n", name="q"))
    card = made.catalog.card("thrifty")
    assert (card.kind, card.members, card.simulated) == (ModelKind.CASCADE, ("a", "b", "strong"), True)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            "{type: cascade, stages: [a, strong]}",
            "q.yaml:7:37: models.thrifty.stages[0]: one answer agrees with nobody",
        ),
        ("{type: cascade, stages: [[a, b], [a], strong]}", "models.thrifty.stages[1]: one answer agrees with nobody"),
        (
            "{type: cascade, stages: [[a, b], strong], escalate: {below: 0.5}}",
            "q.yaml:7:37: models.thrifty.stages[0]: 2 answers that all differ still have an agreement of 0.5",
        ),
        ("{type: cascade, stages: [[a, b], strong], escalate: {below: 0}}", "models.thrifty.escalate.below: 0"),
        ("{type: cascade, stages: [[a, b], strong], mode: race}", "stages[0]: one answer agrees with nobody"),
        ("{type: cascade, stages: [[a, b]]}", "q.yaml:7:36: models.thrifty.stages"),
        ("{type: cascade, stages: [[a, b], stong]}", "no model is called 'stong'; did you mean 'strong'?"),
        ("{type: cascade, stages: [[a, b], strong], escalate: {judge: nobody}}", "no model is called 'nobody'"),
        ("{type: cascade, stages: [[a, b], strong], escalate: {}}", "exactly one of `below`, `rule` and `judge`"),
        ("{type: cascade, stages: [[a, b], strong], escalate: {below: 0.7, judge: j}}", "exactly one of"),
        ("{type: cascade, stages: [[a, b], thrifty]}", "is a circle: thrifty -> thrifty"),
        ("{type: cascade, stages: [[a, {model: b, group: 3}], strong]}", "a stage is the group of its members"),
        ("{type: cascade, stages: [{members: [a, b], min_models: 3}, strong]}", "only 2 branches run"),
        ("{type: cascade, stages: [[a, b], {members: [strong], escalate: {judge: j}}]}", "none to go on to"),
        ("{type: cascade, stages: [[a, b], strong], select: synthesis}", "models.thrifty.select: 'synthesis'"),
        ("{type: cascade, stages: [[a, b], strong], fallbacks: [a]}", "models.thrifty.fallbacks: unknown key"),
    ],
)
def test_what_makes_no_sense_is_told_with_its_place(written: str, expected: str) -> None:
    assert any(expected in problem for problem in problems(written)), problems(written)


class TestRules:
    def build(self, folder: Path, stages: str, content: bytes) -> Plan:
        (folder / "rule.json").write_bytes(content)
        text = f"{TOP}{SIMS}  thrifty:\n    type: cascade\n    stages: {stages}\n    escalate: {{rule: rule.json}}\n"
        (folder / "quorate.yaml").write_text(text)
        made = build(load_settings(folder / "quorate.yaml", environ={}))
        model = made.catalog.resolve("thrifty")
        assert isinstance(model, Ensemble)
        return model.plan

    def test_a_rule_stands_beside_the_configuration(self, tmp_path: Path) -> None:
        plan = self.build(tmp_path, "[[a, b], strong]", rule(2).encode())
        assert plan.cascade is not None
        assert plan.cascade.stages[0].escalate == ByRule(rule=rule(2))

    @pytest.mark.parametrize(
        ("stages", "content", "expected"),
        [
            ("[a, strong]", rule(2).encode(), "the rule reads 2 answers and this stage gives 1"),
            ("[[a, b], strong]", b"{}", "holds no escalation rule"),
            ("[[a, b], strong]", b"\xff", "holds no escalation rule"),
        ],
    )
    def test_one_that_does_not_fit_is_refused(self, tmp_path: Path, stages: str, content: bytes, expected: str) -> None:
        with pytest.raises(Misconfigured, match=expected) as refused:
            self.build(tmp_path, stages, content)
        assert "quorate.yaml:" in str(refused.value)

    def test_a_file_that_is_not_there_is_told(self, tmp_path: Path) -> None:
        text = f"{TOP}{SIMS}  thrifty: {{type: cascade, stages: [[a, b], strong], escalate: {{rule: none.json}}}}\n"
        (tmp_path / "quorate.yaml").write_text(text)
        with pytest.raises(Misconfigured, match=r"none.json' cannot be read"):
            build(load_settings(tmp_path / "quorate.yaml", environ={}))
