"""What a plan works with, besides the request: models by name, and what is known of them."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from quorate.consensus.trust import NO_TRUST, Trust, TrustOfTenants
from quorate.parallel.branch import Resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """`resolve` gives the model for a catalog name, at the time of the request; `trust` what is known of models.

    `vendor` tells whose a model is: models of one vendor share errors. Where that is not known each is its own.
    """

    resolve: Resolve
    trust: Trust = NO_TRUST
    vendor: Callable[[str], str] = str

    def for_tenant(self, tenant: str) -> "Resources":
        """Return what a question of this tenant works with."""
        if isinstance(self.trust, TrustOfTenants):
            return replace(self, trust=self.trust.for_tenant(tenant))
        return self
