from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.errors import InvalidRequest
from quorate.engine.catalog import ModelCard, ModelKind, vendor_of
from quorate.engine.choose import Need, Wish, choose, need_of
from quorate.providers.price import Price
from quorate.wire.chat import ChatRequest, ImageUrl, Message, Part, user_request

CODE = Wish(domain_hints=("code",))


def card(name: str, *, usd: float | None = None, kind: ModelKind = ModelKind.ENDPOINT, **fields: Any) -> ModelCard:
    micro = None if usd is None else round(usd * 1_000_000)
    price = None if micro is None else Price(input_microusd_per_mtok=micro, output_microusd_per_mtok=micro)
    return ModelCard(name=name, kind=kind, price=price, **fields)


def names(cards: list[ModelCard], need: Need | None = None, wish: Wish | None = None) -> list[str]:
    return [each.model for each in choose(cards, need=need or Need(), wish=wish or Wish())]


def test_three_of_different_vendors_come_first() -> None:
    cards = [card(name, vendor=vendor) for name, vendor in (("a", "x"), ("b", "x"), ("c", "y"), ("d", "z"))]
    assert names(cards) == ["a", "c", "d"]
    assert names(cards, wish=Wish(max_models=4)) == ["a", "c", "d", "b"]


def test_a_declared_domain_counts_more_than_a_mentioned_one_and_both_more_than_price() -> None:
    cards = [
        card("plain", vendor="x", usd=0.1),
        card("talks", vendor="y", usd=5, description="A model for coding"),
        card("declared", vendor="z", usd=9, domains=("Code",)),
    ]
    assert names(cards, wish=CODE) == ["declared", "talks", "plain"]
    assert names(cards) == ["plain", "talks", "declared"]


def test_a_hint_that_is_in_no_table_is_looked_for_as_it_is() -> None:
    cards = [card("a", vendor="x"), card("z", vendor="y", description="Knows gardening.")]
    assert names(cards, wish=Wish(domain_hints=("Gardening",), max_models=1)) == ["z"]


def test_the_quicker_of_two_is_chosen() -> None:
    cards = [card("a", vendor="x", latency_s=2.0), card("b", vendor="y", latency_s=0.2)]
    assert names(cards) == ["b", "a"]


@pytest.mark.parametrize(
    ("unfit", "need"),
    [
        (card("b", kind=ModelKind.ENSEMBLE), Need()),
        (card("b", embeds_only=True), Need()),
        (card("b", context_window=1000), Need(tokens=1001)),
        (card("b", modalities=("text",)), Need(images=True)),
        (card("b", tools=False), Need(tools=True)),
        (card("b", kind=ModelKind.SIMULATED, simulated=True), Need()),
        (card("b", kind=ModelKind.REPLAY), Need()),
    ],
)
def test_what_cannot_do_it_is_left_out(unfit: ModelCard, need: Need) -> None:
    assert names([card("a"), unfit], need) == ["a"]


def test_what_is_not_known_does_not_count_against_a_model() -> None:
    assert names([card("a")], Need(tokens=10**9, images=True, tools=True)) == ["a"]


def test_simulated_models_are_chosen_where_there_is_nothing_else() -> None:
    assert names([card("s", kind=ModelKind.SIMULATED, simulated=True)]) == ["s"]


def test_only_the_models_named_are_chosen_from() -> None:
    assert names([card("a"), card("b"), card("c")], wish=Wish(among=("b", "c"))) == ["b", "c"]


def test_too_few_is_an_error_that_counts_them() -> None:
    with pytest.raises(InvalidRequest, match="1 models fit this request and at least 2"):
        choose([card("a")], need=Need(), wish=Wish(min_models=2))
    with pytest.raises(InvalidRequest, match="min_models is 3 and max_models is 2"):
        choose([card("a")], need=Need(), wish=Wish(min_models=3, max_models=2))


def test_the_reason_says_vendor_fit_price_and_latency() -> None:
    (chosen,) = choose([card("a", provider="p", usd=1, latency_s=0.5, domains=("code",))], need=Need(), wish=CODE)
    assert chosen.reason == "vendor p; fits code; $2.00 per million tokens in and out; 0.5 s to the first token"


def test_the_vendor_is_configured_or_in_the_id_or_the_provider() -> None:
    assert vendor_of(card("a", vendor="Maker", provider="p", model_id="x/y")) == "maker"
    assert vendor_of(card("a", provider="p", model_id="OpenAI/y")) == "openai"
    assert vendor_of(card("a", provider="p", model_id="y")) == "p"


def test_the_need_of_a_request() -> None:
    picture = Part(type="image_url", image_url=ImageUrl(url="data:,"))
    request = ChatRequest(
        messages=(Message(role="user", content=(picture,)),), tools=({"type": "function"},), max_tokens=500
    )
    need = need_of(request)
    assert need.images
    assert need.tools
    assert need.tokens > 1000
    assert need_of(user_request("hi")) == Need(tokens=need_of(user_request("hi")).tokens)


cards_of_any_kind = st.lists(
    st.builds(
        card,
        st.text("abcdef", min_size=1, max_size=3),
        usd=st.none() | st.floats(0, 100),
        kind=st.sampled_from(ModelKind),
        vendor=st.sampled_from(["", "x", "y", "z"]),
        description=st.sampled_from(["", "for coding", "legal and medical"]),
        domains=st.sampled_from([(), ("code",), ("legal", "math")]),
        latency_s=st.none() | st.floats(0, 10),
        context_window=st.none() | st.integers(1, 5000),
        modalities=st.sampled_from([None, ("text",), ("text", "image")]),
        tools=st.sampled_from([None, True, False]),
        simulated=st.booleans(),
    ),
    unique_by=lambda each: each.name,
    max_size=12,
)
wishes = st.builds(
    Wish,
    domain_hints=st.lists(st.sampled_from(["code", "legal", "other"]), max_size=3).map(tuple),
    min_models=st.none() | st.integers(1, 5),
    max_models=st.none() | st.integers(5, 9),
)


@given(cards_of_any_kind, wishes, st.booleans(), st.randoms(use_true_random=False))
def test_the_choice_is_within_bounds_and_does_not_depend_on_the_order(
    cards: list[ModelCard], wish: Wish, images: bool, rng: Any
) -> None:
    need = Need(tokens=100, images=images)
    shuffled = cards.copy()
    rng.shuffle(shuffled)
    try:
        chosen = choose(cards, need=need, wish=wish)
    except InvalidRequest:
        with pytest.raises(InvalidRequest):
            choose(shuffled, need=need, wish=wish)
        return
    assert choose(shuffled, need=need, wish=wish) == chosen
    found = [each.model for each in chosen]
    assert len(set(found)) == len(found)
    assert (wish.min_models or 1) <= len(found) <= (wish.max_models or max(3, wish.min_models or 1))
    known = {each.name: each for each in cards}
    assert all(known[name].kind is not ModelKind.ENSEMBLE for name in found)
    assert all(0 <= each.score <= 1 for each in chosen)


@given(cards_of_any_kind)
def test_a_vendor_comes_again_only_after_all_vendors_have_come(cards: list[ModelCard]) -> None:
    try:
        found = [each.model for each in choose(cards, need=Need(), wish=Wish(max_models=12))]
    except InvalidRequest:
        return
    vendors = [vendor_of(next(each for each in cards if each.name == name)) for name in found]
    turns = [vendors[:place].count(vendor) for place, vendor in enumerate(vendors)]
    assert turns == sorted(turns)
