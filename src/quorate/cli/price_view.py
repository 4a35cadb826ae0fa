"""A price as text and as JSON values."""

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from quorate.core.units import MICROUSD_PER_USD, format_usd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quorate.providers.price import Price, Rates

_KINDS = (
    ("input", "input_microusd_per_mtok"),
    ("cached input", "cached_input_microusd_per_mtok"),
    ("cache write", "cache_write_microusd_per_mtok"),
    ("output", "output_microusd_per_mtok"),
    ("reasoning", "reasoning_microusd_per_mtok"),
)
_GENERAL = {"cached input": "input", "cache write": "input", "reasoning": "output"}


def price_dict(price: "Price") -> dict[str, Any]:
    """Return a price as plain JSON values: every component in micro-USD, its tiers, source and day."""
    values = {each.name: getattr(price, each.name) for each in fields(price)}
    return {
        **values,
        "tiers": [{each.name: getattr(tier, each.name) for each in fields(tier)} for tier in price.tiers],
        "dated": None if price.dated is None else price.dated.isoformat(),
    }


def price_lines(price: "Price") -> "Iterator[tuple[str, str]]":
    """Yield every component of a price and what it costs, then its source and its day."""
    for name, attribute in _KINDS:
        microusd: int | None = getattr(price, attribute)
        yield name, f"as {_GENERAL[name]}" if microusd is None else _per_million(microusd)
    yield "per request", format_usd(price.request_microusd)
    yield "per image", format_usd(price.image_microusd)
    for tier in price.tiers:
        yield f"prompt above {tier.above_prompt_tokens:,} tokens", f"${in_and_out(tier)} per million in / out"
    yield "source", price.source or "not known"
    yield "of", "not known" if price.dated is None else price.dated.isoformat()


def in_and_out(rates: "Rates") -> str:
    """Return the dollars per million tokens in and out."""
    return f"{_dollars(rates.input_microusd_per_mtok)} / {_dollars(rates.output_microusd_per_mtok)}"


def _per_million(microusd: int) -> str:
    return f"${_dollars(microusd)} per million tokens"


def _dollars(microusd: int) -> str:
    return f"{microusd / MICROUSD_PER_USD:g}"
