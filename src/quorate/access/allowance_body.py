"""An allowance as the bodies of requests and answers spell it, and names as they may be given."""

from typing import Annotated, Self

import msgspec

from quorate.model.allowance import Allowance

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]


class AllowanceBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits; what is not given has none. Tokens are prompt and completion together."""

    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    concurrent_requests: Count | None = None

    @classmethod
    def of(cls, allowance: Allowance) -> Self:
        """Return an allowance as a body."""
        return cls(
            requests_per_minute=allowance.requests_per_minute,
            tokens_per_minute=allowance.tokens_per_minute,
            concurrent_requests=allowance.concurrent_requests,
        )

    def allowance(self) -> Allowance:
        """Return it as a value."""
        return Allowance(
            requests_per_minute=self.requests_per_minute,
            tokens_per_minute=self.tokens_per_minute,
            concurrent_requests=self.concurrent_requests,
        )
