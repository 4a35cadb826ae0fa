"""What a plan works with, besides the request: models by name, and what is known of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from quorate.consensus.trust import NO_TRUST, Trust, TrustOfTenants
from quorate.parallel.branch import Resolve
from quorate.parallel.paces import Paces
from quorate.parallel.plan import Plan
from quorate.parallel.verdicts import Verdicts
from quorate.wire.chat import ChatRequest

#: Returns the most that running a plan on a request can cost, in micro-USD, under the run's named parameters; `None`
#: if a price it needs is not known.
WorstCase = Callable[[Plan, ChatRequest, Mapping[str, Any]], int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """`resolve` gives the model for a catalog name, at the time of the request; `trust` what is known of models.

    `verdicts` are what pair judges have said, shared by all plans that work with the same resources.
    `paces` are how long models took, of all plans as well.
    `vendor` tells whose a model is: models of one vendor share errors. Where that is not known each is its own.
    `worst_case` is what a cascade with a cap asks before it starts a stage; without it no stage fits under a cap.
    """

    resolve: Resolve
    trust: Trust = NO_TRUST
    verdicts: Verdicts = field(default_factory=Verdicts)
    paces: Paces = field(default_factory=Paces)
    vendor: Callable[[str], str] = str
    worst_case: WorstCase | None = None

    def for_tenant(self, tenant: str) -> "Resources":
        """Return what a question of this tenant works with."""
        if isinstance(self.trust, TrustOfTenants):
            return replace(self, trust=self.trust.for_tenant(tenant))
        return self
