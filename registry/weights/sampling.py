"""Which bytes of a model are read: the scheme `sfp1`.

A sample is a short run of one tensor from the start of a row. The row follows from the role and the number of
rows alone, so that models of one architecture are read at the same places, and layers can be compared with
each other after some were dropped or stacked. Vocabularies grow, therefore the rows of embeddings are counted
up to the largest power of two below. Any change of places, roles or lengths is another scheme.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil, prod

from registry.weights.dtypes import byte_length, granule, is_lossy, is_readable
from registry.weights.layout import (
    OUTSIDE,
    Slot,
    StoredTensor,
    adapter_slot_of,
    architecture_key,
    slots,
)
from registry.weights.ranges import Sample, Span, coalesce, joined

SCHEME = "sfp1"
LONGEST = 1024
"""Bytes of one sample at most (tier X reads longer ones of the embedding)."""
_SMALLEST = 32
"""Values below which a matrix tells nothing."""
_FULL_ROWS = 16
_INTEGERS = frozenset({"U8", "I16", "U16", "I32", "U32", "I64", "U64", "F4", "F6_E2M3", "F6_E3M2"})
_BUFFERS = 0.01
"""Share of integers up to which they are position ids and the like."""

ROLES = (
    *("down", "q", "o", "up", "gate", "v", "k", "qkv", "gate_up"),
    *("expert_down", "expert_up", "expert_gate", "expert_gate_up"),
    *("shared_down", "shared_up", "shared_gate", "router", "cross_q", "cross_o", "cross_k", "cross_v"),
)
"""Roles within a layer in order of reading; what a budget cuts off is at the end."""
_EMBEDDINGS = ("embed", "head")
_VECTORS = ("norm1", "norm2")


class Tier(StrEnum):
    """How much is read: headers only, enough for the family, enough for the parent, whatever helps."""

    HEADERS = "H"
    LIGHT = "L"
    STANDARD = "S"
    EXTENDED = "X"


@dataclass(frozen=True, slots=True)
class Budget:
    """layers sampled of each stack, roles of each layer, values of a matrix and of a vector, runs per
    embedding; ranges and bytes are never exceeded."""

    layers: int
    roles: int
    values: int
    vector: int
    runs: int
    ranges: int
    bytes: int


BUDGETS: Mapping[Tier, Budget] = {
    Tier.HEADERS: Budget(0, 0, 0, 0, 0, 0, 0),
    Tier.LIGHT: Budget(8, 2, 256, 32, 1, 32, 16_384),
    Tier.STANDARD: Budget(8, 99, 512, 64, 2, 64, 65_536),
    Tier.EXTENDED: Budget(8, 99, 512, 64, 2, 160, 4_000_000),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be read of a model, and what its headers alone tell of it. depth: number of layers."""

    tier: Tier
    architecture: str
    depth: int
    tensors: int
    adapter: bool
    quantized: bool
    samples: tuple[Sample, ...] = ()
    ranges: tuple[Span, ...] = field(default=())

    @property
    def bytes(self) -> int:
        return sum(span.length for span in self.ranges)


def plan(tensors: Mapping[str, StoredTensor], tier: Tier, *, transposed: bool = False) -> Plan:
    """Choose the ranges to read of a model from the headers of all its files.

    transposed: of an adapter, whether the weights it changes are stored input first (`fan_in_fan_out`).
    """
    budget = BUDGETS[tier]
    adapter = any(adapter_slot_of(name) for name in tensors)
    placed = {} if adapter else slots(tensors)
    wishes: Iterable[tuple[Sample, ...]] = (
        _adapter_wishes(tensors, budget, transposed)
        if adapter
        else ((sample,) for sample in _wishes(placed, tensors, budget, tier))
    )
    chosen: list[Sample] = []
    ranges = size = 0
    for group in wishes:
        spans = [span for sample in group for span in (*sample.spans, *sample.scales)]
        more, length = len(joined(spans)), sum(span.length for span in spans)
        if ranges + more <= budget.ranges and size + length <= budget.bytes:
            chosen.extend(group)
            ranges, size = ranges + more, size + length
    read = [span for sample in chosen for span in (*sample.spans, *sample.scales)]
    return Plan(
        tier,
        architecture_key(tensors),
        len({slot.layer for slot in placed if slot.layer != OUTSIDE and "/" not in slot.role}),
        len(tensors),
        adapter,
        _is_quantized(tensors),
        tuple(chosen),
        tuple(coalesce(read, budget.bytes)),
    )


