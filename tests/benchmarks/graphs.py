"""How long lineage questions take on a whole Hub, against the barest way to answer each.

Run `python tests/benchmarks/graphs.py [--pairs 9] [--models 2500000] [--edges 1500000] [--folder FOLDER]
[--arrow PYTHON] [--postgres URL]`. The graph (`../shared/benchmark/hubgraph.py`) and a catalog with it are
made in the folder on first use, which takes minutes; PostgreSQL gets a schema of its own, dropped at the end.
Pairs are taken one after the other, so that a busy machine slows both. CPU time of this process, of child
processes, or of this process and the server's together; peak memory is that of a process that does only that.
Peers, networkx and DuckDB, are measured where they are installed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from figures import both_cpu, own_cpu, skipped, told, told_size
from numpy.typing import NDArray
from startup import cpu as process_cpu
from synthetic import EDGES_PER_MODEL, Graph, graph

from registry.catalog import graphs
from registry.catalog.catalog import Catalog
from registry.catalog.codes import RELATION, SOURCE, STATE, bits_of
from registry.catalog.tables import edges, models
from registry.model.edges import Origin

Array = NDArray[np.intp]
Clock = Callable[[Callable[[], object]], float]

REACH = """WITH RECURSIVE reach(id) AS (SELECT {start} UNION
SELECT derivative_id FROM reach CROSS JOIN edges ON base_id = reach.id) """
LATERAL = """WITH RECURSIVE reach(id) AS (SELECT CAST({start} AS bigint) UNION SELECT found.derivative_id
FROM reach CROSS JOIN LATERAL (SELECT derivative_id FROM edges WHERE base_id = id OFFSET 0) AS found) """
REGISTRY = "from registry.cli.main import main; main()"
COUNT = """import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute(sys.argv[2] + "SELECT count(*) FROM reach").fetchone())
"""
NAMES = """import sqlite3, sys
query = sys.argv[2] + "SELECT repo_id FROM reach JOIN models USING (id) ORDER BY repo_id"
sys.stdout.writelines(name + chr(10) for name, in sqlite3.connect(sys.argv[1]).execute(query))
"""
WATCHED = """import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
"""


def rows_of(hub: Graph) -> tuple[Iterator[dict[str, Any]], Iterator[dict[str, Any]]]:
    """Rows of `models` and of `edges`, with something in every column that must not be empty."""
    kinds = {bool: False, int: 0, str: "", bytes: b""}
    filled = [
        {c.name: kinds.get(c.type.python_type, "") for c in table.c if not c.nullable}
        for table in (models, edges)
    ]
    words = random.Random(7)
    relations = [RELATION.number(word) for word in hub.relations]
    ends = zip(hub.child.tolist(), hub.parent.tolist(), hub.relation.tolist(), strict=True)
    return (
        (
            filled[0]
            | {"id": number + 1, "repo_id": f"user{words.randrange(hub.size // 5):05x}/model-{number:x}"}
            | {"source": SOURCE.number("hub"), "tracked": True}
            for number in range(hub.size)
        ),
        (
            filled[1]
            | {"derivative_id": child + 1, "base_id": parent + 1, "relation": relations[relation]}
            | {"origins": bits_of([Origin.HUB]), "state": STATE.number("declared")}
            for child, parent, relation in sorted(ends)
        ),
    )


def make_file(path: Path, hub: Graph) -> None:
    unfinished = path.with_suffix(".part")
    unfinished.unlink(missing_ok=True)
    Catalog.open(str(unfinished), create=True).close()
    with contextlib.closing(sqlite3.connect(unfinished)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        for table, rows in zip(("models", "edges"), rows_of(hub), strict=True):
            first = next(rows)
            names = f"{', '.join(first)}) VALUES ({', '.join(f':{name}' for name in first)}"
            connection.executemany(f"INSERT INTO {table} ({names})", chain([first], rows))
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    unfinished.rename(path)


def fill_server(url: str, hub: Graph) -> None:
    import psycopg

    Catalog.open(url, create=True).close()
    with psycopg.connect(url, autocommit=True) as connection:
        for table, rows in zip(("models", "edges"), rows_of(hub), strict=True):
            first = next(rows)
            with connection.cursor().copy(f"COPY {table} ({', '.join(first)}) FROM STDIN") as copy:
                for row in chain([first], rows):
                    copy.write_row(tuple(row.values()))
            connection.execute(f"VACUUM ANALYZE {table}")


def compare(
    title: str, bar: tuple[float, float], pairs: int, ours: Any, bare: Any, clock: Clock = own_cpu
) -> None:
    """Tell the figures of `pairs` runs each, taken by turns, after one of each."""
    clock(ours), clock(bare)
    what, _, against = title.rpartition(", against ")
    told(what, against, [(clock(ours), clock(bare)) for _ in range(pairs)], *bar)


def bare_descendants(starts: Array, derivatives: Array, start: int) -> Array:
    """The yardstick: level by level over two arrays, new models marked in a third."""
    seen = np.zeros(len(starts) - 1, bool)
    seen[start] = True
    level, levels = np.array([start]), []
    while len(level):
        counts = starts[level + 1] - starts[level]
        ends = np.cumsum(counts)
        found = derivatives[np.arange(ends[-1]) + np.repeat(starts[level] - ends + counts, counts)]
        # Marking takes half as long as `np.unique`.
        fresh = np.zeros(len(seen), bool)
        fresh[found[~seen[found]]] = True
        level = np.flatnonzero(fresh)
        seen[level] = True
        levels.append(level)
    return np.concatenate(levels)


def measure_arrays(path: Path, hub: Graph, base: int, pairs: int) -> None:
    order = np.argsort(hub.parent, kind="stable")
    starts = np.concatenate(([0], np.cumsum(np.bincount(hub.parent, minlength=hub.size))))
    derivatives = hub.child[order].astype(np.intp)
    with Catalog.open(str(path)) as catalog, contextlib.closing(sqlite3.connect(path)) as connection:
        number = catalog.lineage_graph().number(base + 1)
        assert number is not None
        found = catalog.lineage_graph().ids[catalog.lineage_graph().descendants(number)] - 1
        if not np.array_equal(np.sort(found), np.sort(bare_descendants(starts, derivatives, base))):
            sys.exit("the answers differ")
        compare(
            f"all {len(found):,} descendants, warm, against bare NumPy",
            (3, 1.3),
            pairs,
            lambda: catalog.lineage_graph().descendants(number),
            partial(bare_descendants, starts, derivatives, base),
        )

        def rebuild() -> None:
            catalog._database.write(graphs.bump_lineage)
            catalog.lineage_graph()

        select = "SELECT derivative_id, base_id FROM edges"
        compare(
            f"a stale graph of {len(hub.child):,} edges made and kept, against a bare SELECT of all edges",
            (2, 1.3),
            pairs,
            rebuild,
            lambda: connection.execute(select).fetchall(),
        )


def measure_processes(path: Path, base: int, pairs: int) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        (name,) = connection.execute("SELECT repo_id FROM models WHERE id = ?", (base + 1,)).fetchone()
    ours = [sys.executable, "-c", REGISTRY, "--catalog", str(path), "impact", name, "-q"]
    reach = REACH.format(start=base + 1)
    for title, program in (("that prints the names too", NAMES), ("that only counts", COUNT)):
        bare = [sys.executable, "-c", program, str(path), reach]
        compare(
            f"registry impact BASE -q, a process, against a bare sqlite3 process {title}",
            (3, 1.5),
            pairs,
            ours,
            bare,
            lambda command: process_cpu(command, dict(os.environ)),  # type: ignore[arg-type]
        )


def measure_server(url: str, hub: Graph, pairs: int) -> None:
    """Client and server together: the server's share is read from the CPU time of its two processes."""
    import psycopg

    fill_server(url, hub)
    base = _with_descendants(hub, 3_600)
    with Catalog.open(url) as catalog, psycopg.connect(url, autocommit=True) as connection:
        for setting in ("jit", "enable_hashjoin", "enable_mergejoin"):
            connection.execute(f"SET {setting} = off")
        (name,) = connection.execute(f"SELECT repo_id FROM models WHERE id = {base + 1}").fetchone() or ("",)
        reach = LATERAL.format(start=base + 1)
        pid = "SELECT pg_backend_pid()"
        servers = [
            catalog._database.read(lambda c: c.exec_driver_sql(pid).scalar_one()),
            (connection.execute(pid).fetchone() or (0,))[0],
        ]

        compare(
            f"PostgreSQL: {len(catalog.descendants(name)):,} descendants, against an index-driven plan",
            (1.5, 1.1),
            pairs,
            lambda: catalog.descendants(name),
            lambda: connection.execute(
                f"{reach} SELECT id, repo_id FROM reach JOIN models USING (id)"
            ).fetchall(),
            lambda work: both_cpu(work, servers),
        )


