"""Ids: prefixed, unguessable, sortable by the time they were made."""

import os
from functools import lru_cache
from typing import NewType

from quorate.core.clock import Clock

RunId = NewType("RunId", str)
TenantId = NewType("TenantId", str)
KeyId = NewType("KeyId", str)

_ALPHABET = b"0123456789abcdefghjkmnpqrstvwxyz"
#: Turns random bytes into random characters, five bits of each byte: every request makes an id.
_CHARACTERS = bytes(_ALPHABET[byte & 31] for byte in range(256))
_RANDOM_CHARACTERS = 16
_TIME_SHIFTS = range(45, -1, -5)
#: Random parts in stock: asking the system costs more than all the rest of an id. A forked child must not share them.
_stock: list[str] = []
_STOCKED = 256


def new_id(prefix: str, clock: Clock) -> str:
    """Return `prefix_` and 26 characters: 48 bits of milliseconds, then 80 random bits.

    The layout is the ULID specification's, in Crockford's base 32. Costs about 1.5 us.
    """
    return f"{prefix}_{_time_part(int(clock.unix_s() * 1000))}{_random_part()}"


@lru_cache(maxsize=16)
def _time_part(milliseconds: int) -> str:
    return bytes([_ALPHABET[milliseconds >> shift & 31] for shift in _TIME_SHIFTS]).decode()


def _random_part() -> str:
    try:
        return _stock.pop()  # atomic, so that two threads never get the same
    except IndexError:
        fresh = os.urandom(_RANDOM_CHARACTERS * _STOCKED).translate(_CHARACTERS).decode()
        parts = [fresh[at : at + _RANDOM_CHARACTERS] for at in range(0, len(fresh), _RANDOM_CHARACTERS)]
        _stock.extend(parts[1:])
        return parts[0]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_stock.clear)
