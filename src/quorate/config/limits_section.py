"""How much keys, tenants and models may use."""

from typing import Annotated

from pydantic import Field

from quorate.model.allowance import Allowance
from quorate.source.section import ModelName, SecretReference, Section

Count = Annotated[int, Field(ge=1, le=1_000_000_000)]


class AllowanceSection(Section):
    """How much may be used; what is not given has no limit."""

    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    """Prompt and completion together."""
    concurrent_requests: Count | None = None

    def allowance(self) -> Allowance:
        """Return the limits as a value."""
        return Allowance(
            requests_per_minute=self.requests_per_minute,
            tokens_per_minute=self.tokens_per_minute,
            concurrent_requests=self.concurrent_requests,
        )


class RateLimitsSection(Section):
    """Rate limits of the gateway; a key or tenant may have its own, which replace those given here."""

    per_key: AllowanceSection = AllowanceSection()
    """For each key that says nothing itself."""
    per_tenant: AllowanceSection = AllowanceSection()
    """For all keys of a tenant together, if the tenant says nothing itself."""
    models: dict[ModelName, AllowanceSection] = Field(default_factory=dict)
    """For all requests to a model together."""
    redis: SecretReference | None = None
    """Reference to a Redis URL: counts are then shared by all workers and machines. Not given: counted per process."""
