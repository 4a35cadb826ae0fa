"""Migrations: the constant, the files, and that Alembic is loaded only when it is needed."""

import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

import quorate.storage
from quorate.core.clock import ManualClock
from quorate.storage.connections import Connections
from quorate.storage.database import Database
from quorate.storage.location import locate
from quorate.storage.revision import HEAD, migrate
from quorate.storage.schema import metadata

MIGRATIONS = Path(quorate.storage.__file__).parent / "migrations"


def test_the_constant_is_the_head_of_the_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def tables_of(file: Path) -> dict[str, set[str]]:
    """What SQLite was told to make: the parts of each statement, in no order; added columns stand in one line."""
    with sqlite3.connect(file) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    connection.close()
    return {
        name: {" ".join(part.split()) for part in re.split(r",\s*\n|, (?=[a-z_]+ [A-Z])|[()]\s*\n", sql)}
        for name, sql in rows
    }


def test_migrated_and_made_at_once_are_the_same_to_the_letter(tmp_path: Path) -> None:
    connections = Connections(locate(f"sqlite:///{tmp_path}/migrated.db"))
    with connections.writing() as connection:
        migrate(connection)
    connections.close()
    engine = create_engine(f"sqlite:///{tmp_path}/made.db")
    metadata.create_all(engine)
    engine.dispose()
    migrated = tables_of(tmp_path / "migrated.db")
    del migrated["quorate_revision"]
    assert migrated == tables_of(tmp_path / "made.db")


@pytest.mark.subprocess
def test_alembic_is_loaded_only_to_migrate(tmp_path: Path) -> None:
    program = f"""
import sys
from quorate.core.clock import SystemClock
from quorate.storage.database import Database
Database.open("sqlite:///{tmp_path}/quorate.db", clock=SystemClock()).close()
print("alembic" in sys.modules, "sqlalchemy.dialects.postgresql" in sys.modules)
"""
    command = [sys.executable, "-c", program]
    assert [subprocess.check_output(command, text=True, timeout=25).strip() for _ in range(2)] == [
        "False False",
        "False False",
    ]


@pytest.mark.subprocess
def test_a_killed_migration_leaves_nothing_half_done(tmp_path: Path) -> None:
    program = f"""
import os
from alembic import op
from quorate.storage.connections import Connections
from quorate.storage.location import locate
from quorate.storage.revision import migrate
made = op.create_table
def create_table(name, *parts, **options):
    if name == "texts":
        os._exit(9)
    return made(name, *parts, **options)
op.create_table = create_table
connections = Connections(locate("sqlite:///{tmp_path}/quorate.db"))
with connections.writing() as connection:
    migrate(connection)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=25).returncode == 9
    assert tables_of(tmp_path / "quorate.db") == {}
    with Database.open(f"sqlite:///{tmp_path}/quorate.db", clock=ManualClock()) as database:
        assert database.revision_is_current()
