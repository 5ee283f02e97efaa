"""72 safetensors headers over HTTP at 50 ms latency: our ranged reads against the Hub client's own.

Both sides ask one loopback server in a process of its own, take turns, and end with every tensor parsed. The
server offers no way to get all headers in one request, so this measures the fallback; the bar is 0.35.

    python tests/benchmarks/headers.py [--pairs 7]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

from figures import told

SHARDS = 72
LATENCY = 0.05
TENSORS = 14  # per shard, as in bigscience/bloom
BAR, HOPED = 0.35, 0.2
REPO = "org/sharded"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAMES = [f"model_{number:05d}-of-{SHARDS:05d}.safetensors" for number in range(1, SHARDS + 1)]


def shard(number: int) -> bytes:
    """A safetensors file of 100 kB of data, with a header like those of real shards."""
    size = 100_000 // TENSORS // 2 * 2
    header = {
        f"h.{number}.part_{index}.weight": {
            "dtype": "BF16",
            "shape": [size // 2],
            "data_offsets": [index * size, (index + 1) * size],
        }
        for index in range(TENSORS)
    }
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(TENSORS * size)


def serve(pipe: Connection) -> None:
    """The server's process: tells its address and works until told to stop."""
    from registry.demo.hub import Recorded, RecordedHub

    files = {name: shard(number) for number, name in enumerate(NAMES, 1)}
    weight_map = {
        f"h.{number}.part_{index}.weight": name
        for number, name in enumerate(NAMES, 1)
        for index in range(TENSORS)
    }
    files["model.safetensors.index.json"] = json.dumps({"metadata": {}, "weight_map": weight_map}).encode()
    document = {"id": REPO, "sha": COMMIT, "siblings": [{"rfilename": name} for name in files]}
    with RecordedHub({REPO: Recorded(document, files=files)}, latency=LATENCY) as hub:
        pipe.send(hub.endpoint)
        pipe.recv()


def measure(endpoint: str, runs: int, cache: Path) -> list[tuple[float, float]]:
    """Seconds of each run, ours and the client's, run in turns after one run of each unmeasured."""
    from huggingface_hub import HfApi

    from registry.sources.client import HubClient
    from registry.sources.headers import AT_ONCE, read_headers
    from registry.weights.safetensors import parse_header

    paths = [*NAMES, "model.safetensors.index.json"]

    def ours() -> int:
        client = HubClient(endpoint=endpoint, token=False)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            read = read_headers(client, REPO, COMMIT, paths, newest=False, pool=pool)
        return sum(len(parse_header(head).tensors) for head in read.headers.values())

    def theirs() -> int:
        shutil.rmtree(cache, ignore_errors=True)
        metadata = HfApi(endpoint=endpoint, token=False).get_safetensors_metadata(REPO)
        return sum(len(file.tensors) for file in metadata.files_metadata.values())

    def timed(read: Callable[[], int]) -> float:
        began = time.perf_counter()
        if read() != SHARDS * TENSORS:
            sys.exit("a reader did not find every tensor")
        return time.perf_counter() - began

    return [(timed(ours), timed(theirs)) for _ in range(runs + 1)][1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=7)
    runs = parser.parse_args().pairs
    with tempfile.TemporaryDirectory() as folder:
        # Read by the Hub client when it is imported: nothing of the user's home, no extra request, no bar.
        os.environ |= {
            "HF_HOME": folder,
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        server = context.Process(target=serve, args=(there,), daemon=True)
        server.start()
        try:
            pairs = measure(here.recv(), runs, Path(folder) / "hub")
        finally:
            here.send(None)
            server.join(10)
    title = f"{SHARDS} safetensors headers at {LATENCY * 1000:.0f} ms latency, wall"
    told(title, "get_safetensors_metadata of the Hub's client", pairs, BAR, HOPED)


if __name__ == "__main__":
    main()