def _with_descendants(hub: Graph, wanted: int) -> int:
    """A model with about so many descendants."""
    order = np.argsort(hub.parent, kind="stable")
    starts = np.concatenate(([0], np.cumsum(np.bincount(hub.parent, minlength=hub.size))))
    derivatives = hub.child[order].astype(np.intp)
    likely = np.argsort(np.diff(starts))[::-1][:300]
    sizes = {int(base): len(bare_descendants(starts, derivatives, int(base))) for base in likely}
    return min(sizes, key=lambda base: abs(sizes[base] - wanted))


def measure_peers(folder: Path, hub: Graph, base: int) -> None:
    """What other engines take, loading and asking apart, once each."""
    try:
        import networkx
    except ImportError:
        skipped("descendants in networkx", "not installed")
    else:
        made = networkx.DiGraph()
        pairs = zip(hub.parent.tolist(), hub.child.tolist(), strict=True)
        load = own_cpu(lambda: made.add_edges_from(pairs))
        ask = own_cpu(lambda: networkx.descendants(made, base))
        told_size("networkx: loading all edges, CPU", [1000 * load], "ms")
        told_size("networkx: all descendants, CPU", [1000 * ask], "ms")
    try:
        import duckdb
    except ImportError:
        skipped("descendants in DuckDB", "not installed")
    else:
        held = duckdb.connect()
        made_of = "SELECT child AS derivative_id, parent AS base_id FROM read_parquet(?)"
        parquet = str(folder / "edges.parquet")
        load = own_cpu(lambda: held.execute(f"CREATE TABLE edges AS {made_of}", [parquet]))
        reach = REACH.format(start=base).replace("CROSS JOIN", "JOIN")
        ask = own_cpu(lambda: held.execute(f"{reach} SELECT count(*) FROM reach").fetchall())
        told_size("DuckDB: loading all edges, CPU", [1000 * load], "ms")
        told_size("DuckDB: all descendants, CPU", [1000 * ask], "ms")


