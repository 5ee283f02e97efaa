"""What an import of a bulk file costs against bare inserts of the rows it leaves behind.

Run `python tests/benchmarks/importing.py DUMP.parquet [--pairs 3] [--postgres URL]`. The import is a whole
process, measured in CPU time, start-up included. The yardstick for SQLite: the same tables and indexes, all
rows of the catalog read into memory first, then written by the bare driver's `executemany` in one transaction
with the same page cache, foreign keys off. For PostgreSQL wall time counts, and the yardstick is a plain COPY
of the same rows, as ready-made text, into the same tables with their keys and indexes.

Bars: import / inserts 1.5, unchanged import / first import 0.6, bytes per model 300, memory 500 MB.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

from figures import Figure, keep

AT, LATER = "2026-10-01", "2026-10-08"
CACHE = -65_536
"""As `registry.catalog.bulk` sets it."""


def run(catalog: str, dump: str, at: str) -> tuple[float, float, int]:
    """CPU seconds, wall seconds and the most memory, in kB, of one import as a process."""
    command = [sys.executable, "-m", "registry", "--catalog", catalog, "import", dump, "--observed-at", at]
    began = time.perf_counter()
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise SystemExit(f"the import ended with {running.returncode}")
    return used.ru_utime + used.ru_stime, time.perf_counter() - began, used.ru_maxrss


def inserted(catalog: str, scratch: Path) -> float:
    """CPU seconds the bare driver takes for the rows of a catalog."""
    with closing(sqlite3.connect(catalog)) as source:
        made = [
            sql
            for (sql,) in source.execute(
                "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type DESC"
            )
        ]
        names = [name for (name,) in source.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {name: source.execute(f"SELECT * FROM {name}").fetchall() for name in names}
    for end in ("", "-wal", "-shm"):
        Path(f"{scratch}{end}").unlink(missing_ok=True)
    with closing(sqlite3.connect(scratch, isolation_level=None)) as target:
        target.execute("PRAGMA journal_mode = WAL")
        target.execute("PRAGMA synchronous = NORMAL")
        target.execute(f"PRAGMA cache_size = {CACHE}")
        for sql in made:
            target.execute(sql)
        began = time.process_time()
        target.execute("BEGIN IMMEDIATE")
        for name, some in rows.items():
            if some:
                target.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(some[0]))})", some)
        target.execute("COMMIT")
        return time.process_time() - began


def models_in(catalog: str) -> int:
    with closing(sqlite3.connect(catalog)) as connection:
        return int(connection.execute("SELECT count(*) FROM models WHERE tracked").fetchone()[0])


def on_sqlite(dump: str, pairs: int) -> None:
    taken: list[tuple[float, ...]] = []
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(pairs):
            catalog = str(Path(folder) / f"{number}.db")
            created(catalog)
            first, _, memory = run(catalog, dump, AT)
            count = models_in(catalog)
            size = Path(catalog).stat().st_size
            # In a process of its own: the next import would inherit this one's size as its peak.
            told = subprocess.run(
                [sys.executable, __file__, "--bare", catalog], capture_output=True, check=True
            )
            bare = float(told.stdout)
            again, _, _ = run(catalog, dump, AT)
            later, _, _ = run(catalog, dump, LATER)
            taken.append(
                (first, bare, first / bare, again / first, later / first, size / count, memory / 1024)
            )
            Path(catalog).unlink()
    print(f"{count:,} models, {pairs} pairs")
    show("import, CPU us a model", [1e6 * one[0] / count for one in taken])
    show("bare executemany, CPU us a model", [1e6 * one[1] / count for one in taken])
    show("import / executemany", [one[2] for one in taken], 1.5)
    show("same file again / first", [one[3] for one in taken], 0.6)
    show("same models a week later / first", [one[4] for one in taken], 0.6)
    show("bytes a model", [one[5] for one in taken], 300)
    show("peak memory, MB", [one[6] for one in taken], 500)


def on_postgres(dump: str, pairs: int, server: str) -> None:
    import psycopg

    taken = []
    for _ in range(pairs):
        schema = f"bench_{uuid4().hex}"
        url = f"{server}{'&' if '?' in server else '?'}options=-csearch_path%3D{schema}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {schema}")
            try:
                created(url)
                _, wall, _ = run(url, dump, AT)
                taken.append((wall, copied(psycopg, url)))
            finally:
                connection.execute(f"DROP SCHEMA {schema} CASCADE")
    show("PostgreSQL import, wall s", [one[0] for one in taken])
    show("plain COPY, wall s", [one[1] for one in taken])
    show("import / COPY", [one[0] / one[1] for one in taken], 1.5)


def copied(psycopg: Any, url: str) -> float:
    """Wall seconds of COPY of all rows of a catalog, emptied in between."""
    with psycopg.connect(url) as connection:
        tables = [
            "models",
            "traits",
            "snapshots",
            "parameter_counts",
            "license_claims",
            "details",
            "edge_claims",
            "edges",
        ]
        kept: dict[str, list[bytes]] = {}
        for table in tables:
            with connection.cursor().copy(f"COPY {table} TO STDOUT") as copy:
                kept[table] = [bytes(piece) for piece in copy]
        connection.execute("TRUNCATE models, traits CASCADE")
        connection.commit()
        began = time.perf_counter()
        for table in tables:
            with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                for start in range(0, len(kept[table]), 1000):
                    copy.write(b"".join(kept[table][start : start + 1000]))
        connection.commit()
        return time.perf_counter() - began


def created(catalog: str) -> None:
    command = [sys.executable, "-m", "registry", "--catalog", catalog, "catalog", "init"]
    subprocess.run(command, check=True, capture_output=True)


def show(name: str, figures: Iterable[float], bar: float | None = None) -> None:
    found = list(figures)
    low, mid, high = min(found), statistics.median(found), max(found)
    keep(Figure(name, "", tuple(found), bar))
    verdict = "" if bar is None else f"  bar {bar:g}: {'met' if mid <= bar else 'missed'}"
    print(f"{name:34} min {low:8.2f}  median {mid:8.2f}  max {high:8.2f}{verdict}")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("dump")
    asked.add_argument("--bare", action="store_true", help="only time bare inserts of a catalog's rows")
    asked.add_argument("--pairs", type=int, default=3)
    asked.add_argument("--postgres", metavar="URL")
    given = asked.parse_args()
    if given.bare:
        print(inserted(given.dump, Path(f"{given.dump}.bare")))
        return
    on_sqlite(given.dump, given.pairs)
    if given.postgres:
        on_postgres(given.dump, given.pairs, given.postgres)


if __name__ == "__main__":
    main()
