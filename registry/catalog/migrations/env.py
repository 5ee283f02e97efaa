"""What Alembic runs: the scripts of `versions/`, on the connection and in the transaction it is given."""

from __future__ import annotations

from alembic import context

from registry.catalog import evidence_tables, tables  # noqa: F401 - they fill the metadata
from registry.catalog.columns import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot alter a table in place; Alembic then rebuilds it.
    render_as_batch=True,
)
# The caller's transaction also holds the writers' lock; it ends there, not here.
context.run_migrations()
