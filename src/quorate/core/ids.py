"""Ids: prefixed, unguessable, sortable by the time they were made."""

import secrets
from typing import NewType

from quorate.core.clock import Clock

RunId = NewType("RunId", str)
TenantId = NewType("TenantId", str)

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str, clock: Clock) -> str:
    """Return `prefix_` and 26 characters: 48 bits of milliseconds, then 80 random bits.

    The layout is the ULID specification's, in Crockford's base 32.
    """
    value = (int(clock.now().timestamp() * 1000) << 80) | secrets.randbits(80)
    return f"{prefix}_" + "".join(_ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5))
