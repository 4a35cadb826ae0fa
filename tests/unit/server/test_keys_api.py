"""`/api/v1/keys` and `/api/v1/me`, on a real database, below HTTP."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exchanges import ACME, OTHER, AdminApi, route_of
from quorate.access.permission import OPERATOR_ONLY, Permission, Scope
from quorate.access.principal import OPERATOR
from quorate.core.errors import Conflict, Forbidden, InvalidRequest, NotFound, Unauthenticated
from quorate.model.allowance import Allowance
from quorate.server import keys_api
from quorate.server.keys_api import KeyPage, KeyView, MadeKey, NewKey

CREATE = route_of(keys_api.ROUTES, "POST", "/api/v1/keys")
LIST = route_of(keys_api.ROUTES, "GET", "/api/v1/keys")
SHOW = route_of(keys_api.ROUTES, "GET", "/api/v1/keys/{id}")
REVOKE = route_of(keys_api.ROUTES, "DELETE", "/api/v1/keys/{id}")
ROTATE = route_of(keys_api.ROUTES, "POST", "/api/v1/keys/{id}/rotate")
ME = route_of(keys_api.ROUTES, "GET", "/api/v1/me")


@pytest.fixture
def api(tmp_path: Path) -> Iterator[AdminApi]:
    api = AdminApi(f"sqlite:///{tmp_path / 'a.db'}")
    yield api
    api.database.close()


def gets_in(api: AdminApi, secret: str | None) -> bool:
    try:
        api.keys.authenticate(f"Bearer {secret}".encode(), "192.0.2.1")
    except Unauthenticated:
        return False
    return True


async def made(api: AdminApi, who: Any, **body: Any) -> MadeKey:
    answer = await api.ask(CREATE, who, body={"name": "n", **body})
    assert answer.status == 201
    return answer.value


async def test_a_new_key_works_at_once(api: AdminApi) -> None:
    admin = await api.principal()
    new = await made(api, admin, scopes=["chat", "runs"], models=["gpt-*"], allowance={"requests_per_minute": 3})
    assert (new.key.tenant, new.key.created_by, new.key.scopes) == (ACME, admin.key_id, ("chat", "runs"))
    assert new.note is None
    assert gets_in(api, new.secret)
    shown = (await api.ask(SHOW, admin, path={"id": new.key.id})).value
    assert shown == new.key


async def test_no_answer_holds_a_digest(api: AdminApi) -> None:
    admin = await api.principal()
    new = await made(api, admin)
    answers = [
        msgspec.json.encode(new),
        msgspec.json.encode((await api.ask(LIST, admin)).value),
        msgspec.json.encode((await api.ask(SHOW, admin, path={"id": new.key.id})).value),
    ]
    for row, _ in await asyncio.to_thread(api.database.keys.live, api.clock.now()):
        for answer in answers:
            assert b"digest" not in answer
            assert row.digest.hex().encode() not in answer
            assert msgspec.json.encode(row.digest).strip(b'"') not in answer
    assert not {"digest", "secret"} & set(KeyView.__struct_fields__)


@pytest.mark.parametrize("field", ["id", "owner", "digest", "prefix", "created_by", "created_at", "revoked_at"])
def test_what_the_gateway_decides_cannot_be_sent(field: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=f"unknown field `{field}`"):
        msgspec.json.decode(msgspec.json.encode({"name": "n", field: "x"}), type=NewKey)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "x" * 201},
        {"name": None},
        {"name": "n", "scopes": []},
        {"name": "n", "scopes": ["root"]},
        {"name": "n", "expires_at": "2030-01-01T00:00:00"},
        {"name": "n", "allowance": {"requests_per_minute": 0}},
        {"name": "n", "allowance": {"budget": 1}},
    ],
)
def test_bodies_that_do_not_fit(body: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(body), type=NewKey)


async def test_a_key_gives_no_more_than_it_has(api: AdminApi) -> None:
    admin = await api.principal(models=("gpt-*",), expires_at=api.clock.now() + timedelta(days=1))
    for body in ({"models": ["*"]}, {"tenant": OTHER}, {"expires_at": "2030-01-01T00:00:00Z"}, {"tenant": OPERATOR}):
        with pytest.raises(Forbidden):
            await made(api, admin, **body)
    with pytest.raises(InvalidRequest):
        await made(api, admin, scopes=["metrics"])
    with pytest.raises(InvalidRequest, match="no year of UTC"):
        await made(api, admin, expires_at="9999-12-31T23:59:59-12:00")
    new = await made(api, admin)
    assert (new.key.models, new.key.expires_at) == (("gpt-*",), admin.expires_at)


async def test_the_operator_makes_keys_for_others(api: AdminApi) -> None:
    operator = await api.principal(OPERATOR)
    assert (await made(api, operator, tenant=OTHER)).key.tenant == OTHER
    with pytest.raises(NotFound):
        await made(api, operator, tenant="tenant_unknown")


async def test_pages_go_on_and_stay_within_the_tenant(api: AdminApi) -> None:
    admin = await api.principal()
    await api.principal(OTHER)
    for number in range(4):
        api.clock.advance(1)
        await made(api, admin, name=f"key {number}")
    first: KeyPage = (await api.ask(LIST, admin, query={"limit": "3"})).value
    second: KeyPage = (await api.ask(LIST, admin, query={"limit": "3", "after": first.next})).value
    assert [row.name for row in (*first.data, *second.data)] == ["key 3", "key 2", "key 1", "key 0", "of a test"]
    assert (first.has_more, second.has_more, second.next) == (True, False, None)
    assert {row.tenant for row in first.data} == {ACME}
    with pytest.raises(NotFound):
        await api.ask(LIST, admin, query={"tenant": OTHER})
    with pytest.raises(InvalidRequest):
        await api.ask(LIST, admin, query={"after": "x"})
    operator = await api.principal(OPERATOR)
    everybody: KeyPage = (await api.ask(LIST, operator)).value
    assert {row.tenant for row in everybody.data} == {ACME, OTHER, OPERATOR}
    theirs: KeyPage = (await api.ask(LIST, operator, query={"tenant": OTHER})).value
    assert {row.tenant for row in theirs.data} == {OTHER}


@pytest.mark.parametrize("route", [SHOW, REVOKE, ROTATE], ids=lambda route: route.summary)
async def test_keys_of_others_are_not_there(api: AdminApi, route: Any) -> None:
    theirs = await made(api, await api.principal(OTHER))
    admin = await api.principal()
    with pytest.raises(NotFound) as exists:
        await api.ask(route, admin, path={"id": theirs.key.id})
    with pytest.raises(NotFound) as unknown:
        await api.ask(route, admin, path={"id": "key_unknown"})
    assert exists.value.message == unknown.value.message.replace("key_unknown", theirs.key.id)
    assert gets_in(api, theirs.secret)


async def test_revoking_is_for_good_and_at_once(api: AdminApi) -> None:
    admin = await api.principal()
    new = await made(api, admin)
    revoked: KeyView = (await api.ask(REVOKE, admin, path={"id": new.key.id})).value
    assert revoked.revoked_at == api.clock.now()
    assert not gets_in(api, new.secret)
    api.clock.advance(5)
    again: KeyView = (await api.ask(REVOKE, admin, path={"id": new.key.id})).value
    assert again.revoked_at == revoked.revoked_at
    with pytest.raises(Conflict):
        await api.ask(ROTATE, admin, path={"id": new.key.id})


async def test_rotation_keeps_the_rights_and_overlaps(api: AdminApi) -> None:
    admin = await api.principal()
    old = await made(api, admin, models=["gpt-*"], allowance={"tokens_per_minute": 9})
    new: MadeKey = (await api.ask(ROTATE, admin, path={"id": old.key.id}, body={"overlap_s": 60})).value
    assert (new.key.models, new.key.allowance, new.key.name) == (old.key.models, old.key.allowance, old.key.name)
    assert gets_in(api, old.secret)
    assert gets_in(api, new.secret)
    shown: KeyView = (await api.ask(SHOW, admin, path={"id": old.key.id})).value
    assert shown.replaced_by == new.key.id
    api.clock.advance(60)
    await asyncio.to_thread(api.keys.refresh)
    assert not gets_in(api, old.secret)
    assert gets_in(api, new.secret)
    with pytest.raises(Conflict):
        await api.ask(ROTATE, admin, path={"id": old.key.id})


async def test_rotating_does_not_hand_over_more_rights(api: AdminApi) -> None:
    """The new secret is shown to whoever rotates: a narrow admin must not get a wide key in this way."""
    wide = await made(api, await api.principal())
    for narrow in (
        await api.principal(models=("gpt-*",)),
        await api.principal(expires_at=api.clock.now() + timedelta(days=1)),
        await api.principal(allowance=Allowance(requests_per_minute=1)),
    ):
        with pytest.raises(Forbidden):
            await api.ask(ROTATE, narrow, path={"id": wide.key.id})
    assert gets_in(api, wide.secret)


async def test_me(api: AdminApi) -> None:
    reader = await api.principal(scopes=[Scope.CHAT], models=("gpt-*",))
    me = (await api.ask(ME, reader)).value
    assert (me.key, me.tenant, me.scopes, me.models) == (reader.key_id, ACME, (Scope.CHAT,), ("gpt-*",))
    granted = {Permission.CHAT, Permission.MODELS_READ, Permission.FEEDBACK_WRITE, Permission.SELF_READ}
    assert set(me.permissions) == granted
    assert ME.permission in reader.permissions


def test_what_the_routes_need() -> None:
    needed = {route.permission for route in keys_api.ROUTES}
    assert None not in needed
    assert not needed & OPERATOR_ONLY
    assert {route.path for route in keys_api.ROUTES if route.idempotent} == {CREATE.path, ROTATE.path}
