"""Models known from publications: a `Source` over data files in which every row names its own source.

The package brings `data/papers.toml`; users add files of the same shape. A model that is also on the Hub
takes its Hub id, so that both sources tell of one model.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from importlib.resources import files
from pathlib import Path

from registry.contract import Want
from registry.errors import BadReference, BadSettings, NoSuchRevision, NotVisible
from registry.model.edges import Claim, Origin, Relation
from registry.model.facts import NAMES
from registry.model.refs import ModelRef, SourceName, is_hub_id
from registry.model.snapshot import LicenseClaim, LicenseField, ModelSnapshot, ParameterCount, TrainingFact

MAX_FILE = 5_000_000
_MODEL_KEYS = frozenset(
    {"id", "name", "published", "source", "hub", "aliases", "license", "license_name", "license_link"}
    | {"license_source", "notes", "base", "dataset", "fact"}
)
_BASE_RELATIONS = frozenset(Relation) - {Relation.TRAINED_ON}


@dataclass(frozen=True, slots=True)
class PaperModel:
    """One row: its snapshot, and the name, citation and remarks that have no place in a snapshot."""

    snapshot: ModelSnapshot
    name: str
    source: str
    notes: str | None


class PaperSource:
    """Published models by reference. Raises `BadSettings` for a file that breaks the shape, naming the
    file, the model and the key."""

    def __init__(self, extra_files: Sequence[Path] = ()) -> None:
        shipped = files("registry.sources").joinpath("data/papers.toml").read_bytes()
        self._models: dict[str, PaperModel] = {}
        self._names: dict[str, str] = {}
        self._add("papers.toml", read_papers("papers.toml", shipped))
        for path in extra_files:
            data, modified = _read_file(path)
            self._add(str(path), read_papers(str(path), data, checked=modified))

    def ids(self) -> list[str]:
        """Every model's catalog name, sorted."""
        return sorted(self._models)

    def model(self, name: str) -> PaperModel | None:
        """The row of a model by catalog name, `paper:` name or alias; letter case decides only a tie."""
        repo_id = self._names.get(name) or self._names.get(name.casefold())
        return None if repo_id is None else self._models[repo_id]

    def fetch(self, ref: ModelRef, want: Want) -> ModelSnapshot:  # noqa: ARG002
        """The snapshot of one published model. Raises `NotVisible` for one that no file describes, and
        `NoSuchRevision` when a revision is asked for: a publication has none."""
        if ref.source not in (SourceName.PAPER, SourceName.HUB):
            raise BadReference(f"{ref} is not a published model", hint="write paper:org/name")
        found = self.model(ref.repo_id)
        if found is None:
            raise NotVisible(
                f"{ref.repo_id} is not among the {len(self._models)} published models known here",
                hint="describe it in papers.toml beside your settings, or link it by hand",
            )
        if ref.revision is not None:
            raise NoSuchRevision(f"{ref.repo_id} has no revision {ref.revision!r}: publications have none")
        return found.snapshot

    def derivatives(self, ref: ModelRef, relation: Relation, limit: int) -> Sequence[str]:
        """Published models made from `ref`, sorted by name, since nothing tells which is used most."""
        found = self.model(ref.repo_id)
        base = ref.repo_id if found is None else found.snapshot.repo_id
        children = (
            repo_id
            for repo_id in self.ids()
            for claim in self._models[repo_id].snapshot.claims
            if claim.base == base and claim.relation is relation
        )
        return list(dict.fromkeys(children))[: max(limit, 0)]

    def close(self) -> None:
        """Nothing is held open."""

    def _add(self, place: str, models: Sequence[PaperModel]) -> None:
        for model in models:
            snapshot = model.snapshot
            if snapshot.repo_id in self._models:
                raise BadSettings(f"{place}: model {snapshot.repo_id!r} is described twice")
            self._models[snapshot.repo_id] = model
            for name in (snapshot.repo_id, *snapshot.aliases):
                owner = self._names.setdefault(name, snapshot.repo_id)
                if owner != snapshot.repo_id:
                    raise BadSettings(f"{place}: {name!r} names both {owner!r} and {snapshot.repo_id!r}")
                self._names.setdefault(name.casefold(), snapshot.repo_id)


def read_papers(place: str, data: bytes, *, checked: date | None = None) -> list[PaperModel]:
    """Read one data file. Raises `BadSettings` naming `place`, the model and the key at fault.

    checked: the day the rows are taken to have been looked at, where the file does not say.
    """
    try:
        content = tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise BadSettings(f"{place} is not UTF-8 text") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadSettings(f"{place}: {error}") from None
    unknown = content.keys() - {"checked", "model"}
    if unknown:
        raise BadSettings(f"{place}: unknown key {min(unknown)!r}", hint="known are checked and [[model]]")
    whole = _Row(place, "the file", content)
    checked = whole.date("checked") or checked
    if checked is None:
        raise BadSettings(f"{place}: the key 'checked' is missing", hint="write checked = YYYY-MM-DD")
    return [_read_model(row, checked) for row in whole.rows("model", _MODEL_KEYS)]


