"""Who asks."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from functools import cached_property

from quorate.access.permission import GRANTS, OPERATOR_ONLY, Permission, Scope
from quorate.core.ids import KeyId, TenantId
from quorate.model.allowance import Allowance

#: The tenant of whoever runs the gateway: its admins may look after all tenants, everybody else's after their own.
OPERATOR = TenantId("operator")


@dataclass(frozen=True, kw_only=True)
class Principal:
    """A key that proved itself (`key_id` is `None` where the gateway runs without keys).

    `models` are patterns (`gpt-*`) of the catalog names it may ask, `None` for all. `allowance` is the key's own,
    `tenant_allowance` its tenant's. `expires_at` is aware UTC, `None` for never.
    """

    tenant: TenantId
    scopes: frozenset[Scope]
    key_id: KeyId | None = None
    models: tuple[str, ...] | None = None
    allowance: Allowance = field(default_factory=Allowance)
    tenant_allowance: Allowance = field(default_factory=Allowance)
    expires_at: datetime | None = None

    @cached_property
    def permissions(self) -> frozenset[Permission]:
        """Everything its scopes permit in its tenant; what concerns all tenants only in the operator's."""
        granted = frozenset[Permission]().union(*(GRANTS[scope] for scope in self.scopes))
        return granted if self.tenant == OPERATOR else granted - OPERATOR_ONLY

    @cached_property
    def unlimited(self) -> bool:
        """Whether neither it nor its tenant has limits of its own."""
        return self.allowance.unlimited and self.tenant_allowance.unlimited

    @property
    def is_operator(self) -> bool:
        """Whether it may look after other tenants than its own."""
        return self.tenant == OPERATOR and Scope.ADMIN in self.scopes

    def may_ask(self, model: str) -> bool:
        """Whether the catalog name is on its list."""
        return self.models is None or any(fnmatchcase(model, pattern) for pattern in self.models)

    def visible(self, models: Iterable[str]) -> list[str]:
        """Return those of `models` that it may ask."""
        return [model for model in models if self.may_ask(model)]
