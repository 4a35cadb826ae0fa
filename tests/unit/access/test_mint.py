"""New keys: what they look like, what is kept of them."""

import re
from datetime import timedelta

from quorate.access.credential import digest_of, presented, public_prefix
from quorate.access.mint import mint
from quorate.access.permission import Scope
from quorate.core.clock import ManualClock
from quorate.core.ids import KeyId, TenantId
from quorate.model.allowance import Allowance

CLOCK = ManualClock()
ACME = TenantId("tenant_acme")


def test_a_key_is_a_mark_a_public_prefix_and_256_bits() -> None:
    minted = mint(CLOCK, tenant=ACME, name="n", scopes=[Scope.CHAT])
    text = minted.secret.reveal()
    assert re.fullmatch(r"qk_[0-9a-z]{8}_[A-Za-z0-9_-]{43}", text)
    assert minted.row.prefix == text[:11] == public_prefix(text)
    assert minted.row.digest == digest_of(text.encode())


def test_the_row_holds_what_was_asked_and_no_secret() -> None:
    expires_at = CLOCK.now() + timedelta(days=1)
    minted = mint(
        CLOCK,
        tenant=ACME,
        name="build server",
        scopes=[Scope.RUNS, Scope.CHAT, Scope.RUNS],
        models=("gpt-*",),
        allowance=Allowance(requests_per_minute=5),
        expires_at=expires_at,
        created_by=KeyId("key_maker"),
    )
    row = minted.row
    assert (row.tenant, row.name, row.models) == (ACME, "build server", ("gpt-*",))
    assert row.scopes == ("chat", "runs")
    assert (row.created_at, row.expires_at, row.created_by) == (CLOCK.now(), expires_at, "key_maker")
    assert row.allowance.requests_per_minute == 5
    secret = minted.secret.reveal()
    assert secret not in repr(row)
    assert secret not in repr(minted)
    assert repr(row.digest) not in repr(row)


def test_scopes_may_be_read_only_once() -> None:
    assert mint(CLOCK, tenant=ACME, name="n", scopes=iter([Scope.CHAT, Scope.RUNS])).row.scopes == ("chat", "runs")


def test_no_two_keys_are_alike() -> None:
    minted = [mint(CLOCK, tenant=ACME, name="n", scopes=[Scope.CHAT]) for _ in range(200)]
    assert len({each.secret.reveal() for each in minted}) == len({each.row.id for each in minted}) == 200


def test_a_minted_key_is_recognised_in_either_header() -> None:
    key = mint(CLOCK, tenant=ACME, name="n", scopes=[Scope.CHAT]).secret.reveal().encode()
    assert presented(b"Bearer " + key, None) == key
    assert presented(b"bEARER  " + key + b" ", None) == key
    assert presented(None, key) == key
    assert presented(b"Basic " + key, key) is None
    assert presented(key, None) is None
    assert presented(b"", key) is None
    assert presented(b"Bearer " + key + b"x", None) is None
    assert presented(b"Bearer " + key.replace(b"qk_", b"pk_"), None) is None
