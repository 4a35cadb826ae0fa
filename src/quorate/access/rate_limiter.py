"""How much a key, a tenant and a model may use, for every request."""

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from quorate.access.admission import UNLIMITED, Admission
from quorate.access.bound import Bounds, bounds_of
from quorate.access.limit_headers import Headers
from quorate.access.local_counts import LocalCounts
from quorate.access.principal import Principal
from quorate.access.refusal import LimitReached, LimitTooSmall
from quorate.core.clock import Clock
from quorate.core.errors import QuorateError
from quorate.model.allowance import Allowance

if TYPE_CHECKING:
    from quorate.access.shared_counts import SharedCounts

#: Without a word from its worker, a place in Redis is free again after so long.
LEASE_S = 30.0
_MOST_REMEMBERED = 10_000
#: After a failure Redis is left alone for so long: its time-out would be added to every request.
_PAUSE_S = 1.0
_WARN_EVERY_S = 60.0

_log = logging.getLogger(__name__)


class RateLimiter:
    """A live object: admits requests within their limits, counted here or, with `redis_url`, by all workers together.

    A key's own allowance replaces `per_key`, a tenant's replaces `per_tenant`; `models` are by catalog name, for
    everybody together. A minute is a sliding window (the minute before weighs by the share of it that is within the
    last 60 seconds): a fixed one would let through twice the limit around its end, and a log of every request grows
    with the limit. When Redis does not answer, this process counts by itself: `away`; `degraded` is for how many
    requests it has done so.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        per_key: Allowance | None = None,
        per_tenant: Allowance | None = None,
        models: Mapping[str, Allowance] | None = None,
        redis_url: str | None = None,
        lease_s: float = LEASE_S,
    ) -> None:
        self._clock = clock
        self._per_key = per_key or Allowance()
        self._per_tenant = per_tenant or Allowance()
        self._models = {name: each for name, each in (models or {}).items() if not each.unlimited}
        self._nothing_configured = self._per_key.unlimited and self._per_tenant.unlimited and not self._models
        self._local = LocalCounts(clock)
        self._shared = None if redis_url is None else _shared_counts(redis_url, lease_s)
        self._bounds: dict[str, tuple[Principal, dict[str, Bounds]]] = {}
        self._away = False
        self._paused_until = float("-inf")
        self._warned_at = float("-inf")
        self.degraded = 0

    @property
    def away(self) -> bool:
        """Whether Redis did not answer when it was last asked."""
        return self._away

    @property
    def per_key(self) -> Allowance:
        """What holds for a key that has no allowance of its own."""
        return self._per_key

    async def admit(self, principal: Principal, model: str, tokens: int) -> Admission:
        """Return the admission of a request that may take `tokens` (prompt and completion, an upper estimate).

        It must be settled, once, however the request ends. Raises `LimitReached` (with the time to wait) and
        `LimitTooSmall`; both carry `headers`.
        """
        if self._nothing_configured and principal.unlimited:
            return UNLIMITED
        return await self._take(self._bounds_of(principal, model), max(1, tokens))

    async def admit_to(self, model: str, tokens: int) -> Admission:
        """Return the admission to one more model that a request asks, within that model's own limits; like `admit`."""
        allowance = self._models.get(model)
        if allowance is None:
            return UNLIMITED
        return await self._take(_bounds_of_model(model, allowance), max(1, tokens))

    async def _take(self, bounds: Bounds, tokens: int) -> Admission:
        if self._shared is not None and not bounds.empty:
            admission = await self._take_shared(self._shared, bounds, tokens)
            if admission is not None:
                return admission
            self.degraded += 1
        return self._local.take(bounds, tokens)

    async def _take_shared(self, shared: "SharedCounts", bounds: Bounds, tokens: int) -> Admission | None:
        """Return the admission by Redis's counts; `None` while it is away."""
        if self._paused:
            return None
        async with shared.turns:
            if not self._may_ask_redis():
                return None
            try:
                admission = await shared.take(bounds, tokens)
            except shared.away as error:
                self._note_away(error)
                return None
        self._away = False
        return admission

    async def settle(self, admission: Admission, tokens_used: int) -> None:
        """Charge what was used in place of the estimate, and free the places; a second time changes nothing.

        May stand in a `finally`: in this process it does not wait; in Redis an interruption frees the places as well.
        """
        if not admission.open:
            return
        admission.open = False
        if not admission.lease:
            self._local.settle(admission, tokens_used)
            return
        assert self._shared is not None
        try:
            await self._shared.settle(admission, tokens_used)
        except self._shared.away as error:
            self._note_away(error)  # the windows forget within two minutes, the places within 30 s

    def headers_for(self, error: QuorateError) -> Headers:
        """Return the `x-ratelimit-*` headers of a refusal; none for errors that are not about limits."""
        return error.headers if isinstance(error, LimitReached | LimitTooSmall) else ()

    async def watch(self) -> None:
        """Prolong the places that requests under way hold in Redis, for ever; does nothing without Redis."""
        while self._shared is not None:
            await asyncio.sleep(self._shared.renew_s)
            try:
                await self._shared.renew()
            except self._shared.away as error:
                self._note_away(error)

    async def close(self) -> None:
        """Close the connections."""
        if self._shared is not None:
            await self._shared.close()

    def _bounds_of(self, principal: Principal, model: str) -> Bounds:
        name = model if model in self._models else ""
        known = self._bounds.get(principal.key_id or "")
        if known is None or known[0] is not principal:
            if len(self._bounds) >= _MOST_REMEMBERED:
                self._bounds.clear()
            known = (principal, dict[str, Bounds]())
            self._bounds[principal.key_id or ""] = known
        bounds = known[1].get(name)
        if bounds is None:
            bounds = known[1][name] = self._work_out(principal, name)
        return bounds

    def _work_out(self, principal: Principal, model: str) -> Bounds:
        key = self._per_key if principal.allowance.unlimited else principal.allowance
        tenant = self._per_tenant if principal.tenant_allowance.unlimited else principal.tenant_allowance
        parts = (
            bounds_of("key", f"key/{principal.key_id or principal.tenant}", key),
            bounds_of("tenant", f"tenant/{principal.tenant}", tenant),
            _bounds_of_model(model, self._models.get(model, Allowance())),
        )
        return Bounds(
            windows=tuple(window for part in parts for window in part.windows),
            places=tuple(places for part in parts for places in part.places),
        )

    def _may_ask_redis(self) -> bool:
        """Whether Redis is there; while it is away, one request a second finds out, and the others do not wait."""
        if self._paused:
            return False
        if self._away:
            self._paused_until = self._clock.monotonic() + _PAUSE_S
        return True

    @property
    def _paused(self) -> bool:
        """Whether Redis is away and not to be asked yet."""
        return self._away and self._clock.monotonic() < self._paused_until

    def _note_away(self, error: Exception) -> None:
        now = self._clock.monotonic()
        self._away = True
        self._paused_until = now + _PAUSE_S
        if now - self._warned_at >= _WARN_EVERY_S:
            self._warned_at = now
            _log.warning("Redis does not answer (%s); this process counts the limits by itself", type(error).__name__)


def _bounds_of_model(model: str, allowance: Allowance) -> Bounds:
    return bounds_of("model", f"model/{model}", allowance)


def _shared_counts(url: str, lease_s: float) -> "SharedCounts":
    # slow: 100 ms for the client of Redis, an extra that most gateways do without
    from quorate.access.shared_counts import SharedCounts  # noqa: PLC0415

    return SharedCounts(url, lease_s=lease_s)
