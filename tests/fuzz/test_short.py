"""A short run without a guide, the same every time; `python -m tests.fuzz` is the long one."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from registry.weights.safetensors import MAX_HEADER
from tests.fuzz.__main__ import MEMORY
from tests.fuzz.files import framed, gguf_head, pair
from tests.fuzz.inputs import LONGEST, MAKERS
from tests.fuzz.targets import TARGETS

FILES = 250
CHANGES = 20


def test_each_reader_has_its_inputs() -> None:
    assert MAKERS.keys() == TARGETS.keys()


@pytest.mark.parametrize("name", TARGETS)
def test_sound_files_are_read_and_changed_ones_read_or_refused(name: str) -> None:
    check, (make, change) = TARGETS[name], MAKERS[name]
    sound = 0
    for seed in range(FILES):
        random = Random(seed)
        data = make(random)
        assert check(data), f"file {seed}"
        for _ in range(CHANGES):
            changed = change(data, random)
            assert len(changed) <= 3 * LONGEST
            sound += check(changed)
    # Changes that never leave a file sound, or always do, find nothing.
    assert 0.03 < sound / (FILES * CHANGES) < 0.5


SHAPE = b'{"a":{"dtype":"F32","shape":[%s1],"data_offsets":[0,0]}}'
TENSOR = b'"%x":{"dtype":"U8","shape":[],"data_offsets":[%d,%d]}'
LARGEST: dict[str, Callable[[], bytes]] = {
    "tensors": lambda: framed(b"{%s}" % b",".join(TENSOR % (n, n, n + 1) for n in range(140_000))),
    "names": lambda: framed(b"{%s}" % b",".join(b'"%x":1' % n for n in range(600_000))),
    "wide text": lambda: framed(b'{"__metadata__":{"a":"\xf0\x9f\x98\x80%s"}}' % (b"a" * (MAX_HEADER - 40))),
    "shape": lambda: framed(SHAPE % (b"1," * 12_499_000)),
    "GGUF texts": lambda: gguf_head(
        *(pair(f"k{n}", struct.pack("<IQ", 8, 15_900_000) + "😀".encode() + b"a" * 15_899_996) for n in "ab")
    ),
}
"""What takes most memory of all that the readers' bounds let through; GGUF heads are read up to 32 MB."""
MEASURE = """
import sys
from pathlib import Path
from registry.errors import DamagedFile
from registry.weights.safetensors import parse_header
from registry.weights.stored import from_gguf
for name in sys.argv[1:]:
    data = Path(name).read_bytes()
    try:
        from_gguf("m", data, file_size=2**50) if data[:4] == b"GGUF" else parse_header(data)
    except DamagedFile:
        pass
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="tells the peak of memory on Linux")
@pytest.mark.parametrize("name", LARGEST)
def test_the_largest_headers_stay_within_bounds(name: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(LARGEST[name]())
    command = [sys.executable, "-c", MEASURE, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert int(done.stdout) * 1024 < MEMORY * 10**6
