from __future__ import annotations

from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from registry.catalog.catalog import Catalog
from registry.catalog.engine import connect
from registry.catalog.location import parse_location
from registry.catalog.walking import plan_by_index
from registry.model.edges import Relation
from tests.catalog.makers import claim, run_sql, snap


def ends(edges: object) -> list[tuple[str, str]]:
    return [(edge.derivative, edge.base) for edge in edges]  # type: ignore[attr-defined]


@pytest.fixture
def family(catalog: Catalog) -> Catalog:
    """root <- a <- b <- c, root <- d, merge of b and d, and a dataset under a."""
    catalog.save_many(
        [
            snap("a", claims=(claim("root"), claim("data:set", Relation.TRAINED_ON))),
            snap("b", claims=(claim("a", Relation.QUANTIZED),)),
            snap("c", claims=(claim("b"),)),
            snap("d", claims=(claim("root"),)),
            snap("merge", claims=(claim("b", Relation.MERGE), claim("d", Relation.MERGE))),
        ]
    )
    return catalog


def test_up_to_the_roots(family: Catalog) -> None:
    up = [("a", "data:set"), ("a", "root"), ("b", "a"), ("d", "root"), ("merge", "b"), ("merge", "d")]
    assert ends(family.edges_up("merge")) == up
    assert ends(family.edges_up("merge", 1)) == [("merge", "b"), ("merge", "d")]
    assert ends(family.edges_up("merge", 2)) == [("b", "a"), ("d", "root"), ("merge", "b"), ("merge", "d")]
    assert ends(family.edges_up("merge", 99)) == up
    assert family.edges_up("merge", 0) == []
    assert family.edges_up("root") == []


def test_down_to_the_leaves(family: Catalog) -> None:
    down = [("a", "root"), ("b", "a"), ("c", "b"), ("d", "root"), ("merge", "b"), ("merge", "d")]
    assert ends(family.edges_down("root")) == down
    assert ends(family.edges_down("root", 1)) == [("a", "root"), ("d", "root")]
    assert ends(family.edges_down("root", limit=3)) == [("a", "root"), ("b", "a"), ("d", "root")]
    assert ends(family.edges_down("root", limit=99)) == down
    assert family.edges_down("root", limit=0) == []
    assert ends(family.edges_down("data:set", 1)) == [("a", "data:set")]
    assert family.children_counts("root") == {"finetune": 2}
    assert family.children_counts("b") == {"finetune": 1, "merge": 1}


def test_circles_end(catalog: Catalog) -> None:
    catalog.save_many(
        [
            snap("x", claims=(claim("y"), claim("x"))),
            snap("y", claims=(claim("z"),)),
            snap("z", claims=(claim("x"), claim("out"))),
        ]
    )
    circle = [("x", "x"), ("x", "y"), ("y", "z"), ("z", "out"), ("z", "x")]
    assert ends(catalog.edges_up("x")) == circle
    assert ends(catalog.edges_up("x", 50)) == circle
    assert ends(catalog.edges_down("out")) == circle
    assert ends(catalog.edges_down("out", limit=50)) == circle


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_the_query_and_the_level_walk_agree(catalog: Catalog, data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 8))
    nodes = st.integers(0, size - 1)
    drawn = data.draw(st.lists(st.tuples(nodes, nodes), max_size=16))
    # Examples share a catalog, and are drawn anew with the same parts: each has names of its own.
    run = uuid4().hex
    catalog.save_many(
        snap(f"{run}/{n}", claims=tuple(claim(f"{run}/{base}") for one, base in drawn if one == n))
        for n in range(size)
    )
    start = f"{run}/0"
    assert catalog.edges_up(start) == catalog.edges_up(start, 100)
    assert catalog.edges_down(start) == catalog.edges_down(start, limit=1000)
    reached, todo = set(), {0}
    while todo:
        node = todo.pop()
        reached.add(node)
        todo |= {base for one, base in drawn if one == node} - reached
    expected = {(f"{run}/{one}", f"{run}/{base}") for one, base in drawn if one in reached}
    assert set(ends(catalog.edges_up(start))) == expected


@pytest.mark.postgres
def test_postgres_follows_indexes(postgres_url: str) -> None:
    with Catalog.open(postgres_url, create=True) as catalog:
        catalog.save_many(snap(f"o/{n}", claims=(claim(f"o/{n // 2}"),)) for n in range(400))
    run_sql(postgres_url, "ANALYZE")
    database = connect(parse_location(postgres_url))
    query = text(
        "EXPLAIN WITH RECURSIVE reach(id) AS (SELECT CAST(1 AS bigint) UNION SELECT derivative_id FROM edges "
        "JOIN reach ON base_id = id) SELECT * FROM reach"
    )

    def plan(indexed: bool) -> str:
        def explain(connection: object) -> str:
            if indexed:
                plan_by_index(connection)  # type: ignore[arg-type]
            return "\n".join(connection.execute(query).scalars())  # type: ignore[attr-defined]

        return database.read(explain)

    try:
        alone, indexed = plan(indexed=False), plan(indexed=True)
    finally:
        database.close()
    assert "Hash Join" in alone, "the planner left alone reads the whole table every round"
    assert "Index" in indexed
    assert "Hash" not in indexed


def test_a_long_chain(catalog: Catalog) -> None:
    catalog.save_many(snap(f"o/{n:03}", claims=(claim(f"o/{n + 1:03}"),)) for n in range(120))
    assert len(catalog.edges_up("o/000")) == 120
    assert len(catalog.edges_up("o/000", 119)) == 119
    assert len(catalog.edges_down("o/120")) == 120
