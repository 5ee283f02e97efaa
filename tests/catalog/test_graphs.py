"""The graph kept beside the edges: always that of the edges as they are."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from registry.catalog import graphs
from registry.catalog.catalog import Catalog
from registry.catalog.codes import RELATION
from registry.catalog.engine import connect
from registry.catalog.location import parse_location
from registry.errors import CatalogError
from registry.lineage.csr import RELATIONS, LineageGraph
from registry.model.edges import Relation
from tests.catalog.makers import ask_sql, claim, hub_id, run_sql, sha, snap

HOUSE = Path(graphs.__file__).parent
PARTS = ("derivatives", "head", "ids", "relations", "starts")


def told(graph: LineageGraph, catalog: Catalog) -> set[tuple[str, str, str]]:
    """The edges of a graph by name."""
    names = catalog.names(graph.ids.tolist())
    ends = zip(graph.ids[graph.down.targets].tolist(), graph.ids[graph.down.sources()].tolist(), strict=True)
    return {
        (names[derivative], names[base], str(RELATIONS[code]))
        for (derivative, base), code in zip(ends, graph.relations.tolist(), strict=True)
    }


def edges_of(url: str) -> set[tuple[str, ...]]:
    query = (
        "SELECT d.repo_id, b.repo_id, relation FROM edges JOIN models d ON d.id = derivative_id "
        "JOIN models b ON b.id = base_id"
    )
    found = ((derivative, base, str(RELATION.words[code])) for derivative, base, code in ask_sql(url, query))
    return {edge for edge in found if edge[2] != "trained_on"}


def parts(url: str) -> list[tuple[str, int]]:
    return sorted(ask_sql(url, "SELECT DISTINCT name, version FROM lineage_graphs WHERE name <> 'edges'"))


@pytest.fixture
def family(catalog: Catalog) -> Catalog:
    catalog.save_many(
        [
            snap("a", claims=(claim("root"), claim("data:set", Relation.TRAINED_ON))),
            snap("b", claims=(claim("a", Relation.QUANTIZED), claim("b"))),
            snap("merge", claims=(claim("b", Relation.MERGE), claim("a", Relation.MERGE))),
        ]
    )
    return catalog


def test_the_graph_is_that_of_the_edges(family: Catalog, catalog_url: str) -> None:
    graph = family.lineage_graph()
    assert told(graph, family) == edges_of(catalog_url)
    assert "data:set" not in family.names(graph.ids.tolist()).values()
    assert [name for name, _ in parts(catalog_url)] == [*PARTS]
    assert family.lineage_graph() is graph
    with Catalog.open(catalog_url) as other:
        kept = other.lineage_graph()
    assert kept is not graph
    assert np.array_equal(kept.down.targets, graph.down.targets)


def test_an_empty_catalog_has_an_empty_graph(catalog: Catalog) -> None:
    assert catalog.lineage_graph().size == 0
    assert catalog.lineage_graph().size == 0


def test_every_change_of_an_edge_is_seen(family: Catalog, catalog_url: str) -> None:
    def now() -> int:
        graph = family.lineage_graph()
        assert told(graph, family) == edges_of(catalog_url)
        assert parts(catalog_url) == [(name, graph.version) for name in PARTS]
        return graph.version

    seen = now()
    changes = [
        lambda: family.save(snap("c", claims=(claim("b"),))),
        lambda: family.save(snap("c", 1, claims=(claim("b", Relation.ADAPTER),))),
        lambda: family.save(snap("c", 2, hub_id=hub_id(1), claims=(), commit_sha=sha("c2"))),
        lambda: family.save(snap("d", 2, claims=(claim("C"), claim("old/c")))),
        lambda: family.save(snap("c", 3, hub_id=hub_id(1), aliases=("old/c",), commit_sha=sha("c2"))),
        family.adopt_case_variants,
        lambda: family.remove("merge"),
    ]
    for change in changes:
        change()
        before, seen = seen, now()
        assert seen > before
    family.save(snap("d", 9, claims=(claim("C"), claim("old/c")), downloads=7))
    assert now() == seen, "a look that finds the same edges leaves the graph alone"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_is_saved(catalog: Catalog, catalog_url: str, data: st.DataObject) -> None:
    names = st.sampled_from("abcdef")
    for name in data.draw(st.lists(names, max_size=5)):
        claims = data.draw(st.dictionaries(names, st.sampled_from(RELATIONS), max_size=3))
        at = data.draw(st.integers(0, 10_000))
        catalog.save(snap(name, at, claims=tuple(claim(base, kind) for base, kind in claims.items())))
    assert told(catalog.lineage_graph(), catalog) == edges_of(catalog_url)


@pytest.mark.parametrize("part", PARTS)
def test_a_damaged_graph_is_made_anew(family: Catalog, catalog_url: str, part: str) -> None:
    right = told(family.lineage_graph(), family)
    run_sql(catalog_url, f"UPDATE lineage_graphs SET data = substr(data, 2) WHERE name = '{part}'")
    for _ in range(2):
        with Catalog.open(catalog_url) as other:
            assert told(other.lineage_graph(), other) == right
    run_sql(catalog_url, f"DELETE FROM lineage_graphs WHERE name = '{part}'")
    with Catalog.open(catalog_url) as other:
        assert told(other.lineage_graph(), other) == right
    assert [name for name, _ in parts(catalog_url)] == [*PARTS]


@pytest.mark.parametrize(
    "head", ["", "[]", "null", "7", "{", '{"format": 2}', '{"format": 1, "checks": 3, "wide": 0}']
)
def test_a_head_that_tells_nothing(family: Catalog, catalog_url: str, head: str) -> None:
    right = told(family.lineage_graph(), family)
    text = f"CAST('{head}' AS BLOB)" if "://" not in catalog_url else f"convert_to('{head}', 'UTF8')"
    run_sql(catalog_url, f"UPDATE lineage_graphs SET data = {text} WHERE name = 'head'".replace(":", "\\:"))
    with Catalog.open(catalog_url) as other:
        assert told(other.lineage_graph(), other) == right


def test_long_arrays_are_kept_in_pieces(
    family: Catalog, catalog_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphs, "_PIECE", 3)
    right = told(family.lineage_graph(), family)
    assert ask_sql(catalog_url, "SELECT count(*) FROM lineage_graphs WHERE name = 'ids'") == [(6,)]
    with Catalog.open(catalog_url) as other:
        assert told(other.lineage_graph(), other) == right


def test_a_writer_in_the_way_only_keeps_it_from_being_kept(
    family: Catalog, catalog_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphs, "_PATIENCE", 0.1)
    database = connect(parse_location(catalog_url))

    def ask_meanwhile(connection: Connection) -> set[tuple[str, str, str]]:
        graphs.bump_lineage(connection)
        with ThreadPoolExecutor(1) as elsewhere:
            return elsewhere.submit(lambda: told(family.lineage_graph(), family)).result()

    try:
        assert database.write(ask_meanwhile) == edges_of(catalog_url)
    finally:
        database.close()
    assert parts(catalog_url) == []
    assert told(family.lineage_graph(), family) == edges_of(catalog_url)
    assert parts(catalog_url) != []


def test_a_graph_made_before_a_change_is_not_kept(family: Catalog, catalog_url: str) -> None:
    database = connect(parse_location(catalog_url))
    try:
        early = database.read(graphs.make_graph)
        family.save(snap("late", claims=(claim("a"),)))
        database.write(lambda c: graphs.keep_graph(c, early))
        assert parts(catalog_url) == []
        now = database.read(graphs.make_graph)
        for _ in range(2):
            database.write(lambda c: graphs.keep_graph(c, now))
    finally:
        database.close()
    assert parts(catalog_url) == [(name, now.version) for name in PARTS]


WORKER = """
import os, signal, sys
from registry.catalog import graphs
from registry.catalog.catalog import Catalog
from registry.catalog.codes import RELATION
verb, url = sys.argv[1:]
if verb == "die":
    kept = graphs.keep_graph
    def keep_and_die(connection, graph):
        kept(connection, graph)
        os.kill(os.getpid(), signal.SIGKILL)
    graphs.keep_graph = keep_and_die
