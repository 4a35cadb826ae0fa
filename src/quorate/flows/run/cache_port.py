"""Outcomes of steps that outlive their run: the port, and what they are kept under."""

import hashlib
from typing import Protocol

import msgspec

from quorate.core.ids import TenantId
from quorate.flows.outcome import StepOutcome

_encode = msgspec.json.Encoder(order="deterministic").encode


class StepCache(Protocol):
    """Keeps outcomes under keys that say everything they depend on, tenant included. Any of them may be gone again."""

    async def get(self, key: str) -> StepOutcome | None:
        """Return what was kept under a key; `None` if there is nothing or its time is over."""
        ...

    async def put(self, key: str, outcome: StepOutcome, ttl_s: float | None = None) -> None:
        """Keep an outcome for `ttl_s` seconds, `None` for as long as there is room."""
        ...


def cache_key(tenant: TenantId, place: str, depends_on: object) -> str:
    """Return the key for what `place` (an executor, a step, a flow) makes of plain data, for one tenant alone."""
    return hashlib.sha256(_encode((tenant, place, depends_on))).hexdigest()
