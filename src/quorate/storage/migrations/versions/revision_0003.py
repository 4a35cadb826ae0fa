"""Labels, and what a run keeps so that they teach something: how its branches voted."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# As they were at this revision: the types of the schema may move on.
_TEXT = sa.Text()
_TIME = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Make the table and the columns; what ran before has no votes."""
    op.add_column("runs", sa.Column("weighting", _TEXT, nullable=True))
    op.add_column("branches", sa.Column("cluster", sa.Integer(), nullable=True))
    op.add_column("branches", sa.Column("vote", sa.Double(), nullable=True))
    op.create_table(
        "feedback",
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("run_id", _TEXT, nullable=False),
        sa.Column("branch", _TEXT, nullable=False),
        sa.Column("principal", _TEXT, nullable=False),
        sa.Column("tenant", _TEXT, nullable=False),
        sa.Column("correct", sa.Boolean(), nullable=False),
        sa.Column("note", _TEXT, nullable=True),
        sa.Column("at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="feedback_run", ondelete="CASCADE"),
    )
    op.create_index("feedback_once", "feedback", ["run_id", "branch", "principal"], unique=True)
    op.create_index("feedback_of_tenant", "feedback", ["tenant", "at", "id"])
    op.create_index("feedback_in_order", "feedback", ["at", "id"])
    op.execute(sa.text("INSERT INTO meta (name, number) VALUES ('feedback', 0)"))


def downgrade() -> None:
    """Drop the table and the columns, with everything in them."""
    op.execute(sa.text("DELETE FROM meta WHERE name = 'feedback'"))
    op.drop_table("feedback")
    op.drop_column("branches", "vote")
    op.drop_column("branches", "cluster")
    op.drop_column("runs", "weighting")
