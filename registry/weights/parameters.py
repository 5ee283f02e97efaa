"""How many parameters a model has, from the numbers its files store.

A stored element is a parameter only while nothing is packed. Quantized weights lie several to an integer
(eight 4-bit weights in one I32), beside scales and zero points that are no weights. The stored counts, the
host's total and the logical count are kept apart, and a total that contradicts the dtypes is said so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from registry.model.snapshot import ParameterCount
from registry.weights.quantization import Quantization, is_auxiliary, read_quantization
from registry.weights.safetensors import Header

FLOATS = frozenset(
    {"F64", "F32", "F16", "BF16", "C64", "F4", "F6_E2M3", "F6_E3M2"}
    | {"F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"}
)
"""Dtypes of which one element is one weight, whatever its width."""
CONTAINER_BITS = {"I8": 8, "U8": 8, "I16": 16, "U16": 16, "I32": 32, "U32": 32}
BUFFER_SHARE = 0.01
"""Integers up to this share of the floats are position ids and the like, not weights."""
CLOSE = 0.05
"""A host's total this near our logical count unpacks the same weights with another view of the scales."""

_GGUF_RULE = "the host's count for one GGUF file, whose shapes are those of the unpacked weights"


def count_parameters(
    by_dtype: Mapping[str, int],
    served_total: int | None,
    config: Mapping[str, object],
    tags: Sequence[str],
    *,
    origin: str = "hub",
) -> ParameterCount:
    """Count from elements per dtype, without tensor names. config: the model's configuration or the part
    the Hub serves; tags: the model's tags, asked where the configuration does not tell the bits.

    With origin `gguf` there are no dtypes: the host counts a GGUF file's elements, which are unpacked.
    """
    if not by_dtype:
        if origin == "gguf" and served_total:
            return ParameterCount({}, served_total, served_total, _GGUF_RULE, origin)
        return ParameterCount({}, served_total, origin=origin)
    logical, rule = _logical(by_dtype, read_quantization(config, tags), named=False)
    return _count(by_dtype, served_total, logical, rule, origin)


def count_from_headers(
    headers: Iterable[Header],
    served_total: int | None,
    config: Mapping[str, object],
    tags: Sequence[str],
) -> ParameterCount:
    """Count from the headers of all shards. Tensor names tell scales and zero points from weights."""
    stored: Counter[str] = Counter()
    weights: Counter[str] = Counter()
    names: set[str] = set()
    for header in headers:
        names.update(header.tensors)
        for name, tensor in header.tensors.items():
            stored[tensor.dtype] += tensor.elements
            if not is_auxiliary(name):
                weights[tensor.dtype] += tensor.elements
    quantization = read_quantization(config, tags, names)
    if quantization is None:
        weights = stored
    logical, rule = _logical(weights, quantization, named=True)
    return _count(stored, served_total, logical, rule, "headers")


def _count(
    by_dtype: Mapping[str, int], served_total: int | None, logical: int | None, rule: str | None, origin: str
) -> ParameterCount:
    stored = sum(by_dtype.values())
    contradiction = None
    near = logical is not None and served_total is not None and abs(served_total - logical) <= CLOSE * logical
    if served_total is not None and served_total != stored and not near:
        beside = "" if logical in (None, stored) else f" ({logical:,} unpacked)"
        contradiction = f"the host's total is {served_total:,}, its dtypes add up to {stored:,}{beside}"
    return ParameterCount(dict(by_dtype), served_total, logical, rule, origin, contradiction)


def _logical(
    by_dtype: Mapping[str, int], quantization: Quantization | None, *, named: bool
) -> tuple[int | None, str | None]:
    """The trained weights behind these elements, and the rule in words; `None` where no rule applies.

    named: scales and zero points have been taken out by tensor name already.
    """
    floats = sum(count for dtype, count in by_dtype.items() if dtype in FLOATS)
    containers = {dtype: count for dtype, count in by_dtype.items() if dtype in CONTAINER_BITS and count}
    integers = sum(count for dtype, count in by_dtype.items() if dtype not in FLOATS)
    if floats + integers == 0:
        return None, None
    if integers <= BUFFER_SHARE * floats:
        if integers == 0:
            left_out = "; scales left out by tensor name" if named and quantization else ""
            return floats, f"unpacked: every stored element is one parameter{left_out}"
        return floats, f"unpacked: floating-point elements; {integers:,} integers are buffers, no weights"
    if quantization is None:
        return None, None
    aside = "scales and zero points left out by tensor name"
    if not named:
        aside = "scales and zero points, not told apart without tensor names, are counted in"
    if quantization.method == "mxfp4" and not named:
        # 32 weights of 4 bits share one scale of 8 bits: 16 + 1 bytes, all stored as U8.
        packed = containers.get("U8", 0)
        return packed * 32 // 17 + floats, "mxfp4: 17 stored bytes hold 32 weights and their scale"
    if quantization.method == "nvfp4" and not named:
        floats -= by_dtype.get("F8_E4M3", 0)
        aside = "the F8_E4M3 elements are scales"
    if quantization.bits is None or not quantization.packs_evenly:
        return None, None
    bits = quantization.bits
    total, used = floats, []
    for dtype, count in sorted(containers.items()):
        if CONTAINER_BITS[dtype] < bits:
            return None, None
        total += count * CONTAINER_BITS[dtype] // bits
        used.append(f"{dtype} x {CONTAINER_BITS[dtype]}/{bits}")
    method = quantization.method or "quantized"
    return total, f"{method}, {bits} bits ({quantization.source}): {' + '.join([*used, 'floats'])}; {aside}"
