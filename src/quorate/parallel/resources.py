"""What a plan works with, besides the request: models by name, and what is known of them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from quorate.consensus.trust import NO_TRUST, Trust, TrustOfTenants
from quorate.parallel.branch import Resolve
from quorate.parallel.verdicts import Verdicts


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """`resolve` gives the model for a catalog name, at the time of the request; `trust` what is known of models.

    `verdicts` are what pair judges have said, shared by all plans that work with the same resources.
    `vendor` tells whose a model is: models of one vendor share errors. Where that is not known each is its own.
    """

    resolve: Resolve
    trust: Trust = NO_TRUST
    verdicts: Verdicts = field(default_factory=Verdicts)
    vendor: Callable[[str], str] = str

    def for_tenant(self, tenant: str) -> "Resources":
        """Return what a question of this tenant works with."""
        if isinstance(self.trust, TrustOfTenants):
            return replace(self, trust=self.trust.for_tenant(tenant))
        return self
