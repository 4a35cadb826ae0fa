"""How much somebody may use per minute and at once."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """Limits of one key, tenant or model; `None` means no limit. Tokens are prompt and completion together."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent_requests: int | None = None

    @property
    def unlimited(self) -> bool:
        """Whether there is no limit at all."""
        return self.requests_per_minute is None and self.tokens_per_minute is None and self.concurrent_requests is None
