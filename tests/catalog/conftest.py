"""A catalog of its own for every test, on SQLite and on the PostgreSQL server of REGISTRY_TEST_POSTGRES."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from registry.catalog.catalog import Catalog

SERVER = "REGISTRY_TEST_POSTGRES"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def catalog_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a catalog can be made; nothing is there yet."""
    if request.param == "sqlite":
        yield str(tmp_path / "catalog.db")
        return
    yield from postgres_schema()


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """As `catalog_url`, PostgreSQL only."""
    yield from postgres_schema()


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty catalog to copy: running the migrations takes longer than most tests."""
    path = tmp_path_factory.mktemp("empty") / "catalog.db"
    Catalog.open(str(path), create=True).close()
    return path


@pytest.fixture
def catalog(catalog_url: str, empty_file: Path) -> Iterator[Catalog]:
    """An empty catalog that gives up quickly when it is locked."""
    if "://" not in catalog_url:
        shutil.copy(empty_file, catalog_url)
    with Catalog.open(catalog_url, create=True, busy_timeout=10) as opened:
        yield opened


def postgres_schema() -> Iterator[str]:
    """The URL of a new schema, dropped afterwards."""
    server = os.environ.get(SERVER)
    if not server:
        pytest.skip(f"{SERVER} names no server")
    import psycopg

    schema = f"test_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        try:
            yield f"{server}{'&' if '?' in server else '?'}options=-csearch_path%3D{schema}"
        finally:
            connection.execute(f"DROP SCHEMA {schema} CASCADE")
