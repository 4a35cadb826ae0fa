"""The `genai-prices` data as rows of our table. Importing this imports that data: 150 ms, so only when needed."""

from datetime import UTC, date, datetime, time
from decimal import ROUND_CEILING, Decimal
from typing import assert_never

import genai_prices
from genai_prices import types
from genai_prices.data import providers

from quorate.core.units import MICROUSD_PER_USD
from quorate.providers.price import Price
from quorate.providers.price_table import DatedPrice, PricedModel, PricedProvider, Rule

_SOURCE = f"genai-prices {genai_prices.__version__}"
#: The data gives dollars per thousand requests; we keep micro-USD per request.
_REQUESTS = 1000


def compile_providers() -> tuple[PricedProvider, ...]:
    """Return every provider of the installed data with its models and prices."""
    return tuple(
        PricedProvider(
            id=provider.id,
            rule=None if provider.provider_match is None else _rule(provider.provider_match),
            fallbacks=tuple(provider.fallback_model_providers or ()),
            models=tuple(_model(model) for model in provider.models),
        )
        for provider in providers
    )


def _rule(clause: types.MatchLogic) -> Rule:
    match clause:
        case types.ClauseEquals(equals=text):
            return Rule(op="equals", text=text.lower())
        case types.ClauseStartsWith(starts_with=text):
            return Rule(op="starts_with", text=text.lower())
        case types.ClauseEndsWith(ends_with=text):
            return Rule(op="ends_with", text=text.lower())
        case types.ClauseContains(contains=text):
            return Rule(op="contains", text=text.lower())
        case types.ClauseRegex(regex=text):
            return Rule(op="regex", text=text)
        case types.ClauseOr(or_=clauses):
            return Rule(op="any", rules=tuple(_rule(each) for each in clauses))
        case types.ClauseAnd(and_=clauses):
            return Rule(op="all", rules=tuple(_rule(each) for each in clauses))
        case _:
            assert_never(clause)


def _model(model: types.ModelInfo) -> PricedModel:
    free = model.id.endswith(":free")
    if isinstance(model.prices, list):
        dated = tuple(_dated(each, free=free) for each in model.prices)
    else:
        dated = (DatedPrice(price=_price(model.prices, free=free)),)
    return PricedModel(id=model.id, rule=_rule(model.match), prices=dated or (DatedPrice(),))


def _dated(conditional: types.ConditionalPrice, *, free: bool) -> DatedPrice:
    price = _price(conditional.prices, free=free)
    match conditional.constraint:
        case None:
            return DatedPrice(price=price)
        case types.StartDateConstraint(start_date=since):
            return DatedPrice(price=price, since=since)
        case types.TimeOfDateConstraint(start_time=start, end_time=end):
            return DatedPrice(price=price, start=_utc(start), end=_utc(end))
        case _:
            assert_never(conditional.constraint)


def _utc(moment: time) -> time:
    """Return a time of day in UTC, without a zone; one that comes without a zone is UTC already."""
    if moment.tzinfo is None:
        return moment
    return datetime.combine(date(1970, 1, 1), moment).astimezone(UTC).time()


def _price(prices: types.ModelPrice, *, free: bool) -> Price | None:
    """Return the price, or `None` where the data names none, which is not the same as free."""
    cost = _microusd(prices.input_mtok)
    answer = _microusd(prices.output_mtok)
    if cost is None and answer is None and not free:
        return None
    return Price(
        input_microusd_per_mtok=cost or 0,
        output_microusd_per_mtok=answer or 0,
        cached_input_microusd_per_mtok=_microusd(prices.cache_read_mtok),
        cache_write_microusd_per_mtok=_microusd(prices.cache_write_mtok),
        reasoning_microusd_per_mtok=_microusd(prices.output_reasoning_mtok),
        request_microusd=-(-(_microusd(prices.requests_kcount) or 0) // _REQUESTS),
        source=_SOURCE,
    )


def _microusd(price: Decimal | types.TieredPrices | None) -> int | None:
    """Return whole micro-USD, rounded up; of tiered prices the base."""
    if price is None:
        return None
    dollars = price.base if isinstance(price, types.TieredPrices) else price
    return int((dollars * MICROUSD_PER_USD).to_integral_value(ROUND_CEILING))
