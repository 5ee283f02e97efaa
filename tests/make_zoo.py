"""Make `tests/data/zoo`: a small zoo of models whose family tree is known.

    python -m tests.make_zoo

No model here was trained: weights are noise of the right size, children are their parents plus noise a
hundred times smaller, rounded to bfloat16 as files are. That is enough to hold every rule of the engine to
its word; how good they are on trained models is measured by `tests/benchmarks/evidence.py`. The same files
come out on every machine: the generator is numpy's frozen one. The manifest has the form of the large zoo's.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from registry.weights.dtypes import decode, to_bfloat16

ZOO = Path(__file__).parent / "data" / "zoo"
SEED = 6
VOCABULARY, WIDTH, INNER, LAYERS = 128, 64, 96, 2

Array = NDArray[np.float32]
Weights = dict[str, Array]


def dice(*key: object) -> np.random.RandomState:
    digest = hashlib.sha256(":".join(map(str, (SEED, *key))).encode()).digest()
    return np.random.RandomState(int.from_bytes(digest[:4], "big"))


def rounded(values: Array) -> Array:
    return (
        (to_bfloat16(np.asarray(values, np.float32).ravel()).astype(np.uint32) << 16)
        .view(np.float32)
        .reshape(values.shape)
    )


def shapes(layers: int = LAYERS) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (VOCABULARY, WIDTH),
        "lm_head.weight": (VOCABULARY, WIDTH),
        "model.norm.weight": (WIDTH,),
    }
    for layer in range(layers):
        stem = f"model.layers.{layer}"
        for name, rows in (("q", WIDTH), ("k", WIDTH // 2), ("v", WIDTH // 2), ("o", WIDTH)):
            found[f"{stem}.self_attn.{name}_proj.weight"] = (rows, WIDTH)
        found[f"{stem}.mlp.gate_proj.weight"] = found[f"{stem}.mlp.up_proj.weight"] = (INNER, WIDTH)
        found[f"{stem}.mlp.down_proj.weight"] = (WIDTH, INNER)
        found[f"{stem}.input_layernorm.weight"] = found[f"{stem}.post_attention_layernorm.weight"] = (WIDTH,)
    return found


def fresh(key: str) -> Weights:
    """A base: noise, and norms near one."""
    weights = {}
    for name, shape in shapes().items():
        noise = dice(key, name).normal(0, 0.05 if len(shape) > 1 else 0.02, shape).astype(np.float32)
        weights[name] = rounded(noise + np.float32(1) if len(shape) == 1 else noise)
    return weights


def tuned(parent: Weights, key: str, size: float = 0.01) -> Weights:
    """A child: its parent plus noise of a relative size; norms stay, the output head grows a little."""
    child = {}
    for name, values in parent.items():
        if values.ndim == 1:
            child[name] = values
            continue
        change = dice(key, name).normal(0, size * float(values.std()), values.shape).astype(np.float32)
        growth = np.float32(1 + size / 4 if name == "lm_head.weight" else 1)
        child[name] = rounded(values * growth + change)
    return child


def merged(weights: Sequence[tuple[float, Weights]]) -> Weights:
    names = weights[0][1]
    return {name: rounded(sum(np.float32(w) * model[name] for w, model in weights)) for name in names}  # type: ignore[arg-type]


def elected(base: Weights, models: Sequence[Weights]) -> Weights:
    """A TIES merge: of every model's changes the larger half, of those the ones of the stronger sign."""
    found = {}
    for name, start in base.items():
        changes = np.stack([model[name] - start for model in models])
        large = np.abs(changes)
        axes = tuple(range(1, changes.ndim))
        changes = changes * (large >= np.median(large, axis=axes, keepdims=True))
        agreed = (np.sign(changes) == np.sign(changes.sum(0))) & (changes != 0)
        found[name] = rounded(start + (changes * agreed).sum(0) / np.maximum(agreed.sum(0), 1))
    return found


def pruned(parent: Weights) -> Weights:
    """The smaller half of every matrix within the layers set to zero."""
    return {
        name: np.where(np.abs(v) >= np.median(np.abs(v)), v, np.float32(0)) if "proj" in name else v
        for name, v in parent.items()
    }


def shuffled(parent: Weights, key: str) -> Weights:
    """The residual stream permuted everywhere: no function changes and every value moves."""
    order = dice(key).permutation(WIDTH)
    return {
        name: v[order] if v.ndim == 1 or "o_proj" in name or "down_proj" in name else v[:, order]
        for name, v in parent.items()
    }


