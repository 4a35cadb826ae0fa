"""How hedges are written, and what is wrong with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.config import BadConfiguration, build, settings_from_text
from quorate.config.hedge_section import HedgeSection
from quorate.model import leaf
from quorate.providers.endpoint import Endpoint
from quorate.providers.simulated import SimulatedModel
from quorate.resilience.hedge import Hedging

TOP = "version: 1\nproviders: {p: {type: openai, base_url: 'http://127.0.0.1:9/v1'}, sim: {type: simulated}}\nmodels:\n"
B = "  b: {provider: p}\n"


def problems(models: str) -> list[str]:
    with pytest.raises(BadConfiguration) as caught:
        settings_from_text(TOP + models, name="q.yaml")
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("written", "after_s", "quantile"),
    [
        ("p95", None, 0.95),
        ("p50", None, 0.5),
        ("p99.5", None, 0.995),
        ("0.8s", 0.8, 0.95),
        ("800ms", 0.8, 0.95),
        (0.8, 0.8, 0.95),
        (2, 2.0, 0.95),
        ("3600s", 3600.0, 0.95),
    ],
)
def test_when_is_a_quantile_or_a_time(written: object, after_s: float | None, quantile: float) -> None:
    policy = HedgeSection.model_validate({"after": written, "share": 0.1}).policy()
    assert (policy.after_s, policy.quantile, policy.share) == (after_s, pytest.approx(quantile), 0.1)


@given(st.floats(0.001, 3600).map(lambda seconds: round(seconds, 3)))
def test_seconds_may_be_a_number_or_a_text(seconds: float) -> None:
    written = f"{seconds:.3f}s"
    after = [HedgeSection.model_validate({"after": value}).policy().after_s for value in (seconds, written)]
    assert after == [seconds, seconds]


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        ("  a: {provider: p, hedge_after: soon}\n", "q.yaml:4:33: models.a.hedge_after: 'soon': expected a quantile"),
        ("  a: {provider: p, hedge_after: p49}\n", "q.yaml:4:33: models.a.hedge_after: 'p49': expected a quantile"),
        ("  a: {provider: p, hedge_after: p100}\n", "q.yaml:4:33: models.a.hedge_after: 'p100': expected a quantile"),
        ("  a: {provider: p, hedge_after: 0}\n", "q.yaml:4:33: models.a.hedge_after: 0: expected a quantile"),
        ("  a: {provider: p, hedge_after: 2h}\n", "a time of at most one hour, as `0.8s`"),
        ("  a: {provider: p, hedge: {share: 0}}\n", "q.yaml:4:35: models.a.hedge.share: 0: expected more than 0"),
        ("  a: {provider: p, hedge: {share: 1.5}}\n", "q.yaml:4:35: models.a.hedge.share: 1.5: expected at most 1"),
        ("  a: {provider: p, hedge: {when: p95}}\n", "q.yaml:4:28: models.a.hedge.when: unknown key"),
        ("  a: {provider: p, hedge_after: p95, hedge: {}}\n", "q.yaml:4:6: models.a: has `hedge_after` and `hedge`"),
        (
            B + "  a: {provider: p, hedge: {on: [bb]}}\n",
            "q.yaml:5:33: models.a.hedge.on[0]: no model is called 'bb'; did you mean 'b'?",
        ),
        (
            B + "  a: {provider: p, hedge: {on: ['nowhere:x']}}\n",
            "q.yaml:5:33: models.a.hedge.on[0]: no provider is called 'nowhere'",
        ),
        (
            B + "  a: {provider: p, hedge: {on: [b, a]}}\n",
            "q.yaml:5:36: models.a.hedge.on[1]: names the model itself; leave `on` away",
        ),
        (
            B + "  a: {provider: p, hedge: {on: [b, b]}}\n",
            "q.yaml:5:36: models.a.hedge.on[1]: names 'b' twice",
        ),
        (
            B + "  e: {type: ensemble, members: [b]}\n  a: {provider: p, hedge: {on: [e]}}\n",
            "q.yaml:6:33: models.a.hedge.on[0]: 'e' is an ensemble; a second attempt is one request to one model",
        ),
        (
            "  a: {provider: p, hedge: {on: [c]}}\n  c: {provider: p, hedge: {on: [a]}}\n",
            "q.yaml:4:33: models.a.hedge.on[0]: is a circle: a -> c -> a; a hedge would be hedged again and again",
        ),
    ],
)
def test_a_mistake_has_its_place(models: str, expected: str) -> None:
    found = problems(models)
    assert len(found) == 1, found
    assert expected in found[0]


def test_an_endpoint_is_wrapped_and_its_card_is_its_own() -> None:
    text = TOP + B + "  a: {provider: p, hedge: {on: [b]}, price: {input: 1, output: 2}, context_window: 9000}\n"
    catalog = build(settings_from_text(text)).catalog
    model, card = catalog.resolve("a"), catalog.card("a")
    assert isinstance(model, Hedging)
    assert isinstance(leaf(model), Endpoint)
    assert (model.name, card.provider, card.context_window) == ("a", "p", 9000)
    assert card.price is not None
    assert isinstance(catalog.resolve("b"), Endpoint)
    assert catalog.resolve("a") is model


def test_a_simulated_providers_model_can_be_hedged() -> None:
    catalog = build(settings_from_text(TOP + "  a: {provider: sim, model: sim-atlas, hedge_after: p95}\n")).catalog
    assert isinstance(leaf(catalog.resolve("a")), SimulatedModel)
    assert catalog.card("a").simulated
