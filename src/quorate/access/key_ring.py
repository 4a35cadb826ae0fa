"""Every live key, in memory: a request is authenticated without asking anybody."""

import asyncio
import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest
from typing import NoReturn, Protocol

from quorate.access.credential import digest_of, presented, public_prefix
from quorate.access.lockout import Lockout
from quorate.access.permission import Scope
from quorate.access.principal import Principal
from quorate.core.clock import Clock
from quorate.core.daemon_threads import DaemonThreads
from quorate.core.errors import RateLimited, Unauthenticated
from quorate.storage.errors import StorageUnavailable
from quorate.storage.rows import KeyRow, TenantRow

REFRESH_S = 0.4
STALE_LIMIT_S = 60.0

#: One text for every reason, so that an answer does not tell a key that was from a key that never was.
_REFUSAL = "no valid API key came with this request; send one as 'Authorization: Bearer qk_...'"
_SCOPES = frozenset(scope.value for scope in Scope)

_log = logging.getLogger(__name__)


class LiveKeys(Protocol):
    """Where the ring reads; both calls block."""

    def generation(self) -> int:
        """A number that changes with every write to keys or tenants."""
        ...

    def live(self, now: datetime) -> Iterable[tuple[KeyRow, TenantRow]]:
        """All keys that are neither revoked nor expired, of tenants that are not disabled."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    digest: bytes
    expires_at: datetime | None
    principal: Principal


class KeyRing:
    """A live copy of the keys, by digest, that `refresh` and `watch` keep up to date.

    When the database is away, the last known keys go on being good for `stale_limit_s`. Then everybody is refused: one
    of them may have been revoked meanwhile, and a leaked key must not outlive its revocation for as long as somebody
    keeps the database busy or cut off.
    """

    def __init__(self, store: LiveKeys, clock: Clock, *, stale_limit_s: float = STALE_LIMIT_S) -> None:
        self._store = store
        self._clock = clock
        self._stale_limit_s = stale_limit_s
        self._lockout = Lockout(clock)
        self._refreshing = threading.Lock()  # protects _generation, and keeps an older reading from replacing a newer
        self._generation: int | None = None
        self._entries: dict[bytes, _Entry] = {}
        self._seen_at = float("-inf")
        self._away = False

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def is_stale(self) -> bool:
        """Whether the database has been away for too long to trust what was read."""
        return self._clock.monotonic() - self._seen_at > self._stale_limit_s

    def authenticate(self, authorization: bytes | None, address: str, api_key: bytes | None = None) -> Principal:
        """Return who asks: the owner of the key in `Authorization: Bearer`, else of `api_key` (a header's value).

        Does not block and costs a hash and a look-up. Raises `Unauthenticated`, with the same message whatever the
        reason, and `RateLimited` in its place for who failed too often from `address`; a good key is good even then.
        Raises `StorageUnavailable` while the ring is stale.
        """
        if self.is_stale:
            raise StorageUnavailable("API keys cannot be checked at present; try again in a moment", retry_after_s=1.0)
        key = presented(authorization, api_key)
        if key is None:
            absent = not authorization and not api_key
            self._refuse("no key" if absent else "malformed", "none", address)
        digest = digest_of(key)
        entry = self._entries.get(digest)
        if entry is None or not compare_digest(entry.digest, digest):
            self._refuse("unknown or revoked", public_prefix(key.decode("latin-1")), address)
        if entry.expires_at is not None and entry.expires_at <= self._clock.now():
            self._refuse("expired", public_prefix(key.decode("latin-1")), address)
        return entry.principal

    def refresh(self) -> None:
        """Read the keys again if they changed. Blocking: one small read, two more if they did."""
        with self._refreshing:
            asked_at = self._clock.monotonic()
            generation = self._store.generation()
            if generation != self._generation:
                # The generation is read before the keys: a write between the two is read once more, never missed.
                rows = self._store.live(self._clock.now())
                self._entries = {key.digest: _entry(key, tenant) for key, tenant in rows}
                self._generation = generation
            self._seen_at = asked_at

    async def watch(self, *, every_s: float = REFRESH_S) -> None:
        """Refresh for ever, so that what another process changed holds here within `every_s` and a read.

        In a thread of its own: those that everybody shares may all be waiting for something slow.
        """
        loop, own_thread = asyncio.get_running_loop(), DaemonThreads(1, "quorate-keys")
        try:
            while True:
                await self._look(loop.run_in_executor(own_thread, self.refresh))
                await asyncio.sleep(every_s)
        finally:
            own_thread.shutdown(wait=False)

    async def _look(self, reading: "asyncio.Future[None]") -> None:
        try:
            await reading
        except Exception:  # noqa: BLE001 - whatever a driver raises, the ring goes on and is stale after a while
            if not self._away:
                _log.warning("the keys cannot be read; the last known ones are good for a while", exc_info=True)
            self._away = True
        else:
            if self._away:
                _log.info("the keys can be read again")
            self._away = False

    def _refuse(self, reason: str, prefix: str, address: str) -> NoReturn:
        wait_s = self._lockout.failed(prefix, address)
        if wait_s is not None:
            raise RateLimited(
                "too many requests without a valid API key; wait and send a valid one", retry_after_s=wait_s
            )
        _log.info("refused a request from %s: %s (key %r)", address, reason, prefix)
        raise Unauthenticated(_REFUSAL)


def _entry(key: KeyRow, tenant: TenantRow) -> _Entry:
    principal = Principal(
        tenant=key.tenant,
        scopes=frozenset(Scope(scope) for scope in key.scopes if scope in _SCOPES),
        key_id=key.id,
        models=key.models,
        allowance=key.allowance,
        tenant_allowance=tenant.allowance,
        expires_at=key.expires_at,
    )
    return _Entry(digest=key.digest, expires_at=key.expires_at, principal=principal)
