"""The revisions of the schema, where they can be asked without loading what migrates them."""

from __future__ import annotations

REVISIONS: tuple[str, ...] = ("0001",)
"""Every revision this program knows, oldest first; the last is the one it works with. Kept here so that
opening a catalog need not load Alembic; a test compares it with the migration scripts."""