def measure_commands(path: Path) -> None:
    """Whole commands: CPU and the peak of memory of each, a stale graph first."""
    with Catalog.open(str(path)) as catalog:
        catalog._database.write(graphs.bump_lineage)
    for verb in ("bases", "families", "chains", "cycles", "orphans"):
        ours = [sys.executable, "-c", REGISTRY, "--catalog", str(path), "graph", verb, "--json"]
        used = subprocess.run(
            [sys.executable, "-c", WATCHED, *ours], capture_output=True, text=True, check=True
        ).stdout.split()
        told_size(f"registry graph {verb}, CPU", [1000 * float(used[0])], "ms")
        told_size(f"registry graph {verb}, peak memory", [int(used[1]) * 1024 / 1e6], "MB", 500, 300)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--models", type=int, default=2_500_000)
    parser.add_argument("--edges", type=int)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--arrow", default=sys.executable, help="an interpreter with pyarrow")
    parser.add_argument("--postgres", default=os.environ.get("REGISTRY_TEST_POSTGRES"), metavar="URL")
    options = parser.parse_args()

    folder = options.folder or Path(tempfile.gettempdir(), f"hubgraph-{options.models // 1000}k")
    hub = graph(folder, options.models, options.edges or int(options.models * EDGES_PER_MODEL), options.arrow)
    path = folder / "lineage.db"
    if not path.exists():
        make_file(path, hub)
    print(f"{hub.size:,} models, {len(hub.child):,} edges")
    base = _with_descendants(hub, 100_000)
    measure_arrays(path, hub, base, options.pairs)
    measure_processes(path, base, options.pairs)
    measure_commands(path)
    if options.postgres:
        import psycopg

        with psycopg.connect(options.postgres, autocommit=True) as connection:
            connection.execute("DROP SCHEMA IF EXISTS lineage_benchmark CASCADE")
            connection.execute("CREATE SCHEMA lineage_benchmark")
            try:
                joint = "&" if "?" in options.postgres else "?"
                place = f"{options.postgres}{joint}options=-csearch_path%3Dlineage_benchmark"
                measure_server(place, hub, options.pairs)
            finally:
                connection.execute("DROP SCHEMA lineage_benchmark CASCADE")
    else:
        skipped("PostgreSQL: descendants", "no server")
    measure_peers(folder, hub, base)


if __name__ == "__main__":
    main()
