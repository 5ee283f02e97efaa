"""An audit as Markdown for a pull request. Names and statements of strangers stay text: no links, mentions or
HTML come out of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from registry.exports.findings import (
    NOTICE,
    AuditLike,
    FindingLike,
    by_model,
    chain_text,
    counted,
    term_text,
    told,
)
from registry.exports.text import clean

SHOWN = 100
"""Models told one by one: a comment on GitHub holds 65,536 characters."""

_MARKS = {"error": "❌", "warning": "⚠️", "note": "ℹ️"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~<>&@$:])")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "&#64;", "#": "&#35;", "|": "&#124;", ":": "&#58;"}
_TICKS = re.compile(r"`+")


def to_markdown(audit: AuditLike) -> str:
    """The whole text, ending in a line feed."""
    return "\n".join(_lines(audit)) + "\n"


def text(words: str) -> str:
    """Words as Markdown that shows exactly them."""
    return _SPECIAL.sub(lambda found: _ENTITIES.get(found[1], "\\" + found[1]), clean(words))


def code(words: str) -> str:
    """Words in a code span, whatever backticks they hold."""
    shown = clean(words)
    longest = max((len(run) for run in _TICKS.findall(shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{fence}{pad}{shown}{pad}{fence}" if shown else ""


def _lines(audit: AuditLike) -> Iterator[str]:
    models = f"{audit.models:,} model{'' if audit.models == 1 else 's'}"
    yield f"### License audit: {told(counted(audit.findings))} in {models}"
    yield ""
    if not audit.complete:
        yield "**Incomplete.** What is missing here is not clean."
        yield ""
        for problem in audit.problems:
            yield f"- {text(problem)}"
        yield ""
    groups = by_model(audit.findings)
    for model, findings in groups[:SHOWN]:
        yield f"#### {code(model)}"
        yield ""
        for finding in findings:
            yield from _finding(finding)
        for one in audit.suggestions.get(model, ()):
            yield f"- 💡 {code(one.repo_id)} passes: {text(one.why)}"
        yield ""
    if len(groups) > SHOWN:
        yield f"{len(groups) - SHOWN:,} more models have findings; `-f json` or `-f csv` gives all of them."
        yield ""
    if audit.unjudged:
        yield f"Could not be judged: {_some(list(audit.unjudged))}."
        yield ""
    when = f", as of {audit.as_of:%Y-%m-%d}" if audit.as_of else ""
    yield f"<sub>Policy: {text(audit.policy_origin)} ({audit.policy_digest[:12]}){when}. {NOTICE}</sub>"


def _finding(finding: FindingLike) -> Iterator[str]:
    mark = _MARKS.get(finding.severity, "")
    struck = " (waived)" if finding.waived else ""
    by = f" by {code(finding.check)}" if finding.check else ""
    yield f"- {mark} **{finding.severity}**{struck} {code(finding.code)}{by}: {text(finding.message)}"
    if len(finding.chain) > 1:
        yield f"  - chain: {code(chain_text(finding))}"
    if finding.term is not None:
        yield f"  - term: {text(term_text(finding.term))}"
    if finding.expected:
        yield f"  - expected: {text(finding.expected)}"
    if finding.fix:
        yield f"  - **fix: {text(finding.fix)}**"
    if finding.waived is not None:
        waived = finding.waived
        until = f", until {waived.expiry:%Y-%m-%d}" if waived.expiry else ""
        yield f"  - waived: {text(waived.reason)}{until}"


def _some(models: list[str], most: int = 20) -> str:
    shown = ", ".join(code(model) for model in models[:most])
    return shown if len(models) <= most else f"{shown} and {len(models) - most:,} more"
