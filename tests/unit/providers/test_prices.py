"""Prices: arithmetic that never loses or doubles a token, and a catalog that agrees with the data it is made from."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import genai_prices
import msgspec
import pytest
from genai_prices import types
from genai_prices.data import providers
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.clock import ManualClock
from quorate.model import Usage
from quorate.providers.price import PriceTier
from quorate.providers.price_table import DatedPrice, PricedModel, PricedProvider, PriceTable, Rule, load_table
from quorate.providers.prices import Price, PriceCatalog

MTOK = 1_000_000
amounts = st.integers(0, 10**8)
counts = st.integers(0, 10**7)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Consistent ones: the parts fit into their wholes."""
    cached, written, plain, reasoning, spoken = (draw(counts) for _ in range(5))
    return Usage(
        prompt_tokens=cached + written + plain,
        completion_tokens=reasoning + spoken,
        cached_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=reasoning,
    )


prices = st.builds(
    Price,
    input_microusd_per_mtok=amounts,
    output_microusd_per_mtok=amounts,
    cached_input_microusd_per_mtok=st.none() | amounts,
    cache_write_microusd_per_mtok=st.none() | amounts,
    reasoning_microusd_per_mtok=st.none() | amounts,
    request_microusd=st.integers(0, 10**6),
)


def flat(price: Price) -> Price:
    """The same price without special kinds of tokens."""
    return Price(
        input_microusd_per_mtok=price.input_microusd_per_mtok,
        output_microusd_per_mtok=price.output_microusd_per_mtok,
        request_microusd=price.request_microusd,
    )


@given(prices, usages())
def test_cost_is_the_exact_sum_rounded_up(price: Price, usage: Usage) -> None:
    def each(special: int | None, general: int) -> int:
        return general if special is None else special

    exact = Fraction(
        (usage.prompt_tokens - usage.cached_tokens - usage.cache_write_tokens) * price.input_microusd_per_mtok
        + usage.cached_tokens * each(price.cached_input_microusd_per_mtok, price.input_microusd_per_mtok)
        + usage.cache_write_tokens * each(price.cache_write_microusd_per_mtok, price.input_microusd_per_mtok)
        + (usage.completion_tokens - usage.reasoning_tokens) * price.output_microusd_per_mtok
        + usage.reasoning_tokens * each(price.reasoning_microusd_per_mtok, price.output_microusd_per_mtok),
        MTOK,
    )
    cost = price.cost_microusd(usage) - price.request_microusd
    assert exact <= cost < exact + 1


@given(prices, usages())
def test_without_special_prices_only_the_totals_count(price: Price, usage: Usage) -> None:
    plain = Usage(prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens)
    assert flat(price).cost_microusd(usage) == flat(price).cost_microusd(plain)


