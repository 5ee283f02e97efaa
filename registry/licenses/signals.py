"""What a model says about its license, read from every signal, each of them kept; nothing is guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from registry.licenses.choice import read_expression
from registry.licenses.facts import AuditModel
from registry.licenses.shared_names import repository_of, told_apart
from registry.licenses.table import LicenseTable, Terms
from registry.model.snapshot import LicenseClaim, LicenseField

MAX_VALUE = 1000
_SHOWN = 60
_ORIGINS = ("manual", "card", "hub", "files", "paper")
_NOTHING = frozenset({"", "-", "n/a", "na", "nil", "none", "null"})
_NO_NAME = _NOTHING | {"?", "custom", "license", "other", "unknown"}

Known = Callable[[str], AuditModel | None]


class State(StrEnum):
    """How far a declaration can be understood."""

    KNOWN = "known"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Signal:
    """One statement. field: `license`, `license_name`, `license_link`, `license_file`, `text`, `card`,
    `also`; value: the text as found, bounded; licenses: ids it means, `None` when it is not understood."""

    field: str
    value: str
    origin: str
    licenses: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Declaration:
    """Everything a model states, put together.

    label: ids its label means (`license`, with `license_name` for `other`), empty unless all of it is
    understood. extra: licenses kept beside it. text: what its texts were found to be. state: of the label.
    unnamed: it says `other` and no name. unlinked: a custom license without a link or file to read it in.
    unread: what was not understood. conflicts: signals that contradict the label. resolved_by: the field
    that told what `other` or an absent label stands for.
    """

    signals: tuple[Signal, ...] = ()
    label: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    state: State = State.MISSING
    unnamed: bool = False
    unlinked: bool = False
    unread: tuple[str, ...] = ()
    conflicts: tuple[Signal, ...] = ()
    resolved_by: str | None = None
    origin: str | None = None

    @property
    def known(self) -> bool:
        """Whether it can be told what this model is offered under."""
        return self.state is State.KNOWN or bool(self.text)

    @property
    def declared(self) -> tuple[str, ...]:
        """The licenses it is offered under: the label, its texts where the label says nothing, and extras."""
        return tuple(sorted({*(self.label or self.text), *self.extra}))

    @property
    def own(self) -> tuple[str, ...]:
        """The licenses that bind whoever takes it: the label and the texts it really carries."""
        return tuple(sorted({*self.label, *self.text, *self.extra}))

    @property
    def shown(self) -> str | None:
        """The declaration as shown to people, `None` when there is none."""
        said = [s.value for s in self.signals if s.field == "license"]
        names = [s.value for s in self.signals if s.field == "license_name"]
        parts = [
            f"other ({', '.join(names)})" if names and v.casefold() == "other" else v for v in said
        ] or names
        return (
            " AND ".join(_short(part) for part in dict.fromkeys(parts)) + _plus(self.extra) if parts else None
        )


def _plus(extra: Sequence[str]) -> str:
    return "".join(f" + {id_}" for id_ in extra)


def _short(text: str) -> str:
    clean = "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[: _SHOWN + 1]
    )
    return clean if len(clean) <= _SHOWN else clean[: _SHOWN - 3] + "..."


def claims_at(model: AuditModel, as_of: datetime | None) -> tuple[LicenseClaim, ...]:
    """The statements in force at a time: the last kept ones not after it, the first kept if all are later."""
    if as_of is None or not model.license_history:
        return model.licenses
    past = [claims for since, claims in model.license_history if since <= as_of]
    return past[-1] if past else model.license_history[0][1]


def read_declaration(
    model: AuditModel, table: LicenseTable, known: Known, as_of: datetime | None
) -> Declaration:
    """Read all signals of one model. known: other models by name, for links and names shared by vendors."""
    claims = claims_at(model, as_of)
    reader = _Reader(model, table, known, as_of)
    origin, values = strongest(claims, LicenseField.LICENSE)
    _, names = strongest(claims, LicenseField.NAME, origin)
    _, links = strongest(claims, LicenseField.LINK, origin)
    values = [value for value in values if value.strip().casefold() not in _NOTHING]
    names = [name for name in names if name.strip().casefold() not in _NO_NAME]
    signals = [
        *(Signal("license", _bounded(v), origin or "card", reader.value(v)) for v in values),
        *(Signal("license_name", _bounded(n), origin or "card", reader.name(n, links)) for n in names),
        *(Signal("license_link", _bounded(n), origin or "card", reader.link(n)) for n in links),
        *reader.other_origins(claims, origin),
        *reader.files(),
        *reader.annotations(),
    ]
    return _together(signals, table, bool(links) or any(c.field is LicenseField.FILE for c in claims))


def strongest(
    claims: Iterable[LicenseClaim], field: LicenseField, prefer: str | None = None
) -> tuple[str | None, list[str]]:
    """Whose word counts for a field, and what it says."""
    found: dict[str, list[str]] = {}
    for claim in claims:
        if claim.field is field and claim.value.strip():
            found.setdefault(claim.origin, []).append(claim.value)
    if not found:
        return None, []
    rank = {name: place for place, name in enumerate(_ORIGINS)}
    origin = min(found, key=lambda name: (name != prefer, rank.get(name, len(rank)), name))
    return origin, list(dict.fromkeys(found[origin]))


def _bounded(text: str) -> str:
    return text[:MAX_VALUE]


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads single statements of one model."""

    model: AuditModel
    table: LicenseTable
    known: Known
    as_of: datetime | None

    def value(self, text: str) -> tuple[str, ...] | None:
        """A value of `license`: an id, an alias of one as it stands, or an SPDX expression."""
        bare = text.strip()[: MAX_VALUE + 1].casefold()
        if bare == "other":
            return ()
        found = self.table.get(bare)
        if found is None and (alias := self.table.named(bare)) and bare in alias.aliases:
            found = alias
        if found is not None:
            return None if found.unknown else (found.id,)
        return read_expression(text, self.table)

    def name(self, text: str, links: Sequence[str]) -> tuple[str, ...] | None:
        """A custom name. One that several texts go by is told apart, or stays unknown."""
        candidates = self.table.candidates(text)
        if candidates:
            linked = {id_ for link in links for id_ in self.link(link) or ()}
            found = told_apart(candidates, self.model, linked, self.known, self.as_of)
        else:
            found = self.table.named(text)
        if found is None:
            return read_expression(text, self.table)
        return None if found.unknown else (found.id,)

    def link(self, text: str) -> tuple[str, ...] | None:
        """An address of a license text: that of a license, or of another model's license file."""
        repository = repository_of(text)
        target = self.known(repository) if repository else None
        if target is not None and target.repo_id != self.model.repo_id:
            claims = claims_at(target, self.as_of)
            origin, values = strongest(claims, LicenseField.LICENSE)
            _, names = strongest(claims, LicenseField.NAME, origin)
            plain = _Reader(target, self.table, lambda _: None, self.as_of)
            said = [plain.value(v) for v in values if v.strip().casefold() != "other"]
            said += [plain.name(n, ()) for n in names] if len(said) < len(values) else []
            ids = {id_ for part in said for id_ in part or ()}
            if ids and None not in said:
                return tuple(sorted(ids))
        found = self.table.linked(text)
        return None if found is None else (found.id,)

    def other_origins(self, claims: Iterable[LicenseClaim], origin: str | None) -> Iterator[Signal]:
        """`license` as others repeat it: a tag that differs from the card is a signal of its own."""
        for claim in claims:
            if claim.field is LicenseField.LICENSE and claim.origin != origin and claim.value.strip():
                yield Signal("tag", _bounded(claim.value), claim.origin, self.value(claim.value) or None)

    def files(self) -> Iterator[Signal]:
        """License files whose text is known by its digest."""
        for path, digest in sorted(self.model.text_digests.items()):
            found = self.table.text(digest)
            if found is not None and not _about_code(path):
                yield Signal("license_file", _bounded(path), "files", (found.id,))

    def annotations(self) -> Iterator[Signal]:
        """What people recorded of texts and cards."""
        fields = {
            "text_license": "text",
            "card_license": "card",
            "also_license": "also",
            "license": "license",
        }
        for name, field in fields.items():
            for value in self.model.annotated(name):
                yield Signal(field, _bounded(value), "manual", self._recorded(value))
        for value in self.model.annotated("license_file"):
            path, _, id_ = value.rpartition("=")
            if path and not _about_code(path):
                field = "also" if _beside(path) else "license_file"
                yield Signal(field, _bounded(id_), "manual", self._recorded(id_))

    def _recorded(self, value: str) -> tuple[str, ...] | None:
        found = self.table.lookup(value[:MAX_VALUE])
        if found is not None:
            return None if found.unknown else (found.id,)
        return read_expression(value, self.table)


