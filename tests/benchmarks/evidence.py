"""How good the evidence from weights is, on a zoo of really trained models whose family tree is known.

    python -m tests.benchmarks.evidence --zoo ZOO [--page docs/evidence.md]
    python -m tests.benchmarks.evidence --zoo ZOO --maker make_zoo.py --seed 4711 --python PYTHON

The second form makes the zoo first (8 to 12 minutes; PYTHON has torch, transformers, peft and gguf). The
engine sees what a registry would: files, cards, and upload dates as separate metadata. The truth,
`manifest.json`, is read by the scorer alone. Thresholds were tuned on the zoo of seed 1000; report another.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import subprocess
import time
import tracemalloc
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import yaml

from registry.model.evidence import EdgeEvidence, EvidenceState
from registry.weights.descent import Kind
from registry.weights.fingerprint import SKETCH, Fingerprint, collect, fingerprint
from registry.weights.layout import StoredTensor
from registry.weights.safetensors import header_length, parse_header
from registry.weights.sampling import Tier, plan
from registry.weights.search import HASHES, Entry, Index, entry_of
from registry.weights.stored import from_gguf, from_safetensors
from registry.weights.verdicts import Study

SAME_SAMPLES = ("cast", "duplicate", "rename", "head_swap")
"""Kinds whose values are those of their parent: which of the two is named makes no difference."""

BEGIN, END = "<!-- table: python -m tests.benchmarks.evidence -->", "<!-- end -->"


# --- what the engine sees ------------------------------------------------------------------------


class DiskReader:
    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, offset: int, length: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(length)


def fingerprint_of(folder: Path, tier: Tier) -> Fingerprint:
    tensors: dict[str, StoredTensor] = {}
    readers: dict[str, DiskReader] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in (".safetensors", ".gguf"):
            data, readers[path.name] = path.read_bytes(), DiskReader(path)
            if path.suffix == ".gguf":
                tensors |= from_gguf(path.name, data, file_size=len(data))
            else:
                header = parse_header(data, file_size=len(data))
                tensors |= from_safetensors(path.name, header, 8 + header_length(data))
    config = folder / "adapter_config.json"
    transposed = config.exists() and bool(json.loads(config.read_text()).get("fan_in_fan_out"))
    chosen = plan(tensors, tier, transposed=transposed)
    return fingerprint(chosen, collect(chosen, readers))


def declared_by(folder: Path) -> list[str]:
    """The bases a model card names."""
    parts = (folder / "README.md").read_text(encoding="utf-8").split("---")
    named = yaml.safe_load(parts[1]).get("base_model") or []
    return [named] if isinstance(named, str) else list(named)


# --- the truth -----------------------------------------------------------------------------------


class Truth:
    """The manifest of a zoo, asked by the scorer only."""

    def __init__(self, path: Path) -> None:
        content = json.loads(path.read_text())
        self.seed = content["seed"]
        self.models = {model["id"]: model for model in content["models"]}
        self._classes = {
            name: model["parents"][0] if model["kind"] in SAME_SAMPLES else name
            for name, model in self.models.items()
        }

    def dates(self) -> dict[str, datetime]:
        return {name: datetime.fromisoformat(model["created_at"]) for name, model in self.models.items()}

    def kind(self, name: str) -> str:
        return str(self.models[name]["kind"])

    def parents(self, name: str) -> set[str]:
        """What a model was really made from; nothing for a checkpoint, which came before its `parent`."""
        return set() if self.models[name].get("reverse") else set(self.models[name]["parents"])

    def above(self, name: str) -> set[str]:
        return {name}.union(*(self.above(parent) for parent in self.models[name]["parents"]))

    def roots(self, name: str) -> set[str]:
        return {other for other in self.above(name) if not self.models[other]["parents"]}

    def same(self, name: str) -> str:
        return self._classes[name]

    def relation(self, one: str, other: str) -> str:
        """`related`, `unrelated`, or `init`: two trainings of one random initialisation, which is neither."""
        if self.roots(one) & self.roots(other):
            return "related"
        inits = self.models[one]["init_root"], self.models[other]["init_root"]
        return "init" if inits[0] == inits[1] else "unrelated"


# --- scores --------------------------------------------------------------------------------------


@dataclass
class Row:
    bar: str
    measured: str
    wanted: str
    met: bool | None = None


@dataclass
class Counted:
    right: int = 0
    total: int = 0

    def add(self, right: bool) -> None:
        self.right, self.total = self.right + right, self.total + 1

    @property
    def share(self) -> float:
        return self.right / self.total if self.total else 0.0

    def __str__(self) -> str:
        low, high = wilson(self.right, self.total)
        return f"{self.share:.3f} ({self.right}/{self.total}, 95 %: {low:.2f}-{high:.2f})"


def wilson(right: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """The interval in which the true share lies with 95 % confidence. Wilson 1927."""
    if not total:
        return 0.0, 1.0
    share, spread = right / total, z * z / total
    middle = (share + spread / 2) / (1 + spread)
    reach = z * (share * (1 - share) / total + spread / (4 * total)) ** 0.5 / (1 + spread)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def parents_of(study: Study, truth: Truth, misses: list[str] | None = None) -> tuple[Counted, float]:
    """Children whose set of parents is exactly right, and F1 over all edges."""
    exact, hits, told, real = Counted(), 0, 0, 0
    for name in study.kinship.samples:
        wanted = {truth.same(parent) for parent in truth.parents(name)}
        if any(study.same(name, parent) for parent in truth.parents(name)):
            found = wanted
        else:
            head = study.family(name).classes.get(name, name)
            found = {truth.same(parent) for parent in study.descent(head).parents}
        if wanted:
            exact.add(found == wanted)
        hits, told, real = hits + len(found & wanted), told + len(found), real + len(wanted)
        if found != wanted and misses is not None:
            label = {n: m["key"] for n, m in truth.models.items()}
            misses.append(
                f"{label[name]} ({truth.kind(name)}): "
                f"{sorted(label[n] for n in found)}, not {sorted(label[n] for n in wanted)}"
            )
    return exact, 2 * hits / (told + real) if told + real else 0.0


def families_of(study: Study, truth: Truth) -> tuple[Counted, Counted, int]:
    """Precision and recall over pairs, and how many pairs share no more than an initialisation."""
    precision, recall, left_out = Counted(), Counted(), 0
    for one, other in itertools.combinations(study.kinship.samples, 2):
        relation, seen = truth.relation(one, other), study.kinship.related(one, other)
        if relation == "init":
            left_out += 1
            continue
        if seen:
            precision.add(relation == "related")
        if relation == "related":
            recall.add(seen)
    return precision, recall, left_out


def claims_of(
    evidence: Mapping[str, list[EdgeEvidence]], declared: Mapping[str, list[str]], truth: Truth
) -> tuple[Counted, Counted, Counted]:
    """True claims contradicted, unrelated claims contradicted, parents found of models that claim nothing."""
    accused, caught, found = Counted(), Counted(), Counted()
    for name, bases in declared.items():
        states = {edge.base: edge.state for edge in evidence[name]}
        for base in bases:
            contradicted = states[base] is EvidenceState.CONTRADICTED
            if base in truth.above(name) or truth.relation(name, base) == "related":
                accused.add(contradicted)
            elif truth.relation(name, base) == "unrelated":
                caught.add(contradicted)
        if not bases and truth.parents(name) and truth.kind(name) != "lora_adapter":
            told = {truth.same(e.base) for e in evidence[name] if e.state is EvidenceState.FOUND}
            found.add(told == {truth.same(parent) for parent in truth.parents(name)})
    return accused, caught, found


def merges_of(study: Study, truth: Truth, methods: Iterable[str]) -> tuple[Counted, float]:
    """Merges whose parents are exactly right, and the largest error of a weight among those."""
    exact, error = Counted(), 0.0
    for name, model in truth.models.items():
        if model.get("method") not in methods:
            continue
        descent = study.descent(name)
        parents = [truth.same(parent) for parent in descent.parents]
        right = set(parents) == {truth.same(parent) for parent in truth.parents(name)}
        exact.add(right)
        given = model["merge_weights"]
        weights = [1 - given, given] if isinstance(given, float) and model["method"] == "slerp" else given
        if right and isinstance(weights, list) and descent.kind is Kind.MERGE:
            told = dict(zip(parents, descent.weights, strict=True))
            sources = [truth.same(parent) for parent in model["parents"]][: len(weights)]
            error = max([error, *(abs(told[p] - w) for p, w in zip(sources, weights, strict=True))])
    return exact, error


def kinds_of(study: Study, truth: Truth, kind: str, right: Callable[[str], bool]) -> Counted:
    counted = Counted()
    for name in study.kinship.samples:
        if truth.kind(name) == kind:
            counted.add(right(name))
    return counted


def wrong_dates(dates: Mapping[str, datetime], share: float, seed: int) -> dict[str, datetime]:
    """The dates of some models exchanged for those of others."""
    dice = random.Random(seed)
    chosen = dice.sample(sorted(dates), round(share * len(dates)))
    return {**dates, **{name: dates[dice.choice(sorted(dates))] for name in chosen}}


def adapters_of(evidence: Mapping[str, list[EdgeEvidence]], truth: Truth) -> tuple[Counted, Counted]:
    """Adapters whose true base was proven, and those the proof names a wrong base for."""
    proven, wrong = Counted(), Counted()
    good = (EvidenceState.CONFIRMED, EvidenceState.FOUND)
    for name in evidence:
        if truth.kind(name) == "lora_adapter":
            bases = {truth.same(edge.base) for edge in evidence[name] if edge.state in good}
            bases |= {truth.same(a.model) for e in evidence[name] if e.state in good for a in e.alternatives}
            bases |= {
                truth.same(a.model)
                for e in evidence[name]
                if e.state is EvidenceState.CONFIRMED_FAMILY
                for a in e.alternatives
            }
            wanted = {truth.same(parent) for parent in truth.parents(name)}
            proven.add(bool(bases & wanted))
            wrong.add(bool(bases) and not bases & wanted)
    return proven, wrong


def search_rows(fingerprints: Mapping[str, Fingerprint], models: int = 100_000) -> list[Row]:
    """Time and memory of a search over synthetic sketches among which the zoo's are hidden."""
    dice = np.random.default_rng(0)
    real = [entry_of(name, fp) for name, fp in fingerprints.items() if not fp.adapter]

    def entries() -> Iterable[Entry]:
        yield from real
        for number in range(models - len(real)):
            levels = np.clip(np.rint(dice.normal(0, 127 / 4, SKETCH)), -127, 127).astype(np.int8)
            hashes = tuple(dice.integers(0, 2**63, HASHES).tolist())
            yield Entry(f"stranger/{number}", levels.tobytes(), hashes)

    tracemalloc.start()
    index = Index(entries())
    kept, _ = tracemalloc.get_traced_memory()
    index.find(real[0])
    peak_from = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    index.find(real[0])
    extra = tracemalloc.get_traced_memory()[1] - peak_from
    tracemalloc.stop()
    times, found = [], Counted()
    for entry in real:
        began = time.perf_counter()
        relatives = index.find(entry)
        times.append(time.perf_counter() - began)
        found.add(bool(relatives) and not relatives[0].name.startswith("stranger/"))
    megabytes = (kept + extra) / 1e6
    milliseconds = float(np.median(times)) * 1e3
    return [
        Row(
            f"search, {models:,} models, ms",
            f"{milliseconds:.1f} (longest {max(times) * 1e3:.0f})",
            "<= 50",
            milliseconds <= 50,
        ),
        Row("search, memory with names, MB", f"{megabytes:.0f}", "<= 100", megabytes <= 100),
        Row("search, first hit is no stranger", str(found), "-"),
    ]