@given(prices, counts, counts, counts, counts, counts)
def test_parts_larger_than_the_whole_never_cost_more_than_the_dearest_kind(
    price: Price, prompt: int, completion: int, cached: int, written: int, reasoning: int
) -> None:
    usage = Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=reasoning,
    )
    inputs = (
        price.input_microusd_per_mtok,
        price.cached_input_microusd_per_mtok or 0,
        price.cache_write_microusd_per_mtok or 0,
    )
    outputs = (price.output_microusd_per_mtok, price.reasoning_microusd_per_mtok or 0)
    ceiling = -(-(prompt * max(inputs) + completion * max(outputs)) // MTOK) + price.request_microusd
    assert price.request_microusd <= price.cost_microusd(usage) <= ceiling


def test_the_documented_example() -> None:
    price = Price(
        input_microusd_per_mtok=3 * MTOK,
        output_microusd_per_mtok=15 * MTOK,
        cached_input_microusd_per_mtok=MTOK * 3 // 10,
        cache_write_microusd_per_mtok=MTOK * 15 // 4,
        request_microusd=7,
    )
    usage = Usage(prompt_tokens=1000, completion_tokens=10, cached_tokens=600, cache_write_tokens=300)
    assert price.cost_microusd(usage) == 100 * 3 + 180 + 1125 + 150 + 7
    assert price.cost_microusd(Usage(prompt_tokens=1)) == 3 + 7
    assert Price(input_microusd_per_mtok=1, output_microusd_per_mtok=0).cost_microusd(Usage(prompt_tokens=1)) == 1


@pytest.fixture(scope="module")
def catalog() -> PriceCatalog:
    return PriceCatalog()


def token_priced() -> list[tuple[str, str]]:
    """Models of the data whose price is undated and for tokens of text only; many of them have tiers."""
    plain = {"input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "requests_kcount"}
    return [
        (provider.id, model.id)
        for provider in providers
        for model in provider.models
        if isinstance(model.prices, types.ModelPrice)
        and set(model.prices.__dict__) <= plain
        and {"input_mtok", "output_mtok"} <= set(model.prices.__dict__)
        and provider.find_model(model.id) is model
    ]


def tiered() -> list[tuple[str, str]]:
    plain = set(token_priced())
    return [
        (provider.id, model.id)
        for provider in providers
        for model in provider.models
        if (provider.id, model.id) in plain
        and any(isinstance(value, types.TieredPrices) for value in model.prices.__dict__.values())
    ]


def cost_like_the_library_s(catalog: PriceCatalog, ref: tuple[str, str], prompt: int, answer: int) -> None:
    provider, model = ref
    price = catalog.lookup(provider, model)
    assert price is not None
    cached = prompt // 3
    theirs = genai_prices.calc_price(
        genai_prices.Usage(input_tokens=prompt, cache_read_tokens=cached, output_tokens=answer),
        model,
        provider_id=provider,
    )
    ours = price.cost_microusd(Usage(prompt_tokens=prompt, cached_tokens=cached, completion_tokens=answer))
    # Prices finer than a micro-USD per million tokens are rounded up: far less than one micro-USD per call.
    assert theirs.total_price * MTOK <= ours < theirs.total_price * MTOK + 3


@given(ref=st.sampled_from(token_priced()), prompt=st.integers(0, 10**6), answer=st.integers(0, 10**5))
def test_costs_what_the_library_says(catalog: PriceCatalog, ref: tuple[str, str], prompt: int, answer: int) -> None:
    cost_like_the_library_s(catalog, ref, prompt, answer)


@given(ref=st.sampled_from(tiered()), prompt=st.integers(90_000, 600_000), answer=st.integers(0, 10**5))
def test_a_long_prompt_costs_what_its_tier_says(
    catalog: PriceCatalog, ref: tuple[str, str], prompt: int, answer: int
) -> None:
    cost_like_the_library_s(catalog, ref, prompt, answer)


def test_a_tier_begins_after_its_threshold_and_counts_for_all_tokens() -> None:
    tier = PriceTier(above_prompt_tokens=100, input_microusd_per_mtok=2 * MTOK, output_microusd_per_mtok=9 * MTOK)
    price = Price(input_microusd_per_mtok=MTOK, output_microusd_per_mtok=4 * MTOK, tiers=(tier,))
    assert price.cost_microusd(Usage(prompt_tokens=100, completion_tokens=10)) == 100 + 40
    assert price.cost_microusd(Usage(prompt_tokens=101, completion_tokens=10)) == 202 + 90
    assert price.most_microusd(100, 10) == 140
    assert price.most_microusd(101, 10) == 292


@given(prices, usages(), st.integers(0, 20), st.integers(0, 1000))
def test_the_most_is_never_less_than_the_cost(price: Price, usage: Usage, images: int, above: int) -> None:
    tier = PriceTier(above_prompt_tokens=above, input_microusd_per_mtok=7, output_microusd_per_mtok=MTOK)
    whole = replace(price, tiers=(tier,), image_microusd=3)
    most = whole.most_microusd(usage.prompt_tokens, usage.completion_tokens, images=images)
    assert whole.cost_microusd(usage, images=images) <= most


def test_images_cost_beside_their_tokens() -> None:
    price = Price(input_microusd_per_mtok=MTOK, output_microusd_per_mtok=MTOK, image_microusd=1300)
    assert price.cost_microusd(Usage(prompt_tokens=10), images=2) == 10 + 2600
    assert price.cost_microusd(Usage(prompt_tokens=10)) == 10


def test_list_prices_say_of_what_day_they_are(catalog: PriceCatalog) -> None:
    today = datetime.now(tz=UTC).date()
    found = [price for ref in token_priced() if (price := catalog.lookup(*ref)) is not None]
    assert found
    assert all(price.dated is not None and price.dated <= today for price in found)


def test_a_price_that_holds_since_a_day_is_of_that_day() -> None:
    model = next(
        (provider.id, model.id, each.constraint.start_date)
        for provider in providers
        for model in provider.models
        if isinstance(model.prices, list) and provider.find_model(model.id) is model
        for each in model.prices[-1:]
        if isinstance(each.constraint, types.StartDateConstraint)
    )
    later = PriceCatalog(clock=ManualClock(datetime(2030, 1, 1, tzinfo=UTC))).lookup(*model[:2])
    assert later is not None
    assert later.dated == model[2]


def test_finds_aliases_dated_versions_and_resold_models(catalog: PriceCatalog) -> None:
    assert catalog.lookup("OpenAI", "GPT-4o-mini-2024-07-18") == catalog.lookup("openai", "gpt-4o-mini")
    assert catalog.lookup("gemini", "gemini-2.5-flash") == catalog.lookup("google", "gemini-2.5-flash")
    assert catalog.lookup("google", "claude-sonnet-4-5") == catalog.lookup("anthropic", "claude-sonnet-4-5")
    found = catalog.lookup("openai", "gpt-4o-mini")
    assert found is not None
    assert found.source.startswith("genai-prices ")


@pytest.mark.parametrize(
    ("provider", "long", "short"),
    [
        ("gemini", "models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("fireworks", "accounts/fireworks/models/deepseek-v3p2", "deepseek-v3p2"),
    ],
)
def test_the_folder_of_an_id_does_not_matter(catalog: PriceCatalog, provider: str, long: str, short: str) -> None:
    assert catalog.lookup(provider, long) == catalog.lookup(provider, short) is not None


def test_a_model_of_one_s_own_has_no_list_price(catalog: PriceCatalog) -> None:
    assert catalog.lookup("fireworks", "accounts/me/models/deepseek-v3p2") is None
    assert catalog.lookup("gemini", "tunedModels/gemini-2.5-flash") is None


def test_unknown_is_none_and_stays_so(catalog: PriceCatalog) -> None:
    assert catalog.lookup("nobody", "gpt-4o") is None
    assert catalog.lookup("openai", "no-such-model") is None
    assert catalog.lookup("openai", "no-such-model") is None


def test_models_without_a_price_are_unknown_not_free(catalog: PriceCatalog) -> None:
    empty = [
        (provider.id, model.id)
        for provider in providers
        for model in provider.models
        if isinstance(model.prices, types.ModelPrice) and not model.prices.__dict__
    ]
    assert empty
    for provider, model in empty:
        found = catalog.lookup(provider, model)
        assert (found is not None) == model.endswith(":free"), (provider, model)
        assert found is None or found.cost_microusd(Usage(prompt_tokens=10**6, completion_tokens=10**6)) == 0


def test_per_request_prices(catalog: PriceCatalog) -> None:
    sonar = catalog.lookup("perplexity", "sonar")
    assert sonar is not None
    assert sonar.request_microusd > 0


def test_many_unknown_names_do_not_fill_the_memory() -> None:
    catalog = PriceCatalog()
    for number in range(5000):
        catalog.lookup("nobody", f"model-{number}")
    assert len(catalog._found) <= 4096  # pyright: ignore[reportPrivateUsage] - memory shows nowhere else


def priced(amount: int) -> Price:
    return Price(input_microusd_per_mtok=amount, output_microusd_per_mtok=amount)


def test_dated_prices_change_when_their_day_comes() -> None:
    day = datetime(2026, 3, 1, tzinfo=UTC)
    model = PricedModel(
        id="m",
        rule=Rule(op="equals", text="m"),
        prices=(DatedPrice(price=priced(1)), DatedPrice(price=priced(2), since=day.date())),
    )
    assert model.price_at(day - timedelta(seconds=1)) == priced(1)
    assert model.price_at(day) == priced(2)


@pytest.mark.parametrize(("hour", "amount"), [(22, 1), (23, 2), (0, 2), (5, 2), (6, 1), (12, 1)])
def test_prices_by_time_of_day_may_span_midnight(hour: int, amount: int) -> None:
    at = [datetime(2026, 1, 1, hour=each, tzinfo=UTC) for each in (23, 6)]
    night = DatedPrice(price=priced(2), start=at[0].time(), end=at[1].time())
    model = PricedModel(id="m", rule=Rule(op="equals", text="m"), prices=(DatedPrice(price=priced(1)), night))
    assert model.price_at(datetime(2026, 5, 5, hour=hour, tzinfo=UTC)) == priced(amount)


def test_first_price_holds_when_none_has_begun() -> None:
    later = tuple(DatedPrice(price=priced(n), since=datetime(2027, n, 1, tzinfo=UTC).date()) for n in (1, 2))
    model = PricedModel(id="m", rule=Rule(op="equals", text="m"), prices=later)
    assert model.price_at(datetime(2026, 1, 1, tzinfo=UTC)) == priced(1)


def test_dated_prices_are_the_library_s_at_every_moment() -> None:
    dated = [
        (provider.id, model)
        for provider in providers
        for model in provider.models
        if isinstance(model.prices, list) and provider.find_model(model.id) is model
    ]
    seen: dict[str, set[int]] = {}
    for moment in (datetime(year, 1, 1, 3, tzinfo=UTC) for year in (2020, 2026, 2030)):
        catalog = PriceCatalog(clock=ManualClock(moment))
        for provider, model in dated:
            theirs = model.get_prices(moment).input_mtok
            base = theirs.base if isinstance(theirs, types.TieredPrices) else theirs
            ours = catalog.lookup(provider, model.id)
            if base is None:
                continue
            assert ours is not None
            assert ours.input_microusd_per_mtok == math.ceil(base * MTOK), (provider, model.id, moment)
            seen.setdefault(f"{provider}/{model.id}", set()).add(ours.input_microusd_per_mtok)
    assert any(len(amounts) > 1 for amounts in seen.values())


@pytest.mark.parametrize(
    ("rule", "name", "expected"),
    [
        (Rule(op="equals", text="a-1"), "a-1", True),
        (Rule(op="starts_with", text="a"), "a-1", True),
        (Rule(op="ends_with", text="1"), "a-1", True),
        (Rule(op="contains", text="-"), "a-1", True),
        (Rule(op="regex", text=r"^a-\d$"), "a-1", True),
        (Rule(op="regex", text=r"^a-\d$"), "a-12", False),
        (Rule(op="any", rules=(Rule(op="equals", text="x"), Rule(op="equals", text="a"))), "a", True),
        (Rule(op="all", rules=(Rule(op="contains", text="x"), Rule(op="contains", text="a"))), "a", False),
    ],
)
def test_rules(rule: Rule, name: str, *, expected: bool) -> None:
    assert rule.matches(name) is expected


def test_the_compiled_file_holds_the_whole_table(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "prices.json"
    compiled = load_table(path)
    written = path.stat().st_mtime_ns
    assert load_table(path) == compiled == load_table(None)
    assert path.stat().st_mtime_ns == written
    assert [each.name for each in path.parent.iterdir()] == ["prices.json"]


@pytest.mark.parametrize("damage", [b"", b"{", b"[1, 2]", b"\xff\xfe", b'{"key": "1/0.0.0", "providers": []}'])
def test_a_damaged_or_outdated_file_is_replaced(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "prices.json"
    path.write_bytes(damage)
    assert PriceCatalog(cache_path=path).lookup("openai", "gpt-4o") is not None
    assert path.stat().st_size > 50_000


def test_a_file_with_a_bit_turned_in_what_is_packed_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    table = load_table(path)
    packed = bytearray(table.providers[0].packed)
    packed[len(packed) // 2] ^= 1
    bad = msgspec.structs.replace(table.providers[0], packed=bytes(packed))
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(table, providers=(bad, *table.providers[1:]))))
    assert load_table(path) == table
    assert msgspec.json.decode(path.read_bytes(), type=PriceTable) == table


def test_a_look_up_unpacks_no_other_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked: list[str] = []
    unpack = PricedProvider.models

    def noted(provider: PricedProvider) -> tuple[PricedModel, ...]:
        unpacked.append(provider.id)
        return unpack(provider)

    monkeypatch.setattr(PricedProvider, "models", noted)
    catalog = PriceCatalog()
    assert all(catalog.lookup("openai", name) for name in ("gpt-4o", "gpt-4o-mini"))
    assert unpacked == ["openai"]


def test_a_path_that_is_a_folder_is_no_error(tmp_path: Path) -> None:
    assert PriceCatalog(cache_path=tmp_path).lookup("openai", "gpt-4o") is not None
    assert list(tmp_path.parent.glob(f"{tmp_path.name}?*")) == []
