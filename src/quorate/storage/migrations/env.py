"""What Alembic runs: the migrations on the connection that `quorate.storage.revision` passes, in its transaction."""

from alembic import context

from quorate.storage.schema import metadata

VERSION_TABLE = "quorate_revision"


def _migrate() -> None:
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        render_as_batch=True,
    )
    context.run_migrations()


if hasattr(context, "config"):  # not when something else than Alembic imports this file
    _migrate()
