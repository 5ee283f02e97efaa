"""What is known about each license: facts with the clause they stand in and how sure we are.

The knowledge is data (`data/licenses.json`), in our own words. A fact that is not listed has the default of
a plain permissive license; `unknown` is written out. Nothing here judges a model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

MAX_NAME = 200
_SEPARATORS = re.compile(r"[\s_./\-]+")
EVIDENCE = ("text", "cross-checked", "excerpt", "recalled")
"""How sure a fact is, surest first: clauses read, agreed between sources, partly read, from memory."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One non-default fact. clause: where the text says so, `None` when nobody recorded it."""

    value: Any
    clause: str | None
    evidence: str


@dataclass(frozen=True, slots=True)
class Terms:
    """One license. expression: SPDX or `LicenseRef-`, `None` for a family or nothing at all.

    ambiguous: a family id that names no exact text; members: prefixes of the ids it may mean.
    group: licenses whose restrictions are close enough to stand for each other. orgs: who grants it.
    vendor: written for the models of `orgs` alone. names, since, until: which repositories and days a name
    shared by several texts means this one for. links: beginnings of addresses of the text. texts: digests of
    its file. accepts: ids an adaptation may be shared under instead. display_names: the only models (globs)
    its display line is for. remarks: further clauses by topic.
    """

    id: str
    name: str
    hub: bool
    expression: str | None
    family: str
    evidence: str
    source: str
    facts: Mapping[str, Fact]
    defaults: Mapping[str, Any]
    aliases: tuple[str, ...] = ()
    ambiguous: bool = False
    members: tuple[str, ...] = ()
    group: str | None = None
    orgs: frozenset[str] = frozenset()
    vendor: bool = False
    names: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    links: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    accepts: tuple[str, ...] = ()
    accepts_clause: str | None = None
    no_further_restrictions: str | None = None
    adapters_are_derivatives: str | None = None
    display_names: tuple[str, ...] = ()
    remarks: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    note: str | None = None

    def value(self, name: str) -> Any:
        """A fact's value, the default where the table says nothing. Raises `KeyError` for no such fact."""
        fact = self.facts.get(name)
        return self.defaults[name] if fact is None else fact.value

    def clause(self, name: str) -> str | None:
        """Where the text says so, as `s3.1`; `None` when not recorded or a default."""
        fact = self.facts.get(name)
        return None if fact is None else fact.clause

    def sure(self, name: str) -> str:
        """The evidence level of one fact, that of the whole entry for a default."""
        fact = self.facts.get(name)
        return self.evidence if fact is None else fact.evidence

    @property
    def unknown(self) -> bool:
        """Whether this entry (`other`, `unknown`) stands for no license at all."""
        return self.family == "unknown"

    def covers(self, id_: str) -> bool:
        """Whether this family row may mean the license `id_`."""
        return self.ambiguous and id_ != self.id and id_.startswith(self.members)


@dataclass(frozen=True, slots=True)
class LicenseTable:
    """All licenses by id. shared_names: names that several texts go by, with their ids. services: names
    (globs) of models that are sold as a service and have no repository."""

    terms: Mapping[str, Terms]
    shared_names: Mapping[str, tuple[str, ...]]
    services: tuple[str, ...]
    source: str
    disclaimer: str
    _keys: Mapping[str, str]
    _links: tuple[tuple[str, str], ...]
    _texts: Mapping[str, str]
    _expressions: Mapping[str, str]

    def get(self, id_: str) -> Terms | None:
        """The license with exactly this id."""
        return self.terms.get(id_)

    def ids(self) -> tuple[str, ...]:
        """Every id, sorted."""
        return tuple(sorted(self.terms))

    def named(self, text: str) -> Terms | None:
        """The license a custom name means, in any case and with any separators; `None` for shared names."""
        if len(text) > MAX_NAME:
            return None
        id_ = self._keys.get(key_of(text))
        return None if id_ is None else self.terms[id_]

    def candidates(self, text: str) -> tuple[Terms, ...]:
        """The texts that share this name; none when it is not a shared one."""
        if len(text) > MAX_NAME:
            return ()
        return tuple(self.terms[id_] for id_ in self.shared_names.get(key_of(text), ()))

    def linked(self, link: str) -> Terms | None:
        """The license an address of a license text means, by the longest beginning that matches."""
        address = address_of(link)
        return next((self.terms[id_] for start, id_ in self._links if address.startswith(start)), None)

    def text(self, digest: str) -> Terms | None:
        """The license whose file has this digest, `sha256:HEX` or `git:HEX`."""
        id_ = self._texts.get(digest.casefold())
        return None if id_ is None else self.terms[id_]

    def expressed(self, symbol: str) -> Terms | None:
        """The license with this SPDX id or `LicenseRef`, in any case; `-or-later` counts as the version."""
        return self.terms.get(self._expressions.get(_bare(symbol), ""))

    def is_service(self, name: str) -> bool:
        """Whether a name means a model sold as a service, whose outputs fall under its terms of service."""
        return any(fnmatchcase(name.casefold(), pattern) for pattern in self.services)

    def lookup(self, text: str) -> Terms | None:
        """Whatever a person may type: id, alias, SPDX id or address of the text."""
        text = text.strip()
        return (
            self.terms.get(text.casefold())
            or self.named(text)
            or self.expressed(text)
            or (self.linked(text) if "/" in text else None)
        )

    def nearest(self, text: str) -> Sequence[str]:
        """Up to three ids close to a mistyped one."""
        import difflib

        return difflib.get_close_matches(text[:MAX_NAME].casefold(), self.ids(), 3)


