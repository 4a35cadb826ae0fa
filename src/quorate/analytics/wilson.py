"""The 95 % interval of a share; without numpy, for the gateway and the command line."""

import math

from quorate.analytics.report import Rate

_Z95 = 1.959963984540054


def wilson(successes: float, count: int) -> Rate:
    """Return a share with Wilson's 95 % interval (Wilson 1927); no prompts give the whole of [0, 1]."""
    if not count:
        return Rate(value=0.0, low=0.0, high=1.0, count=0)
    share = successes / count
    spread = _Z95**2 / count
    centre = (share + spread / 2) / (1 + spread)
    half = _Z95 * math.sqrt(share * (1 - share) / count + spread / (4 * count)) / (1 + spread)
    return Rate(
        value=share, low=max(min(centre - half, share), 0.0), high=min(max(centre + half, share), 1.0), count=count
    )
