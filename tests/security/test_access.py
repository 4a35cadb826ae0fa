"""Keys, rights, limits and repetitions under attack, below HTTP: nothing here knows of requests but their values."""

import asyncio
import hashlib
from collections.abc import Awaitable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchanges import ACME, OTHER, AdminApi, route_of
from quorate.access.credential import digest_of, presented
from quorate.access.delegation import Rights, delegate
from quorate.access.key_ring import KeyRing
from quorate.access.lockout import FAILURES
from quorate.access.mint import Minted, mint
from quorate.access.permission import Scope
from quorate.access.principal import OPERATOR, Principal
from quorate.access.rate_limiter import RateLimiter
from quorate.core.clock import ManualClock, SystemClock
from quorate.core.errors import Forbidden, InvalidRequest, RateLimited, Unauthenticated
from quorate.core.ids import KeyId, TenantId
from quorate.model.allowance import Allowance
from quorate.server import keys_api, tenants_api
from quorate.server.idempotency import StillRunning, once
from quorate.server.route import Answer, Route
from quorate.storage.database import Database

ADDRESS = "192.0.2.1"


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return request.getfixturevalue("postgres_url") if request.param == "postgres" else f"sqlite:///{tmp_path / 'a.db'}"


@pytest.fixture
def api(database_url: str) -> Iterator[AdminApi]:
    api = AdminApi(database_url)
    yield api
    api.database.close()


@pytest.fixture
def lone(tmp_path: Path) -> Iterator[AdminApi]:
    """For what does not depend on the kind of database."""
    api = AdminApi(f"sqlite:///{tmp_path / 'b.db'}")
    yield api
    api.database.close()


def key_in(api: AdminApi) -> Minted:
    minted = mint(api.clock, tenant=ACME, name="n", scopes=[Scope.ADMIN])
    api.database.keys.add(minted.row)
    api.keys.refresh()
    return minted


def refused(ring: KeyRing, header: bytes | None, address: str = ADDRESS, api_key: bytes | None = None) -> str:
    with pytest.raises(Unauthenticated) as caught:
        ring.authenticate(header, address, api_key)
    return caught.value.message


ODD = [
    b"'",
    b"' OR '1'='1",
    b'" OR 1=1 --',
    b"\x00",
    b"qk_\x00",
    b"\xff\xfe\xfd",
    "ключ".encode(),
    b"%s%s%s%n",
    b"${jndi:x}",
    b"A" * 1_000_000,
    b"qk_" + b"'" * 52,
    b"qk_" + b"\xff" * 8 + b"_" + b"\xff" * 43,
    b"qk_" + b"\x00" * 8 + b"_" + b"\x00" * 43,
]


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_odd_values_are_refused_and_change_nothing(lone: AdminApi, text: bytes) -> None:
    minted = key_in(lone)
    messages = {
        refused(lone.keys, text),
        refused(lone.keys, b"Bearer " + text),
        refused(lone.keys, b"bearer\t" + text),
        refused(lone.keys, None, api_key=text),
        refused(lone.keys, b"Basic " + text),
    }
    assert len(messages) == 1
    assert lone.database.keys.count() == 1
    assert lone.keys.authenticate(b"Bearer " + minted.secret.reveal().encode(), ADDRESS)


@given(header=st.none() | st.binary(max_size=80), api_key=st.none() | st.binary(max_size=80))
def test_nothing_that_was_made_up_is_a_key(header: bytes | None, api_key: bytes | None) -> None:
    class Empty:
        def generation(self) -> int:
            return 1

        def live(self, now: object) -> list[tuple[object, object]]:
            return []

    ring = KeyRing(Empty(), ManualClock())  # pyright: ignore[reportArgumentType] - it has no rows of any type
    ring.refresh()
    refused(ring, header, api_key=api_key)


@pytest.mark.parametrize(
    "header", [None, b"", b"Bearer", b"Bearer ", b"Bearer null", b"Bearer None", b"Bearer undefined", b"Bearer 0"]
)
def test_absent_empty_and_null_never_match(lone: AdminApi, header: bytes | None) -> None:
    key_in(lone)
    known = refused(lone.keys, header)
    assert known == refused(ring_of(lone), b"Bearer qk_" + b"0" * 8 + b"_" + b"A" * 43)
    assert refused(lone.keys, header, api_key=None if header else b"") == known


