"""Makes a snapshot storable: what no database column can hold is cut or becomes unknown.

Text may come from a stranger's card: NUL (PostgreSQL refuses it), lone surrogates (no UTF-8), numbers
beyond 64 bits, hashes that are none, names longer than an index entry.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType

from registry.errors import BadReference
from registry.model.edges import Claim
from registry.model.snapshot import (
    LicenseClaim,
    ModelFile,
    ModelSnapshot,
    Note,
    ParameterCount,
    RawAnswer,
    TrainingFact,
)

MAX_NAME = 2000
"""Bytes of a name; an index entry of PostgreSQL ends at 2,704."""

_MAX_INTEGER = 2**63 - 1
_MAX_KEY = 200


def clean_text(text: str) -> str:
    """`text` without NUL and lone surrogates, each replaced by U+FFFD."""
    if text.isascii():
        return text.replace("\0", "\ufffd") if "\0" in text else text
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def clean_name(name: str) -> str | None:
    """A catalog name, or `None` for a text that cannot be one."""
    name = clean_text(name)
    return name if 0 < len(name.encode()) <= MAX_NAME else None


def clean_snapshot(snapshot: ModelSnapshot) -> ModelSnapshot:
    """`snapshot` as the catalog can hold it. Raises `BadReference` when its name is empty or endless."""
    name = clean_name(snapshot.repo_id)
    if name is None:
        raise BadReference(f"a name of {len(snapshot.repo_id)} characters cannot be kept in a catalog")
    return replace(
        snapshot,
        repo_id=name,
        observed_at=snapshot.observed_at.replace(microsecond=0),
        hub_id=_name(snapshot.hub_id),
        aliases=tuple(alias for alias in map(clean_name, snapshot.aliases) if alias and alias != name),
        revision=_text(snapshot.revision),
        commit_sha=_name(snapshot.commit_sha),
        created_at=_moment(snapshot.created_at),
        last_modified=_moment(snapshot.last_modified),
        downloads=_count(snapshot.downloads),
        likes=_count(snapshot.likes),
        library=_text(snapshot.library),
        task=_text(snapshot.task),
        tags=tuple(map(clean_text, snapshot.tags)),
        used_storage=_count(snapshot.used_storage),
        new_version=_text(snapshot.new_version),
        config=_config(snapshot.config),
        parameters=_parameters(snapshot.parameters),
        licenses=tuple(_license(claim) for claim in snapshot.licenses),
        claims=clean_claims(snapshot.claims),
        files=_files(snapshot.files),
        facts=clean_facts(snapshot.facts),
        notes=tuple(Note(clean_text(note.code), clean_text(note.message)) for note in snapshot.notes),
        raw=_raw(snapshot.raw),
    )


def clean_claims(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """Claims as they can be held; a base whose name cannot be one is left unresolved."""
    return tuple(map(_claim, claims))


def _claim(claim: Claim) -> Claim:
    base = None if claim.base is None else clean_name(claim.base)
    told = (clean_text(claim.declared), base, _text(claim.detail), _text(claim.note))
    if told == (claim.declared, claim.base, claim.detail, claim.note):
        return claim
    declared, base, detail, note = told
    return replace(claim, declared=declared, base=base, detail=detail, note=note)


def clean_facts(facts: Iterable[TrainingFact]) -> tuple[TrainingFact, ...]:
    return tuple(
        replace(
            fact,
            name=clean_text(fact.name),
            value=clean_text(fact.value) if isinstance(fact.value, str) else fact.value,
            source=clean_text(fact.source),
            origin=clean_text(fact.origin),
            note=_text(fact.note),
        )
        for fact in facts
    )


def _text(text: str | None) -> str | None:
    return None if text is None else clean_text(text)


def _name(name: str | None) -> str | None:
    return None if name is None else clean_name(name)


def _count(number: int | None) -> int | None:
    return number if number is not None and 0 <= number <= _MAX_INTEGER else None


def _moment(time: datetime | None) -> datetime | None:
    """In UTC, to the second; unknown when it has no zone or UTC has no such year."""
    if time is None or time.tzinfo is None:
        return None
    try:
        return time.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        return None


def _config(config: Mapping[str, object]) -> Mapping[str, object]:
    """What JSON gives back just as it is; a value it cannot hold is kept as its text."""
    if not config:
        return MappingProxyType({})
    try:
        plain = json.loads(clean_json(json.dumps(dict(config), default=str)))
    except (ValueError, TypeError, RecursionError):
        plain = {}
    return MappingProxyType(plain)


def clean_json(text: str) -> str:
    """JSON, in which control characters and surrogates are spelled out, without NUL and lone surrogates."""
    value = json.loads(text)
    return json.dumps(_clean_value(value), ensure_ascii=False)


def _clean_value(value: object) -> object:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_text(key): _clean_value(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_clean_value(one) for one in value]
    return value


def _parameters(count: ParameterCount | None) -> ParameterCount | None:
    if count is None:
        return None
    by_dtype = {
        clean_text(dtype)[:_MAX_KEY]: elements
        for dtype, elements in count.by_dtype.items()
        if _count(elements) is not None
    }
    return ParameterCount(
        by_dtype=by_dtype if sum(by_dtype.values()) <= _MAX_INTEGER else {},
        served_total=_count(count.served_total),
        logical=_count(count.logical),
        rule=_text(count.rule),
        origin=clean_text(count.origin),
        contradiction=_text(count.contradiction),
    )


def _license(claim: LicenseClaim) -> LicenseClaim:
    return LicenseClaim(claim.field, clean_text(claim.value), clean_text(claim.origin))


def _files(files: tuple[ModelFile, ...] | None) -> tuple[ModelFile, ...] | None:
    """One file per path, by path."""
    if files is None:
        return None
    by_path = {
        (path := clean_text(file.path)): ModelFile(
            path, _count(file.size), _hash(file.sha256, 32), _hash(file.git_oid), _hash(file.xet_hash, 32)
        )
        for file in files
    }
    return tuple(by_path[path] for path in sorted(by_path))


def _hash(text: str | None, size: int | None = None) -> str | None:
    """Lower-case hex of `size` bytes; unknown when it is not."""
    try:
        raw = bytes.fromhex(text or "")
    except ValueError:
        return None
    return raw.hex() if raw and size in (None, len(raw)) else None


def _raw(answers: tuple[RawAnswer, ...]) -> tuple[RawAnswer, ...]:
    """One answer per kind, the last one told."""
    return tuple(
        {kind: RawAnswer(kind, one.data) for one in answers if (kind := one.kind[:_MAX_KEY])}.values()
    )