def _read_file(path: Path) -> tuple[bytes, date]:
    """A file's content and the day it was last changed."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
            modified = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC).date()
    except OSError as error:
        raise BadSettings(f"cannot read {path}: {error.strerror or error}") from None
    if len(data) > MAX_FILE:
        raise BadSettings(f"{path} is larger than {MAX_FILE:,} bytes")
    return data, modified


def _read_model(row: _Row, checked: date) -> PaperModel:
    own = row.text("id", required=True)
    row = _Row(row.place, f"model {own!r}", row.values)
    if own is None or not is_hub_id(own) or "/" not in own:
        raise row.fault("id", "must have the form org/name")
    paper_id, hub = f"paper:{own}", row.text("hub")
    if hub is not None and not is_hub_id(hub):
        raise row.fault("hub", "must be a Hub id, org/name")
    aliases = row.texts("aliases")
    source = row.text("source", required=True) or ""
    published = row.date("published")
    facts = [_read_fact(entry) for entry in row.rows("fact", frozenset({"name", "value", "source", "note"}))]
    if len({fact.name for fact in facts}) != len(facts):
        raise row.fault("fact", "has the same name twice")
    if published is not None and all(fact.name != "published" for fact in facts):
        facts.append(TrainingFact("published", published.isoformat(), source, "paper"))
    counted = next((int(fact.value) for fact in facts if fact.name == "parameters"), None)
    snapshot = ModelSnapshot(
        repo_id=hub or paper_id,
        source=SourceName.PAPER,
        observed_at=datetime.combine(checked, time(), UTC),
        aliases=(paper_id, *aliases) if hub else aliases,
        parameters=None if counted is None else _published_count(counted),
        licenses=_read_licenses(row),
        claims=(*_read_bases(row), *_read_datasets(row)),
        facts=tuple(sorted(facts, key=lambda fact: fact.name)),
    )
    return PaperModel(snapshot, row.text("name") or own, source, row.text("notes"))


def _published_count(parameters: int) -> ParameterCount:
    return ParameterCount(logical=parameters, rule="as published", origin="paper")


def _read_licenses(row: _Row) -> tuple[LicenseClaim, ...]:
    fields = (LicenseField.LICENSE, LicenseField.NAME, LicenseField.LINK)
    found = [(field, row.text(field)) for field in fields]
    row.text("license_source")
    return tuple(LicenseClaim(field, value, "paper") for field, value in found if value is not None)


def _read_bases(row: _Row) -> list[Claim]:
    claims = []
    for entry in row.rows("base", frozenset({"ref", "relation", "source"})):
        declared = entry.text("ref", required=True) or ""
        ref = entry.ref("ref", declared)
        if ref.source not in (SourceName.HUB, SourceName.PAPER):
            raise entry.fault("ref", "must be a Hub id or paper:org/name")
        word = entry.text("relation", required=True)
        if word not in _BASE_RELATIONS:
            raise entry.fault("relation", f"must be one of {', '.join(sorted(_BASE_RELATIONS))}")
        cited = entry.text("source", required=True)
        claims.append(Claim(Origin.PAPER, declared, ref.repo_id, Relation(word), cited))
    return claims


def _read_datasets(row: _Row) -> list[Claim]:
    claims = []
    for entry in row.rows("dataset", frozenset({"ref", "source"})):
        declared = entry.text("ref", required=True) or ""
        ref = entry.ref("ref", f"data:{declared.removeprefix('data:')}")
        cited = entry.text("source", required=True)
        claims.append(Claim(Origin.PAPER, declared, ref.repo_id, Relation.TRAINED_ON, cited))
    return claims


def _read_fact(entry: _Row) -> TrainingFact:
    name = entry.text("name", required=True) or ""
    kind = NAMES.get(name)
    if kind is None:
        raise entry.fault("name", f"{name!r} is no fact we know", hint=f"known are {', '.join(NAMES)}")
    value = entry.values.get("value")
    if isinstance(value, date):
        value = value.isoformat()
    if isinstance(value, bool) or not isinstance(value, str if kind.unit is None else (int, float)):
        raise entry.fault("value", f"of {name} must be {'a text' if kind.unit is None else 'a number'}")
    if not isinstance(value, str) and not 0 <= value < 1e40:
        raise entry.fault("value", f"of {name} is out of range")
    source = entry.text("source", required=True) or ""
    return TrainingFact(name, value, source, "paper", entry.text("note"))


@dataclass(frozen=True, slots=True)
class _Row:
    """A table of a data file, read key by key with errors that say where."""

    place: str
    label: str
    values: Mapping[str, object]

    def fault(self, key: str, problem: str, *, hint: str | None = None) -> BadSettings:
        return BadSettings(f"{self.place}, {self.label}: {key} {problem}", hint=hint)

    def text(self, key: str, *, required: bool = False) -> str | None:
        value = self.values.get(key)
        if value is None and not required:
            return None
        if not isinstance(value, str) or not value.strip():
            raise self.fault(key, "is missing" if value is None else "must be a text")
        return value.strip()

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise self.fault(key, "must be a list of texts")
        return tuple(value)

    def date(self, key: str) -> date | None:
        value = self.values.get(key)
        if isinstance(value, datetime):
            return value.date()
        if value is not None and not isinstance(value, date):
            raise self.fault(key, "must be a date, YYYY-MM-DD without quotes")
        return value

    def rows(self, key: str, known: frozenset[str]) -> list[_Row]:
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.fault(key, f"must be written as [[...{key}]]")
        rows = []
        for index, item in enumerate(value, start=1):
            name = item.get("id") or item.get("ref") or item.get("name")
            label = f"{key} {name!r}" if isinstance(name, str) else f"{key} number {index}"
            row = _Row(self.place, label if key == "model" else f"{self.label}, {label}", item)
            unknown = item.keys() - known
            if unknown:
                raise row.fault(min(unknown), "is no known key", hint=f"known are {', '.join(sorted(known))}")
            rows.append(row)
        return rows

    def ref(self, key: str, text: str) -> ModelRef:
        try:
            ref = ModelRef.parse(text)
        except BadReference as error:
            raise self.fault(key, f"is no reference: {error.message}") from None
        if ref.revision is not None:
            raise self.fault(key, "must not name a revision")
        return ref