# --- the table -----------------------------------------------------------------------------------


def table(zoo: Path) -> tuple[list[Row], list[str], int]:
    truth = Truth(zoo / "manifest.json")
    folders = {name: zoo / name for name in sorted(truth.models)}
    declared = {name: declared_by(folder) for name, folder in folders.items()}
    began = time.perf_counter()
    models = {name: fingerprint_of(folder, Tier.STANDARD) for name, folder in folders.items()}
    read_time = (time.perf_counter() - began) / len(models)
    light = {name: fingerprint_of(folder, Tier.LIGHT) for name, folder in folders.items()}
    dates = truth.dates()
    study, undated = Study(models, dates), Study(models)
    began = time.perf_counter()
    pairs = [study.kinship.pair(*pair) for pair in itertools.combinations(study.kinship.samples, 2)]
    pair_time = (time.perf_counter() - began) / len(pairs) * 1e3
    misses: list[str] = []
    rows = [
        Row(
            "sample bytes, ranges: most of any model",
            f"{max(f.bytes_read for f in models.values()):,}, {max(f.requests for f in models.values())}",
            "<= 65,536, <= 64",
            max(f.bytes_read for f in models.values()) <= 65_536
            and max(f.requests for f in models.values()) <= 64,
        )
    ]
    for label, studied in (("64 KB", study), ("16 KB", Study(light, dates))):
        precision, recall, left_out = families_of(studied, truth)
        rows += [
            Row(f"same family, precision, {label}", str(precision), ">= 0.99", precision.share >= 0.99),
            Row(f"same family, recall, {label}", str(recall), ">= 0.95", recall.share >= 0.95),
        ]
    rows.append(Row("pairs that share an initialisation only", f"{left_out}, not scored", "-"))
    with_dates, f1 = parents_of(study, truth, misses)
    without, f1_without = parents_of(undated, truth)
    rows += [
        Row("direct parent, with dates", str(with_dates), ">= 0.90", with_dates.share >= 0.90),
        Row("direct parent, without dates", str(without), ">= 0.80", without.share >= 0.80),
        Row("edge F1, with dates", f"{f1:.3f} (without {f1_without:.3f})", ">= 0.88", f1 >= 0.88),
    ]
    noisy = Counted()
    for seed in range(5):
        part, _ = parents_of(Study(models, wrong_dates(dates, 0.1, seed)), truth)
        noisy.right, noisy.total = noisy.right + part.right, noisy.total + part.total
    rows.append(Row("direct parent, 10 % of dates wrong", str(noisy), ">= 0.83", noisy.share >= 0.83))
    rows += verdict_rows(study, truth, declared)
    rows += kind_rows(study, truth)
    rows += search_rows(models)
    size = np.mean([len(f.to_bytes()) for f in models.values()])
    rows += [
        Row("one comparison, ms", f"{pair_time:.2f}", "<= 5", pair_time <= 5),
        Row("one fingerprint made from disk, ms", f"{read_time * 1e3:.1f}", "-"),
        Row("one fingerprint stored, bytes", f"{size:,.0f}", "-"),
    ]
    return rows, misses, truth.seed


