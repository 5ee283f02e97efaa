"""What is read of weights, who is compared with whom, and what becomes of every edge."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

import pytest

from registry.catalog.catalog import Catalog
from registry.contract import Want
from registry.errors import BadAnswer, Gated, RegistryError, SourceError
from registry.model.edges import Relation
from registry.model.evidence import EvidenceState, FingerprintRecord
from registry.model.refs import ModelRef
from registry.model.snapshot import Gate, ModelFile
from registry.services import kin
from registry.services.prints import Reading, read_fingerprints
from registry.services.verify import VerifyReport, find, to_read, verify
from registry.sources.local import LocalSource
from registry.weights.fingerprint import Fingerprint
from registry.weights.sampling import BUDGETS, SCHEME, Tier
from tests.services.fakes import FakeSource, Watch, snapshot
from tests.weights.models import ZOO, Memory, network, printed, tuned, zoo
from tests.zoo import contents, named

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
KEY = named()


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(str(tmp_path / "catalog.db"), create=True) as opened:
        yield opened


# --- reading -------------------------------------------------------------------------------------


class Sized(Memory):
    """A file in memory; what is `bad` is refused."""

    def __init__(self, data: bytes, bad: RegistryError | None = None) -> None:
        super().__init__(data)
        self.bad = bad

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, offset: int, length: int) -> bytes:
        if self.bad is not None:
            raise self.bad
        return super().read(offset, length)


@dataclass
class Weights(FakeSource):
    """A source whose files can be read in parts; it remembers what was opened at which commit."""

    files: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)
    bad: dict[str, RegistryError] = field(default_factory=dict)
    opened: list[tuple[str, str, Sized]] = field(default_factory=list)
    _guard: Lock = field(default_factory=Lock)

    def open_file(self, ref: ModelRef, path: str, size: int | None = None) -> Sized:
        file = Sized(self.files[ref.repo_id][path], self.bad.get(ref.repo_id))
        assert size in (None, file.size)
        with self._guard:
            self.opened.append((str(ref), path, file))
        return file

    def spent(self) -> tuple[int, int]:
        return sum(file.reads for *_, file in self.opened), sum(file.bytes for *_, file in self.opened)


def serving(*names: str, **bad: RegistryError) -> Weights:
    files = {name: contents(name) for name in names}
    snapshots = {
        name: snapshot(name, files=[ModelFile(path, len(data)) for path, data in held.items()])
        for name, held in files.items()
    }
    return Weights(dict(snapshots), files=files, bad=bad)


def read(
    catalog: Catalog, source: FakeSource, *names: str, tier: Tier = Tier.STANDARD, jobs: int = 4
) -> list[Reading]:
    return read_fingerprints(
        catalog, source.for_ref, names, tier=tier, jobs=jobs, now=lambda: NOW, watch=Watch()
    )


@pytest.mark.parametrize("tier", [Tier.LIGHT, Tier.STANDARD, Tier.EXTENDED])
def test_a_model_is_read_within_its_budget(catalog: Catalog, tier: Tier) -> None:
    names = [KEY["A"], KEY["A.d.copy"], KEY["A.a.q8"], KEY["A.a.lora"]]
    source = serving(*names)
    catalog.save_many(one for one in source.models.values() if not isinstance(one, RegistryError))
    readings = read(catalog, source, *names, tier=tier)
    assert [(one.repo_id, one.state) for one in readings] == [(name, "read") for name in names]
    records = [one.record for one in readings if one.record is not None]
    for record in records:
        assert record.requests <= BUDGETS[tier].ranges
        assert record.bytes_read <= BUDGETS[tier].bytes
        assert (record.commit_sha, record.tier, record.scheme) == ("1" * 40, str(tier), SCHEME)
    told = sum(one.requests + one.head_requests for one in records)
    size = sum(one.bytes_read + one.head_bytes for one in records)
    assert source.spent() == (told, size), "what is told is what was read"
    assert {ref.partition("@")[2] for ref, *_ in source.opened} == {"1" * 40}


def test_the_fingerprint_is_that_of_the_files(catalog: Catalog) -> None:
    _, prints, _ = zoo()
    source = serving(*KEY.values())
    catalog.save_many(one for one in source.models.values() if not isinstance(one, RegistryError))
    assert all(one.error is None for one in read(catalog, source, *KEY.values()))
    kept = catalog.evidence.fingerprints(KEY.values())
    assert {name: samples for name, (_, samples) in kept.items()} == prints


def test_headers_alone(catalog: Catalog) -> None:
    source = serving(KEY["A.d.copy"])
    catalog.save_many(one for one in source.models.values() if not isinstance(one, RegistryError))
    (reading,) = read(catalog, source, KEY["A.d.copy"], tier=Tier.HEADERS)
    assert reading.record is not None
    assert (reading.record.requests, reading.record.head_requests) == (0, 2), "one look at each shard"


def test_what_is_there_is_not_read_again(catalog: Catalog) -> None:
    name = KEY["A"]
    source = serving(name)
    catalog.save(source.fetch(ModelRef(name), Want()))
    read(catalog, source, name)
    before = source.spent()
    assert [one.state for one in read(catalog, source, name)] == ["kept"]
    assert [one.state for one in read(catalog, source, name, tier=Tier.LIGHT)] == ["kept"]
    assert source.spent() == before
    assert [one.state for one in read(catalog, source, name, tier=Tier.EXTENDED)] == ["read"]
    catalog.save(snapshot(name, sha="2" * 40, files=source.models[name].files))  # type: ignore[union-attr]
    assert [one.state for one in read(catalog, source, name)] == ["read"], "a new commit is another model"


def test_a_model_whose_files_nobody_listed_is_looked_at_first(catalog: Catalog) -> None:
    name = KEY["A"]
    source = serving(name)
    catalog.save(snapshot("o/child", name))
    assert [one.state for one in read(catalog, source, name)] == ["read"]
    assert source.fetched == [name]
    assert catalog.briefs([name])[name].logical_bytes is not None


def test_what_cannot_be_read_costs_that_model_alone(catalog: Catalog) -> None:
    good, gated, broken = KEY["A"], KEY["B"], KEY["A.a"]
    source = serving(good, gated, broken)
    source.bad = {gated: Gated("terms"), broken: BadAnswer("cut")}
    source.files = {**source.files, "o/pickled": {}}
    source.models["o/pickled"] = snapshot("o/pickled", files=[ModelFile("pytorch_model.bin", 9)])
    damaged = b"\xff" * 64
    source.files = {**source.files, "o/damaged": {"model.safetensors": damaged}}
    source.models["o/damaged"] = snapshot("o/damaged", files=[ModelFile("model.safetensors", 64)])
    catalog.save_many(one for one in source.models.values() if not isinstance(one, RegistryError))
    names = [gated, "o/pickled", good, "o/damaged", "paper:org/known", broken]
    catalog.save(snapshot("o/reader", "paper:org/known"))
    told = {one.repo_id: one.error for one in read(catalog, source, *names)}
    assert list(told) == names
    assert {name: error.code for name, error in told.items() if error} == {
        gated: "gated",
        broken: "bad-answer",
        "o/pickled": "no-such-file",
        "o/damaged": "damaged-file",
        "paper:org/known": "no-such-file",
    }
    assert catalog.evidence.names(9) == [good]


def test_a_source_that_gives_no_parts(catalog: Catalog) -> None:
    source = FakeSource.of(snapshot("o/m", files=[ModelFile("model.safetensors", 9)]))
    catalog.save(snapshot("o/m", files=[ModelFile("model.safetensors", 9)]))
    (reading,) = read(catalog, source, "o/m")
    assert isinstance(reading.error, SourceError)
    assert reading.error.code == "offline"


def test_models_on_this_disk(catalog: Catalog, tmp_path: Path) -> None:
    """Files that may have changed are read again; an adapter's configuration says how it is turned."""
    folder = tmp_path / "model"
    shutil.copytree(ZOO / KEY["A.a.lora"], folder)
    (folder / "adapter_config.json").write_text(json.dumps({"fan_in_fan_out": True}))
    local = LocalSource()
    name = f"local:{folder}"
    catalog.save(local.fetch(ModelRef.parse(name), Want()))
    readings = [
        read_fingerprints(catalog, lambda _: local, [name], now=lambda: NOW, watch=Watch()) for _ in range(2)
    ]
    assert [one.state for (one,) in readings] == ["read", "read"]
    ((_, turned),) = catalog.evidence.fingerprints([name]).values()
    assert all(block.role.endswith(("At", "Bt")) for block in turned.blocks)
    shutil.rmtree(folder)
    ((gone,),) = [read_fingerprints(catalog, lambda _: local, [name], now=lambda: NOW, watch=Watch())]
    assert gone.error is not None
    assert gone.error.code == "not-visible"


