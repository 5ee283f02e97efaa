"""What a team allows: the policy file, read strictly."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from registry.errors import BadSettings
from registry.licenses.codes import CODES
from registry.licenses.findings import Severity
from registry.licenses.table import LicenseTable, load_table
from registry.licenses.waivers import Waiver

USES = ("commercial", "research")
DATA_MODES = ("off", "advise", "enforce")


@dataclass(frozen=True, slots=True)
class Policy:
    """What a team does with models and what it allows. The default asks for nothing.

    use: `commercial`, `research` or `None` (not checked). annual_revenue_usd, monthly_active_users: the
    team's own numbers, `None` when not told. territory: where it acts (`EU`, ISO country codes).
    allow, deny: license ids or families; an empty `allow` allows all. require_reviewed: refuse what rests
    on texts nobody has read. data: what to make of training data. severity: another severity by code.
    fail_on: the severity that fails, `None` for never.
    """

    use: str | None = None
    annual_revenue_usd: int | None = None
    monthly_active_users: int | None = None
    territory: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    require_reviewed: bool = False
    data: str = "advise"
    severity: Mapping[str, Severity] = field(default_factory=lambda: MappingProxyType({}))
    fail_on: Severity | None = Severity.ERROR
    waivers: tuple[Waiver, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 over the normalised policy: the same rules give the same digest however written."""
        rules = {
            "use": self.use,
            "annual_revenue_usd": self.annual_revenue_usd,
            "monthly_active_users": self.monthly_active_users,
            "territory": sorted(self.territory),
            "allow": sorted(self.allow),
            "deny": sorted(self.deny),
            "require_reviewed": self.require_reviewed,
            "data": self.data,
            "severity": {code: str(level) for code, level in sorted(self.severity.items())},
            "fail_on": None if self.fail_on is None else str(self.fail_on),
            "waivers": sorted(
                [w.model, w.code, w.reason, w.owner, w.expiry and w.expiry.isoformat(), w.chain_hash]
                for w in self.waivers
            ),
        }
        return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()


