"""A request over its limits, as an error that carries what the client should be told."""

from quorate.access.bound import Count, Places, Unit, Window
from quorate.access.limit_headers import Headers
from quorate.core.errors import OverLimit, RateLimited

#: When a place becomes free is not known; clients that come back after a second find one soon enough.
_PLACE_WAIT_S = 1.0
#: At the very moment that `wait_s` names the count is still full.
_MARGIN_S = 0.001


class LimitReached(RateLimited):
    """Too many requests or tokens in the window, or requests at once; `headers` say how much of what is left."""

    headers: Headers = ()


class LimitTooSmall(OverLimit):
    """The request alone asks for more tokens than may be used in a minute; `headers` say how many may."""

    headers: Headers = ()


def too_many_at_once(places: Places) -> LimitReached:
    """Return the refusal of a request that found no place."""
    return LimitReached(
        f"{places.amount} requests at once are the limit of this {places.whose}; wait until one has ended",
        retry_after_s=_PLACE_WAIT_S,
    )


def too_many(window: Window, count: Count, tokens: int) -> LimitReached | LimitTooSmall:
    """Return the refusal of a request that did not fit into a window."""
    amount, cost = window.amount, window.cost(tokens)
    limit = f"{amount} {window.unit.value} per minute are the limit of this {window.whose}"
    if cost > amount:
        return LimitTooSmall(f"{limit}, and this request may take {cost}; ask for fewer (max_tokens, a shorter prompt)")
    wait_s = count.wait_s(amount=amount, cost=cost) + _MARGIN_S
    asked = f", and this request may take {cost}" if window.unit is Unit.TOKENS else ""
    return LimitReached(f"{limit}{asked}; try again in {wait_s:.1f} s", retry_after_s=wait_s)
