"""The tables of a journal, and how those of an older version become them: numbered steps, forward only.

The same statements serve both databases, `{blob}` apart. The number of the last step that was done stands in
`flow_schema`. Steps are done in order, in one transaction, while nobody else makes tables; a step that was released is
never changed, a new one is appended. Small changing columns and long fixed ones are in tables of their own: changing a
row writes all of it again.
"""

from quorate.core.errors import Misconfigured
from quorate.flows.journals.session import Session

_FIRST = (
    """
    CREATE TABLE flow_runs (
        id TEXT NOT NULL PRIMARY KEY,
        tenant TEXT NOT NULL,
        flow TEXT NOT NULL,
        status TEXT NOT NULL,
        priority BIGINT NOT NULL,
        created_at BIGINT NOT NULL,
        queue_key TEXT NOT NULL,
        max_runs BIGINT,
        auto_resume BIGINT NOT NULL,
        strict BIGINT NOT NULL,
        owner TEXT NOT NULL,
        epoch BIGINT NOT NULL,
        lease_until BIGINT NOT NULL,
        wake_at BIGINT NOT NULL,
        ready_at BIGINT,
        cancel_requested BIGINT NOT NULL,
        events BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        calls_back BIGINT NOT NULL
    )
    """,
    # Only the few that have not ended are in these.
    "CREATE INDEX flow_runs_queued ON flow_runs (priority DESC, created_at, id) WHERE status = 'queued'",
    "CREATE INDEX flow_runs_ready ON flow_runs (ready_at) WHERE status IN ('running', 'waiting')",
    "CREATE INDEX flow_runs_keys ON flow_runs (queue_key) WHERE status = 'running' AND queue_key <> ''",
    "CREATE INDEX flow_runs_cancels ON flow_runs (owner) WHERE cancel_requested = 1 AND status = 'running'",
    "CREATE INDEX flow_runs_tenant ON flow_runs (tenant, id)",
    "CREATE INDEX flow_runs_ended ON flow_runs (updated_at) WHERE ready_at IS NULL",
    "CREATE TABLE flow_headers (run TEXT NOT NULL PRIMARY KEY, data {blob} NOT NULL)",
    "CREATE TABLE flow_results (run TEXT NOT NULL PRIMARY KEY, data {blob} NOT NULL)",
    """
    CREATE TABLE flow_outcomes (
        run TEXT NOT NULL,
        path TEXT NOT NULL,
        cost BIGINT NOT NULL,
        data {blob} NOT NULL,
        PRIMARY KEY (run, path)
    )
    """,
    """
    CREATE TABLE flow_attempts (
        run TEXT NOT NULL,
        path TEXT NOT NULL,
        attempt BIGINT NOT NULL,
        wake_at BIGINT,
        cost BIGINT NOT NULL,
        PRIMARY KEY (run, path, attempt)
    )
    """,
    """
    CREATE TABLE flow_timers (
        run TEXT NOT NULL,
        path TEXT NOT NULL,
        wake_at BIGINT NOT NULL,
        PRIMARY KEY (run, path)
    )
    """,
    """
    CREATE TABLE flow_events (
        run TEXT NOT NULL,
        seq BIGINT NOT NULL,
        data {blob} NOT NULL,
        PRIMARY KEY (run, seq)
    )
    """,
    """
    CREATE TABLE flow_callbacks (
        run TEXT NOT NULL PRIMARY KEY,
        seq BIGINT NOT NULL,
        tries BIGINT NOT NULL,
        due_at BIGINT NOT NULL
    )
    """,
    "CREATE INDEX flow_callbacks_due ON flow_callbacks (due_at)",
    """
    CREATE TABLE flow_step_cache (
        key TEXT NOT NULL PRIMARY KEY,
        expires_at BIGINT,
        created_at BIGINT NOT NULL,
        data {blob} NOT NULL
    )
    """,
    "CREATE INDEX flow_step_cache_age ON flow_step_cache (created_at, key)",
    "CREATE INDEX flow_step_cache_expiry ON flow_step_cache (expires_at) WHERE expires_at IS NOT NULL",
)
_SECOND = (
    "ALTER TABLE flow_runs ADD COLUMN takeovers BIGINT NOT NULL DEFAULT 0",
    "CREATE TABLE flow_pins (run TEXT NOT NULL, name TEXT NOT NULL, data {blob} NOT NULL, PRIMARY KEY (run, name))",
)
_THIRD = (
    "CREATE TABLE flow_paid (run TEXT NOT NULL PRIMARY KEY, data {blob} NOT NULL)",
    "CREATE INDEX flow_runs_flow ON flow_runs (tenant, flow, id)",
)
#: Step by step; the version is how many there are.
STEPS = (_FIRST, _SECOND, _THIRD)
VERSION = len(STEPS)
#: Everything of a run but its row.
PARTS = (
    "flow_headers",
    "flow_results",
    "flow_outcomes",
    "flow_attempts",
    "flow_timers",
    "flow_pins",
    "flow_paid",
    "flow_events",
    "flow_callbacks",
)


def bring_up(session: Session) -> None:
    """Make the tables, or bring those of an older version up to date. Raises `Misconfigured` for a newer one's."""
    session.begin(strict=True)
    try:
        session.lock_schema()
        session.run("CREATE TABLE IF NOT EXISTS flow_schema (version BIGINT NOT NULL)")
        found = session.rows("SELECT version FROM flow_schema")
        version = int(found[0][0]) if found else 0
        _require_known(version)
        for step in STEPS[version:]:
            for statement in step:
                session.run(statement.replace("{blob}", session.blob))
        if version < VERSION:
            session.run("DELETE FROM flow_schema")
            session.run("INSERT INTO flow_schema (version) VALUES (?)", (VERSION,))
        session.commit()
    except BaseException:
        session.rollback()
        raise


def _require_known(version: int) -> None:
    if version > VERSION:
        raise Misconfigured(
            f"the journal of flows is of version {version}, this program knows versions up to {VERSION}; "
            "start the newer program again"
        )
