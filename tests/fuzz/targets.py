"""What must hold for any bytes whatever: each reader reads them or names their defect, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import safetensors

from registry.errors import DamagedFile
from registry.weights.gguf import parse_gguf_head
from registry.weights.safetensors import Header, parse_header
from registry.weights.stored import from_gguf
from tests.fuzz.oracle import explained

LONGEST_MESSAGE = 600


def check_safetensors(data: bytes) -> bool:
    """Whether the file is sound, to our reader. The package must agree, or the difference be a listed one."""
    try:
        theirs = dict(safetensors.deserialize(data))  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError:
        theirs = None
    ours, defect = _read(data)
    if ours is None:
        assert theirs is None or explained(defect), f"refused, the package reads it: {defect}"
        return False
    assert theirs is not None or explained(data), "read, the package refuses it"
    if theirs is not None:
        _check_same(ours, theirs)
    length = 8 + int.from_bytes(data[:8], "little")
    assert length + ours.data_bytes == len(data)
    assert parse_header(data[:length]) == ours, "the header alone reads otherwise"
    return True


def _read(data: bytes) -> tuple[Header | None, str]:
    try:
        return parse_header(data, file_size=len(data)), ""
    except DamagedFile as error:
        _check_message(error)
        return None, error.message


def _check_same(ours: Header, theirs: dict[str, dict[str, object]]) -> None:
    assert ours.tensors.keys() == theirs.keys()
    for name, tensor in ours.tensors.items():
        found = theirs[name]
        assert (tensor.dtype, list(tensor.shape)) == (found["dtype"], found["shape"])
        assert tensor.end - tensor.start == len(found["data"])  # type: ignore[arg-type]


def check_gguf(data: bytes) -> bool:
    """Whether the file is sound. Its tensors then lie one behind the other within the file, and any beginning
    of it tells a part of what the whole tells."""
    try:
        head = parse_gguf_head(data)
    except DamagedFile as error:
        _check_message(error)
        return False
    cut = parse_gguf_head(data[: 24 + sum(data) % (len(data) - 23)])
    # By their spelling: no NaN equals itself.
    assert all(repr(value) == repr(head.metadata[key]) for key, value in cut.metadata.items())
    try:
        tensors = from_gguf("m.gguf", data, file_size=len(data))
    except DamagedFile as error:
        _check_message(error)
        return False
    assert len(tensors) == head.tensors
    assert not head.truncated
    end = 24
    for tensor in tensors.values():
        assert end <= tensor.start <= tensor.end <= len(data)
        end = tensor.end
    return True


def _check_message(error: DamagedFile) -> None:
    assert error.message.isprintable(), error.message
    assert len(error.message) <= LONGEST_MESSAGE, error.message


TARGETS: dict[str, Callable[[bytes], bool]] = {"safetensors": check_safetensors, "gguf": check_gguf}
