"""What a model declares is read, never guessed."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.licenses.declared import DeclaredLicense, hub_licenses, resolve_declared
from registry.model.snapshot import LicenseClaim, LicenseField

SHARED = Path(__file__).parents[3] / "shared"
LICENSE, NAME, LINK = LicenseField.LICENSE, LicenseField.NAME, LicenseField.LINK


def card(*values: str, names: Sequence[str] = ()) -> list[LicenseClaim]:
    claims = [LicenseClaim(LICENSE, value, "card") for value in values]
    return claims + [LicenseClaim(NAME, name, "card") for name in names]


def read(*values: str, names: Sequence[str] = ()) -> tuple[str | None, str | None]:
    found = resolve_declared(card(*values, names=names))
    return found.id, found.expression


def test_the_table_holds_every_hub_id() -> None:
    table = hub_licenses()
    assert len(table) == 83
    assert all(id_ == id_.casefold() for id_ in table)
    assert table["pddl"] == "PDDL-1.0"
    assert table["bsl-1.0"] == "BSL-1.0"
    assert [id_ for id_, expression in table.items() if expression is None] == [
        "bsd",
        "cc",
        "gfdl",
        "gpl",
        "lgpl",
        "openrail",
        "other",
        "unknown",
    ]


def test_expressions_of_the_table_are_in_normal_form() -> None:
    """All but what is newer than the list the library knows, and references of our own."""
    from license_expression import get_spdx_licensing

    spdx = get_spdx_licensing()
    for id_, expression in hub_licenses().items():
        if expression is None or expression == f"LicenseRef-{id_}" or id_ == "openmdw-1.0":
            continue
        assert str(spdx.parse(expression, validate=True)) == expression


def test_nothing_declared_is_nothing_known() -> None:
    assert resolve_declared([]) == DeclaredLicense()
    assert resolve_declared(card("", "  ")) == DeclaredLicense()
    assert resolve_declared([LicenseClaim(LINK, "LICENSE", "card")]) == DeclaredLicense()
    assert resolve_declared(card(names=["other"])) == DeclaredLicense()


@pytest.mark.parametrize(
    ("value", "id_", "expression"),
    [
        ("apache-2.0", "apache-2.0", "Apache-2.0"),
        ("MIT", "mit", "MIT"),
        (" PDDL ", "pddl", "PDDL-1.0"),
        ("gpl-3.0", "gpl-3.0", "GPL-3.0-only"),
        ("gpl", "gpl", None),
        ("llama2", "llama2", "LicenseRef-scancode-llama-2-license-2023"),
        ("gemma", "gemma", "LicenseRef-gemma"),
        ("openrail++", "openrail++", "LicenseRef-scancode-bigscience-open-rail-m2"),
        ("unknown", "unknown", None),
        ("other", "other", None),
        ("GPL-3.0-or-later", "gpl-3.0-or-later", "GPL-3.0-or-later"),
        ("mit OR apache-2.0", "mit or apache-2.0", "Apache-2.0 OR MIT"),
        ("LicenseRef-Acme-1.0", "licenseref-acme-1.0", "LicenseRef-Acme-1.0"),
    ],
)
def test_known_values(value: str, id_: str, expression: str | None) -> None:
    found = resolve_declared(card(value))
    assert (found.id, found.expression) == (id_, expression)
    assert found.declared == (value,)
    assert found.origin == "card"
    assert found.family is None
    assert found.evidence_level is None


@pytest.mark.parametrize(
    "value",
    [
        "Academic Free License v3.0",
        "???",
        "apache 2.0",
        "gpl 2.0",
        "mpl",
        "gpl or mit",
        "() or ()",
        "mit with mit",
        "(" * 500,
        "\x1b[31mmit",
        "a" * 5000,
    ],
)
def test_prose_is_kept_and_means_nothing(value: str) -> None:
    found = resolve_declared(card(value))
    assert found == DeclaredLicense(declared=(value,), origin="card")


def test_the_card_wins_over_the_tag() -> None:
    tag = LicenseClaim(LICENSE, "mit", "hub")
    assert resolve_declared([tag, *card("apache-2.0")]).id == "apache-2.0"
    assert resolve_declared([tag, *card("")]).id == "mit"
    assert resolve_declared([tag, *card("???")]).id is None
    assert resolve_declared([LicenseClaim(LICENSE, "isc", "elsewhere"), tag]).origin == "hub"
    assert resolve_declared([LicenseClaim(LICENSE, "isc", "elsewhere")]).id == "isc"


def test_all_of_a_list_apply() -> None:
    assert read("mit", "apache-2.0", "MIT") == ("apache-2.0 AND mit", "Apache-2.0 AND MIT")
    assert read("isc", "mit or apache-2.0") == (
        "isc AND (mit or apache-2.0)",
        "(Apache-2.0 OR MIT) AND ISC",
    )


def test_a_list_is_known_only_if_all_of_it_is() -> None:
    assert read("mit", "???") == (None, None)
    assert read("mit", "gpl") == ("gpl AND mit", None)
    assert read("mit", "other") == ("mit AND other", None)


def test_other_stands_for_its_name() -> None:
    found = resolve_declared(card("other", names=["Qwen-Research"]))
    assert (found.id, found.expression) == ("qwen-research", "LicenseRef-qwen-research")
    assert found.declared == ("other", "Qwen-Research")
    assert read("other", names=["Llama 3.1  Community_License"]) == (
        "llama 3.1 community_license",
        "LicenseRef-llama-3.1-community-license",
    )
    assert read("other", names=["协议"]) == ("协议", None)
    assert read(names=["exaone"]) == ("exaone", "LicenseRef-exaone")


def test_an_ordinary_license_under_other_is_that_license() -> None:
    assert read("other", names=["apache-2.0"]) == ("apache-2.0", "Apache-2.0")
    assert read("Other", names=["MIT"]) == ("mit", "MIT")


@pytest.mark.parametrize(
    "name", ["", "other", "None", "n/a", "https://example.org/x", "two\nlines", "x" * 101]
)
def test_junk_names_leave_other_unnamed(name: str) -> None:
    assert read("other", names=[name]) == ("other", None)


def test_a_name_beside_an_ordinary_license_is_ignored() -> None:
    assert read("mit", names=["my-license"]) == ("mit", "MIT")


def test_the_name_is_taken_from_where_the_license_stands() -> None:
    names = [LicenseClaim(NAME, "from-tag", "hub"), LicenseClaim(NAME, "from-card", "card")]
    assert resolve_declared([*names, *card("other")]).id == "from-card"
    assert resolve_declared([*names, LicenseClaim(LICENSE, "other", "hub")]).id == "from-tag"


@given(st.lists(st.text(max_size=30) | st.sampled_from(["mit", "other", "gpl", "mit or isc"]), max_size=4))
def test_whatever_is_written_there(values: list[str]) -> None:
    found = resolve_declared(card(*values))
    assert resolve_declared(card(*values[::-1])).id == found.id
    if found.expression is not None:
        assert found.id is not None
    assert set(found.declared) == {value for value in values if value.strip()}


expressions = st.lists(
    st.sampled_from(["mit", "isc", "and", "or", "with", "(", ")", "+", ".", "classpath-exception-2.0"]),
    max_size=20,
).map(" ".join)


@given(expressions)
def test_broken_expressions_never_raise(text: str) -> None:
    found = resolve_declared(card(text))
    assert (found.id is None) == (found.expression is None)


def test_the_expression_parser_is_loaded_only_when_needed() -> None:
    code = (
        "import sys; from registry.licenses.declared import *;"
        "from registry.model.snapshot import LicenseClaim, LicenseField as F;"
        "resolve_declared([LicenseClaim(F.LICENSE, id_, 'card') for id_ in ('mit', 'gemma')]);"
        "print('license_expression' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "licenses").exists(), reason="no recorded data beside the checkout")
def test_the_table_agrees_with_the_knowledge_table() -> None:
    entries = json.loads((SHARED / "licenses" / "licenses.json").read_text("utf-8"))["licenses"]
    on_hub = {entry["id"]: entry["spdx"] for entry in entries if entry.get("hub_identifier")}
    assert set(on_hub) == set(hub_licenses())
    for id_, expression in hub_licenses().items():
        # A family names no exact text, and the Gemma terms changed under one name.
        assert expression in (on_hub[id_], None, f"LicenseRef-{id_}")


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "hub").exists(), reason="no recorded data beside the checkout")
def test_real_declarations() -> None:
    known = total = 0
    with gzip.open(SHARED / "hub" / "models.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            values = [str(value) for value in row.get("license") or ()]
            names = [row["license_name"]] if row.get("license_name") else []
            if values:
                found = resolve_declared(card(*values, names=names))
                total += 1
                known += found.id is not None
                assert found.declared
    assert total > 8000
    assert known / total > 0.98
