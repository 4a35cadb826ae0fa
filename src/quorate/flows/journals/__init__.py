"""Where the outcomes of steps are kept: memory, SQLite, PostgreSQL."""
