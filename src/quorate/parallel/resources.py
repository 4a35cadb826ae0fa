"""What a plan works with, besides the request: models by name, and what is known of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from quorate.consensus.trust import NO_TRUST, Trust
from quorate.parallel.branch import Resolve
from quorate.parallel.plan import Plan
from quorate.wire.chat import ChatRequest

#: Returns the most that running a plan on a request can cost, in micro-USD, under the run's named parameters; `None`
#: if a price it needs is not known.
WorstCase = Callable[[Plan, ChatRequest, Mapping[str, Any]], int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """`resolve` gives the model for a catalog name, at the time of the request; `trust` what is known of models.

    `worst_case` is what a cascade with a cap asks before it starts a stage; without it no stage fits under a cap.
    """

    resolve: Resolve
    trust: Trust = NO_TRUST
    worst_case: WorstCase | None = None