def ring_of(api: AdminApi) -> KeyRing:
    ring = KeyRing(api.database.keys, api.clock)
    ring.refresh()
    return ring


def test_equal_beginnings_never_share_an_identity(lone: AdminApi) -> None:
    minted = key_in(lone)
    text = minted.secret.reveal().encode()
    for position in range(len(text)):
        other = text[:position] + (b"B" if text[position : position + 1] != b"B" else b"C") + text[position + 1 :]
        refused(lone.keys, b"Bearer " + other, f"192.0.2.{position}")
    refused(lone.keys, b"Bearer " + text + text, "198.51.100.1")
    for length in range(len(text)):
        refused(lone.keys, b"Bearer " + text[:length], f"203.0.113.{length}")


def test_what_is_stored_is_no_credential(lone: AdminApi) -> None:
    minted = key_in(lone)
    digest = minted.row.digest
    stored = [digest, digest.hex().encode(), minted.row.prefix.encode(), minted.row.id.encode()]
    for position, text in enumerate(stored):
        refused(lone.keys, b"Bearer " + text, f"192.0.2.{position}")
        refused(lone.keys, None, f"198.51.100.{position}", text)
    assert digest == hashlib.sha256(minted.secret.reveal().encode()).digest()
    assert minted.secret.reveal() not in repr(lone.database.keys.get(ACME, minted.row.id))


@given(text=st.binary(min_size=50, max_size=60))
def test_only_the_whole_text_counts(text: bytes) -> None:
    found = presented(b"Bearer " + text, None)
    assert found is None or digest_of(found) == hashlib.sha256(text.strip(b" ")).digest()


def test_guessing_is_stopped_by_prefix_and_address_and_good_keys_are_not(lone: AdminApi) -> None:
    minted = key_in(lone)
    good = b"Bearer " + minted.secret.reveal().encode()
    guess = b"Bearer " + minted.row.prefix.encode() + b"_" + b"A" * 43
    for _ in range(FAILURES):
        refused(lone.keys, guess)
    with pytest.raises(RateLimited) as caught:
        lone.keys.authenticate(guess, ADDRESS)
    assert caught.value.retry_after_s == 60
    assert lone.keys.authenticate(good, ADDRESS).key_id == minted.row.id
    refused(lone.keys, guess, "198.51.100.7")
    refused(lone.keys, b"nonsense")


async def test_a_revocation_holds_in_every_worker_within_a_second(database_url: str) -> None:
    """Two rings with a connection each, as two processes have them, on one database."""
    clock = SystemClock()
    api = await asyncio.to_thread(AdminApi, database_url)
    second = await asyncio.to_thread(lambda: Database.open(database_url, clock=clock))
    minted = mint(clock, tenant=ACME, name="n", scopes=[Scope.CHAT])
    header = b"Bearer " + minted.secret.reveal().encode()
    here, there = KeyRing(api.database.keys, clock), KeyRing(second.keys, clock)
    await asyncio.to_thread(api.database.keys.add, minted.row)
    for ring in (here, there):
        await asyncio.to_thread(ring.refresh)
        assert ring.authenticate(header, ADDRESS).key_id == minted.row.id
    watching = [asyncio.create_task(ring.watch()) for ring in (here, there)]
    try:
        await asyncio.to_thread(api.database.keys.revoke, ACME, minted.row.id, clock.now())
        await asyncio.sleep(1)
        for ring in (here, there):
            refused(ring, header)
    finally:
        for task in watching:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await asyncio.to_thread(second.close)
        await asyncio.to_thread(api.database.close)


@given(
    tenant=st.sampled_from([ACME, OPERATOR]),
    held=st.frozensets(st.sampled_from(Scope)),
    asked=st.frozensets(st.sampled_from(Scope), min_size=1),
)
def test_no_role_makes_a_key_that_may_more(tenant: TenantId, held: frozenset[Scope], asked: frozenset[Scope]) -> None:
    maker = Principal(tenant=tenant, scopes=held)
    now = ManualClock().now()
    for target in (ACME, OTHER, OPERATOR):
        try:
            rights = delegate(maker, Rights(tenant=target, scopes=asked), now=now)
        except (Forbidden, InvalidRequest):
            continue
        made = Principal(tenant=rights.tenant, scopes=rights.scopes)
        assert made.permissions <= maker.permissions
        assert rights.tenant == maker.tenant or maker.is_operator


