"""Rows as values: what the tables of tenants and keys hold."""

from dataclasses import dataclass, field
from datetime import datetime

from quorate.core.ids import KeyId, TenantId
from quorate.model.allowance import Allowance


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRow:
    """Somebody who owns keys and runs. A disabled tenant's keys are refused."""

    id: TenantId
    name: str
    created_at: datetime
    disabled_at: datetime | None = None
    allowance: Allowance = field(default_factory=Allowance)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """An API key without its secret: `digest` is the SHA-256 of the whole key, `prefix` the part that may be shown.

    `models` are patterns of catalog names it may ask (`None`: all). `replaced_by` is the key that a rotation made;
    until `expires_at` both are good. Rows read one by one or in pages have no digest (`b""`).
    """

    id: KeyId
    tenant: TenantId
    name: str
    prefix: str
    digest: bytes = field(repr=False)
    scopes: tuple[str, ...]
    created_at: datetime
    models: tuple[str, ...] | None = None
    allowance: Allowance = field(default_factory=Allowance)
    created_by: KeyId | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    replaced_by: KeyId | None = None
