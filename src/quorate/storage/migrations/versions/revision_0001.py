"""Tenants, keys, runs with their branches and texts, idempotent answers."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# As they were at this revision: the types of the schema may move on.
_TEXT = sa.Text()
_TIME = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def _some(name: str, *, of: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, of, nullable=False)


def _perhaps(name: str, *, of: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, of, nullable=True)


def upgrade() -> None:
    """Make all tables."""
    meta = op.create_table(
        "meta",
        _some("name", of=_TEXT),
        sa.Column("number", sa.BigInteger(), server_default="0", nullable=False),
        _perhaps("data", of=sa.LargeBinary()),
        sa.PrimaryKeyConstraint("name"),
    )
    op.bulk_insert(meta, [{"name": "generation", "number": 1}])
    _tenants()
    _keys()
    _runs()
    _branches()
    _texts()
    _idempotency()


def downgrade() -> None:
    """Drop all tables, with everything in them."""
    for table in ("idempotency", "texts", "branches", "runs", "keys", "tenants", "meta"):
        op.drop_table(table)


def _limits() -> list[sa.Column[Any]]:
    names = ("requests_per_minute", "tokens_per_minute", "concurrent_requests")
    return [_perhaps(name, of=sa.BigInteger()) for name in names]


def _tenants() -> None:
    op.create_table(
        "tenants",
        _some("id", of=_TEXT),
        _some("name", of=_TEXT),
        _some("created_at", of=_TIME),
        _perhaps("disabled_at", of=_TIME),
        *_limits(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("tenants_in_order", "tenants", ["created_at", "id"])


def _keys() -> None:
    op.create_table(
        "keys",
        _some("id", of=_TEXT),
        _some("tenant", of=_TEXT),
        _some("name", of=_TEXT),
        _some("prefix", of=_TEXT),
        _some("digest", of=sa.LargeBinary()),
        _some("scopes", of=_TEXT),
        _perhaps("models", of=_TEXT),
        *_limits(),
        _some("created_at", of=_TIME),
        _perhaps("created_by", of=_TEXT),
        _perhaps("expires_at", of=_TIME),
        _perhaps("revoked_at", of=_TIME),
        _perhaps("replaced_by", of=_TEXT),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name="keys_tenant"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("keys_by_digest", "keys", ["digest"], unique=True)
    op.create_index("keys_in_order", "keys", ["created_at", "id"])
    op.create_index("keys_of_tenant", "keys", ["tenant", "created_at", "id"])


def _runs() -> None:
    op.create_table(
        "runs",
        _some("id", of=_TEXT),
        _some("tenant", of=_TEXT),
        _perhaps("key_id", of=_TEXT),
        _some("request_id", of=_TEXT),
        _some("operation", of=_TEXT),
        _some("model", of=_TEXT),
        _some("mode", of=_TEXT),
        _some("state", of=_TEXT),
        _some("status", of=sa.SmallInteger()),
        _some("stream", of=sa.Boolean()),
        _some("started_at", of=_TIME),
        _some("finished_at", of=_TIME),
        _perhaps("first_token_at", of=_TIME),
        _some("prompt_tokens", of=sa.BigInteger()),
        _some("completion_tokens", of=sa.BigInteger()),
        _some("cached_tokens", of=sa.BigInteger()),
        _some("reasoning_tokens", of=sa.BigInteger()),
        _perhaps("cost_microusd", of=sa.BigInteger()),
        _some("estimated", of=sa.Boolean()),
        _perhaps("agreement", of=sa.Double()),
        _perhaps("agreement_kind", of=_TEXT),
        _perhaps("error_code", of=_TEXT),
        _perhaps("parent_id", of=_TEXT),
        _perhaps("trace_id", of=_TEXT),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("runs_in_order", "runs", ["started_at", "id"])
    op.create_index("runs_of_tenant", "runs", ["tenant", "started_at", "id"])
    for name, columns in (("runs_of_key", ["key_id", "started_at", "id"]), ("runs_of_parent", ["parent_id"])):
        given = sa.text(f"{columns[0]} IS NOT NULL")
        op.create_index(name, "runs", columns, sqlite_where=given)


def _branches() -> None:
    op.create_table(
        "branches",
        _some("run_id", of=_TEXT),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        _some("tenant", of=_TEXT),
        _some("branch", of=_TEXT),
        _some("model", of=_TEXT),
        _some("provider", of=_TEXT),
        _some("state", of=_TEXT),
        _some("started_at", of=_TIME),
        _some("finished_at", of=_TIME),
        _perhaps("first_token_at", of=_TIME),
        _some("group_index", of=sa.Integer()),
        _some("attempts", of=sa.Integer()),
        _some("prompt_tokens", of=sa.BigInteger()),
        _some("completion_tokens", of=sa.BigInteger()),
        _perhaps("cost_microusd", of=sa.BigInteger()),
        _some("estimated", of=sa.Boolean()),
        _some("selected", of=sa.Boolean()),
        _some("leaf", of=sa.Boolean()),
        _perhaps("error_code", of=_TEXT),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="branches_run", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "position"),
        sqlite_with_rowid=False,
    )


def _texts() -> None:
    op.create_table(
        "texts",
        _some("run_id", of=_TEXT),
        _some("tenant", of=_TEXT),
        _some("kept_at", of=_TIME),
        _perhaps("prompt", of=_TEXT),
        _perhaps("answer", of=_TEXT),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="texts_run", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id"),
    )
    op.create_index("texts_in_order", "texts", ["kept_at"])


def _idempotency() -> None:
    op.create_table(
        "idempotency",
        _some("tenant", of=_TEXT),
        _some("route", of=_TEXT),
        _some("key", of=_TEXT),
        _some("body_digest", of=sa.LargeBinary()),
        _some("token", of=_TEXT),
        _some("begun_at", of=_TIME),
        _perhaps("status", of=sa.SmallInteger()),
        _perhaps("body", of=sa.LargeBinary()),
        sa.PrimaryKeyConstraint("tenant", "route", "key"),
    )
    op.create_index("idempotency_in_order", "idempotency", ["begun_at"])