with Catalog.open(url) as catalog:
    print("ready", flush=True)
    sys.stdin.readline()
    print(catalog.lineage_graph().down.targets.tolist(), flush=True)
"""


def worker(verb: str, url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, verb, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_two_processes_make_it_at_once(family: Catalog, catalog_url: str) -> None:
    both = [worker("ask", catalog_url) for _ in range(2)]
    for one in both:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    answers = [one.communicate("go\n", timeout=60)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert answers[0] == answers[1] == f"{family.lineage_graph().down.targets.tolist()}\n"
    assert [name for name, _ in parts(catalog_url)] == [*PARTS]


def test_a_process_killed_while_keeping_it(family: Catalog, catalog_url: str) -> None:
    family.lineage_graph()
    family.save(snap("late", claims=(claim("a"),)))
    before = parts(catalog_url)
    one = worker("die", catalog_url)
    one.communicate("go\n", timeout=60)
    assert one.returncode == -signal.SIGKILL
    assert parts(catalog_url) == before
    assert told(family.lineage_graph(), family) == edges_of(catalog_url)


def test_orphans(family: Catalog) -> None:
    gone = snap("gone", claims=(claim("root"),))
    family.save_many(
        [
            gone,
            snap("gone", 1, removed=True, commit_sha=None),
            snap("x", claims=(claim("gone"), claim(None, Relation.ADAPTER, declared="./out"))),
        ]
    )
    found = [(one.derivative, one.base, str(one.relation), one.why) for one in family.orphans()]
    assert found == [
        ("a", "root", "finetune", "unread"),
        ("gone", "root", "finetune", "unread"),
        ("x", "./out", "adapter", "unknown"),
        ("x", "gone", "finetune", "removed"),
    ]


def test_whoever_writes_edges_says_so() -> None:
    """A place that forgot would leave graphs of the past in force."""
    writers = {
        path.stem
        for path in HOUSE.glob("*.py")
        if re.search(r"^    edges,|import .*\bedges\b", path.read_text(), re.MULTILINE)
        and re.search(r"(?<!\.)\b(insert|insert_rows|update|delete)\(", path.read_text())
    }
    assert {"claims", "merging", "removal"} <= writers
    silent = {name for name in writers if "bump_lineage(" not in (HOUSE / f"{name}.py").read_text()}
    assert silent <= {"identity"}, "no edge is written there"


def test_names_of_ids(family: Catalog) -> None:
    ids = family.lineage_graph().ids.tolist()
    assert sorted(family.names([*ids, 10**9]).values()) == ["a", "b", "merge", "root"]
    assert family.names([]) == {}


def test_ids_that_no_graph_can_hold(family: Catalog, catalog_url: str) -> None:
    """Servers number on where rows were only tried; a file takes the next number there is."""
    run_sql(
        catalog_url,
        "INSERT INTO models (id, repo_id, source, tracked, removed) VALUES (5000000000, 'x', 0, true, false)",
        f"UPDATE edges SET derivative_id = 5000000000 WHERE relation = {RELATION.number('quantized')}",
    )
    if "://" in catalog_url:
        assert told(family.lineage_graph(), family) == edges_of(catalog_url)
        with Catalog.open(catalog_url) as other:
            assert told(other.lineage_graph(), other) == edges_of(catalog_url)
    else:
        with pytest.raises(CatalogError, match="does not fit"):
            family.lineage_graph()