async def test_no_tenant_lifts_what_holds_for_every_key(tmp_path: Path) -> None:
    """Neither by a new key nor by the secret of one that the operator made larger."""
    api = await asyncio.to_thread(
        lambda: AdminApi(f"sqlite:///{tmp_path / 'c.db'}", per_key=Allowance(requests_per_minute=10))
    )
    create = route_of(keys_api.ROUTES, "POST", "/api/v1/keys")
    rotate = route_of(keys_api.ROUTES, "POST", "/api/v1/keys/{id}/rotate")
    operator, tenant = await api.principal(OPERATOR), await api.principal(ACME)
    larger = {"name": "n", "allowance": {"requests_per_minute": 11}}
    with pytest.raises(Forbidden):
        await api.ask(create, tenant, body=larger)
    by_operator = await api.ask(create, operator, body={**larger, "tenant": ACME})
    with pytest.raises(Forbidden):
        await api.ask(rotate, tenant, body={}, path={"id": by_operator.value.key.id})
    beside = await api.ask(create, tenant, body={"name": "n", "allowance": {"tokens_per_minute": 1_000_000}})
    assert beside.value.key.allowance.requests_per_minute == 10
    following = await api.ask(create, tenant, body={"name": "n"})
    assert following.value.key.allowance.requests_per_minute is None
    assert (await api.ask(rotate, tenant, body={}, path={"id": following.value.key.id})).status == 201
    await asyncio.to_thread(api.database.close)


@pytest.mark.parametrize(
    "route", [*keys_api.ROUTES, *tenants_api.ROUTES], ids=lambda route: f"{route.method} {route.path}"
)
def test_no_body_or_query_sets_what_its_table_does_not_name(route: Route) -> None:
    for kind in (route.query, *([] if route.body is None else [route.body])):
        assert kind.__struct_config__.forbid_unknown_fields
        written = {"id", "owner", "digest", "prefix", "created_by", "created_at", "revoked_at", "replaced_by"}
        assert not written & set(kind.__struct_fields__)
        for field in written:
            with pytest.raises(msgspec.ValidationError):
                msgspec.convert({"name": "n", field: "x"}, kind)


async def passing(attempts: list[Awaitable[object]]) -> int:
    async def one(attempt: Awaitable[object]) -> bool:
        try:
            await attempt
        except RateLimited:
            return False
        return True

    return sum(await asyncio.gather(*(one(attempt) for attempt in attempts)))


@pytest.mark.parametrize("allowance", [Allowance(requests_per_minute=10), Allowance(concurrent_requests=10)])
@pytest.mark.parametrize("backend", ["memory", "redis"])
async def test_of_200_at_limit_10_exactly_10_pass(
    request: pytest.FixtureRequest, backend: str, allowance: Allowance
) -> None:
    url = request.getfixturevalue("redis_url") if backend == "redis" else None
    limiter = RateLimiter(clock=SystemClock(), per_key=allowance, redis_url=url)
    who = Principal(tenant=ACME, scopes=frozenset({Scope.CHAT}), key_id=KeyId("key_1"))
    try:
        assert await passing([limiter.admit(who, "m", 1) for _ in range(200)]) == 10
        assert limiter.degraded == 0
    finally:
        await limiter.close()


async def test_of_200_repetitions_exactly_one_is_done(api: AdminApi) -> None:
    route = route_of(keys_api.ROUTES, "POST", "/api/v1/keys")
    exchange = api.exchange(route, await api.principal(), body={"name": "n"})
    before = await asyncio.to_thread(api.database.keys.count)

    async def make() -> Answer:
        return await route.handler(exchange)

    async def attempt() -> str | None:
        try:
            answer = await once(exchange, route, "k", b"{}", make)
        except StillRunning:
            return None
        return None if isinstance(answer.value, bytes) else answer.value.secret

    secrets = [secret for secret in await asyncio.gather(*(attempt() for _ in range(200))) if secret]
    assert len(secrets) == 1
    assert await asyncio.to_thread(api.database.keys.count) == before + 1
