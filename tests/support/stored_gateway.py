"""The application over a real database, without a socket: what the routes need that are no calls."""

import asyncio
from pathlib import Path
from typing import Any

from asgi import Answer, Headers, ask, services_of
from quorate.access.key_ring import KeyRing
from quorate.access.mint import mint
from quorate.access.permission import Scope
from quorate.access.principal import OPERATOR
from quorate.core.clock import SystemClock
from quorate.core.ids import TenantId
from quorate.model import Model
from quorate.server.app import Gateway
from quorate.storage.database import Database
from quorate.storage.rows import TenantRow


class StoredGateway:
    """A live gateway: tenants `operator`, `acme` and `other`, keys made by `key`. Making and closing it block."""

    def __init__(self, folder: Path, models: dict[str, Model] | None = None, **fields: Any) -> None:
        self.clock = SystemClock()
        self.database = Database.open(f"sqlite:///{folder / 'gateway.db'}", clock=self.clock)
        for tenant in (OPERATOR, TenantId("acme"), TenantId("other")):
            self.database.tenants.add(TenantRow(id=tenant, name=tenant, created_at=self.clock.now()))
        self.keys = KeyRing(self.database.keys, self.clock)
        self.keys.refresh()
        self.services = services_of(models, clock=self.clock, database=self.database, keys=self.keys, **fields)
        self.app = Gateway(self.services)

    async def key(self, tenant: str = "acme", *scopes: Scope, **fields: Any) -> str:
        """The text of a new key, an admin's if no scope is named."""
        minted = mint(self.clock, tenant=TenantId(tenant), name="t", scopes=scopes or [Scope.ADMIN], **fields)
        await asyncio.to_thread(self.database.keys.add, minted.row)
        await asyncio.to_thread(self.keys.refresh)
        return minted.secret.reveal()

    async def ask(
        self, method: str, path: str, key: str | None = None, body: object = b"", headers: Headers | None = None
    ) -> Answer:
        """The answer to a request with this key."""
        given = [*(headers or [])]
        if body:
            given.append((b"content-type", b"application/json"))
        if key is not None:
            given.append((b"authorization", f"Bearer {key}".encode()))
        return await ask(self.app, method, path, body, given)

    def close(self) -> None:
        """Close the database."""
        self.database.close()
