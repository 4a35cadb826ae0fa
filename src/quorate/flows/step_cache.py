"""Outcomes that are used again, in whatever run: the port, and the one in memory."""

import hashlib
from typing import Protocol

import msgspec

from quorate.core.bounded_cache import BoundedCache
from quorate.core.clock import Clock
from quorate.core.ids import TenantId
from quorate.flows.outcome import StepOutcome

_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(StepOutcome)


class StepCache(Protocol):
    """Keeps outcomes by key (`cache_key`) for a time. What is kept may be gone at any time."""

    async def get(self, key: str) -> StepOutcome | None:
        """Return what was put under a key, if it still holds."""
        ...

    async def put(self, key: str, outcome: StepOutcome, ttl_s: float | None = None) -> None:
        """Keep an outcome, for ever or for some seconds; it replaces an older one."""
        ...


def cache_key(tenant: TenantId, executor: str, what: object) -> str:
    """Return the key of a step: `what` is its rendered config, or the key that the flow names. Both are plain JSON.

    Tenants share nothing: what one asks and gets says something about it.
    """
    return hashlib.sha256(_encoder.encode([tenant, executor, what])).hexdigest()


class MemoryStepCache:
    """A live cache of this process: the least recently used goes first when entries or bytes become too many."""

    def __init__(self, clock: Clock, *, max_entries: int = 10_000, max_bytes: int = 64 * 1024 * 1024) -> None:
        self._clock = clock
        self._kept = BoundedCache[bytes](max_entries=max_entries, max_size=max_bytes)

    @property
    def size_bytes(self) -> int:
        """How much is kept."""
        return self._kept.size

    def __len__(self) -> int:
        return len(self._kept)

    async def get(self, key: str) -> StepOutcome | None:
        """Return what was put under a key, if it still holds."""
        data = self._kept.get(key, self._clock.monotonic())
        return None if data is None else _decoder.decode(data)

    async def put(self, key: str, outcome: StepOutcome, ttl_s: float | None = None) -> None:
        """Keep an outcome; one that is larger than the whole cache is not kept."""
        data = _encoder.encode(outcome)
        until_s = None if ttl_s is None else self._clock.monotonic() + ttl_s
        self._kept.put(key, data, size=len(data), until_s=until_s)
