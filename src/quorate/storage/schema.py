"""The tables. Every row of a tenant says whose it is; money is micro-USD; times are aware UTC.

A migration in `migrations/versions` makes each change of this file in databases that exist; a test compares the two.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    text,
)

from quorate.storage.columns import Names, PlainText, UtcTime

metadata = MetaData()

#: Counters and secrets of the database itself: `generation` of keys and tenants, `feedback` of labels,
#: `cursor_secret`.
meta = Table(
    "meta",
    metadata,
    Column("name", PlainText, primary_key=True),
    Column("number", BigInteger, nullable=False, server_default="0"),
    Column("data", LargeBinary),
)

tenants = Table(
    "tenants",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("name", PlainText, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("disabled_at", UtcTime),
    Column("requests_per_minute", BigInteger),
    Column("tokens_per_minute", BigInteger),
    Column("concurrent_requests", BigInteger),
    Index("tenants_in_order", "created_at", "id"),
)

keys = Table(
    "keys",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("tenant", PlainText, ForeignKey("tenants.id", name="keys_tenant"), nullable=False),
    Column("name", PlainText, nullable=False),
    Column("prefix", PlainText, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("scopes", Names, nullable=False),
    Column("models", Names),
    Column("requests_per_minute", BigInteger),
    Column("tokens_per_minute", BigInteger),
    Column("concurrent_requests", BigInteger),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", PlainText),
    Column("expires_at", UtcTime),
    Column("revoked_at", UtcTime),
    Column("replaced_by", PlainText),
    Index("keys_by_digest", "digest", unique=True),
    Index("keys_of_tenant", "tenant", "created_at", "id"),
    Index("keys_in_order", "created_at", "id"),
)

# No foreign key to tenants or keys: a run that happened is kept, whatever became of who asked.
runs = Table(
    "runs",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("tenant", PlainText, nullable=False),
    Column("key_id", PlainText),
    Column("request_id", PlainText, nullable=False),
    Column("operation", PlainText, nullable=False),
    Column("model", PlainText, nullable=False),
    Column("mode", PlainText, nullable=False),
    Column("state", PlainText, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("stream", Boolean, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime, nullable=False),
    Column("first_token_at", UtcTime),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("reasoning_tokens", BigInteger, nullable=False),
    Column("cost_microusd", BigInteger),
    Column("estimated", Boolean, nullable=False),
    Column("agreement", Double),
    Column("agreement_kind", PlainText),
    Column("error_code", PlainText),
    Column("parent_id", PlainText),
    Column("trace_id", PlainText),
    Column("weighting", PlainText),
    Index("runs_of_tenant", "tenant", "started_at", "id"),
    Index("runs_in_order", "started_at", "id"),
    # SQLite leaves out rows without a value. The same for PostgreSQL would load its dialect for every database: 22 ms.
    Index("runs_of_key", "key_id", "started_at", "id", sqlite_where=text("key_id IS NOT NULL")),
    Index("runs_of_parent", "parent_id", sqlite_where=text("parent_id IS NOT NULL")),
    sqlite_with_rowid=False,
)

branches = Table(
    "branches",
    metadata,
    Column("run_id", PlainText, ForeignKey("runs.id", name="branches_run", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("tenant", PlainText, nullable=False),
    Column("branch", PlainText, nullable=False),
    Column("model", PlainText, nullable=False),
    Column("provider", PlainText, nullable=False),
    Column("state", PlainText, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime, nullable=False),
    Column("first_token_at", UtcTime),
    Column("group_index", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("cost_microusd", BigInteger),
    Column("estimated", Boolean, nullable=False),
    Column("selected", Boolean, nullable=False),
    Column("leaf", Boolean, nullable=False),
    Column("error_code", PlainText),
    Column("cluster", Integer),
    Column("vote", Double),
    sqlite_with_rowid=False,
)

#: Prompts and answers apart from the runs: deleting them after their time is cheap, and a run stays small.
texts = Table(
    "texts",
    metadata,
    Column("run_id", PlainText, ForeignKey("runs.id", name="texts_run", ondelete="CASCADE"), primary_key=True),
    Column("tenant", PlainText, nullable=False),
    Column("kept_at", UtcTime, nullable=False),
    Column("prompt", PlainText),
    Column("answer", PlainText),
    Index("texts_in_order", "kept_at"),
)

#: What people said of answers. It goes with its run: nobody can learn from it without. `branch` is empty for the run's.
feedback = Table(
    "feedback",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("run_id", PlainText, ForeignKey("runs.id", name="feedback_run", ondelete="CASCADE"), nullable=False),
    Column("branch", PlainText, nullable=False),
    Column("principal", PlainText, nullable=False),
    Column("tenant", PlainText, nullable=False),
    Column("correct", Boolean, nullable=False),
    Column("note", PlainText),
    Column("at", UtcTime, nullable=False),
    Index("feedback_once", "run_id", "branch", "principal", unique=True),
    Index("feedback_of_tenant", "tenant", "at", "id"),
    Index("feedback_in_order", "at", "id"),
)

#: Requests that carried an Idempotency-Key and their answers; `status` is NULL while one is under way.
idempotency = Table(
    "idempotency",
    metadata,
    Column("tenant", PlainText, primary_key=True),
    Column("route", PlainText, primary_key=True),
    Column("key", PlainText, primary_key=True),
    Column("body_digest", LargeBinary, nullable=False),
    Column("token", PlainText, nullable=False),
    Column("begun_at", UtcTime, nullable=False),
    Column("status", SmallInteger),
    Column("body", LargeBinary),
    Index("idempotency_in_order", "begun_at"),
)

# No foreign key to runs: what was paid stays, also when the run is deleted. `book` is empty for the book of everything.
ledger = Table(
    "ledger",
    metadata,
    Column("run_id", PlainText, primary_key=True),
    Column("book", PlainText, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("move", PlainText, primary_key=True),
    Column("tenant", PlainText, nullable=False),
    Column("key_id", PlainText),
    Column("at", UtcTime, nullable=False),
    Column("source", PlainText, nullable=False),
    Column("target", PlainText, nullable=False),
    Column("amount_microusd", BigInteger),
    Column("branch", PlainText, nullable=False),
    Column("model", PlainText, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("estimated", Boolean, nullable=False),
    Index("ledger_in_order", "at"),
    Index("ledger_of_tenant", "tenant", "at"),
    sqlite_with_rowid=False,
)

#: How budgets stand: one row for each budget, whose it is, and window. Who changes one holds its row's lock.
budget_books = Table(
    "budget_books",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("budget", PlainText, nullable=False),
    Column("subject", PlainText, nullable=False),
    Column("tenant", PlainText, nullable=False),
    Column("since", UtcTime),
    Column("until", UtcTime),
    Column("spent_microusd", BigInteger, nullable=False),
    Column("reserved_microusd", BigInteger, nullable=False),
    Index("budget_books_of_budget", "budget", "since"),
    sqlite_with_rowid=False,
)

#: What requests under way hold of budgets.
budget_holds = Table(
    "budget_holds",
    metadata,
    Column("book", PlainText, primary_key=True),
    Column("run_id", PlainText, primary_key=True),
    Column("tenant", PlainText, nullable=False),
    Column("key_id", PlainText),
    Column("amount_microusd", BigInteger, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Index("budget_holds_in_order", "expires_at"),
    sqlite_with_rowid=False,
)