def _is_quantized(tensors: Mapping[str, StoredTensor]) -> bool:
    """Whether weights are kept in a quantized dtype, or packed into integers in a way we do not read."""
    packed = whole = 0
    for name, tensor in tensors.items():
        if is_lossy(tensor.dtype) or tensor.dtype.startswith("ggml:") or name.endswith("qweight"):
            return True
        whole += tensor.elements
        packed += tensor.elements if tensor.dtype in _INTEGERS else 0
    return packed > _BUFFERS * whole


def start_row(role: str, rows: int) -> int:
    """The row a sample begins at: in the first half, the same for every layer."""
    if role.partition(".")[0] in _EMBEDDINGS:
        rows = 1 << (rows.bit_length() - 1)
    digest = hashlib.sha256(f"{SCHEME}:{role}:{rows}".encode()).digest()
    return int.from_bytes(digest[:8], "big") * rows >> 65


def spread(layers: Sequence[int], most: int) -> list[int]:
    """First, last, and layers evenly spaced between them; in an order whose every beginning is spread too."""
    if len(layers) > most:
        layers = [layers[(2 * i * (len(layers) - 1) + most - 1) // (2 * (most - 1))] for i in range(most)]
    if len(layers) < 3:
        return list(layers)
    order, queue = [0, len(layers) - 1], [(0, len(layers) - 1)]
    while queue:
        low, high = queue.pop(0)
        middle = (low + high) // 2
        if low < middle < high:
            order.append(middle)
            queue += [(low, middle), (middle, high)]
    return [layers[i] for i in order]


def _wishes(
    placed: Mapping[Slot, str], tensors: Mapping[str, StoredTensor], budget: Budget, tier: Tier
) -> Iterator[Sample]:
    """Everything worth reading, what matters most first."""
    if not budget.ranges:
        return
    full = _FULL_ROWS if tier is Tier.EXTENDED else 0
    for run in range(budget.runs):
        for role in _EMBEDDINGS:
            tag = role if run == 0 else f"{role}.{run + 1}"
            yield from _sample(Slot(role), placed, tensors, budget, tag, full if run == 0 else 0)
    yield from _sample(Slot("last_norm"), placed, tensors, budget)
    stacks = _stacks(placed, tensors)
    for _, roles, layers in stacks:
        for role in [role for role in roles if not _is_vector_role(role)][: budget.roles]:
            for layer in spread(layers, budget.layers):
                yield from _sample(Slot(role, layer), placed, tensors, budget)
        for role in [role for role in roles if _is_vector_role(role)][:2]:
            for layer in spread(layers, budget.layers):
                yield from _sample(Slot(role, layer), placed, tensors, budget)
    if tier is Tier.EXTENDED:
        for _, roles, layers in stacks:
            sampled = set(spread(layers, budget.layers))
            for role in roles[:2]:
                for layer in layers:
                    if layer not in sampled:
                        yield from _sample(Slot(role, layer), placed, tensors, budget)
    outside = [
        slot for slot in placed if slot.layer == OUTSIDE and slot.role not in (*_EMBEDDINGS, "last_norm")
    ]
    for slot in sorted(outside, key=lambda slot: (-tensors[placed[slot]].elements, slot)):
        yield from _sample(slot, placed, tensors, budget)


def _stacks(
    placed: Mapping[Slot, str], tensors: Mapping[str, StoredTensor]
) -> list[tuple[str, list[str], list[int]]]:
    """The stacks of layers (text, vision, encoder ...) with their roles in order and their layers: the
    nameless one first, then by size."""
    weight: dict[str, int] = {}
    role_weight: dict[str, int] = {}
    layers: dict[str, set[int]] = {}
    for slot, name in placed.items():
        if slot.layer != OUTSIDE:
            stack = slot.role.rpartition("/")[0]
            weight[stack] = weight.get(stack, 0) + tensors[name].elements
            role_weight[slot.role] = role_weight.get(slot.role, 0) + tensors[name].elements
            layers.setdefault(stack, set()).add(slot.layer)
    rank = {role: number for number, role in enumerate(ROLES)}
    found = []
    for stack in sorted(weight, key=lambda stack: (stack != "", -weight[stack], stack)):
        roles = [role for role in role_weight if role.rpartition("/")[0] == stack]
        roles.sort(key=lambda role: (rank.get(role.rpartition("/")[2], len(ROLES)), -role_weight[role], role))
        found.append((stack, roles, sorted(layers[stack])))
    return found


def _is_vector_role(role: str) -> bool:
    name = role.rpartition("/")[2]
    return name in _VECTORS or (name.startswith("~") and "norm" in name)


def is_vector(shape: Sequence[int]) -> bool:
    """Whether a tensor is a vector (a norm), which tells of a family only and never enters a correlation."""
    return len([size for size in shape if size > 1]) < 2


def _sample(
    slot: Slot,
    placed: Mapping[Slot, str],
    tensors: Mapping[str, StoredTensor],
    budget: Budget,
    tag: str | None = None,
    full_rows: int = 0,
) -> Iterator[Sample]:
    """The sample of one tensor, or none where it is absent, too small, or of a dtype that is not read."""
    name = placed.get(slot)
    if name is None or not is_readable(tensors[name].dtype):
        return
    tensor = tensors[name]
    dtype, shape = tensor.dtype, tensor.shape
    role = tag or slot.role
    if is_vector(shape):
        if "norm" in slot.role and not is_lossy(dtype):
            count = min(budget.vector, tensor.elements)
            span = Span(tensor.path, tensor.start, tensor.start + byte_length(dtype, count))
            yield Sample(slot, dtype, shape, 0, count, (span,))
        return
    if tensor.path.endswith(".gguf") and slot.role in ("q", "k"):
        return  # The converter permutes their rows, so they would be compared with other ones.
    rows, width = _matrix(slot.role, shape)
    row = start_row(role, rows)
    most = LONGEST // byte_length(dtype, granule(dtype)) * granule(dtype)
    count = min(budget.values, most) if not full_rows else max(full_rows * width, budget.values)
    count = min(count, (rows - row) * width)
    count -= count % granule(dtype)
    first = row * width
    if count < _SMALLEST or first % granule(dtype):
        return
    start = tensor.start + byte_length(dtype, first)
    span = Span(tensor.path, start, start + byte_length(dtype, count))
    sample = Sample(Slot(role, slot.layer), dtype, shape, first, count, (span,))
    if dtype in ("I8", "F8_E4M3", "F8_E5M2"):
        yield from _scaled(sample, name, tensors, width)
    else:
        yield sample


def _matrix(role: str, shape: Sequence[int]) -> tuple[int, int]:
    """Rows and width a tensor is read as; of experts kept in one tensor the first is read."""
    if role.rpartition("/")[2].startswith("expert_") and len(shape) == 3:
        return shape[1], shape[2]
    return shape[0], prod(shape[1:])


def _scaled(sample: Sample, name: str, tensors: Mapping[str, StoredTensor], width: int) -> Iterator[Sample]:
    """The sample with its scales: one for the tensor, one per row, or one per square block. None is yielded
    where no scales are found, because then the numbers mean nothing."""
    stem = name.removesuffix("weight").removesuffix(".")
    names = ("SCB", "weight_scale", "weight_scale_inv", "scale")
    found = next((n for n in (f"{stem}.{end}" for end in names) if n in tensors), None)
    if found is None or not is_readable(tensors[found].dtype) or is_lossy(tensors[found].dtype):
        return
    scale = tensors[found]
    rows = sample.shape[0]
    row = sample.first // width
    covered = ceil(sample.count / width)
    count = sample.count
    columns = scale.shape[1] if len(scale.shape) == 2 else 1
    if scale.elements == 1:
        first, number, group = 0, 1, sample.count
    elif scale.shape[0] == rows and columns == 1:
        first, number, group = row, covered, width
    elif columns > 1:
        block = 1 << (ceil(width / columns) - 1).bit_length()
        count = min(count, width)
        first = row // (1 << (ceil(rows / scale.shape[0]) - 1).bit_length()) * columns
        number, group = ceil(count / block), block
    else:
        return
    if first + number > scale.elements:
        return
    size = byte_length(scale.dtype, 1)
    at = scale.start + first * size
    spans = tuple(
        Span(span.path, span.start, span.start + byte_length(sample.dtype, count)) for span in sample.spans
    )
    yield Sample(
        sample.slot,
        sample.dtype,
        sample.shape,
        sample.first,
        count,
        spans,
        (Span(scale.path, at, at + number * size),),
        scale.dtype,
        group,
        127.0 if found.endswith(".SCB") else 1.0,
    )


def _adapter_wishes(
    tensors: Mapping[str, StoredTensor], budget: Budget, transposed: bool
) -> Iterator[tuple[Sample, Sample]]:
    """Of a low-rank adapter, the parts of A and B that give the sampled run of the weights they change.

    The change is B A (outputs by inputs), or its transpose where the weights are stored input first.
    """
    halves: dict[Slot, dict[str, StoredTensor]] = {}
    for name in sorted(tensors):
        found = adapter_slot_of(name)
        if found and len(tensors[name].shape) == 2 and is_readable(tensors[name].dtype):
            halves.setdefault(found[0], {})[found[1]] = tensors[name]
    rank = {role: number for number, role in enumerate(ROLES)}
    layers = sorted({slot.layer for slot in halves})
    order = {layer: number for number, layer in enumerate(spread(layers, budget.layers))}
    for slot in sorted(halves, key=lambda s: (order.get(s.layer, 999), rank.get(s.role, 99), s)):
        pair = halves[slot]
        if slot.layer not in order or set(pair) != {"A", "B"}:
            continue
        a, b = pair["A"], pair["B"]
        if a.shape[0] != b.shape[1] or is_lossy(a.dtype) or is_lossy(b.dtype):
            continue
        # Where the change is stored input first, A and B trade places: rows are inputs, columns outputs.
        rows, width = (a.shape[1], b.shape[0]) if transposed else (b.shape[0], a.shape[1])
        row, covered = start_row(slot.role, rows), max(1, budget.values // width)
        covered = min(covered, rows - row)
        columns = min(budget.values, width)
        if transposed:
            outputs, inputs = (range(columns), 0, b.shape[1]), (range(a.shape[0]), row, covered)
        else:
            outputs, inputs = (range(row, row + covered), 0, b.shape[1]), (range(a.shape[0]), 0, columns)
        mark = "t" if transposed else ""
        yield _part(slot, f"A{mark}", a, *inputs), _part(slot, f"B{mark}", b, *outputs)


def _part(
    slot: Slot, side: str, tensor: StoredTensor, rows: Sequence[int], column: int, columns: int
) -> Sample:
    """A rectangle of a matrix; its `shape` is that of the rectangle, `first` its first element."""
    size, width = byte_length(tensor.dtype, 1), tensor.shape[1]
    spans = tuple(
        Span(
            tensor.path,
            tensor.start + (row * width + column) * size,
            tensor.start + (row * width + column + columns) * size,
        )
        for row in rows
    )
    shape = (len(rows), columns)
    return Sample(
        Slot(f"{slot.role}.{side}", slot.layer),
        tensor.dtype,
        shape,
        rows[0] * width + column,
        len(rows) * columns,
        spans,
    )
