"""The `genai-prices` data as rows of our table. Importing this imports that data: 150 ms, so only when needed."""

from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import Any, assert_never

import genai_prices
from genai_prices import types
from genai_prices.data import providers

from quorate.core.units import MICROUSD_PER_USD
from quorate.providers.price import Price, PriceTier
from quorate.providers.price_table import DatedPrice, PricedModel, PricedProvider, Rule, pack

_SOURCE = f"genai-prices {genai_prices.__version__}"
#: The data gives dollars per thousand requests; we keep micro-USD per request.
_REQUESTS = 1000
#: Our name for each kind of token -> the data's.
_KINDS = {
    "input_microusd_per_mtok": "input_mtok",
    "output_microusd_per_mtok": "output_mtok",
    "cached_input_microusd_per_mtok": "cache_read_mtok",
    "cache_write_microusd_per_mtok": "cache_write_mtok",
    "reasoning_microusd_per_mtok": "output_reasoning_mtok",
}


def _data_day() -> date | None:
    """Return the newest day that the data name, up to their installation: they were made on it or later.

    The data themselves do not say when they were made.
    """
    installed = datetime.fromtimestamp(Path(genai_prices.__file__).stat().st_mtime, tz=UTC).date()
    days = (
        each.constraint.start_date
        for provider in providers
        for model in provider.models
        if isinstance(model.prices, list)
        for each in model.prices
        if isinstance(each.constraint, types.StartDateConstraint)
    )
    return max((day for day in days if day <= installed), default=None)


_DATA_DAY = _data_day()


def compile_providers() -> tuple[PricedProvider, ...]:
    """Return every provider of the installed data with its models and prices."""
    return tuple(
        PricedProvider(
            id=provider.id,
            rule=None if provider.provider_match is None else _rule(provider.provider_match),
            fallbacks=tuple(provider.fallback_model_providers or ()),
            packed=pack([_model(model) for model in provider.models]),
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
    return PricedModel(
        id=model.id,
        rule=_rule(model.match),
        prices=dated or (DatedPrice(),),
        name=model.name or "",
        context_window=model.context_window,
    )


def _dated(conditional: types.ConditionalPrice, *, free: bool) -> DatedPrice:
    price = _price(conditional.prices, free=free)
    match conditional.constraint:
        case None:
            return DatedPrice(price=price)
        case types.StartDateConstraint(start_date=since):
            return DatedPrice(price=price and replace(price, dated=since), since=since)
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
    if prices.input_mtok is None and prices.output_mtok is None and not free:
        return None
    kinds = (getattr(prices, kind) for kind in _KINDS.values())
    starts = {tier.start for kind in kinds if isinstance(kind, types.TieredPrices) for tier in kind.tiers}
    return Price(
        **_rates(prices, 0),
        request_microusd=-(-(_microusd(prices.requests_kcount, 0) or 0) // _REQUESTS),
        tiers=tuple(PriceTier(**_rates(prices, start + 1), above_prompt_tokens=start) for start in sorted(starts)),
        source=_SOURCE,
        dated=_DATA_DAY,
    )


def _rates(prices: types.ModelPrice, prompt_tokens: int) -> dict[str, Any]:
    """Return what each kind of token costs in a prompt of that length."""
    rates = {name: _microusd(getattr(prices, kind), prompt_tokens) for name, kind in _KINDS.items()}
    return {**rates, **{name: rates[name] or 0 for name in ("input_microusd_per_mtok", "output_microusd_per_mtok")}}


def _microusd(price: Decimal | types.TieredPrices | None, prompt_tokens: int) -> int | None:
    """Return whole micro-USD, rounded up."""
    if price is None:
        return None
    if isinstance(price, types.TieredPrices):
        reached = [tier.price for tier in price.tiers if prompt_tokens > tier.start]
        price = reached[-1] if reached else price.base
    return int((price * MICROUSD_PER_USD).to_integral_value(ROUND_CEILING))
