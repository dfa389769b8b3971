"""Alembic environment: runs the plain SQL files of ``versions/`` on the connection it is handed."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=None, version_table="schema_version", version_table_schema="ops"
)
with context.begin_transaction():
    context.run_migrations()
