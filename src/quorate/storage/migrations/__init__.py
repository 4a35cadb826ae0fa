"""Changes of the schema, in order, for databases that exist. Alembic runs them; nobody else imports them."""
