"""Make a key."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from quorate.access.credential import MARK, PREFIX_CHARACTERS, RANDOM_BYTES, digest_of, public_prefix
from quorate.access.permission import Scope
from quorate.core.clock import Clock
from quorate.core.ids import KeyId, TenantId, new_id
from quorate.core.secret import Secret
from quorate.model.allowance import Allowance
from quorate.storage.rows import KeyRow

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Minted:
    """A new key: `row` is what is kept, `secret` is the key itself, which nobody sees again."""

    row: KeyRow
    secret: Secret


def mint(
    clock: Clock,
    *,
    tenant: TenantId,
    name: str,
    scopes: Iterable[Scope],
    models: tuple[str, ...] | None = None,
    allowance: Allowance | None = None,
    expires_at: datetime | None = None,
    created_by: KeyId | None = None,
) -> Minted:
    """Return a new key of `tenant`: a public prefix of 8 characters, 256 random bits, and the row without them.

    Whether the maker may give it these rights is `delegate`'s question.
    """
    wanted = frozenset(scopes)
    prefix = "".join(secrets.choice(_ALPHABET) for _ in range(PREFIX_CHARACTERS))
    text = f"{MARK}{prefix}_{secrets.token_urlsafe(RANDOM_BYTES)}"
    row = KeyRow(
        id=KeyId(new_id("key", clock)),
        tenant=tenant,
        name=name,
        prefix=public_prefix(text),
        digest=digest_of(text.encode()),
        scopes=tuple(scope.value for scope in Scope if scope in wanted),
        models=models,
        allowance=allowance or Allowance(),
        created_at=clock.now(),
        created_by=created_by,
        expires_at=expires_at,
    )
    return Minted(row=row, secret=Secret(text))