def parse_policy(text: str, *, name: str, table: str | None = None) -> Policy:
    """Read a policy file, or its table `table` (`[policy]` of `registry.toml`); without one, the default.

    Raises `BadSettings` that names the file, the line and the key.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        raise BadSettings(f"{name}:{line}: {error}") from None
    except RecursionError:
        raise BadSettings(f"{name}: nested too deeply") from None
    place = _Place(name, text, table)
    if table is not None:
        inner = data.get(table, {})
        if not isinstance(inner, dict):
            raise BadSettings(f"{name}: {table} must be a table")
        data = inner
    for key in data:
        if key not in _READERS:
            raise place.wrong(key, f"unknown key {key!r}", hint=f"known are {', '.join(_READERS)}")
    return Policy(**{key: _READERS[key](value, key, place) for key, value in data.items()})


@dataclass(frozen=True, slots=True)
class _Place:
    """A file, to say where in it something is wrong."""

    name: str
    text: str
    table: str | None

    def wrong(self, key: str, what: str, *, hint: str | None = None, entry: int | None = None) -> BadSettings:
        """entry: which of the `[[waivers]]` the key stands in."""
        line = self._line(key, entry)
        where = f"{self.name}:{line}" if line else self.name
        return BadSettings(f"{where}: {what}", hint=hint)

    def _line(self, key: str, entry: int | None) -> int | None:
        here, seen = self.table is None, -1
        header = re.escape(f"{self.table}.waivers" if self.table else "waivers")
        opened: int | None = None
        for number, line in enumerate(self.text.splitlines(), 1):
            if re.match(rf"\s*\[\[\s*{header}\s*\]\]", line):
                seen, here = seen + 1, entry is not None and seen + 1 == entry
                opened = number if here else opened
            elif match := re.match(r"\s*\[\s*([\w.\"-]+)\s*\]", line):
                title = match[1].strip('"')
                inner = title.removeprefix(f"{self.table}.") if self.table else title
                if title != self.table and inner == key.partition(".")[0] and entry is None:
                    here, opened = True, opened or number
                else:
                    here = entry is None and title == self.table
            if here and re.match(rf"\s*[\"']?{re.escape(key.rpartition('.')[2])}[\"']?\s*=", line):
                return number
        return opened or self._mentioned(key)

    def _mentioned(self, key: str) -> int | None:
        """The first line that opens with the key as part of a dotted name, or holds it in an inline table."""
        first, _, last = key.partition(".")
        word = rf"[\"']?{re.escape(last or first)}[\"']?\s*[.=]"
        starts = rf"\s*(?:[\w\"'-]+\s*\.\s*)*{word}|\s*[\"']?{re.escape(first)}[\"']?\s*=.*{word}"
        lines = enumerate(self.text.splitlines(), 1)
        return next((number for number, line in lines if re.match(starts, line)), None)


def _one_of(choices: Sequence[str]) -> Callable[[object, str, _Place], object]:
    def read(value: object, key: str, place: _Place) -> object:
        if value not in choices or not isinstance(value, str):
            raise place.wrong(key, f"{key} is one of {', '.join(choices)}, not {value!r:.60}")
        return value

    return read


def _number(value: object, key: str, place: _Place) -> object:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**18:
        raise place.wrong(key, f"{key} is a whole number, not {value!r:.60}")
    return value


def _flag(value: object, key: str, place: _Place) -> object:
    if not isinstance(value, bool):
        raise place.wrong(key, f"{key} is true or false, not {value!r:.60}")
    return value


def _texts(value: object, key: str, place: _Place) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
        raise place.wrong(key, f"{key} is a list of texts, not {value!r:.60}")
    return tuple(sorted({one.strip() for one in value}))


def _territory(value: object, key: str, place: _Place) -> object:
    places = tuple(one.upper() for one in _texts(value, key, place))
    for one in places:
        # A place nobody can match would pass every audit in silence.
        if not re.fullmatch(r"[A-Z]{2}", one):
            what = f"{key} names {one!r:.60}, which is no place we know"
            raise place.wrong(key, what, hint="EU, UK, or a code such as DE")
    return places


def _licenses(value: object, key: str, place: _Place) -> object:
    known = load_table()
    found = []
    for one in _texts(value, key, place):
        bare = one.casefold()
        terms = known.lookup(one)
        if bare in families(known):
            found.append(bare)
        elif terms is not None:
            found.append(terms.id)
        else:
            close = known.nearest(one)
            hint = f"did you mean {', '.join(close)}?" if close else "see: registry licenses"
            raise place.wrong(
                key, f"{key} names {one!r:.60}, which is no license or family we know", hint=hint
            )
    return tuple(sorted(set(found)))


def families(table: LicenseTable) -> frozenset[str]:
    """Every word that stands for several licenses in `allow` and `deny`."""
    groups = {terms.group for terms in table.terms.values() if terms.group}
    return frozenset({terms.family for terms in table.terms.values()} | groups)


def _severities(value: object, key: str, place: _Place) -> object:
    if not isinstance(value, dict):
        raise place.wrong(key, f"{key} is a table of codes")
    found = {}
    for code, level in value.items():
        if level not in tuple(Severity) or not isinstance(level, str):
            raise place.wrong(f"{key}.{code}", f"{code} is one of {', '.join(Severity)}, not {level!r:.60}")
        if slip := _slip(code):
            raise place.wrong(f"{key}.{code}", f"unknown code {code!r:.60}", hint=slip)
        found[code] = Severity(level)
    return MappingProxyType(dict(sorted(found.items())))


def _fail_on(value: object, key: str, place: _Place) -> object:
    level = _one_of(("note", "warning", "error", "never"))(value, key, place)
    return None if level == "never" else Severity(str(level))


def _slip(code: str) -> str | None:
    """What was meant by a code that only resembles one of ours. A guest may have any code of its own."""
    close = [] if code in CODES else get_close_matches(code, CODES, cutoff=0.8)
    return f"did you mean {', '.join(close)}?" if close else None


def _waivers(value: object, key: str, place: _Place) -> object:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise place.wrong(key, "waivers are written as [[waivers]]")
    return tuple(_waiver(one, number, place) for number, one in enumerate(value))


def _waiver(row: Mapping[str, object], entry: int, place: _Place) -> Waiver:
    for key in ("model", "code", "reason"):
        if not isinstance(row.get(key), str) or not str(row[key]).strip():
            raise place.wrong(key, f"a waiver needs {key}", entry=entry)
    for key in row:
        if key not in _WAIVER_KEYS:
            raise place.wrong(
                key, f"unknown key {key!r} in a waiver", hint=", ".join(_WAIVER_KEYS), entry=entry
            )
    code = str(row["code"])
    if slip := _slip(code):
        raise place.wrong("code", f"unknown code {code!r:.60}", hint=slip, entry=entry)
    for key in ("owner", "chain_hash"):
        if key in row and not isinstance(row[key], str):
            raise place.wrong(key, f"{key} is a text, not {row[key]!r:.60}", entry=entry)
    expiry = row.get("expiry")
    if isinstance(expiry, str):
        try:
            expiry = date.fromisoformat(expiry)
        except ValueError:
            raise place.wrong("expiry", f"expiry is a date, not {expiry!r:.60}", entry=entry) from None
    if isinstance(expiry, datetime) or not isinstance(expiry, (date, type(None))):
        raise place.wrong("expiry", f"expiry is a date, not {expiry!s:.60}", entry=entry)
    owner, mark = row.get("owner"), row.get("chain_hash")
    return Waiver(
        str(row["model"]),
        str(row["code"]),
        str(row["reason"]),
        None if owner is None else str(owner),
        expiry,
        None if mark is None else str(mark),
    )


_WAIVER_KEYS = ("model", "code", "reason", "owner", "expiry", "chain_hash")
_READERS: Mapping[str, Callable[[Any, str, _Place], Any]] = {
    "use": _one_of(USES),
    "annual_revenue_usd": _number,
    "monthly_active_users": _number,
    "territory": _territory,
    "allow": _licenses,
    "deny": _licenses,
    "require_reviewed": _flag,
    "data": _one_of(DATA_MODES),
    "severity": _severities,
    "fail_on": _fail_on,
    "waivers": _waivers,
}