def _about_code(path: str) -> bool:
    return "code" in path.rpartition("/")[2].casefold()


def _beside(path: str) -> bool:
    """Whether a file adds a license (a notice, a third party's) rather than stating the main one."""
    name = path.rpartition("/")[2].casefold()
    return any(word in name for word in ("notice", "third", "additional"))


def _together(signals: list[Signal], table: LicenseTable, readable: bool) -> Declaration:
    said = [s for s in signals if s.field == "license"]
    names = [s for s in signals if s.field == "license_name"]
    links = [s for s in signals if s.field == "license_link" and s.licenses]
    texts = [s for s in signals if s.field in ("text", "license_file") and s.licenses]
    other = not said or any(s.licenses == () for s in said)
    label: set[str] = {id_ for s in said for id_ in s.licenses or ()}
    unread = [s.value for s in said if s.licenses is None]
    resolved_by: str | None = None
    if other and (said or names):
        for field, group in (("license_name", names), ("license_link", links), ("license_file", texts)):
            found = {id_ for s in group for id_ in s.licenses or ()}
            if found and all(s.licenses for s in group):
                label |= found
                resolved_by = field
                break
        else:
            unread += [s.value for s in names if not s.licenses] or ["other"]
    state = State.UNKNOWN if unread else State.KNOWN if label else State.MISSING
    extra = {id_ for s in signals if s.field == "also" for id_ in s.licenses or ()}
    # What the texts were found to be speaks for itself; a mere file name beside a label only contradicts it.
    text = {id_ for s in texts if s.field == "text" or not label for id_ in s.licenses or ()}
    named = {id_ for s in names for id_ in s.licenses or ()}
    return Declaration(
        signals=tuple(signals),
        label=tuple(sorted(label)) if state is State.KNOWN else (),
        extra=tuple(sorted(extra)),
        text=tuple(sorted(text)),
        state=state,
        unnamed=other and bool(said) and not names,
        unlinked=other and bool(names) and not readable and not texts,
        unread=tuple(unread),
        conflicts=tuple(
            s for s in signals if _contradicts(s, label | extra, named if other else set(), table)
        ),
        resolved_by=resolved_by,
        origin=said[0].origin if said else names[0].origin if names else None,
    )


def _contradicts(signal: Signal, label: set[str], named: set[str], table: LicenseTable) -> bool:
    if signal.field in ("license", "also") or not signal.licenses or not label:
        return False
    if named and signal.field == "license_name":
        return False
    return not any(_same(table.terms[one], table.terms[two]) for one in signal.licenses for two in label)


def _same(one: Terms, two: Terms) -> bool:
    """Whether two entries may well be one license: equal, one text, or a family and its member."""
    if one.id == two.id or one.covers(two.id) or two.covers(one.id):
        return True
    return one.expression is not None and one.expression == two.expression
