"""Alembic's entry: runs the revisions on the connection that `store.migrate` hands over."""

from __future__ import annotations

from alembic import context

from gateway.store import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    compare_type=True,
    compare_server_default=False,
)
with context.begin_transaction():
    context.run_migrations()