# --- verdicts ------------------------------------------------------------------------------------

BASE = network(1)
Filled = Callable[..., Catalog]


@pytest.fixture
def fill(catalog: Catalog) -> Filled:
    """Saves models with their bases, and fingerprints for some."""

    def work(
        models: Mapping[str, tuple[str, ...]], prints: Mapping[str, Fingerprint], *, dated: bool = False
    ) -> Catalog:
        files = [ModelFile("model.safetensors", 9)]
        catalog.save_many(
            snapshot(
                *(name, *bases),
                files=files,
                created_at=datetime(2025, 1, number, tzinfo=UTC) if dated else None,
            )
            for number, (name, bases) in enumerate(models.items(), 1)
        )
        for name, samples in prints.items():
            record = FingerprintRecord(name, "1" * 40, "S", SCHEME, NOW, 5, 1000, 1, 100)
            catalog.evidence.keep_fingerprint(record, samples)
        return catalog

    return work


def states(report: VerifyReport) -> dict[tuple[str, str], str]:
    return {(one.kept.evidence.derivative, one.kept.evidence.base): str(one.state) for one in report.verdicts}


def judge(catalog: Catalog, *names: str) -> VerifyReport:
    return verify(catalog, names or None, now=NOW, watch=Watch())


def test_every_edge_gets_a_state(fill: Filled) -> None:
    catalog = fill(
        {
            "o/base": (),
            "o/child": ("o/base",),
            "o/liar": ("o/stranger",),
            "o/stranger": (),
            "o/unread": ("o/base",),
            "o/waiting": ("o/unread",),
        },
        {
            "o/base": printed(BASE),
            "o/child": printed(tuned(BASE, 2)),
            "o/liar": printed(tuned(BASE, 5)),
            "o/stranger": printed(network(3)),
            "o/waiting": printed(network(4)),
        },
        dated=True,
    )
    report = judge(catalog)
    told = states(report)
    assert told["o/child", "o/base"] == "confirmed"
    assert told["o/liar", "o/stranger"] == "contradicted"
    assert told["o/liar", "o/base"] == "found"
    assert told["o/unread", "o/base"] == told["o/waiting", "o/unread"] == "declared"
    assert (report.models, report.missing, report.complete) == (6, ("o/unread",), False)
    assert report.counts()["declared"] == 2
    assert report.reaches([EvidenceState.CONTRADICTED])
    assert not report.reaches([EvidenceState.IDENTICAL])
    (liar,) = [one for one in report.verdicts if one.state is EvidenceState.CONTRADICTED]
    assert liar.kept.evidence.reason == "no trace in the sampled weights"
    assert (liar.kept.bytes_read, liar.kept.tiers, liar.kept.derivative_commit) == (2200, "SS", "1" * 40)
    assert catalog.edges_up("o/liar", 1)[-1].state == "contradicted"
    assert {kept.evidence.state for kept in catalog.evidence.about(["o/unread", "o/waiting"])} == set()
    assert catalog.check() == []


