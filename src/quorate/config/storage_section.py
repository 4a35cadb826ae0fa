"""Where runs, keys and tenants are kept, and for how long."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from quorate.config.database_url import DatabaseUrl
from quorate.source.section import Section


class RetentionSection(Section):
    """What is kept, and for how long."""

    texts: bool = False
    """Keep prompts and answers with the runs."""
    texts_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days after which kept texts are deleted."""
    runs_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    """Days after which runs are deleted; not given: never."""
    redact: bool = True
    """Replace addresses, phone and card numbers and keys in kept texts."""


class BudgetsKept(StrEnum):
    """`database`: where the runs are. `redis`: the one of `rate_limits.redis`. `memory`: by each process for itself."""

    DATABASE = "database"
    REDIS = "redis"
    MEMORY = "memory"


class StorageSection(Section):
    """Where runs, keys and tenants are kept."""

    url: DatabaseUrl | None = None
    """`sqlite:///path` or `postgresql://...`, or a reference (`env:NAME`, `file:/path`) to it, which keeps a
    password out of this file.

    Not given: SQLite in the user's data folder."""
    queue_size: Annotated[int, Field(ge=100, le=1_000_000)] = 10_000
    """Runs that may wait to be written; when they are this many, new requests are refused until there is room."""
    budgets: BudgetsKept = BudgetsKept.DATABASE
    """Who counts what budgets have spent: `database` and `redis` for all processes together, and for good; `memory`
    each process by itself, until it ends."""
    retention: RetentionSection = RetentionSection()
