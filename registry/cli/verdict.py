"""How an audit looks to a person: by model, worst first, with the chain, the term and the fix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from registry.cli.tables import words
from registry.exports.findings import (
    NOTICE,
    AuditLike,
    FindingLike,
    SuggestionLike,
    by_model,
    chain_text,
    counted,
    term_text,
    told,
)

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}
MOST = 50
"""Models of a whole catalog that are told one by one to a person."""

NAMED = 5
"""Models without a verdict that are named."""


def verdict(shown: AuditLike, whole: AuditLike, *, all_models: bool) -> RenderableType:
    """shown: what is told finding by finding; whole: what is counted. all_models: leave none out."""
    from rich.console import Group
    from rich.text import Text

    groups = by_model(shown.findings)
    if not all_models and len(groups) > MOST:
        groups.sort(key=lambda group: _rank(group[1]))
    parts: list[RenderableType] = []
    for model, findings in groups if all_models else groups[:MOST]:
        parts += [_heading(model, findings), *(_finding(finding) for finding in findings)]
        suggestions = shown.suggestions.get(model, ())
        if suggestions:
            told_ = [("passes" if not number else "", _passes(one)) for number, one in enumerate(suggestions)]
            parts.append(_pairs(told_, "green"))
        parts.append(Text())
    if not all_models and len(groups) > MOST:
        rest = f"{len(groups) - MOST:,} more models have findings; -f csv or -f json gives them all."
        parts += [words(rest), _codes(whole), Text()]
    return Group(*parts, *map(words, _closing(whole)))


def _heading(model: str, findings: Sequence[FindingLike]) -> Text:
    title = words(model, "bold")
    declared = findings[0].declared
    return title.append_text(words(f"  {declared or 'no license'}", "not bold dim"))


def _finding(finding: FindingLike) -> RenderableType:
    from rich.console import Group
    from rich.padding import Padding

    head = words(finding.severity, STYLES.get(finding.severity, ""))
    head.append_text(words(f" {finding.code}", "not bold"))
    if finding.check:
        head.append_text(words(f" (check {finding.check})", "dim"))
    if finding.waived:
        head.append_text(words(" waived", "dim"))
    pairs = [("", finding.message)]
    if len(finding.chain) > 1:
        pairs.append(("chain", chain_text(finding)))
    if finding.term is not None:
        pairs.append(("term", term_text(finding.term)))
    if finding.fix:
        pairs.append(("fix", finding.fix))
    if finding.waived is not None:
        until = f", until {finding.waived.expiry:%Y-%m-%d}" if finding.waived.expiry else ""
        owner = f" ({finding.waived.owner}{until})" if finding.waived.owner else until
        pairs.append(("waived", f"{finding.waived.reason}{owner}"))
    message, *rest = pairs
    lines: list[RenderableType] = [
        Padding(head, (0, 0, 0, 2), expand=False),
        Padding(words(message[1]), (0, 0, 0, 4), expand=False),
    ]
    return Group(*lines, _pairs(rest, "dim")) if rest else Group(*lines)


def _pairs(pairs: Sequence[tuple[str, str]], style: str) -> RenderableType:
    """Labels and texts in two columns; a text goes on under itself."""
    from rich.table import Table

    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column(style=style, no_wrap=True)
    grid.add_column(overflow="fold")
    for label, told_ in pairs:
        grid.add_row(words(f"    {label:<6}") if label else words(" " * 10), words(told_))
    return grid


def _passes(one: SuggestionLike) -> str:
    return f"{one.repo_id} ({one.license or 'no license'}): {one.why}"


def _rank(findings: Sequence[FindingLike]) -> tuple[int, int, int, str]:
    counts = counted(findings)
    return -counts["error"], -counts["warning"], -counts["note"], findings[0].model


def _codes(audit: AuditLike) -> RenderableType:
    """How often each code was found, the most frequent first."""
    from collections import Counter

    from registry.cli.tables import Column, table

    counts = Counter((finding.code, finding.severity) for finding in audit.findings)
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    columns = [Column("FINDING"), Column("SEVERITY"), Column("COUNT", right=True)]
    return table(columns, [[code, severity, f"{count:,}"] for (code, severity), count in rows], None)


def _closing(audit: AuditLike) -> list[str]:
    models = f"{audit.models:,} model{'' if audit.models == 1 else 's'}"
    when = f" as of {audit.as_of:%Y-%m-%d}" if audit.as_of else ""
    lines = [f"{models} audited{when}: {told(counted(audit.findings))}. Policy: {audit.policy_origin}."]
    if audit.unjudged:
        count = len(audit.unjudged)
        named = ", ".join(audit.unjudged[:NAMED]) + (", ..." if count > NAMED else "")
        lines.append(f"Could not be judged: {count:,} model{'' if count == 1 else 's'} ({named}).")
    if not audit.complete:
        lines.append("Incomplete: what is missing here is not clean.")
    return [*lines, NOTICE]
