"""Quick answers are the answers of the catalog, or none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.catalog.catalog import Catalog
from registry.catalog.quick import names_around, names_below
from registry.lineage.graph import impact
from registry.model.edges import Relation
from registry.services import trace
from tests.catalog.makers import claim, run_sql, snap

depths = st.none() | st.integers(0, 3)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), up=depths, down=depths, limit=st.none() | st.integers(1, 5))
def test_they_agree_with_the_catalog(
    catalog: Catalog,
    catalog_url: str,
    data: st.DataObject,
    up: int | None,
    down: int | None,
    limit: int | None,
) -> None:
    run = data.draw(st.uuids()).hex
    names = st.sampled_from([f"{run}/{letter}" for letter in "abcdef"])
    relations = st.sampled_from(Relation)
    for name in data.draw(st.lists(names, min_size=1, max_size=6, unique=True)):
        claims = data.draw(st.dictionaries(names, relations, max_size=3))
        catalog.save(snap(name, claims=tuple(claim(base, kind) for base, kind in claims.items())))
    start = name
    edges = catalog.edges_down(start)
    derived = catalog.descendants(start)
    assert tuple(derived) == impact(edges, start).derivatives
    view = trace.lineage(catalog, start, up=up, down=down, limit=limit)
    if "://" in catalog_url:
        assert names_below(catalog_url, start) is None
    else:
        assert names_below(catalog_url, start) == [one.repo_id for one in derived]
        around = names_around(catalog_url, start, up=up, down=down, limit=limit)
        assert around == [node.repo_id for node in view.nodes]


@pytest.fixture
def place(tmp_path: Path, empty_file: Path) -> str:
    path = tmp_path / "catalog.db"
    path.write_bytes(empty_file.read_bytes())
    with Catalog.open(str(path)) as catalog:
        catalog.save_many([snap("o/a", claims=(claim("o/b"),)), snap("o/c", aliases=("o/old",))])
    return str(path)


def test_what_is_not_plain_is_left_to_the_catalog(place: str, tmp_path: Path) -> None:
    assert names_below(place, "o/b") == ["o/a"]
    assert names_below(place, "o/c") == []
    assert names_below(place, "o/B") is None
    assert names_below(place, "o/old") is None
    assert names_below(str(tmp_path / "none.db"), "o/b") is None
    assert names_below(str(tmp_path), "o/b") is None
    assert names_below("", "o/b") is None
    (tmp_path / "text.db").write_text("not a database, and longer than a page header would ever be" * 20)
    assert names_below(str(tmp_path / "text.db"), "o/b") is None
    (tmp_path / "empty.db").write_bytes(b"")
    assert names_below(str(tmp_path / "empty.db"), "o/b") is None


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE alembic_version SET version_num = '9999'",
        "DELETE FROM alembic_version",
        "UPDATE models SET repo_id = x'ff00' WHERE repo_id = 'o/a'",
        "DELETE FROM models WHERE repo_id = 'o/a'",
        "DROP TABLE edges",
    ],
)
def test_what_is_odd_is_left_to_the_catalog(place: str, damage: str) -> None:
    run_sql(place, damage)
    assert names_around(place, "o/b") is None


def test_nothing_heavy_is_loaded_and_nothing_left_behind(place: str) -> None:
    program = (
        "import sys; from registry.cli.main import run; "
        f"code = run(['--catalog', {place!r}, 'impact', 'o/b', '-q']); "
        f"code += run(['--catalog', {place!r}, 'lineage', 'o/b', '-q']); "
        "print(code, sorted({'sqlalchemy', 'numpy', 'rich'} & sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("o/a\no/b\no/a\n", "0 []\n")
    assert [path.name for path in Path(place).parent.iterdir() if path.name.startswith("catalog.db-")] == []
