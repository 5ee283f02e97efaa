"""What questions to a team's catalog on PostgreSQL take, against the same with every plan driven by indexes.

Run `python tests/benchmarks/team.py --postgres URL [--models 250000] [--pairs 7] [--folder F] [--arrow P]`.
A dump of the synthetic Hub is imported into a database of its own, whose statistics are those of a thousand
models and are never renewed; a copy of it has fresh ones. Both are asked as users ask, and the copy is asked
once more through a connection that may neither read whole tables nor join by anything but an index: the
yardstick. Both databases are dropped at the end. CPU time of this process and of the server's processes for
its connections together, taken in turns (Linux). The bar is 1.5, hoped for is 1.1.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from figures import both_cpu, skipped, told
from synthetic import EDGES_PER_MODEL, dump

from registry.catalog.catalog import Catalog
from registry.services.audit import PAGE, gather
from registry.services.describe import describe
from registry.services.graph import bases
from registry.services.trace import impact, lineage, why

BAR, HOPED = 1.5, 1.1
FIRST = 1_000
"""Models when statistics were taken for the last time."""
DESCENDANTS = 3_600
FORCED = "".join(
    f"-c{name}%3Doff%20" for name in ("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit")
)

Question = Callable[[Catalog], object]


def head(path: Path, folder: Path) -> Path:
    """The first models of a dump."""
    from pyarrow import parquet

    some = next(parquet.ParquetFile(path).iter_batches(FIRST))
    target = folder / "head.parquet"
    with parquet.ParquetWriter(target, some.schema) as file:
        file.write_batch(some)
    return target


def registry(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "registry", *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def databases(server: str, path: Path) -> Iterator[tuple[str, str]]:
    """URLs of a catalog of that dump with statistics from its first day, and of its copy with fresh ones."""
    import psycopg

    name = f"team_{uuid4().hex[:12]}"
    stale, fresh = (urlsplit(server)._replace(path=f"/{name}_{kind}").geturl() for kind in ("stale", "fresh"))
    with (
        closing(psycopg.connect(server, autocommit=True)) as control,
        tempfile.TemporaryDirectory() as folder,
    ):
        try:
            control.execute(f"CREATE DATABASE {name}_stale")
            registry("--catalog", stale, "catalog", "init")
            with psycopg.connect(stale, autocommit=True) as connection:
                tables = connection.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND "
                                            "relnamespace = 'public'::regnamespace").fetchall()  # fmt: skip
                for (table,) in tables:
                    connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
                registry("--catalog", stale, "import", head(path, Path(folder)))
                connection.execute("ANALYZE")
            registry("--catalog", stale, "import", path)
            control.execute(f"CREATE DATABASE {name}_fresh TEMPLATE {name}_stale")
            with psycopg.connect(fresh, autocommit=True) as connection:
                connection.execute("VACUUM ANALYZE")
            yield stale, fresh
        finally:
            for kind in ("stale", "fresh"):
                control.execute(f"DROP DATABASE IF EXISTS {name}_{kind} WITH (FORCE)")


def questions(catalog: Catalog) -> dict[str, Question]:
    """What users ask, of one family of models and of one page of all."""
    base = min(bases(catalog, 200), key=lambda one: abs(one.derivatives - DESCENDANTS)).repo_id
    below = catalog.descendants(base)
    deep = max(below, key=lambda one: (one.depth, one.repo_id)).repo_id
    page = catalog.tracked_after("user0", PAGE)
    return {
        f"impact, {len(below):,} derivatives": lambda asked: impact(asked, base),
        "why": lambda asked: why(asked, deep, base),
        "lineage of a leaf": lambda asked: lineage(asked, deep),
        "show": lambda asked: describe(asked, base),
        f"audit, a page of {PAGE} models": lambda asked: gather(asked, page),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--models", type=int, default=250_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--arrow", default=sys.executable, help="an interpreter with pyarrow")
    parser.add_argument("--postgres", default=os.environ.get("REGISTRY_TEST_POSTGRES"), metavar="URL")
    options = parser.parse_args()
    if not options.postgres:
        skipped("questions to PostgreSQL", "no server")
        return
    folder = options.folder or Path(tempfile.gettempdir(), f"hubgraph-{options.models // 1000}k")
    path = dump(folder, options.models, int(options.models * EDGES_PER_MODEL), options.arrow)
    with databases(options.postgres, path) as urls, ExitStack() as opened:
        stale, fresh, forced = (
            opened.enter_context(Catalog.open(url)) for url in (*urls, f"{urls[1]}?options={FORCED}")
        )
        pid = "SELECT pg_backend_pid()"
        backends = [
            catalog._database.read(lambda c: c.exec_driver_sql(pid).scalar_one())
            for catalog in (stale, fresh, forced)
        ]
        for what, ask in questions(fresh).items():
            for when, catalog in (("statistics of an early day", stale), ("fresh statistics", fresh)):
                measure(f"PostgreSQL: {what}; {when}", ask, catalog, forced, backends, options.pairs)


def measure(title: str, ask: Question, ours: Catalog, bare: Catalog, backends: Any, pairs: int) -> None:
    def taken(catalog: Catalog) -> float:
        return both_cpu(lambda: ask(catalog), backends)

    if ask(ours) != ask(bare):
        sys.exit("the answers differ")
    told(title, "an index-driven plan", [(taken(ours), taken(bare)) for _ in range(pairs)], BAR, HOPED)


if __name__ == "__main__":
    main()
