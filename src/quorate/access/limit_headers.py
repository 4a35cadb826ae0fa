"""The headers that tell a client how much is left, as OpenAI's API writes them."""

from collections.abc import Sequence
from functools import lru_cache
from math import ceil

from quorate.access.bound import WINDOW_S, Standing, Unit, Window

Headers = tuple[tuple[bytes, bytes], ...]

_REQUESTS = (b"x-ratelimit-limit-requests", b"x-ratelimit-remaining-requests", b"x-ratelimit-reset-requests")
_TOKENS = (b"x-ratelimit-limit-tokens", b"x-ratelimit-remaining-tokens", b"x-ratelimit-reset-tokens")


def duration(seconds: float) -> bytes:
    """Return a time as `120ms`, `1.5s` or `6m0s`; never rounded down."""
    return _duration(ceil(seconds * 1000 - 1e-6) if seconds > 0 else 0)


@lru_cache(maxsize=16)  # a request tells the same twice, and so do those that come in the same moment
def _duration(milliseconds: int) -> bytes:
    whole, rest = divmod(milliseconds, 1000)
    if not whole:
        return b"%dms" % rest
    if whole >= WINDOW_S:
        return b"%dm%ds" % divmod(whole + (rest > 0), 60)
    return b"%d.%03ds" % (whole, rest) if rest else b"%ds" % whole


def limit_headers(windows: Sequence[Window], standings: Sequence[Standing]) -> Headers:
    """Return `x-ratelimit-{limit,remaining,reset}-{requests,tokens}` of the window with the least left, for each unit.

    `reset` is the time until all of the limit is there again.
    """
    requests: tuple[Window, Standing] | None = None
    tokens: tuple[Window, Standing] | None = None
    for window, standing in zip(windows, standings, strict=True):
        if window.unit is Unit.REQUESTS:
            if requests is None or standing.left < requests[1].left:
                requests = window, standing
        elif tokens is None or standing.left < tokens[1].left:
            tokens = window, standing
    told = () if requests is None else _told(_REQUESTS, *requests)
    return told if tokens is None else (*told, *_told(_TOKENS, *tokens))


def _told(names: tuple[bytes, bytes, bytes], window: Window, standing: Standing) -> Headers:
    limit, remaining, reset = names
    return (
        (limit, b"%d" % window.amount),
        (remaining, b"%d" % max(0, standing.left)),
        (reset, duration(standing.reset_s)),
    )
