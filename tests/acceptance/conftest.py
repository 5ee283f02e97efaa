"""Where acceptance tests keep their catalogs: a file, or a schema on the PostgreSQL server of the tests."""

from __future__ import annotations

from tests.catalog.conftest import catalog_url

__all__ = ["catalog_url"]