def verdict_rows(study: Study, truth: Truth, declared: Mapping[str, list[str]]) -> list[Row]:
    evidence = {name: study.judge(name, bases) for name, bases in declared.items()}
    accused, caught, found = claims_of(evidence, declared, truth)
    proven, wrong = adapters_of(evidence, truth)
    return [
        Row("true claims contradicted", f"{accused.right} of {accused.total}", "0", accused.right == 0),
        Row("unrelated claims contradicted", str(caught), ">= 0.95", caught.share >= 0.95),
        Row("right parents found without a claim", str(found), ">= 0.85", found.share >= 0.85),
        Row("adapters: base proven by the merged model", str(proven), "-"),
        Row("adapters: another base named", f"{wrong.right} of {wrong.total}", "0", wrong.right == 0),
    ]


def kind_rows(study: Study, truth: Truth) -> list[Row]:
    exact, error = merges_of(study, truth, ("linear", "slerp", "task"))
    ties, _ = merges_of(study, truth, ("ties",))

    def family(name: str) -> bool:
        return all(study.kinship.related(name, parent) for parent in truth.parents(name))

    def parent(name: str) -> bool:
        found = {truth.same(other) for other in study.descent(name).parents}
        return found == {truth.same(other) for other in truth.parents(name)}

    def identical(name: str) -> bool:
        return all(study.same(name, other) for other in truth.parents(name))

    quantized = kinds_of(study, truth, "quant", family)
    rows = [
        Row("merges (linear, SLERP, task): parents", str(exact), ">= 0.80", exact.share >= 0.8),
        Row("merges: largest error of a weight", f"{error:.4f}", "<= 0.02", error <= 0.02),
        Row("merges (TIES): parents", str(ties), "-"),
        Row("quantized: family found", str(quantized), "all", quantized.share == 1),
        Row("quantized: parent found", str(kinds_of(study, truth, "quant", parent)), "-"),
        Row("permuted: family found", str(kinds_of(study, truth, "permuted", family)), "-"),
    ]
    for kind in SAME_SAMPLES:
        same = kinds_of(study, truth, kind, identical)
        if same.total:
            rows.append(Row(f"{kind.replace('_', ' ')}: identical", str(same), "all", same.share == 1))
    return rows


