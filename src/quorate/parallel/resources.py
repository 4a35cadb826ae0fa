"""What a plan works with, besides the request: models by name, and what is known of them."""

from dataclasses import dataclass

from quorate.consensus.trust import NO_TRUST, Trust
from quorate.parallel.branch import Resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """`resolve` gives the model for a catalog name, at the time of the request; `trust` what is known of models."""

    resolve: Resolve
    trust: Trust = NO_TRUST
