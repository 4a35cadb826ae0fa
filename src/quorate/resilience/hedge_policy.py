"""When a second attempt starts, and how many there may be: configuration."""

from dataclasses import dataclass

from quorate.resilience.hedge_budget import BURST
from quorate.resilience.latency_window import WINDOW


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgePolicy:
    """A second attempt starts when the first has said nothing for `after_s`.

    With `after_s` `None` it is the `quantile` of the model's `window` latest times, once there are `min_samples`:
    of the times to the first token for streamed requests, of those to the whole answer for others. Hedges are at most
    `share` of the requests; `burst` of them may be saved up.
    """

    after_s: float | None = None
    quantile: float = 0.95
    share: float = 0.05
    burst: float = BURST
    window: int = WINDOW
    min_samples: int = 20