def key_of(text: str) -> str:
    """A name without case and separators: `Llama-3.1 Community` and `llama_3.1-community` are one."""
    return _SEPARATORS.sub("-", text.strip().casefold()).strip("-")


def address_of(link: str) -> str:
    """A link as compared: lower case, without scheme, `www.`, `/resolve/`, `/raw/`, query and fragment."""
    text = link.strip()[:1000].casefold().partition("#")[0].partition("?")[0]
    text = (
        text.removeprefix("https://")
        .removeprefix("http://")
        .removeprefix("www.")
        .replace("hf.co/", "huggingface.co/")
    )
    text = re.sub(r"/(?:resolve|raw|tree)/", "/blob/", text)
    return re.sub(r"\.(?:txt|html|md|pdf)$", "", text.rstrip("/"))


def _bare(symbol: str) -> str:
    text = symbol.strip().casefold().removesuffix("+").removesuffix("-or-later").removesuffix("-only")
    return "" if len(text) > MAX_NAME else text


@cache
def load_table() -> LicenseTable:
    """The table shipped with the package, read once."""
    return parse_table(files("registry.licenses").joinpath("data/licenses.json").read_text("utf-8"))


def parse_table(text: str) -> LicenseTable:
    """Read a table in the shape of `data/licenses.json`."""
    data = json.loads(text)
    defaults = MappingProxyType(
        {k: tuple(v) if isinstance(v, list) else v for k, v in data["defaults"].items()}
    )
    terms = {row["id"]: _terms(row, defaults) for row in data["licenses"]}
    shared = {name: tuple(ids) for name, ids in data["shared_names"].items()}
    keys: dict[str, str] = {}
    for entry in terms.values():
        for alias in (entry.id, *entry.aliases):
            if key_of(alias) not in shared:
                keys.setdefault(key_of(alias), entry.id)
    for entry in terms.values():
        keys.setdefault(key_of(entry.name), entry.id)
    expressions: dict[str, str] = {}
    for entry in terms.values():
        # Hub ids come first in the file: MIT is `mit`, not a vendor's own name for it.
        if entry.expression:
            expressions.setdefault(_bare(entry.expression), entry.id)
    links = [(address_of(start), entry.id) for entry in terms.values() for start in entry.links]
    return LicenseTable(
        terms=MappingProxyType(terms),
        shared_names=MappingProxyType(shared),
        services=tuple(data["services"]),
        source=data["source"],
        disclaimer=data["disclaimer"],
        _keys=MappingProxyType(keys),
        _links=tuple(sorted(links, key=lambda pair: (-len(pair[0]), pair))),
        _texts=MappingProxyType({digest: entry.id for entry in terms.values() for digest in entry.texts}),
        _expressions=MappingProxyType(expressions),
    )


def _terms(row: Mapping[str, Any], defaults: Mapping[str, Any]) -> Terms:
    facts = {
        name: Fact(
            tuple(fact["value"]) if isinstance(fact["value"], list) else fact["value"],
            fact["clause"],
            fact["evidence"],
        )
        for name, fact in row["facts"].items()
    }
    accepts = row.get("accepts") or {}
    return Terms(
        id=row["id"],
        name=row["name"],
        hub=row["hub"],
        expression=row["expression"],
        family=row["family"],
        evidence=row["evidence"],
        source=row["source"],
        facts=MappingProxyType(facts),
        defaults=defaults,
        aliases=tuple(row.get("aliases", ())),
        ambiguous=row.get("ambiguous", False),
        members=tuple(row.get("members", ())),
        group=row.get("group"),
        orgs=frozenset(row.get("orgs", ())),
        vendor=row.get("vendor", False),
        names=tuple(row.get("names", ())),
        since=_day(row.get("since")),
        until=_day(row.get("until")),
        links=tuple(row.get("links", ())),
        texts=tuple(row.get("texts", ())),
        accepts=tuple(accepts.get("licenses", ())),
        accepts_clause=accepts.get("clause"),
        no_further_restrictions=row.get("no_further_restrictions"),
        adapters_are_derivatives=row.get("adapters_are_derivatives"),
        display_names=tuple(row.get("display_names", ())),
        remarks=MappingProxyType(row.get("remarks", {})),
        note=row.get("note"),
    )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