def low_rank(parent: Weights, key: str, rank: int = 2) -> tuple[dict[str, Array], Weights]:
    """An adapter for q and v with its alpha twice its rank, and the model it was merged into."""
    adapter, whole = {}, dict(parent)
    for name, values in parent.items():
        if "q_proj" not in name and "v_proj" not in name:
            continue
        source = dice(key, name)
        a = rounded(source.normal(0, 0.02, (rank, values.shape[1])).astype(np.float32))
        b = rounded(source.normal(0, 0.05, (values.shape[0], rank)).astype(np.float32))
        stem = f"base_model.model.{name.removesuffix('.weight')}"
        adapter[f"{stem}.lora_A.weight"], adapter[f"{stem}.lora_B.weight"] = a, b
        whole[name] = rounded(values + 2 * (b @ a))
    return adapter, whole


# --- files ---------------------------------------------------------------------------------------


def safetensors(tensors: Mapping[str, tuple[str, NDArray[np.generic]]]) -> bytes:
    """A safetensors file; dtypes that numpy lacks are given as raw bytes of the right shape."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    data, at = [], 0
    for name, (dtype, values) in sorted(tensors.items()):
        raw = values.tobytes()
        header[name] = {"dtype": dtype, "shape": list(values.shape), "data_offsets": [at, at + len(raw)]}
        data.append(raw)
        at += len(raw)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(data)


def bfloat16(weights: Mapping[str, Array]) -> dict[str, tuple[str, NDArray[np.generic]]]:
    return {n: ("BF16", to_bfloat16(v.ravel()).reshape(v.shape).astype("<u2")) for n, v in weights.items()}


def int8(weights: Weights) -> dict[str, tuple[str, NDArray[np.generic]]]:
    """The layout of bitsandbytes: one scale per row."""
    found: dict[str, tuple[str, NDArray[np.generic]]] = {}
    for name, values in weights.items():
        if "proj" not in name:
            found[name] = ("F16", values.astype("<f2"))
            continue
        scale = np.abs(values).max(1)
        found[name] = ("I8", np.rint(values / scale[:, None] * 127).astype(np.int8))
        found[name.replace(".weight", ".SCB")] = ("F32", scale.astype("<f4"))
    return found


def float8(weights: Weights) -> dict[str, tuple[str, NDArray[np.generic]]]:
    """The layout of compressed-tensors: E4M3 with one scale per row."""
    codes = np.arange(256, dtype=np.uint8)
    numbers = decode("F8_E4M3", codes.tobytes()).values
    order = np.argsort(numbers[:127])
    found: dict[str, tuple[str, NDArray[np.generic]]] = {}
    for name, values in weights.items():
        if "proj" not in name:
            found[name] = bfloat16({name: values})[name]
            continue
        scale = rounded((np.abs(values).max(1, keepdims=True) / 448).astype(np.float32))
        wanted = np.abs(values / scale).ravel()
        nearest = order[np.abs(numbers[:127][order][None, :] - wanted[:, None]).argmin(1)].astype(np.uint8)
        signs = (values.ravel() < 0).astype(np.uint8) << 7
        found[name] = ("F8_E4M3", (nearest | signs).reshape(values.shape))
        found[name.replace(".weight", ".weight_scale")] = bfloat16({"s": scale})["s"]
    return found


_GGUF = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
}


def gguf(weights: Weights) -> bytes:
    """A GGUF file of version 3: matrices as Q8_0, vectors as F32."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    infos, data, at = [], [], 0
    for name, values in weights.items():
        stem = name.removesuffix(".weight")
        parts = stem.split(".")
        short = _GGUF[stem] if stem in _GGUF else f"blk.{parts[2]}.{_GGUF['.'.join(parts[3:])]}"
        raw, kind = (q8_0(values), 8) if values.ndim == 2 else (values.astype("<f4").tobytes(), 0)
        sizes = struct.pack(f"<{values.ndim}Q", *reversed(values.shape))
        infos.append(
            text(f"{short}.weight") + struct.pack("<I", values.ndim) + sizes + struct.pack("<IQ", kind, at)
        )
        raw += b"\0" * (-len(raw) % 32)
        data.append(raw)
        at += len(raw)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(infos), 1)
    head += text("general.architecture") + struct.pack("<I", 8) + text("llama") + b"".join(infos)
    return head + b"\0" * (-len(head) % 32) + b"".join(data)


def q8_0(values: Array) -> bytes:
    blocks = values.reshape(-1, 32)
    scale = (np.abs(blocks).max(1) / 127).astype("<f2")
    codes = np.rint(blocks / np.maximum(scale.astype(np.float32), 1e-9)[:, None])
    packed = np.concatenate(
        [scale.view(np.uint8).reshape(-1, 2), np.clip(codes, -127, 127).astype(np.int8).view(np.uint8)], 1
    )
    return packed.tobytes()


# --- the tree ------------------------------------------------------------------------------------


