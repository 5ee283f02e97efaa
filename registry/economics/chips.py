"""Chips that models are trained on: peak arithmetic, power, price at release.

The table (`data/hardware.csv`) is Epoch AI's "Machine Learning Hardware" (CC BY 4.0), trimmed, with a few
rows of our own. A name is found exactly, but for case, spaces and punctuation, or by a reviewed alias; never
by likeness.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_SHARED = re.compile(r"\s*[,;+]\s*")
_NOISE = re.compile(r"[^a-z0-9]+")
LONGEST_NAME = 300
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Chip:
    """One accelerator. peak: dense arithmetic in FLOP/s (OP/s for `int8`) by precision, without what counts
    sparsity. default: the precision a run is taken to have used. tdp: watts of the chip alone.
    price: USD of a single one at release. family: chips that share a server and a price (`A100`), or "".
    """

    name: str
    maker: str
    kind: str
    family: str
    released: date | None
    peak: Mapping[str, float]
    default: str
    tdp: float | None
    memory: int | None
    price: float | None
    source: str
    how_sure: str

    def training_peak(self, precision: str | None = None) -> tuple[float, str]:
        """FLOP/s and the precision they are of: the one asked for where the chip has it, else its default."""
        chosen = precision if precision in self.peak and precision is not None else self.default
        return self.peak[chosen], chosen


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text names. note: what was left aside; `None` when nothing was."""

    chip: Chip | None
    note: str | None = None


class Chips:
    """The chips known, by name."""

    def __init__(self, chips: Iterable[Chip], aliases: Mapping[str, str] = MappingProxyType({})) -> None:
        self._chips = {chip.name: chip for chip in chips}
        self._by_key = {_key(name): chip for name, chip in self._chips.items()}
        for alias, name in aliases.items():
            self._by_key.setdefault(_key(alias), self._chips[name])
        self._memory: dict[str, Reading] = {}
        self._near: dict[str, tuple[str, ...]] = {}

    def __iter__(self) -> Iterator[Chip]:
        return iter(self._chips.values())

    def __len__(self) -> int:
        return len(self._chips)

    def find(self, name: str) -> Chip | None:
        """The chip of that name; of several, separated by commas, the first that is known."""
        return self.read(name).chip

    def read(self, name: str) -> Reading:
        """The chip a text names, and what it leaves aside: all chips but the first known."""
        reading = self._memory.get(name)
        if reading is None:
            reading = self._read(name)
            if len(name) <= LONGEST_NAME and len(self._memory) < _REMEMBERED:
                self._memory[name] = reading
        return reading

    def suggest(self, name: str) -> tuple[str, ...]:
        """The names nearest to one that is not known, for a message; never to be used instead of it."""
        near = self._near.get(name)
        if near is None:
            near = self._suggest(name)
            if len(name) <= LONGEST_NAME and len(self._near) < _REMEMBERED:
                self._near[name] = near
        return near

    def _suggest(self, name: str) -> tuple[str, ...]:
        key = _key(name[:LONGEST_NAME])
        near = get_close_matches(key, self._by_key, n=6, cutoff=0.5)
        inside = [known for known in self._by_key if len(key) > 2 and key in known]
        return tuple(dict.fromkeys(self._by_key[one].name for one in (*near, *inside)))[:3]

    def _read(self, name: str) -> Reading:
        whole = self._by_key.get(_key(name[:LONGEST_NAME]))
        if whole is not None:
            return Reading(whole)
        parts = [part for part in _SHARED.split(name[:LONGEST_NAME].strip()) if part]
        for part in parts:
            chip = self._by_key.get(_key(part))
            if chip is not None:
                rest = ", ".join(other for other in parts if other != part)
                return Reading(
                    chip, f"{rest} left aside: everything counted as {chip.name}" if rest else None
                )
        return Reading(None)


def _key(name: str) -> str:
    return _NOISE.sub("", name.casefold())


@cache
def load_chips() -> Chips:
    """The shipped table. Read once."""
    text = files("registry.economics").joinpath("data/hardware.csv").read_text(encoding="utf-8")
    chips: list[Chip] = []
    aliases: dict[str, str] = {}
    for row in csv.DictReader(text.splitlines()):
        chips.append(_chip(row))
        aliases.update({alias: row["name"] for alias in row["aliases"].split(";") if alias})
    return Chips(chips, aliases)


def _chip(row: Mapping[str, str]) -> Chip:
    names = ("tensor16", "fp8", "tf32", "fp32", "fp16", "int8")
    value: dict[str, float] = {name: float(row[name]) for name in names if row[name]}
    peak: dict[str, float] = {name: value[name] for name in ("fp32", "tf32", "fp8", "int8") if name in value}
    half = value.get("tensor16", value.get("fp16"))
    if half is not None:
        peak["fp16"] = peak["bf16"] = half
    return Chip(
        row["name"],
        row["maker"],
        row["kind"],
        row["family"],
        date.fromisoformat(row["released"]) if row["released"] else None,
        MappingProxyType(peak),
        _default(row["maker"], value),
        float(row["tdp_w"]) if row["tdp_w"] else None,
        int(float(row["memory_bytes"])) if row["memory_bytes"] else None,
        float(row["price_usd"]) if row["price_usd"] else None,
        row["source"],
        row["how_sure"],
    )


def _default(maker: str, value: Mapping[str, float]) -> str:
    """Matrix units where there are any. Half precision without them says little of NVIDIA's older chips, on
    which models were trained in single precision (so does Cottier et al. 2024); elsewhere it is the peak.
    Half precision at many times the single one is matrix units under another name (T4)."""
    order = ["tensor16", "tf32", "fp16", "fp32", "fp8", "int8"]
    vectors = value.get("fp16", 0.0) <= 2.5 * value.get("fp32", 0.0)
    if maker == "NVIDIA" and vectors:
        order = ["tensor16", "tf32", "fp32", "fp16", "fp8", "int8"]
    first = next(name for name in order if name in value)
    return "fp16" if first == "tensor16" else first
