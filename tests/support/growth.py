"""Whether a cost grows no faster than it may with the length of its input."""

from collections.abc import Callable

_ATTEMPTS = 3
#: A clock's tick is no measure.
_LEAST_S = 0.0001


def grows_at_most(measured_s: Callable[[int], float], *, short: int, long: int, times: float) -> bool:
    """Whether the long input costs less than `times` the short one; `measured_s` returns CPU seconds for a length.

    The short one counts as the best of several, so what disturbs it makes nobody pass. The long one is measured again
    only while it costs too much, so a good program is measured once.
    """
    short_s = long_s = float("inf")
    for _ in range(_ATTEMPTS):
        short_s = min(short_s, *(max(measured_s(short), _LEAST_S) for _ in range(2)))
        long_s = min(long_s, measured_s(long))
        if long_s < short_s * times:
            return True
    return False
