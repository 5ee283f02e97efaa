"""`audit`: what the licenses along the lineage of models ask, and where a label says less."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry.cli.errors import INCOMPLETE
from registry.cli.names import NameOrStdin, known_model, parse_refs
from registry.cli.options import ROWS, Moment, answers, command
from registry.cli.output import Answer, Output
from registry.cli.session import Session
from registry.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from registry.licenses.findings import Severity
    from registry.services.audit import AuditReport

FOUND = 1
NEVER = "never"
FAIL_ON = ("note", "warning", "error", NEVER)


@command(
    "audit",
    "registry audit linagora/Labess-7b-chat --fail-on never",
    "registry audit linagora/Labess-7b-chat --suggest --fail-on never --json",
    "registry audit --all -f sarif -o audit.sarif --fail-on never",
    "registry list -q | registry audit - -f markdown --fail-on never",
)
@click.argument("refs", nargs=-1, metavar="[REF...]", type=NameOrStdin())
@click.option("--all", "everything", is_flag=True, help="Every model somebody added to the catalog.")
@click.option(
    "--policy",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="What you allow. Default: ./policy.toml, else [policy] of ./registry.toml.",
)
@click.option(
    "--as-of",
    metavar="DATE",
    type=Moment(last=True),
    help="Judge by the licenses the models had then, from the kept history.",
)
@click.option(
    "--fail-on",
    type=click.Choice(FAIL_ON),
    help="End with 1 on findings of this severity or worse. Default: the policy's, else error.",
)
@click.option("--suggest", is_flag=True, help="Name relatives and equals that pass where a model fails.")
@click.option("--show-waived", is_flag=True, help="Also print findings that the policy waives.")
@answers(*ROWS, "markdown", "sarif", quiet="Print the names of models with findings, one per line.")
def audit(
    session: Session,
    out: Output,
    *,
    refs: Sequence[str],
    everything: bool,
    policy: Path | None,
    as_of: datetime | None,
    fail_on: str | None,
    suggest: bool,
    show_waived: bool,
) -> int:
    """Tell what one may do with models, down to their roots.

    What a base demands is followed along the lineage, whatever the labels on the way say; where a label
    says less, the finding names the edge, the clause and the fix.

    The exit code is 1 for findings at or above --fail-on, 2 for mistakes in the policy file, 3 when the
    audit could not be completed.
    """
    from registry.services import audit as service
    from registry.services.policies import load_policy
    from registry.services.suggest import with_suggestions

    if everything == bool(refs):
        raise UsageError("say which models", hint="name them, or --all for every model of the catalog")
    loaded = load_policy(policy, Path.cwd())
    catalog = session.catalog()
    targets = None if everything else [known_model(catalog, ref) for ref in parse_refs(refs)]
    checks = tuple(check for _, check in sorted(session.app.host.checks.items()))
    now = session.app.now()
    report = service.audit(catalog, targets, loaded, now=now, as_of=as_of, checks=checks)
    threshold = _threshold(fail_on, loaded.policy.fail_on)
    if suggest:
        report = with_suggestions(
            catalog, report, loaded, threshold=threshold, now=now, as_of=as_of, checks=checks
        )
    _give(out, report, show_waived=show_waived, named=targets is not None)
    if out.is_table:
        for line in _next_steps(report, threshold, suggested=suggest):
            session.note(line)
    return _exit_code(report, threshold)


def _give(out: Output, report: AuditReport, *, show_waived: bool, named: bool) -> None:
    from registry.exports import shapes
    from registry.exports.findings import counted

    shown = report if show_waived else report.without_waived()

    def text() -> str | Iterator[str]:
        if out.format == "markdown":
            from registry.exports.markdown import to_markdown

            return to_markdown(shown)
        from registry import __version__
        from registry.exports.rows import json_pieces
        from registry.exports.sarif import sarif
        from registry.licenses.codes import CODES

        # Suppressed results belong into the log: a viewer hides them, and sees when they come back.
        return json_pieces(sarif(report, CODES, version=__version__))

    def drawn(_: int | None) -> RenderableType:
        from registry.cli.verdict import verdict

        return verdict(shown, report, all_models=named)

    out.give(
        Answer(
            table=drawn,
            document=lambda: shapes.audit(shown) | {"counts": counted(report.findings)},
            rows=lambda: map(shapes.finding_row, shown.findings),
            names=lambda: dict.fromkeys(finding.model for finding in shown.findings),
            text=text,
        )
    )


def _threshold(option: str | None, own: Severity | None) -> Severity | None:
    from registry.licenses.findings import Severity

    if option is None:
        return own
    return None if option == NEVER else Severity(option)


def _exit_code(report: AuditReport, threshold: Severity | None) -> int:
    """What was found stands whether or not there is more; without it an incomplete audit is not clean."""
    if report.reaches(threshold):
        return FOUND
    return 0 if report.complete else INCOMPLETE


def _next_steps(report: AuditReport, threshold: Severity | None, *, suggested: bool) -> list[str]:
    steps = list(report.problems)
    if report.missing:
        named = " ".join(report.missing[:3])
        more = len(report.missing) - 3
        steps.append(
            f"Next: `registry add {named}` reads what the lineage leads to"
            + (f" ({more:,} more are not read either)." if more > 0 else ".")
        )
    elif report.reaches(threshold) and not suggested and report.models == 1:
        steps.append(f"Next: `registry audit {report.findings[0].model} --suggest` names models that pass.")
    elif report.reaches(threshold):
        steps.append("Next: mend the labels, or record a waiver with its reason in policy.toml.")
    return steps
