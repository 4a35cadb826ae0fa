"""The ledger, filled from the branches there are; budgets and what requests hold of them."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# As they were at this revision: the types of the schema may move on.
_TEXT = sa.Text()
_TIME = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
#: What was charged before there was a ledger: one line for each branch that asked a provider.
_FILL = """
INSERT INTO ledger (run_id, book, position, move, tenant, key_id, at, source, target, amount_microusd, branch, model,
    attempt, prompt_tokens, completion_tokens, estimated)
SELECT b.run_id, '', b.position + 1, 'settle', b.tenant, r.key_id, b.finished_at, 'available', 'spent',
    b.cost_microusd, b.branch, b.model, b.attempts, b.prompt_tokens, b.completion_tokens, b.estimated
FROM branches b JOIN runs r ON r.id = b.run_id
WHERE b.leaf AND (b.cost_microusd IS NULL OR b.cost_microusd <> 0 OR b.prompt_tokens + b.completion_tokens > 0)
"""


def _some(name: str, *, of: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, of, nullable=False)


def _perhaps(name: str, *, of: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, of, nullable=True)


def upgrade() -> None:
    """Make the tables."""
    _ledger()
    _budgets()
    op.execute(sa.text(_FILL))


def downgrade() -> None:
    """Drop the tables, with everything in them."""
    for table in ("budget_holds", "budget_books", "ledger"):
        op.drop_table(table)


def _ledger() -> None:
    op.create_table(
        "ledger",
        _some("run_id", of=_TEXT),
        _some("book", of=_TEXT),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        _some("move", of=_TEXT),
        _some("tenant", of=_TEXT),
        _perhaps("key_id", of=_TEXT),
        _some("at", of=_TIME),
        _some("source", of=_TEXT),
        _some("target", of=_TEXT),
        _perhaps("amount_microusd", of=sa.BigInteger()),
        _some("branch", of=_TEXT),
        _some("model", of=_TEXT),
        _some("attempt", of=sa.Integer()),
        _some("prompt_tokens", of=sa.BigInteger()),
        _some("completion_tokens", of=sa.BigInteger()),
        _some("estimated", of=sa.Boolean()),
        sa.PrimaryKeyConstraint("run_id", "book", "position", "move"),
        sqlite_with_rowid=False,
    )
    op.create_index("ledger_in_order", "ledger", ["at"])
    op.create_index("ledger_of_tenant", "ledger", ["tenant", "at"])


def _budgets() -> None:
    op.create_table(
        "budget_books",
        _some("id", of=_TEXT),
        _some("budget", of=_TEXT),
        _some("subject", of=_TEXT),
        _some("tenant", of=_TEXT),
        _perhaps("since", of=_TIME),
        _perhaps("until", of=_TIME),
        _some("spent_microusd", of=sa.BigInteger()),
        _some("reserved_microusd", of=sa.BigInteger()),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("budget_books_of_budget", "budget_books", ["budget", "since"])
    op.create_table(
        "budget_holds",
        _some("book", of=_TEXT),
        _some("run_id", of=_TEXT),
        _some("tenant", of=_TEXT),
        _perhaps("key_id", of=_TEXT),
        _some("amount_microusd", of=sa.BigInteger()),
        _some("expires_at", of=_TIME),
        sa.PrimaryKeyConstraint("book", "run_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("budget_holds_in_order", "budget_holds", ["expires_at"])
