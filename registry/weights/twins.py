"""The same weights kept in several formats, told from the names and sizes of files alone.

No content is read, so every finding is inferred and says from what: the same number of shards of the same
sizes, the same total, the numbers the model is known to hold. Two files that pass all of it may still
differ (bf16 beside fp16 weighs the same), which is why these never count as equal content.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from registry.model.snapshot import ModelFile
from registry.weights.formats import weight_format
from registry.weights.sizes import stored_bytes

KEPT_FIRST = ("safetensors", "pytorch", "flax", "tensorflow", "rust", "numpy")
"""Formats that hold plain arrays of the same numbers, in the order in which one would be kept: safetensors
runs no code when it is read, and is what the Hub serves first."""

TOLERANCE = 0.001
"""Of the larger of two sizes; beyond lies more than headers and alignment."""
OVERHEAD = 16_384
"""Bytes of headers that one file may have more than another: some 100 for each tensor."""
MOST_OVERHEAD = 0.02
"""Share of a small file up to which `OVERHEAD` is believed."""
NEAR = 0.02
"""Sizes this near may hold the same weights but for a head or a tied matrix: `POSSIBLE`, never counted."""


class Certainty(StrEnum):
    """How sure a twin is. high: two independent signs, or every shard agrees. likely: the totals agree and
    the names say the same. possible: near, but not within what headers explain."""

    HIGH = "high"
    LIKELY = "likely"
    POSSIBLE = "possible"

    @property
    def counts(self) -> bool:
        """Whether the bytes are held to be wasted."""
        return self is not Certainty.POSSIBLE


SHARDED_ALIKE = "sharded alike"
TOTAL = "total within 0.1 %"
OVERHEAD_TOTAL = "totals differ by no more than headers"
DTYPES = "matches dtype counts"
NEAR_TOTAL = "total within 2 %"
NAMED_ALIKE = "named alike in one folder"
CONSOLIDATED = "named as the unsharded original of the same release"


@dataclass(frozen=True, slots=True)
class WeightSet:
    """Weights in one format: one file, or all shards of one numbering.

    name: what the files are called without the words for a framework and the numbers of shards; sets of
    one name say the same. shards: how many the names announce, `None` for a single file.
    size: bytes of all files, `None` where one has no known size or a shard is missing.
    """

    folder: str
    name: str
    format: str
    files: tuple[ModelFile, ...]
    shards: int | None = None

    @property
    def whole(self) -> bool:
        """Whether every shard announced is there, once."""
        return self.shards is None or self.shards == len(self.files)

    @property
    def size(self) -> int | None:
        sizes = [file.size for file in self.files if file.size is not None]
        return sum(sizes) if self.whole and len(sizes) == len(self.files) else None

    @property
    def shown(self) -> str:
        """The file, or a pattern for all of them."""
        first = self.files[0].path
        folder, slash, filename = first.rpartition("/")
        if len(self.files) == 1:
            return first
        return folder + slash + _SHARD.sub(r"\1*\4", _PART.sub(r"\1.*", filename))


@dataclass(frozen=True, slots=True)
class Twin:
    """A set that says the same as another one, how sure that is, and the reasons."""

    weights: WeightSet
    certainty: Certainty
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Twins:
    """Sets of one repository held to be the same weights: the one to keep, and the others."""

    kept: WeightSet
    others: tuple[Twin, ...]


@dataclass(frozen=True, slots=True)
class Derived:
    """A set made from the same weights that is no copy of them, and why."""

    weights: WeightSet
    source: WeightSet
    reason: str


@dataclass(frozen=True, slots=True)
class TwinReading:
    """What a file list tells. undecided: sets that could not be compared, for want of sizes or shards."""

    twins: tuple[Twins, ...] = ()
    derived: tuple[Derived, ...] = ()
    undecided: tuple[WeightSet, ...] = ()


def find_twins(files: Iterable[ModelFile], by_dtype: Mapping[str, int]) -> TwinReading:
    """Twins among the files of one commit. by_dtype: stored numbers of the model per type, if known.

    Only sets of one name in one folder are compared: checkpoints of a training run lie in folders of their
    own and weigh the same without being the same.
    """
    sets = weight_sets(files)
    plain = [one for one in sets if one.format in KEPT_FIRST]
    told = stored_bytes(by_dtype)
    places: defaultdict[tuple[str, str], list[WeightSet]] = defaultdict(list)
    for one in plain:
        if one.size is not None:
            places[one.folder, one.name].append(one)
    clusters = [twins for place in places.values() for twins in _clusters(place, told)]
    clusters = _with_originals(clusters, places, told)
    converted = [one for one in sets if one.format not in KEPT_FIRST]
    return TwinReading(
        tuple(sorted((one for one in clusters if one.others), key=lambda one: _place(one.kept))),
        _derived([one.kept for one in clusters], converted),
        # Where nothing stands beside a set there is nothing to decide.
        tuple(one for one in plain if one.size is None) if len(plain) > 1 else (),
    )


# --- sets ----------------------------------------------------------------------------------------

_SHARD = re.compile(r"^(.*?)(?:[-_.](\d{2,6})-of-(\d{2,6}))((?:\..*)?)$", re.DOTALL)
_PART = re.compile(r"^(consolidated)\.(\d{2})(?=\.|$)")
"""Meta's releases: one file for each device, counted from 0, without a total."""
_FRAMEWORKS = re.compile(r"(?:^|(?<=[-_.]))(?:pytorch|torch|tf|tensorflow|flax|jax|rust)(?:[-_.]|$)")


