"""What a model's tokens cost."""

from dataclasses import dataclass
from datetime import date

from quorate.model.usage import Usage

_MTOK = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What tokens cost, in micro-USD per million of each kind.

    A kind without a price of its own (`None`) costs what the tokens it is a part of cost: cached input and cache writes
    the input price, reasoning the output price. One dollar per million tokens is 1,000,000 here.
    """

    input_microusd_per_mtok: int
    output_microusd_per_mtok: int
    cached_input_microusd_per_mtok: int | None = None
    cache_write_microusd_per_mtok: int | None = None
    reasoning_microusd_per_mtok: int | None = None

    def millionths(self, usage: Usage) -> int:
        """Return what `usage` costs in millionths of a micro-USD: exact."""
        # The formula for all kinds takes several times as long, and most usages have none but these.
        if not (usage.cached_tokens or usage.cache_write_tokens or usage.reasoning_tokens):
            return (
                usage.prompt_tokens * self.input_microusd_per_mtok
                + usage.completion_tokens * self.output_microusd_per_mtok
            )
        cached = min(usage.cached_tokens, usage.prompt_tokens)
        written = min(usage.cache_write_tokens, usage.prompt_tokens - cached)
        reasoning = min(usage.reasoning_tokens, usage.completion_tokens)
        return (
            (usage.prompt_tokens - cached - written) * self.input_microusd_per_mtok
            + cached * _or(self.cached_input_microusd_per_mtok, self.input_microusd_per_mtok)
            + written * _or(self.cache_write_microusd_per_mtok, self.input_microusd_per_mtok)
            + (usage.completion_tokens - reasoning) * self.output_microusd_per_mtok
            + reasoning * _or(self.reasoning_microusd_per_mtok, self.output_microusd_per_mtok)
        )

    @property
    def dearest_input(self) -> int:
        """The most that a million tokens of prompt can cost."""
        cached, written = self.cached_input_microusd_per_mtok or 0, self.cache_write_microusd_per_mtok or 0
        return max(self.input_microusd_per_mtok, cached, written)

    @property
    def dearest_output(self) -> int:
        """The most that a million tokens of answer can cost."""
        return max(self.output_microusd_per_mtok, self.reasoning_microusd_per_mtok or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTier(Rates):
    """Other rates for all tokens of a request whose prompt has more than `above_prompt_tokens`."""

    above_prompt_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Price(Rates):
    """What a model costs, in integers of micro-USD: per million tokens (`*_microusd_per_mtok`), per request, per image.

    `image_microusd` is for each image in the prompt, beside the tokens that the provider counts for it. `tiers`, in
    the order of their thresholds: a prompt that is longer than one's threshold has its rates instead, for all its
    tokens. `source` says where the figures come from, `dated` of what day they are; `None` where nobody says.
    """

    request_microusd: int = 0
    image_microusd: int = 0
    tiers: tuple[PriceTier, ...] = ()
    source: str = ""
    dated: date | None = None

    def cost_microusd(self, usage: Usage, *, images: int = 0) -> int:
        """Return what `usage`, with so many images in the prompt, costs: rounded up once to a whole micro-USD.

        Cached and cache-write tokens are parts of the prompt's, reasoning tokens of the completion's: each token is
        priced once, under its most specific kind. Parts that are larger than the whole (a provider's mistake) are
        cut down to it.
        """
        rates: Rates = self
        for tier in self.tiers:
            if usage.prompt_tokens > tier.above_prompt_tokens:
                rates = tier
        return -(-rates.millionths(usage) // _MTOK) + self.request_microusd + images * self.image_microusd

    def most_microusd(self, prompt_tokens: int, completion_tokens: int, *, images: int = 0) -> int:
        """Return the most that so many tokens can cost: every one of the dearest kind and tier that it can be of."""
        reached = [self, *(tier for tier in self.tiers if prompt_tokens > tier.above_prompt_tokens)]
        dearest_input = max(rates.dearest_input for rates in reached)
        dearest_output = max(rates.dearest_output for rates in reached)
        millionths = prompt_tokens * dearest_input + completion_tokens * dearest_output
        return -(-millionths // _MTOK) + self.request_microusd + images * self.image_microusd


def _or(price: int | None, general: int) -> int:
    return general if price is None else price
