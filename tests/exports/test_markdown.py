"""An audit for a pull request, where names of strangers stay text."""

from __future__ import annotations

from registry.exports.markdown import SHOWN, code, text, to_markdown
from tests.exports.findings import AUDIT, NASTY, Audit, finding


def test_a_comment_names_edge_clause_and_fix() -> None:
    page = to_markdown(AUDIT)
    assert page.startswith("### License audit: 1 error, 1 warning, 1 note, 1 waived in 4 models\n")
    assert "#### `acme/bloomz-lora`" in page
    assert "- ⚠️ **warning** `restriction-dropped`: declares mit \\(card\\), which passes nothing on" in page
    assert "chain: `acme/bloomz-lora -adapter-> bigscience/bloomz (bigscience-bloom-rail-1.0)" in page
    assert "term: bigscience-bloom-rail-1.0&#58; pass the use restrictions on \\[s4\\(a\\)\\]" in page
    assert "**fix: license&#58; bigscience-bloom-rail-1.0**" in page
    assert "(waived) `missing-license`" in page
    assert "waived: agreed in writing, until 2027-01-31" in page
    assert "`lab/open` passes: same task, similar size" in page
    assert page.endswith("Engineering data, not legal advice.</sub>\n")


def test_an_incomplete_audit_says_so() -> None:
    page = to_markdown(AUDIT)
    assert "**Incomplete.**" in page
    assert "The check acme-check broke" in page
    assert "Could not be judged: `paper:lab/m`." in page
    assert "as of 2026-01-01" in page
    clean = to_markdown(Audit(models=1))
    assert clean.startswith("### License audit: no findings in 1 model\n")
    assert "Incomplete" not in clean


def test_names_of_strangers_stay_text() -> None:
    page = to_markdown(AUDIT)
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "by `acme-check`: evil/&lt;img src=x&gt;\\`&#124;&#64;team" in page
    assert "#### ``  evil" not in page
    assert code(NASTY) == "`` evil/<img src=x>`|@team ``"
    assert text("[a](javascript:x) #1 @you *b* <i>") == (
        "\\[a\\]\\(javascript&#58;x\\) &#35;1 &#64;you \\*b\\* &lt;i&gt;"
    )
    assert code("") == ""


def test_a_comment_stays_within_what_a_host_takes() -> None:
    many = tuple(finding(f"o/m{number:04}") for number in range(SHOWN + 7))
    page = to_markdown(Audit(findings=many, unjudged=tuple(f"o/u{number}" for number in range(25))))
    assert page.count("#### ") == SHOWN
    assert "7 more models have findings" in page
    assert "and 5 more." in page