def weight_sets(files: Iterable[ModelFile]) -> list[WeightSet]:
    """The weight files of a list, put together by folder, name, format and numbering; sorted."""
    groups: defaultdict[tuple[str, str, str, int | None], list[ModelFile]] = defaultdict(list)
    suffixes: dict[tuple[str, str, str, int | None], str] = {}
    for file in files:
        kind = weight_format(file.path)
        if kind is None:
            continue
        folder, _, filename = file.path.rpartition("/")
        stem, dot, suffix = filename.rpartition(".")
        shards = None
        shard, part = _SHARD.match(stem), _PART.fullmatch(stem)
        if shard:
            stem, shards = shard[1] + shard[4], int(shard[3])
        elif part:
            stem, shards = part[1], 0
        name = _FRAMEWORKS.sub("", stem.lower()) or stem.lower()
        key = (folder, name, dot + suffix.lower(), shards)
        groups[key].append(file)
        suffixes[key] = kind
    return [
        WeightSet(
            folder,
            name,
            suffixes[folder, name, suffix, shards],
            tuple(sorted(some, key=lambda file: file.path)),
            len(some) if shards == 0 else shards,
        )
        for (folder, name, suffix, shards), some in sorted(
            groups.items(), key=lambda item: (item[0][:3], item[0][3] or 0)
        )
    ]


def _place(one: WeightSet) -> tuple[str, str, int, str, int]:
    """A total order: by folder and name, what one would keep first."""
    rank = KEPT_FIRST.index(one.format) if one.format in KEPT_FIRST else len(KEPT_FIRST)
    return one.folder, one.name, rank, one.files[0].path, one.shards or 0


# --- comparing -----------------------------------------------------------------------------------


def _clusters(place: Sequence[WeightSet], told: int | None) -> list[Twins]:
    """The sets of one name, each beside the first one it agrees with."""
    clusters: list[tuple[WeightSet, list[Twin]]] = []
    for one in sorted(place, key=_place):
        agreeing = ((kept, others, _compare(kept, one, told)) for kept, others in clusters)
        match = next(((others, twin) for _, others, twin in agreeing if twin), None)
        if match is None:
            clusters.append((one, []))
        else:
            match[0].append(match[1])
    return [Twins(kept, tuple(others)) for kept, others in clusters]


def _compare(kept: WeightSet, other: WeightSet, told: int | None) -> Twin | None:
    """Whether `other` says what `kept` says; both have a size."""
    reasons = _agreement(kept, other, told)
    if not reasons:
        return None
    if reasons == [NEAR_TOTAL]:
        return Twin(other, Certainty.POSSIBLE, (NEAR_TOTAL, NAMED_ALIKE))
    sure = SHARDED_ALIKE in reasons or DTYPES in reasons
    if kept.format == other.format and DTYPES not in reasons:
        # One file and its shards in one format may as well be an old state and a new one.
        sure = False
    return Twin(other, Certainty.HIGH if sure else Certainty.LIKELY, (*reasons, NAMED_ALIKE))


