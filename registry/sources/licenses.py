"""What a model declares about its license, statement by statement, word for word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from registry.model.snapshot import LicenseClaim, LicenseField
from registry.sources.values import Notes, as_text

MAX_VALUE = 1000
MAX_CLAIMS = 100

# LICENSE, LICENCE.txt, MODEL_LICENSE, LICENSE-CODE.md, COPYING, UNLICENSE; no notice and no source file.
_LICENSE_FILE = re.compile(
    r"(?:[\w. -]*[_. -])?(?:un)?licen[cs]es?(?:[_. -][\w. -]*)?|(?:copying|eula)(?:\.\w+)?", re.IGNORECASE
)
_CODE = re.compile(r"\.(?:py|json|ya?ml|js|ts|sh|toml|csv|bin|safetensors)$", re.IGNORECASE)


def read_licenses(
    card: Mapping[str, object], tags: Sequence[str], paths: Sequence[str] | None, notes: Notes
) -> tuple[LicenseClaim, ...]:
    """Every statement with its field and origin: the card, the Hub's `license:` tags, files by name."""
    claims: dict[LicenseClaim, None] = {}
    for claim in (*_from_card(card, notes), *_from_tags(tags), *_from_files(paths or ())):
        if len(claims) >= MAX_CLAIMS:
            notes.add(
                "too-many-licenses", f"more than {MAX_CLAIMS} license statements; the rest was left out"
            )
            break
        claims[claim] = None
    return tuple(claims)


def _from_card(card: Mapping[str, object], notes: Notes) -> Iterator[LicenseClaim]:
    for field in (LicenseField.LICENSE, LicenseField.NAME, LicenseField.LINK):
        value = card.get(field)
        for item in value if isinstance(value, list) else [value]:
            if item is None or item == "":
                continue
            if not isinstance(item, str):
                notes.odd(field, item)
            yield LicenseClaim(field, as_text(item)[:MAX_VALUE], "card")


def _from_tags(tags: Sequence[str]) -> Iterator[LicenseClaim]:
    for tag in tags:
        value = tag.removeprefix("license:")
        if value and value != tag:
            yield LicenseClaim(LicenseField.LICENSE, value, "hub")


def _from_files(paths: Sequence[str]) -> Iterator[LicenseClaim]:
    for path in paths:
        name = path.rpartition("/")[2]
        if _LICENSE_FILE.fullmatch(name) and not _CODE.search(name):
            yield LicenseClaim(LicenseField.FILE, path, "files")
