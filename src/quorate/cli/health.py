"""How one thing is that `quorate doctor` looked at."""

from enum import StrEnum
from typing import NamedTuple


class Health(StrEnum):
    """How a check ended."""

    OK = "ok"
    NOTE = "note"
    BAD = "bad"


class Check(NamedTuple):
    """One thing looked at: what, how it is, and what to do if it is not well."""

    name: str
    health: Health
    detail: str
