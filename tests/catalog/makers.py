"""Short ways to write snapshots, claims and files, and to break a catalog by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from registry.catalog.catalog import Catalog
from registry.catalog.engine import connect
from registry.catalog.location import parse_location
from registry.model.edges import Claim, Origin, Relation
from registry.model.refs import SourceName
from registry.model.snapshot import LicenseClaim, LicenseField, ModelFile, ModelSnapshot, ParameterCount

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def day(number: float) -> datetime:
    """So many days after the start."""
    return START + timedelta(days=number)


def snap(repo_id: str, at: float = 0, **facts: Any) -> ModelSnapshot:
    """A snapshot from the Hub on a day, at commit `c1` unless said otherwise."""
    facts = {"source": SourceName.HUB, "commit_sha": sha("c1")} | facts
    return ModelSnapshot(repo_id=repo_id, observed_at=day(at), **facts)


def sha(name: str) -> str:
    """A commit that looks like one and can be told by its start."""
    return name.encode().hex().ljust(40, "0")


def content(name: str) -> str:
    """A sha256 that looks like one."""
    return name.encode().hex().ljust(64, "0")


def hub_id(number: int) -> str:
    return f"{number:024x}"


def claim(base: str | None, relation: Relation = Relation.FINETUNE, **rest: Any) -> Claim:
    rest = {"origin": Origin.CARD, "declared": base or "unknown"} | rest
    return Claim(base=base, relation=relation, **rest)


def license_claim(value: str, origin: str = "card") -> LicenseClaim:
    return LicenseClaim(LicenseField.LICENSE, value, origin)


def count(**by_dtype: int) -> ParameterCount:
    return ParameterCount(by_dtype=by_dtype, served_total=sum(by_dtype.values()))


def file(path: str, size: int | None = 10, name: str | None = None) -> ModelFile:
    return ModelFile(path, size, None if name is None else content(name))


def run_sql(location: str, *statements: str, foreign_keys: bool = False) -> None:
    """Change a catalog behind its back."""
    database = connect(parse_location(location), foreign_keys=foreign_keys)
    try:
        for statement in statements:
            database.write(lambda c, said=statement: c.execute(text(said)))  # type: ignore[misc]
    finally:
        database.close()


def ask_sql(location: str, query: str) -> list[tuple[Any, ...]]:
    database = connect(parse_location(location))
    try:
        return database.read(lambda c: [tuple(row) for row in c.execute(text(query))])
    finally:
        database.close()


def pairs(catalog: Catalog, repo_id: str) -> list[tuple[str, str]]:
    """The direct edges of a model as (base, relation)."""
    return [(edge.base, str(edge.relation)) for edge in catalog.edges_up(repo_id, 1)]