def test_one_model_is_judged_as_all_are(fill: Filled) -> None:
    prints = {f"o/{n}": printed(tuned(BASE, n)) for n in range(5)} | {"o/base": printed(BASE)}
    catalog = fill({"o/base": ()} | {f"o/{n}": ("o/base",) for n in range(5)}, prints)
    alone = {name: states(judge(catalog, name)) for name in prints}
    assert states(judge(catalog)) == {pair: state for some in alone.values() for pair, state in some.items()}


def test_a_study_is_bounded(fill: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where more are related than can be compared, the nearest are; strangers never come in."""
    family = {f"o/{n}": printed(tuned(BASE, n)) for n in range(12)}
    strangers = {f"x/{n}": printed(network(40 + n)) for n in range(4)}
    catalog = fill(
        {"o/base": ()} | dict.fromkeys(family, ("o/base",)) | dict.fromkeys(strangers, ()),
        {"o/base": printed(BASE), **family, **strangers},
    )
    monkeypatch.setattr(kin, "WHOLE", 14)
    closed = kin.Kin(catalog).circle("o/3")
    assert closed.closed
    assert set(closed.names) == {"o/base", *family}
    assert kin.Kin(catalog).circle("x/1") == kin.Circle(("x/1",), closed=True)
    monkeypatch.setattr(kin, "WHOLE", 8)
    monkeypatch.setattr(kin, "NEAREST", 3)
    opened = kin.Kin(catalog).circle("o/3")
    assert not opened.closed
    assert {"o/3", "o/base"} <= set(opened.names)
    assert len(opened.names) <= 8
    assert set(states(judge(catalog, "o/3")).values()) == {"confirmed"}


def test_what_has_no_weights_cannot_be_compared(fill: Filled, catalog: Catalog) -> None:
    fill(
        {"o/child": ("o/pickled", "o/gated", "paper:org/known", "o/gone"), "o/plain": ("o/child",)},
        {"o/child": printed(BASE)},
    )
    catalog.save(snapshot("o/pickled", files=[ModelFile("pytorch_model.bin", 9)]))
    catalog.save(snapshot("o/gated", gated=Gate.MANUAL, files=[ModelFile("model.safetensors", 9)]))
    catalog.save(snapshot("o/gone"))
    catalog.save(snapshot("o/gone", license_id=None, removed=True))
    report = judge(catalog, "o/child")
    assert set(states(report).values()) == {"not_comparable"}
    assert {one.kept.evidence.base: one.kept.evidence.reason for one in report.verdicts} == {
        "o/gated": "o/gated is gated, and its weights were not read",
        "o/gone": "o/gone is not there any more",
        "o/pickled": "o/pickled has no safetensors or GGUF weights",
        "paper:org/known": "paper:org/known is known from a publication only",
    }
    assert report.complete, "there is nothing more to be read"
    assert {edge.state for edge in catalog.edges_up("o/child", 1)} == {"not_comparable"}
    assert to_read(catalog, ["o/child"]) == ["o/child", "o/gated"]
    assert to_read(catalog, None) == ["o/child", "o/gated", "o/plain"]


def test_datasets_are_no_bases(catalog: Catalog) -> None:
    catalog.save(snapshot("o/m", "data:org/set", relation=Relation.TRAINED_ON))
    assert judge(catalog, "o/m").verdicts == ()


def test_dates_decide_direction(fill: Filled, catalog: Catalog) -> None:
    prints = {"o/older": printed(BASE), "o/newer": printed(tuned(BASE, 2))}
    fill({"o/older": (), "o/newer": ()}, prints)
    undated = judge(catalog).verdicts
    assert [one.kept.evidence.directed for one in undated] == [False]
    assert catalog.edges_up("o/newer") == [] == catalog.edges_up("o/older")
    for number, name in enumerate(prints, 1):
        catalog.save(snapshot(name, created_at=datetime(2025, number, 1, tzinfo=UTC)))
    assert states(judge(catalog)) == {("o/newer", "o/older"): "found"}
    assert [(edge.base, edge.state) for edge in catalog.edges_up("o/newer")] == [("o/older", "found")]


def test_a_hand_made_claim_settles_what_was_found(fill: Filled) -> None:
    """Once it is declared it is judged as declared."""
    catalog = fill({"o/base": (), "o/child": ()}, {"o/base": printed(BASE), "o/child": printed(BASE)})
    catalog.save(snapshot("o/child", "o/base"))
    assert states(judge(catalog, "o/child")) == {("o/child", "o/base"): "identical"}


# --- search --------------------------------------------------------------------------------------


def test_relatives_by_distance(fill: Filled) -> None:
    prints = {
        "o/base": printed(BASE),
        "o/near": printed(tuned(BASE, 2, 0.001)),
        "o/far": printed(tuned(BASE, 3, 0.1)),
        "o/stranger": printed(network(9)),
    }
    catalog = fill(dict.fromkeys(prints, ()), prints)
    found = find(catalog, "o/base", 10)
    assert found is not None
    assert [one.repo_id for one in found] == ["o/near", "o/far"]
    assert [one.repo_id for one in find(catalog, "o/base", 1) or ()] == ["o/near"]
    assert found[0].score > found[1].score > 0.9
    assert find(catalog, "o/stranger", 10) == []


def test_a_model_without_fingerprint_has_no_relatives_to_tell(fill: Filled) -> None:
    assert find(fill({"o/m": ()}, {}), "o/m", 5) is None


def test_an_adapter_has_no_relatives(catalog: Catalog) -> None:
    source = serving(KEY["A"], KEY["A.a.lora"])
    catalog.save_many(one for one in source.models.values() if not isinstance(one, RegistryError))
    read(catalog, source, KEY["A"], KEY["A.a.lora"])
    assert find(catalog, KEY["A.a.lora"], 5) == []