def _agreement(kept: WeightSet, other: WeightSet, told: int | None) -> list[str]:
    """Every reason from sizes to hold two sets for the same; none when they differ."""
    mine, others = kept.size, other.size
    if not mine or not others:
        return []
    count = max(len(kept.files), len(other.files))
    if not alike(mine, others, count):
        return [NEAR_TOTAL] if abs(mine - others) <= NEAR * max(mine, others) else []
    reasons = []
    if kept.shards is not None and kept.shards == other.shards and kept.shards > 1:
        pairs = zip(kept.files, other.files, strict=True)
        if all(alike(a.size or 0, b.size or 0, 1) for a, b in pairs):
            reasons.append(SHARDED_ALIKE)
    near = abs(mine - others) <= TOLERANCE * max(mine, others)
    reasons.append(TOTAL if near else OVERHEAD_TOTAL)
    if told and alike(mine, told, len(kept.files)) and alike(others, told, len(other.files)):
        reasons.append(DTYPES)
    return reasons


def alike(one: int, other: int, count: int) -> bool:
    """Whether two sizes differ by no more than the headers of `count` files."""
    larger = max(one, other)
    return abs(one - other) <= max(TOLERANCE * larger, min(OVERHEAD * count, MOST_OVERHEAD * larger))


def _with_originals(
    found: Sequence[Twins], places: Mapping[tuple[str, str], Sequence[WeightSet]], told: int | None
) -> list[Twins]:
    """The weights as first released (`consolidated.safetensors`, `original/consolidated.00.pth`) beside
    those every library reads (`model-00001-of-00003.safetensors`)."""
    main = next((one for one in found if (one.kept.folder, one.kept.name) == ("", "model")), None)
    if main is None:
        return list(found)
    taken: dict[int, Twin] = {}
    for (folder, name), place in sorted(places.items()):
        if name != "consolidated" or folder not in ("", "original"):
            continue
        for one in place:
            reasons = _agreement(main.kept, one, told)
            if reasons and reasons != [NEAR_TOTAL]:
                taken[id(one)] = Twin(one, Certainty.LIKELY, (*reasons, CONSOLIDATED))
    rest = [one for one in found if id(one.kept) not in taken]
    grown = Twins(main.kept, (*main.others, *taken.values()))
    return [grown if one is main else one for one in rest]


# --- derived -------------------------------------------------------------------------------------

_PRECISION = re.compile(r"[-_.]?(?:fp|bf|float|int|f)(?:4|8|16|32)|[-_.]?half|[-_.]?[48]bit")
_RATIOS = {0.25: "a quarter of", 0.5: "half", 2.0: "twice", 4.0: "four times"}
_CLOSE = 0.05


def _derived(plain: Sequence[WeightSet], converted: Sequence[WeightSet]) -> tuple[Derived, ...]:
    """What holds the weights of another set in fewer or more bits, or in the frame of another runtime.

    plain: sets no two of which are twins; the precision must be told by a name and by the size.
    """
    found = []
    for one in plain:
        for source in plain:
            if one is source or not _PRECISION.search(_told(one)) or _untold(one) != _untold(source):
                continue
            ratio = (one.size or 0) / (source.size or 1)
            share = next((share for share in _RATIOS if abs(ratio / share - 1) <= _CLOSE), None)
            if share:
                found.append(Derived(one, source, f"{_RATIOS[share]} the bytes: another precision"))
                break
    if plain:
        source = max(plain, key=lambda one: (one.size or 0, _place(one)))
        found += [Derived(one, source, f"converted to {one.format}") for one in converted]
    return tuple(sorted(found, key=lambda one: _place(one.weights)))


def _told(one: WeightSet) -> str:
    return f"{one.folder.rpartition('/')[2]}/{one.name}".lower()


def _untold(one: WeightSet) -> tuple[str, str]:
    """Folder and name without the precision: `fp16/model` and `model.fp16` are of `model`."""
    above, _, last = one.folder.lower().rpartition("/")
    folder = above if _PRECISION.fullmatch(last) else one.folder.lower()
    return folder, _PRECISION.sub("", one.name)
