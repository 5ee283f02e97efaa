"""The policy file is read strictly, and says where it is wrong."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import BadSettings
from registry.licenses.findings import Severity
from registry.licenses.policy import Policy, parse_policy
from registry.licenses.waivers import Waiver, waiver_for

FULL = """\
use = "commercial"
annual_revenue_usd = 5_000_000
monthly_active_users = 20000
territory = ["eu", "US"]
allow = ["Apache-2.0", "MIT", "rail", "Llama 3.1"]
deny = ["copyleft"]
require_reviewed = true
data = "enforce"
fail_on = "warning"

[severity]
name-rule = "off"
data-nc = "error"

[[waivers]]
model = "a/m"
code = "nc-dropped"
reason = "license bought, contract 17"
owner = "legal@example.org"
expiry = 2027-01-31
chain_hash = "0123456789abcdef"

[[waivers]]
model = "a/n"
code = "name-rule"
reason = "renamed soon"
expiry = "2027-02-01"
"""


def test_everything_is_read() -> None:
    assert parse_policy(FULL, name="policy.toml") == Policy(
        use="commercial",
        annual_revenue_usd=5_000_000,
        monthly_active_users=20_000,
        territory=("US", "EU"),
        allow=("apache-2.0", "llama3.1", "mit", "rail"),
        deny=("copyleft",),
        require_reviewed=True,
        data="enforce",
        severity={"name-rule": Severity.OFF, "data-nc": Severity.ERROR},
        fail_on=Severity.WARNING,
        waivers=(
            Waiver(
                "a/m",
                "nc-dropped",
                "license bought, contract 17",
                "legal@example.org",
                date(2027, 1, 31),
                "0123456789abcdef",
            ),
            Waiver("a/n", "name-rule", "renamed soon", None, date(2027, 2, 1)),
        ),
    )


def test_the_digest_is_of_the_rules_not_of_their_spelling() -> None:
    one = parse_policy('deny = ["gpl-3.0", "mit"]\nuse = "research"', name="p")
    two = parse_policy('use = "research"\n# a comment\ndeny = ["MIT", "GPL-3.0-only"]', name="q")
    assert one.digest == two.digest != Policy().digest
    assert parse_policy("", name="p").digest == Policy().digest
    assert parse_policy('fail_on = "never"', name="p").fail_on is None


def test_the_table_of_a_settings_file() -> None:
    text = (
        'catalog = "x"\n[policy]\nuse = "research"\n[policy.severity]\nname-rule = "note"\n[other]\nuse = 1\n'
    )
    found = parse_policy(text, name="registry.toml", table="policy")
    assert (found.use, dict(found.severity)) == ("research", {"name-rule": Severity.NOTE})
    assert parse_policy("catalog = 'x'", name="registry.toml", table="policy") == Policy()
    with pytest.raises(BadSettings, match=r"registry\.toml:4: use is one of"):
        parse_policy("[other]\nuse = 1\n[policy]\nuse = 1\n", name="registry.toml", table="policy")
    with pytest.raises(BadSettings, match="policy must be a table"):
        parse_policy("policy = 1", name="registry.toml", table="policy")
    with pytest.raises(BadSettings, match=r"registry\.toml:5: a waiver needs code"):
        parse_policy(
            "[policy]\n\n[[policy.waivers]]\nmodel = 'a'\ncode = 1\n", name="registry.toml", table="policy"
        )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('use = "sale"', r"p:1: use is one of commercial, research, not 'sale'"),
        ("\nannual_revenue_usd = -1", r"p:2: annual_revenue_usd is a whole number"),
        ("monthly_active_users = true", r"p:1: monthly_active_users is a whole number"),
        ('territory = "EU"', r"p:1: territory is a list of texts"),
        ("# x\n\nallow = ['apach-2.0']", r"p:3: allow names 'apach-2.0'"),
        ("require_reviewed = 1", r"p:1: require_reviewed is true or false"),
        ("data = 'x'", r"p:1: data is one of off, advise, enforce"),
        ("severity = 1", r"p:1: severity is a table"),
        ("[severity]\nnc-droped = 'note'", r"p:2: unknown code 'nc-droped'"),
        ("[severity]\nnc-dropped = 'fatal'", r"p:2: nc-dropped is one of off, note, warning, error"),
        ("fail_on = 'always'", r"p:1: fail_on is one of"),
        ("usage = 1", r"p:1: unknown key 'usage'"),
        ("waivers = 1", r"p:1: waivers are written as \[\[waivers\]\]"),
        ("[[waivers]]\nmodel = 'a'\ncode = 'name-rule'", r"p:1: a waiver needs reason"),
        (
            "[[waivers]]\nmodel='a'\ncode='name-rule'\nreason='c'\n[[waivers]]\nmodel='a'\ncode=2\nreason='c'",
            r"p:7: a waiver needs code",
        ),
        (
            "[[waivers]]\nmodel = 'a'\ncode = 'name-rule'\nreason = 'c'\nuntil = 1",
            r"p:5: unknown key 'until'",
        ),
        ("[[waivers]]\nmodel = 'a'\ncode = 'name-rule'\nreason = 'c'\nowner = 1", r"p:5: owner is a text"),
        (
            "[[waivers]]\nmodel = 'a'\ncode = 'name-rule'\nreason = 'c'\nexpiry = 'soon'",
            r"p:5: expiry is a date",
        ),
        (
            "[[waivers]]\nmodel='a'\ncode='name-rule'\nreason='c'\nexpiry=2027-01-01T00:00:00",
            r"p:5: expiry is a date",
        ),
        ("territory = ['EU', 'Germany']", r"p:1: territory names 'GERMANY', which is no place we know"),
        ("[[waivers]]\nmodel = 'a'\ncode = 'nc-droped'\nreason = 'c'", r"p:3: unknown code 'nc-droped'"),
        ("\nseverity = {nc-dropped = 'fatal'}", r"p:2: nc-dropped is one of"),
        ("\nseverity.nc-dropped = 'fatal'", r"p:2: nc-dropped is one of"),
        ("\nusage.a = 1", r"p:2: unknown key 'usage'"),
        ("use = ", r"p:1: Invalid value"),
        ("a = " + "[" * 10_000, r"p:"),
    ],
)
def test_errors_name_file_line_and_key(text: str, message: str) -> None:
    with pytest.raises(BadSettings, match=message) as caught:
        parse_policy(text, name="p")
    assert len(caught.value.message) < 300
    assert caught.value.exit_code == 2


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(BadSettings):
        parse_policy(text, name="p")


def test_waivers_end_and_are_tied_to_their_chain() -> None:
    ends = Waiver("a/m", "name-rule", "r", expiry=date(2026, 5, 1))
    tied = Waiver("a/m", "name-rule", "r", chain_hash="abc")
    for day, chain, expected in (
        (date(2026, 5, 1), "x", (ends, (tied,))),
        (date(2026, 5, 2), "x", (None, (ends, tied))),
        (date(2026, 5, 2), "abc", (tied, (ends,))),
    ):
        assert waiver_for((ends, tied), "a/m", "name-rule", chain, day) == expected
    assert waiver_for((ends, tied), "a/n", "name-rule", "abc", date(2026, 1, 1)) == (None, ())
