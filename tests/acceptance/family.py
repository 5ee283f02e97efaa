"""Many models with lineage among them, as a recorded Hub serves them. Synthetic."""

from __future__ import annotations

from registry.demo.hub import Recorded
from tests.hubs import by_id, recorded, safetensors


def name_of(number: int) -> str:
    return f"org-{number % 7}/model-{number}"


def names(size: int) -> list[str]:
    return [name_of(number) for number in range(size)]


def family(size: int) -> dict[str, Recorded]:
    """A tree with merges across it, datasets, shared file contents and licenses of several kinds."""
    return by_id(*(_member(number) for number in range(size)))


def _member(number: int) -> Recorded:
    bases = [name_of(number // 2)] if number else []
    if number % 5 == 4:
        bases.append(name_of(number // 3))
    weights = safetensors({"w": ("F16", [number % 3 + 1, 4], bytes(8 * (number % 3 + 1)))})
    return recorded(
        name_of(number),
        base=bases,
        relation="merge" if len(bases) > 1 else ("finetune", "adapter", "quantized")[number % 3],
        license=("mit", "apache-2.0", None)[number % 3],
        datasets=[f"corpus/part-{number % 4}"] if number % 6 == 0 else (),
        files={"README.md": b"card", "model.safetensors": weights},
        safetensors={"parameters": {"F16": 4 * (number % 3 + 1)}, "total": 4 * (number % 3 + 1)},
        downloads=number,
    )
