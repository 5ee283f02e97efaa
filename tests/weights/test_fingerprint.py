from __future__ import annotations

import hashlib
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import BadAnswer, DamagedFile
from registry.weights.fingerprint import SKETCH, Fingerprint, collect, fingerprint
from registry.weights.layout import Slot
from registry.weights.sampling import Plan, Tier, plan
from tests.weights.models import Memory, lay_out, network, printed, tuned


def pattern(name: str, shape: tuple[int, ...]) -> bytes:
    """Bytes of bfloat16 numbers between 1/64 and 1/32, from hashes alone: the same everywhere."""
    count, found = int(np.prod(shape)), bytearray()
    block = 0
    while len(found) < 2 * count:
        for byte in hashlib.sha256(f"{name}:{block}".encode()).digest():
            found += bytes([byte & 0x7F, 0x3C | (byte & 0x80)])
        block += 1
    return bytes(found[: 2 * count])


SHAPES = {
    "model.embed_tokens.weight": (100, 32),
    "model.layers.0.input_layernorm.weight": (32,),
    "model.layers.0.mlp.down_proj.weight": (32, 64),
    "model.layers.0.self_attn.q_proj.weight": (32, 32),
    "model.layers.1.mlp.down_proj.weight": (32, 64),
    "model.norm.weight": (32,),
}


def vector(tier: Tier = Tier.STANDARD) -> tuple[Plan, Fingerprint]:
    tensors, data = lay_out({name: ("BF16", pattern(name, shape), shape) for name, shape in SHAPES.items()})
    chosen = plan(tensors, tier)
    return chosen, fingerprint(chosen, collect(chosen, {"model.safetensors": Memory(data)}))


def test_the_vector_that_fixes_sfp1() -> None:
    """A change of any figure here is another scheme, and must be called `sfp2`."""
    chosen, made = vector()
    assert [(s.slot.role, s.slot.layer, s.first, s.count) for s in chosen.samples] == VECTOR_SAMPLES
    assert made.architecture == VECTOR_ARCHITECTURE
    assert {f"{s.role}.{s.layer}": d[:8] for s, d in made.digests().items()} == VECTOR_DIGESTS
    assert hashlib.sha256(made.sketch()).hexdigest()[:16] == VECTOR_SKETCH
    assert hashlib.sha256(made.to_bytes()).hexdigest()[:16] == VECTOR_BYTES


VECTOR_SAMPLES = [
    ("embed", -1, 672, 512),
    ("embed.2", -1, 800, 512),
    ("last_norm", -1, 0, 32),
    ("down", 0, 576, 512),
    ("down", 1, 576, 512),
    ("q", 0, 32, 512),
    ("norm1", 0, 0, 32),
]
VECTOR_ARCHITECTURE = "55b549c9d5f0"
VECTOR_DIGESTS = {
    "embed.-1": "24bba66f",
    "embed.2.-1": "87dee43c",
    "down.0": "723f43a1",
    "down.1": "591342cc",
    "q.0": "4be9bb1c",
}
VECTOR_SKETCH = "51dd9ef4832b08c8"
VECTOR_BYTES = "8b54345f90a5a5a0"


def test_a_fingerprint_comes_back_from_its_bytes() -> None:
    for tier in Tier:
        _, made = vector(tier)
        assert Fingerprint.from_bytes(made.to_bytes()) == made


def test_no_byte_is_read_that_was_not_planned() -> None:
    tensors, data = lay_out({n: ("BF16", pattern(n, s), s) for n, s in SHAPES.items()})
    chosen, memory = plan(tensors, Tier.STANDARD), Memory(data)
    made = fingerprint(chosen, collect(chosen, {"model.safetensors": memory}))
    assert (
        (memory.reads, memory.bytes) == (made.requests, made.bytes_read) == (len(chosen.ranges), chosen.bytes)
    )


def test_blocks_hold_the_values_of_the_file() -> None:
    weights = network(1)
    block = next(b for b in printed(weights, "F32").blocks if b.slot == Slot("down", 1))
    values = weights["model.layers.1.mlp.down_proj.weight"].ravel()[block.first :][: block.count]
    assert block.numbers().values.tolist() == values.tolist()


def test_digests_meet_across_casts_and_layers() -> None:
    weights = network(1)
    for name in list(weights):
        if "layers.1" in name:
            weights[name] = weights[name.replace("layers.1", "layers.0")]
    narrow, wide = printed(weights).digests(), printed(weights, "F32").digests()
    assert narrow == wide
    assert narrow[Slot("down", 0)] == narrow[Slot("down", 1)]
    assert narrow[Slot("down", 0)] != printed(network(2)).digests()[Slot("down", 0)]


def test_sketches_of_relatives_are_alike() -> None:
    def similarity(a: Fingerprint, b: Fingerprint) -> float:
        x, y = (np.frombuffer(f.sketch(), np.int8).astype(float) for f in (a, b))
        return float(x @ y / np.sqrt((x @ x) * (y @ y)))

    base = printed(network(1))
    assert len(base.sketch()) == SKETCH
    assert similarity(base, printed(tuned(network(1), 2), "F16")) > 0.99
    assert abs(similarity(base, printed(network(3)))) < 0.3


def test_answers_that_are_not_what_was_asked_for_are_refused() -> None:
    tensors, data = lay_out({n: ("BF16", pattern(n, s), s) for n, s in SHAPES.items()})
    chosen = plan(tensors, Tier.STANDARD)
    contents = collect(chosen, {"model.safetensors": Memory(data)})
    with pytest.raises(BadAnswer, match="asked for"):
        fingerprint(chosen, contents[1:])
    with pytest.raises(BadAnswer, match="bytes came"):
        fingerprint(chosen, [contents[0][1:], *contents[1:]])


def test_damaged_bytes_are_refused() -> None:
    _, made = vector()
    with pytest.raises(DamagedFile, match="sfp1"):
        Fingerprint.from_bytes(replace(made, scheme="sfp9").to_bytes())
    short = replace(made.blocks[0], count=7)
    with pytest.raises(DamagedFile, match="7 values"):
        Fingerprint.from_bytes(replace(made, blocks=(short,)).to_bytes())
    for data in (b"", b"\xc0", msgspec.msgpack.encode([1, 2]), made.to_bytes()[:-9]):
        with pytest.raises(DamagedFile):
            Fingerprint.from_bytes(data)


@given(st.data())
def test_flipped_bytes_never_escape(data: st.DataObject) -> None:
    raw = bytearray(vector()[1].to_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = Fingerprint.from_bytes(bytes(raw))
    except DamagedFile:
        return
    read.sketch()
    read.digests()