class Maker:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.models: list[dict[str, object]] = []
        self.weights: dict[str, Weights] = {}

    def name(self, key: str) -> str:
        return f"zoo/m-{hashlib.sha256(f'{SEED}:{key}'.encode()).hexdigest()[:8]}"

    def add(
        self,
        key: str,
        kind: str,
        parents: Sequence[str],
        weights: Weights,
        *,
        files: Mapping[str, bytes] | None = None,
        claims: Sequence[str] | None = None,
        method: str | None = None,
        shares: Sequence[float] | float | None = None,
    ) -> None:
        """Write one repository. claims: the keys its card names; the true parents unless given."""
        self.weights[key] = weights
        root = self.folder / self.name(key)
        root.mkdir(parents=True)
        for path, content in (files or {"model.safetensors": safetensors(bfloat16(weights))}).items():
            (root / path).write_bytes(content)
        named = [self.name(base) for base in (parents if claims is None else claims)]
        lines = ["---", "license: apache-2.0"] + (
            ["base_model:", *(f"- {n}" for n in named)] if named else []
        )
        (root / "README.md").write_text("\n".join([*lines, "---", f"# {self.name(key)}", ""]))
        model: dict[str, object] = {
            "id": self.name(key),
            "key": key,
            "kind": kind,
            "parents": [self.name(parent) for parent in parents],
            "init_root": key.partition(".")[0],
            "created_at": f"2025-01-01T00:{len(self.models):02d}:00+00:00",
        }
        if method:
            model |= {"method": method, "merge_weights": shares}
        self.models.append(model)


def build(folder: Path) -> None:
    """Write the zoo into an empty folder."""
    zoo = Maker(folder)
    w = zoo.weights
    zoo.add("A", "base", [], fresh("A"))
    zoo.add("B", "base", [], fresh("B"))
    zoo.add("A.a", "full_ft", ["A"], tuned(w["A"], "A.a"))
    zoo.add("A.a.b", "full_ft", ["A.a"], tuned(w["A.a"], "A.a.b"), claims=["A"])
    zoo.add("A.c", "full_ft", ["A"], tuned(w["A"], "A.c", 0.015), claims=[])
    zoo.add("A.d", "full_ft", ["A"], tuned(w["A"], "A.d", 0.02))
    zoo.add("B.a", "full_ft", ["B"], tuned(w["B"], "B.a"), claims=["A"])
    linear = merged([(0.6, w["A.a"]), (0.4, w["A.d"])])
    zoo.add("A.lin", "merge", ["A.a", "A.d"], linear, method="linear", shares=[0.6, 0.4])
    task = merged([(0.7, w["A.c"]), (0.6, w["A.d"]), (-0.3, w["A"])])
    zoo.add("A.task", "merge", ["A.c", "A.d", "A"], task, claims=[], method="task", shares=[0.7, 0.6])
    ties = elected(w["A"], [w["A.a"], w["A.c"], w["A.d"]])
    zoo.add("A.ties", "merge", ["A.a", "A.c", "A.d", "A"], ties, claims=["A.d"], method="ties", shares=1.0)
    strangers = merged([(0.5, w["A.c"]), (0.5, w["B.a"])])
    zoo.add("AB", "merge", ["A.c", "B.a"], strangers, claims=[], method="linear", shares=[0.5, 0.5])
    adapter, whole = low_rank(w["A.a"], "A.a.lora")
    head = json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 4}).encode()
    files = {"adapter_model.safetensors": safetensors(bfloat16(adapter)), "adapter_config.json": head}
    zoo.add("A.a.lora", "lora_adapter", ["A.a"], {}, files=files)
    zoo.add("A.a.whole", "lora_merged", ["A.a"], whole)
    zoo.add("A.int8", "quant", ["A"], w["A"], files={"model.safetensors": safetensors(int8(w["A"]))})
    zoo.add("A.d.fp8", "quant", ["A.d"], w["A.d"], files={"model.safetensors": safetensors(float8(w["A.d"]))})
    zoo.add("A.a.q8", "quant", ["A.a"], w["A.a"], files={"model-Q8_0.gguf": gguf(w["A.a"])})
    zoo.add("A.half", "prune", ["A"], pruned(w["A"]))
    zoo.add("A.d.mixed", "permuted", ["A.d"], shuffled(w["A.d"], "A.d.mixed"), claims=[])
    names = sorted(w["A.d"])
    shards = {
        f"model-{i + 1:05d}-of-00002.safetensors": safetensors(bfloat16({n: w["A.d"][n] for n in part}))
        for i, part in enumerate((names[:9], names[9:]))
    }
    zoo.add("A.d.copy", "duplicate", ["A.d"], w["A.d"], files=shards, claims=["B"])
    half = {"model.safetensors": save({n: v.astype(np.float16) for n, v in w["A.c"].items()})}
    zoo.add("A.c.f16", "cast", ["A.c"], w["A.c"], files=half)
    wrapped = {
        f"language_{n}" if n.startswith("model.") else f"language_model.{n}": v for n, v in w["A"].items()
    }
    zoo.add("A.named", "rename", ["A"], wrapped, claims=[])
    manifest = {"seed": SEED, "models": zoo.models}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


if __name__ == "__main__":
    shutil.rmtree(ZOO, ignore_errors=True)
    build(ZOO)
