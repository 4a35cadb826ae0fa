"""Requests to handlers of the gateway's own API, without HTTP, on a real database."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from quorate.access.key_ring import KeyRing
from quorate.access.mint import mint
from quorate.access.permission import Scope
from quorate.access.principal import OPERATOR, Principal
from quorate.access.rate_limiter import RateLimiter
from quorate.core.clock import Clock, ManualClock
from quorate.core.errors import Conflict
from quorate.core.ids import TenantId
from quorate.model.allowance import Allowance
from quorate.server.route import Answer, Exchange, Route
from quorate.storage.database import Database
from quorate.storage.rows import TenantRow

ACME, OTHER = TenantId("tenant_acme"), TenantId("tenant_other")


@dataclass(slots=True, kw_only=True)
class AdminServices:
    """A live object: of a gateway's services those that the routes about keys and tenants use."""

    database: Database
    keys: KeyRing | None
    limiter: RateLimiter
    clock: Clock


class AdminApi:
    """A live gateway without HTTP: tenants `operator`, ACME and OTHER, and a ring of keys."""

    def __init__(self, url: str, *, per_key: Allowance | None = None) -> None:
        self.clock = ManualClock()
        self.database = Database.open(url, clock=self.clock)
        for tenant in (OPERATOR, ACME, OTHER):
            try:
                self.database.tenants.add(TenantRow(id=tenant, name=tenant, created_at=self.clock.now()))
            except Conflict:
                continue
        self.keys = KeyRing(self.database.keys, self.clock)
        limiter = RateLimiter(clock=self.clock, per_key=per_key)
        self.services = AdminServices(database=self.database, keys=self.keys, limiter=limiter, clock=self.clock)

    async def principal(self, tenant: TenantId = ACME, **fields: Any) -> Principal:
        """The principal of a new key of the tenant, an admin's if nothing else is said."""
        wanted: dict[str, Any] = {"scopes": [Scope.ADMIN], **fields}
        minted = mint(self.clock, tenant=tenant, name="of a test", **wanted)
        await asyncio.to_thread(self.database.keys.add, minted.row)
        await asyncio.to_thread(self.keys.refresh)
        return self.keys.authenticate(b"Bearer " + minted.secret.reveal().encode(), "192.0.2.1")

    def exchange(
        self,
        route: Route,
        principal: Principal,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        path: Mapping[str, str] | None = None,
    ) -> Exchange:
        """A request as the router would hand it over: body and query read as the route's types."""
        return Exchange(
            services=cast("Any", self.services),
            principal=principal,
            request_id="req_1",
            path=path or {},
            query=msgspec.convert(query or {}, route.query, strict=False),
            body=None if route.body is None else msgspec.json.decode(msgspec.json.encode(body or {}), type=route.body),
        )

    async def ask(self, route: Route, principal: Principal, **parts: Any) -> Answer:
        """What the handler answers."""
        return await route.handler(self.exchange(route, principal, **parts))


def route_of(routes: tuple[Route, ...], method: str, path: str) -> Route:
    """The route."""
    return next(route for route in routes if (route.method, route.path) == (method, path))
