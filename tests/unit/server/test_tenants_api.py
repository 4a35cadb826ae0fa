"""`/api/v1/tenants`, on a real database, below HTTP."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exchanges import ACME, OTHER, AdminApi, route_of
from quorate.access.authorize import authorize
from quorate.access.permission import OPERATOR_ONLY, Scope
from quorate.access.principal import OPERATOR
from quorate.core.errors import Conflict, Forbidden, NotFound
from quorate.server import tenants_api
from quorate.server.tenants_api import NewTenant, TenantChange, TenantPage, TenantView

CREATE = route_of(tenants_api.ROUTES, "POST", "/api/v1/tenants")
LIST = route_of(tenants_api.ROUTES, "GET", "/api/v1/tenants")
SHOW = route_of(tenants_api.ROUTES, "GET", "/api/v1/tenants/{id}")
CHANGE = route_of(tenants_api.ROUTES, "PATCH", "/api/v1/tenants/{id}")


@pytest.fixture
def api(tmp_path: Path) -> Iterator[AdminApi]:
    api = AdminApi(f"sqlite:///{tmp_path / 'a.db'}")
    yield api
    api.database.close()


async def test_every_route_is_the_operators(api: AdminApi) -> None:
    operator, admin = await api.principal(OPERATOR), await api.principal(ACME)
    guest = await api.principal(OPERATOR, scopes=[Scope.CHAT])
    for route in tenants_api.ROUTES:
        assert route.permission is not None
        assert route.permission in OPERATOR_ONLY
        authorize(operator, route.permission)
        for other in (admin, guest):
            with pytest.raises(Forbidden):
                authorize(other, route.permission)


async def test_making_and_looking(api: AdminApi) -> None:
    operator = await api.principal(OPERATOR)
    answer = await api.ask(CREATE, operator, body={"name": "Initech", "allowance": {"concurrent_requests": 2}})
    new: TenantView = answer.value
    assert answer.status == 201
    assert new.id.startswith("tenant_")
    assert (new.name, new.allowance.concurrent_requests, new.disabled_at) == ("Initech", 2, None)
    assert (await api.ask(SHOW, operator, path={"id": new.id})).value == new
    with pytest.raises(NotFound):
        await api.ask(SHOW, operator, path={"id": "tenant_unknown"})


async def test_pages_go_on(api: AdminApi) -> None:
    operator = await api.principal(OPERATOR)
    first: TenantPage = (await api.ask(LIST, operator, query={"limit": "2"})).value
    second: TenantPage = (await api.ask(LIST, operator, query={"limit": "2", "after": first.next})).value
    assert {row.id for row in (*first.data, *second.data)} == {OPERATOR, ACME, OTHER}
    assert (first.has_more, second.has_more) == (True, False)


async def test_a_disabled_tenant_is_out_at_once_and_can_come_back(api: AdminApi) -> None:
    operator = await api.principal(OPERATOR)
    await api.principal(ACME)
    before = len(api.keys)
    disabled: TenantView = (await api.ask(CHANGE, operator, path={"id": ACME}, body={"disabled": True})).value
    assert disabled.disabled_at == api.clock.now()
    assert len(api.keys) == before - 1
    renamed: TenantView = (await api.ask(CHANGE, operator, path={"id": ACME}, body={"name": "A"})).value
    assert (renamed.name, renamed.disabled_at) == ("A", disabled.disabled_at)
    enabled: TenantView = (await api.ask(CHANGE, operator, path={"id": ACME}, body={"disabled": False})).value
    assert enabled.disabled_at is None
    assert len(api.keys) == before


async def test_a_new_allowance_reaches_the_keys(api: AdminApi) -> None:
    operator, admin = await api.principal(OPERATOR), await api.principal(ACME)
    await api.ask(CHANGE, operator, path={"id": ACME}, body={"allowance": {"requests_per_minute": 7}})
    rows = await asyncio.to_thread(api.database.keys.live, api.clock.now())
    live = {key.id: tenant for key, tenant in rows}
    assert admin.key_id is not None
    assert live[admin.key_id].allowance.requests_per_minute == 7


async def test_the_operator_cannot_lock_itself_out(api: AdminApi) -> None:
    with pytest.raises(Conflict):
        await api.ask(CHANGE, await api.principal(OPERATOR), path={"id": OPERATOR}, body={"disabled": True})


async def test_changing_what_is_not_there(api: AdminApi) -> None:
    with pytest.raises(NotFound):
        await api.ask(CHANGE, await api.principal(OPERATOR), path={"id": "tenant_unknown"}, body={"name": "x"})


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (NewTenant, {"name": "n", "id": "operator"}),
        (NewTenant, {"name": "n", "owner": "x"}),
        (NewTenant, {}),
        (TenantChange, {"id": "operator"}),
        (TenantChange, {"disabled_at": None}),
        (TenantChange, {"name": None}),
        (TenantChange, {"disabled": "yes"}),
    ],
)
def test_bodies_that_do_not_fit(kind: Any, body: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(body), type=kind)
