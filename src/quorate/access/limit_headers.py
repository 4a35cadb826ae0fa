"""The headers that tell a client how much is left, as OpenAI's API writes them."""

from collections.abc import Sequence
from math import ceil

from quorate.access.bound import WINDOW_S, Count, Unit, Window

Headers = tuple[tuple[bytes, bytes], ...]

_NAMES = {
    unit: tuple(f"x-ratelimit-{what}-{unit.value}".encode() for what in ("limit", "remaining", "reset"))
    for unit in Unit
}


def duration(seconds: float) -> bytes:
    """Return a time as `120ms`, `1.5s` or `6m0s`; never rounded down."""
    milliseconds = ceil(seconds * 1000 - 1e-6) if seconds > 0 else 0
    whole, rest = divmod(milliseconds, 1000)
    if not whole:
        return b"%dms" % rest
    if whole >= WINDOW_S:
        return b"%dm%ds" % divmod(whole + (rest > 0), 60)
    return b"%d.%03ds" % (whole, rest) if rest else b"%ds" % whole


def limit_headers(counted: Sequence[tuple[Window, Count]]) -> Headers:
    """Return `x-ratelimit-{limit,remaining,reset}-{requests,tokens}` of the window with the least left, for each unit.

    `reset` is the time until all of the limit is there again.
    """
    if len({window.unit for window, _ in counted}) == len(counted):  # by far the most frequent
        headers: list[tuple[bytes, bytes]] = []
        for window, count in counted:
            headers += _of(window, window.item.amount - count.weighted, count)
        return tuple(headers)
    tightest: dict[Unit, tuple[int, Window, Count]] = {}
    for window, count in counted:
        left = window.item.amount - count.weighted
        if window.unit not in tightest or left < tightest[window.unit][0]:
            tightest[window.unit] = (left, window, count)
    return tuple(header for left, window, count in tightest.values() for header in _of(window, left, count))


def _of(window: Window, left: int, count: Count) -> Headers:
    limit, remaining, reset = _NAMES[window.unit]
    return (
        (limit, b"%d" % window.item.amount),
        (remaining, b"%d" % max(0, left)),
        (reset, duration(count.reset_s)),
    )
