"""How long a search among the fingerprints of a large catalog takes, and how much memory.

    python -m tests.benchmarks.relatives --models 100000

Sketches and block hashes of strangers are noise; one relative is hidden among them. The search is that of
`verify --find`, database included: first with a catalog just opened, then again.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import tracemalloc
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, insert

from registry.catalog.catalog import Catalog
from registry.catalog.evidence_tables import block_hashes, fingerprints, glances, sketches
from registry.catalog.prints import PAGE
from registry.catalog.tables import models
from registry.model.evidence import FingerprintRecord
from registry.weights.fingerprint import SKETCH
from registry.weights.sampling import SCHEME
from registry.weights.search import GLANCE, HASHES, glance
from tests.catalog.makers import snap
from tests.weights.models import network, printed, tuned

AT = datetime(2026, 1, 1, tzinfo=UTC)
_ROWS = 20_000


def fill(connection: Connection, count: int, size: int) -> None:
    """So many strangers, each with `size` bytes in place of its samples."""
    dice = np.random.default_rng(0)
    costs = dict.fromkeys(("requests", "bytes_read", "head_requests", "head_bytes"), 0)
    kept: Mapping[str, object] = {"commit_sha": "", "tier": "S", "scheme": SCHEME, "read_at": AT, **costs}
    pages: dict[int, bytearray] = {}
    for start in range(1, count + 1, _ROWS):
        ids = range(start, min(start + _ROWS, count + 1))
        shape = len(ids), SKETCH
        levels = np.clip(np.rint(dice.normal(0, 127 / 4, shape)), -127, 127).astype(np.int8)
        hashes = dice.integers(0, 2**63, (len(ids), HASHES))
        named = [{"id": n, "repo_id": f"x/{n:07}", "source": "hub", "tracked": True} for n in ids]
        connection.execute(insert(models), [row | {"removed": False} for row in named])
        data = dice.bytes(size)
        connection.execute(
            insert(fingerprints), [{"id": n, "model_id": n, "data": data, **kept} for n in ids]
        )
        rows = []
        for n, sketch, own in zip(ids, levels, hashes, strict=True):
            packed = own.astype(">u8").tobytes()
            rows.append({"fingerprint_id": n, "model_id": n, "sketch": sketch.tobytes(), "hashes": packed})
            page, place = divmod(n, PAGE)
            seen = pages.setdefault(page, bytearray(PAGE * GLANCE))
            seen[place * GLANCE : (place + 1) * GLANCE] = glance(sketch.tobytes())
        connection.execute(insert(sketches), rows)
        shared = [
            {"hash": int(h), "fingerprint_id": n} for n, own in zip(ids, hashes, strict=True) for h in own
        ]
        connection.execute(insert(block_hashes), shared)
    connection.execute(insert(glances), [{"page": p, "data": bytes(seen)} for p, seen in pages.items()])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--models", type=int, default=100_000)
    options.add_argument("--size", type=int, default=2_000, help="bytes of samples kept of each stranger")
    asked = options.parse_args()
    base = network(1)
    child = printed(tuned(base, 2))
    with tempfile.TemporaryDirectory() as folder:
        place = str(Path(folder) / "catalog.db")
        with Catalog.open(place, create=True) as catalog:
            catalog._database.write(lambda c: fill(c, asked.models, asked.size))
            catalog.save(snap("o/base"))
            record = FingerprintRecord("o/base", None, "S", SCHEME, AT)
            catalog.evidence.keep_fingerprint(record, printed(base))
        with Catalog.open(place) as catalog:
            times = []
            for _ in range(10):
                began, used = time.perf_counter(), time.process_time()
                found = catalog.evidence.relatives("o/child", child)
                times.append((time.perf_counter() - began, time.process_time() - used))
            tracemalloc.start()
            catalog.evidence.relatives("o/child", child)
            peak = tracemalloc.get_traced_memory()[1]
        size = Path(place).stat().st_size
    assert found[0].name == "o/base"
    first, rest = times[0], sorted(times[1:])[len(times) // 2 - 1]
    print(f"{asked.models + 1:,} fingerprints, catalog of {size / 1e6:,.0f} MB")
    print(f"first search  {first[0] * 1e3:6.1f} ms, {first[1] * 1e3:6.1f} ms of CPU   (<= 50)")
    print(f"another       {rest[0] * 1e3:6.1f} ms, {rest[1] * 1e3:6.1f} ms of CPU   (<= 50)")
    print(f"memory        {peak / 1e6:6.1f} MB                     (<= 100)")
    print(f"nearest       {found[0].similarity:.3f}, best stranger {found[1].similarity:.3f}")


if __name__ == "__main__":
    main()
