"""The ring of live keys: who gets in, how it stays up to date, what happens when it cannot."""

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from quorate.access.key_ring import KeyRing
from quorate.access.lockout import FAILURES
from quorate.access.mint import Minted, mint
from quorate.access.permission import Scope
from quorate.core.clock import ManualClock, SystemClock
from quorate.core.errors import RateLimited, Unauthenticated
from quorate.core.ids import TenantId
from quorate.model.allowance import Allowance
from quorate.storage.errors import StorageUnavailable
from quorate.storage.rows import KeyRow, TenantRow

ADDRESS = "192.0.2.1"
CLOCK = ManualClock()
ACME = TenantRow(
    id=TenantId("tenant_acme"), name="acme", created_at=CLOCK.now(), allowance=Allowance(tokens_per_minute=7)
)


class Shelf:
    """A live store in memory, which can be away."""

    def __init__(self, *minted: Minted) -> None:
        self.rows: list[KeyRow] = [each.row for each in minted]
        self.changes = 1
        self.readings = 0
        self.away = False

    def generation(self) -> int:
        if self.away:
            raise StorageUnavailable("the database is away")
        return self.changes

    def live(self, now: datetime) -> list[tuple[KeyRow, TenantRow]]:
        self.readings += 1
        return [(row, ACME) for row in self.rows if row.expires_at is None or row.expires_at > now]

    def remove(self, row: KeyRow) -> None:
        self.rows.remove(row)
        self.changes += 1


def new_key(**fields: object) -> Minted:
    wanted: dict[str, object] = {"tenant": ACME.id, "name": "n", "scopes": [Scope.CHAT], **fields}
    return mint(CLOCK, **wanted)  # pyright: ignore[reportArgumentType] - whatever a test wants to set


def bearer(minted: Minted) -> bytes:
    return b"Bearer " + minted.secret.reveal().encode()


def ring_of(*minted: Minted) -> tuple[KeyRing, Shelf, ManualClock]:
    clock, shelf = ManualClock(), Shelf(*minted)
    ring = KeyRing(shelf, clock)
    ring.refresh()
    return ring, shelf, clock


def test_a_good_key_is_its_principal() -> None:
    minted = new_key(models=("gpt-*",), allowance=Allowance(requests_per_minute=3))
    ring, _, _ = ring_of(minted, new_key())
    principal = ring.authenticate(bearer(minted), ADDRESS)
    assert (principal.key_id, principal.tenant, principal.scopes) == (minted.row.id, ACME.id, {Scope.CHAT})
    assert (principal.models, principal.allowance) == (("gpt-*",), Allowance(requests_per_minute=3))
    assert principal.tenant_allowance == ACME.allowance
    assert ring.authenticate(None, ADDRESS, minted.secret.reveal().encode()) is principal
    assert len(ring) == 2


def test_a_scope_of_a_newer_program_grants_nothing() -> None:
    minted = new_key()
    shelf = Shelf()
    shelf.rows = [replace(minted.row, scopes=("chat", "teleport"))]
    ring = KeyRing(shelf, CLOCK)
    ring.refresh()
    assert ring.authenticate(bearer(minted), ADDRESS).scopes == {Scope.CHAT}


def test_every_refusal_says_the_same_and_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    good, gone, brief = new_key(), new_key(), new_key(expires_at=CLOCK.now() + timedelta(seconds=5))
    ring, shelf, clock = ring_of(good, gone, brief)
    shelf.remove(gone.row)
    ring.refresh()
    clock.advance(5)
    told: set[str] = set()
    with caplog.at_level(logging.INFO, logger="quorate.access.key_ring"):
        for header in (
            None,
            b"",
            b"Bearer ",
            b"Basic abc",
            b"Bearer null",
            bearer(new_key()),
            bearer(gone),
            bearer(brief),
        ):
            with pytest.raises(Unauthenticated) as caught:
                ring.authenticate(header, ADDRESS)
            told.add(caught.value.message)
    assert len(told) == 1
    for reason in ("no key", "malformed", "unknown or revoked", "expired"):
        assert reason in caplog.text
    assert brief.secret.reveal() not in caplog.text
    assert brief.row.prefix in caplog.text


def test_reads_only_what_changed() -> None:
    first, second = new_key(), new_key()
    ring, shelf, _ = ring_of(first)
    ring.refresh()
    assert shelf.readings == 1
    with pytest.raises(Unauthenticated):
        ring.authenticate(bearer(second), ADDRESS)
    shelf.rows.append(second.row)
    shelf.changes += 1
    ring.refresh()
    assert shelf.readings == 2
    assert ring.authenticate(bearer(second), ADDRESS).key_id == second.row.id


def test_the_last_known_keys_are_good_for_a_minute_without_a_database() -> None:
    minted = new_key()
    ring, shelf, clock = ring_of(minted)
    shelf.away = True
    clock.advance(60)
    assert ring.authenticate(bearer(minted), ADDRESS)
    clock.advance(0.1)
    assert ring.is_stale
    with pytest.raises(StorageUnavailable) as caught:
        ring.authenticate(bearer(minted), ADDRESS)
    assert (caught.value.http_status, caught.value.retryable) == (503, True)
    shelf.away = False
    ring.refresh()
    assert ring.authenticate(bearer(minted), ADDRESS)


def test_a_ring_that_was_never_filled_lets_nobody_in() -> None:
    with pytest.raises(StorageUnavailable):
        KeyRing(Shelf(new_key()), ManualClock()).authenticate(b"Bearer x", ADDRESS)


def test_guessing_is_slowed_and_a_good_key_is_not() -> None:
    minted = new_key()
    ring, _, clock = ring_of(minted)
    wrong = bearer(minted)[:-1] + (b"A" if not bearer(minted).endswith(b"A") else b"B")
    for _ in range(FAILURES):
        with pytest.raises(Unauthenticated):
            ring.authenticate(wrong, ADDRESS)
    with pytest.raises(RateLimited) as caught:
        ring.authenticate(wrong, ADDRESS)
    assert caught.value.retry_after_s == 60
    assert ring.authenticate(bearer(minted), ADDRESS)
    with pytest.raises(Unauthenticated):
        ring.authenticate(wrong, "192.0.2.2")
    clock.advance(60)
    with pytest.raises(Unauthenticated):
        ring.authenticate(wrong, ADDRESS)


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("nothing happened within 5 s")


async def test_watching_follows_changes_and_survives_an_absent_database(caplog: pytest.LogCaptureFixture) -> None:
    minted = new_key()
    shelf = Shelf(minted)
    ring = KeyRing(shelf, SystemClock())
    watching = asyncio.create_task(ring.watch(every_s=0.01))
    try:
        await until(lambda: len(ring) == 1)
        shelf.away = True
        await until(lambda: "cannot be read" in caplog.text)
        await asyncio.sleep(0.05)
        assert caplog.text.count("cannot be read") == 1
        shelf.remove(minted.row)
        assert len(ring) == 1
        shelf.away = False
        await until(lambda: len(ring) == 0)
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def test_watching_goes_on_while_every_shared_thread_waits() -> None:
    minted = new_key()
    shelf = Shelf(minted)
    ring = KeyRing(shelf, SystemClock())
    slow_ends = threading.Event()
    crowd = [asyncio.get_running_loop().run_in_executor(None, slow_ends.wait, 20) for _ in range(64)]
    watching = asyncio.create_task(ring.watch(every_s=0.01))
    try:
        await until(lambda: len(ring) == 1)
        shelf.remove(minted.row)
        await until(lambda: not len(ring))
    finally:
        slow_ends.set()
        await asyncio.gather(*crowd)
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
