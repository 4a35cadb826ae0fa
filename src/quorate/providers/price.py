"""What a model's tokens cost."""

from dataclasses import dataclass

from quorate.model.usage import Usage

_MTOK = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a model costs, in integers of micro-USD: per million tokens (`*_microusd_per_mtok`) and per request.

    A kind of token without a price of its own (`None`) costs what the tokens it is a part of cost: cached input and
    cache writes the input price, reasoning the output price. `source` says where the figures come from and of what
    date they are. One dollar per million tokens is 1,000,000 here.
    """

    input_microusd_per_mtok: int
    output_microusd_per_mtok: int
    cached_input_microusd_per_mtok: int | None = None
    cache_write_microusd_per_mtok: int | None = None
    reasoning_microusd_per_mtok: int | None = None
    request_microusd: int = 0
    source: str = ""

    def cost_microusd(self, usage: Usage) -> int:
        """Return what `usage` costs, rounded up to a whole micro-USD.

        Cached and cache-write tokens are parts of the prompt's, reasoning tokens of the completion's: each token is
        priced once, under its most specific kind. Parts that are larger than the whole (a provider's mistake) are
        cut down to it.
        """
        cached = min(usage.cached_tokens, usage.prompt_tokens)
        written = min(usage.cache_write_tokens, usage.prompt_tokens - cached)
        reasoning = min(usage.reasoning_tokens, usage.completion_tokens)
        millionths = (
            (usage.prompt_tokens - cached - written) * self.input_microusd_per_mtok
            + cached * _or(self.cached_input_microusd_per_mtok, self.input_microusd_per_mtok)
            + written * _or(self.cache_write_microusd_per_mtok, self.input_microusd_per_mtok)
            + (usage.completion_tokens - reasoning) * self.output_microusd_per_mtok
            + reasoning * _or(self.reasoning_microusd_per_mtok, self.output_microusd_per_mtok)
        )
        return -(-millionths // _MTOK) + self.request_microusd

    def most_microusd(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Return the most that so many tokens can cost: every one of the dearest kind that it can be of."""
        dearest_input = max(
            self.input_microusd_per_mtok,
            self.cached_input_microusd_per_mtok or 0,
            self.cache_write_microusd_per_mtok or 0,
        )
        dearest_output = max(self.output_microusd_per_mtok, self.reasoning_microusd_per_mtok or 0)
        millionths = prompt_tokens * dearest_input + completion_tokens * dearest_output
        return -(-millionths // _MTOK) + self.request_microusd


def _or(price: int | None, general: int) -> int:
    return general if price is None else price