def _with_table(page: str, lines: Iterable[str]) -> str:
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"the page has no place for the table, {BEGIN} ... {END}")
    return "\n".join([before + begin, *lines, end + after])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--zoo", type=Path, required=True)
    options.add_argument("--maker", type=Path, help="script that makes a zoo where there is none")
    options.add_argument("--seed", type=int, default=1000)
    options.add_argument("--python", default="python", help="interpreter to run the maker with")
    options.add_argument("--page", type=Path, help="document to write the table into")
    options.add_argument("--misses", action="store_true", help="list the models whose parents are wrong")
    asked = options.parse_args()
    if asked.maker and not (asked.zoo / "manifest.json").exists():
        command = [asked.python, str(asked.maker), "--out", str(asked.zoo), "--seed", str(asked.seed)]
        subprocess.run(command, check=True)
    rows, misses, seed = table(asked.zoo)
    lines = [f"Zoo of seed {seed}, {datetime.now(UTC):%Y-%m-%d}.", "", "| bar | measured | wanted | met |"]
    lines.append("|---|---|---|---|")
    for row in rows:
        met = "" if row.met is None else "yes" if row.met else "NO"
        lines.append(f"| {row.bar} | {row.measured} | {row.wanted} | {met} |")
    print("\n".join(lines))
    if asked.page:
        asked.page.write_text(_with_table(asked.page.read_text(encoding="utf-8"), lines), encoding="utf-8")
    if asked.misses:
        print("\n" + "\n".join(misses))


if __name__ == "__main__":
    main()
