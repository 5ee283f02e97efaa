"""How long licenses take to reach every model of a whole Hub, against a bare NumPy frontier fixpoint.

Run `python tests/benchmarks/propagation.py [--pairs 15] [--models 2500000] [--folder F] [--arrow PYTHON]`.
The graph (`../shared/benchmark/hubgraph.py`) is made in the folder on first use, which takes a minute and an
interpreter with pyarrow. Grouping the edges is timed apart. Both work on the same arrays; pairs are taken one
after the other, so that a busy machine slows both. Tells CPU milliseconds, the ratio and the peak of memory
beyond the edges and the own masks; the bar is 4, hoped for is 1.5.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from figures import told, told_size
from synthetic import EDGES_PER_MODEL, Graph, graph

from registry.licenses.atoms import IMPOSING, Kind
from registry.licenses.bulk import (
    LASTING,
    AtomSpace,
    Flow,
    Masks,
    Numbers,
    Pair,
    Passage,
    pairs_of,
    propagate,
    space_of,
)
from registry.licenses.table import LicenseTable, load_table

BAR, HOPED = 4.0, 1.5


def bare(starts: Numbers, derivatives: Numbers, own: Masks) -> Masks:
    """The yardstick: one row of masks, edges of one kind, nothing checked.

    The models to go on with are marked in an array: `np.unique` would take it three times as long.
    """
    effective, degrees, marked = own.copy(), np.diff(starts), np.zeros(len(own), bool)
    moving = np.flatnonzero((effective != 0) & (degrees > 0))
    while len(moving):
        counts = degrees[moving]
        ends = np.cumsum(counts)
        edges = np.arange(ends[-1]) + np.repeat(starts[moving] - ends + counts, counts)
        targets = derivatives[edges]
        bits = np.repeat(effective[moving], counts) & ~effective[targets]
        some = np.flatnonzero(bits)
        targets = targets[some]
        np.bitwise_or.at(effective, targets, bits[some])
        marked[targets] = True
        moving = np.flatnonzero(marked)
        marked[moving] = False
        moving = moving[degrees[moving] > 0]
    return effective


def own_masks(hub: Graph, table: LicenseTable, space: AtomSpace[Pair], kinds: frozenset[Kind]) -> Masks:
    """The bits of each model's own license, none where it is not in the table."""
    terms = [table.get(name) for name in hub.licenses]
    return space.masks([pairs_of(one, kinds) if one else () for one in terms])[:, hub.license]


def cpu(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def peak(work: Callable[[], object]) -> float:
    """MB that `work` holds at once, its result among them."""
    tracemalloc.start()
    work()
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return taken / 1e6


def compare(title: str, ours: Callable[[], Masks], yardstick: Callable[[], object], pairs: int) -> None:
    """Tell the figures of `pairs` runs each."""
    cpu(ours), cpu(yardstick)
    taken = [(cpu(ours), cpu(yardstick)) for _ in range(pairs)]
    reached = np.count_nonzero(ours().any(axis=0))
    told(title, "a bare NumPy frontier fixpoint", taken, BAR, HOPED, note=f"{reached:,} models reached")
    told_size(f"{title}: memory beyond the edges", [peak(ours)], "MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--models", type=int, default=2_500_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--arrow", default=sys.executable, help="an interpreter with pyarrow")
    options = parser.parse_args()

    folder = options.folder or Path(tempfile.gettempdir(), f"hubgraph-{options.models // 1000}k")
    hub = graph(folder, options.models, int(options.models * EDGES_PER_MODEL), options.arrow)
    begun = time.process_time()
    flow = Flow.of(hub.size, hub.child, hub.parent)
    print(f"{hub.size:,} models, {len(hub.child):,} edges, grouped in {time.process_time() - begun:.2f} s")

    passages = np.full(len(hub.child), Passage.ALL, np.uint8)
    passages[::20] = Passage.OUTPUTS
    typed = Flow.of(hub.size, hub.child, hub.parent, passages)
    # Indices as wide as NumPy uses them spare the yardstick a conversion.
    starts, derivatives = flow.starts.astype(np.intp), flow.derivatives.astype(np.intp)

    table = load_table()
    for what, kinds in (("restrictions", IMPOSING), ("every lasting kind", LASTING)):
        space, passing = space_of(table, hub.licenses, kinds)
        own = own_masks(hub, table, space, kinds)

        def plain(own: Masks = own) -> list[Masks]:
            return [bare(starts, derivatives, row) for row in own]

        if not np.array_equal(propagate(flow, own), plain()):
            sys.exit("the answers differ")
        title = f"license propagation, {what}: {len(space)} bits in {space.words} word(s)"
        compare(title, partial(propagate, flow, own), plain, options.pairs)
        typed_too = partial(propagate, typed, own, passing)
        compare(f"{title}, every 20th edge from outputs", typed_too, plain, options.pairs)


if __name__ == "__main__":
    main()
