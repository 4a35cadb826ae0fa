"""What a cascade would cost: at most all stages, as a rule with each as often as it is reached."""

from cascades import changed, stages
from quorate.consensus.escalation import EscalationRule, RuleOrigin
from quorate.engine.catalog import Catalog, ModelCard, ModelKind
from quorate.engine.estimate import estimate
from quorate.parallel.escalation import ByRule, StageRules
from quorate.providers.price import Price
from quorate.testing import ScriptedModel
from quorate.wire.chat import user_request

ORIGIN = RuleOrigin(data="d", sha256="0", size_bytes=1, prompts=9, cheap=("a", "b"), strong="s", fitted_on="2026-11-28")
RULE = EscalationRule(answers=2, least_gain=0.1, share=0.25, stay=0.0, strong=0.0, features=(), origin=ORIGIN)


class Priced(ScriptedModel):
    price = Price(input_microusd_per_mtok=0, output_microusd_per_mtok=0, request_microusd=100)


MODELS = {name: Priced(name) for name in ("a", "b", "strong", "judge")}


def test_at_most_every_stage_is_asked() -> None:
    found = estimate(stages(["a", "b"], "strong"), user_request("?"), resolve=MODELS.__getitem__)
    assert (found.most_microusd, found.expected_microusd) == (300, 300)
    assert [part.branch for part in found.branches] == ["a", "b", "strong"]


def test_a_rule_tells_how_often_a_stage_is_reached() -> None:
    plan = changed(stages(["a", "b"], "strong"), stages=(StageRules(escalate=ByRule(rule=RULE)),) * 2)
    found = estimate(plan, user_request("?"), resolve=MODELS.__getitem__)
    assert (found.most_microusd, found.expected_microusd) == (300, 225)


def test_a_judge_is_asked_after_every_stage_but_the_last() -> None:
    found = estimate(stages("a", "b", "strong", judge="judge"), user_request("?"), resolve=MODELS.__getitem__)
    (helper,) = found.helpers
    assert (helper.model, helper.attempts, found.most_microusd) == ("judge", 2, 500)


def test_a_catalog_knows_the_worst_case_of_a_stage() -> None:
    catalog = Catalog()
    catalog.add(ModelCard(name="a", kind=ModelKind.ENDPOINT), lambda: MODELS["a"])
    assert catalog.resources.worst_case is not None
    plan = stages("a", "a", judge="a")
    assert catalog.resources.worst_case(plan, user_request("?"), {}) == 300
