"""`verify`: ask the weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from registry.cli.errors import INCOMPLETE
from registry.cli.names import NameOrStdin, known_model, parse_refs
from registry.cli.options import ROWS, Whole, answers, command
from registry.cli.output import Answer, Output
from registry.cli.session import Session
from registry.cli.tables import LAST, WEIGHED, Column, table, words
from registry.errors import UsageError
from registry.model.evidence import EvidenceState

if TYPE_CHECKING:
    from rich.console import RenderableType

    from registry.catalog.catalog import Catalog
    from registry.services.prints import Reading
    from registry.services.verify import Found, Verdict, VerifyReport
    from registry.weights.sampling import Tier

FINDINGS = 1
TIERS = ("h", "l", "s", "x")
NEAREST = 20
"""Relatives that `--find` lists unless told otherwise."""
NAMED = 3


@command(
    "verify",
    "registry verify --fingerprint my-org/my-model",
    "registry verify my-org/my-model --fail-on contradicted",
    "registry verify --find my-org/my-model -f csv",
    "registry verify --fingerprint --tier x my-org/my-model --json",
)
@click.argument("refs", nargs=-1, metavar="[REF...]", type=NameOrStdin())
@click.option("--all", "everything", is_flag=True, help="Every model that is read one by one.")
@click.option("--fingerprint", is_flag=True, help="First read what is missing: kilobytes of each model.")
@click.option("--find", "searching", is_flag=True, help="Rank the relatives among everything fingerprinted.")
@click.option(
    "--tier",
    type=click.Choice(TIERS, case_sensitive=False),
    default="s",
    help="How much is read: headers, light (16 KB), standard (64 KB, the default), extended (4 MB).",
)
@click.option(
    "--fail-on",
    type=click.Choice([str(state) for state in EvidenceState]),
    multiple=True,
    metavar="STATE",
    help="Exit with 1 when an edge is in this state, such as contradicted. May be repeated.",
)
@click.option("--limit", type=Whole(1, 1000), default=NEAREST, metavar="N", help="Relatives of --find.")
@click.option("--jobs", type=Whole(1, 64), metavar="N", help="Ranges read at a time; default 8.")
@answers(*ROWS)
def verify(
    session: Session,
    out: Output,
    *,
    refs: Sequence[str],
    everything: bool,
    fingerprint: bool,
    searching: bool,
    tier: str,
    fail_on: Sequence[str],
    limit: int,
    jobs: int | None,
) -> int:
    """Ask the weights whether a model was made from its bases.

    A fingerprint is a few kilobytes of the weights, read once and kept; comparing needs no network. Every
    declared edge is identical, confirmed, confirmed_family, inconclusive, contradicted (no trace in the
    sampled weights), not_comparable, or stays declared where a fingerprint is missing (exit code 3); what
    nobody declared is found.
    """
    from registry.services import verify as service

    if bool(refs) == everything:
        raise UsageError("say which models: REF... or --all", hint="one of the two")
    if searching and (everything or fail_on):
        raise UsageError("--find asks about models by name, and judges no edge", hint="name a model")
    session.choose(jobs=jobs)
    catalog = session.catalog()
    names = None if everything else [known_model(catalog, ref) for ref in parse_refs(refs)]
    readings: list[Reading] = []
    if fingerprint:
        wanted = names if searching and names else service.to_read(catalog, names)
        readings = read_weights(session, catalog, wanted, tier)
    if searching and names:
        return _search(session, out, catalog, names, readings, limit)
    from registry.cli.progress import Progress

    with Progress(session, "Comparing") as progress:
        report = service.verify(catalog, names, now=session.app.now(), watch=progress)
    complete = report.complete and all(one.error is None for one in readings)
    _give(out, report, readings, complete=complete)
    tell_failures(session, readings)
    for line in _notes(report) if out.is_table else ():
        session.note(line)
    if report.reaches(EvidenceState(state) for state in fail_on):
        return FINDINGS
    return 0 if complete else INCOMPLETE


def read_weights(session: Session, catalog: Catalog, names: Sequence[str], tier: str = "s") -> list[Reading]:
    """Read the fingerprints of models, showing how far it is."""
    from registry.cli.progress import Progress
    from registry.services.prints import read_fingerprints

    with Progress(session, "Reading weights") as progress:
        return read_fingerprints(
            catalog,
            session.app.source_for,
            names,
            tier=_tier(tier),
            jobs=session.app.settings.jobs,
            now=session.app.now,
            watch=progress,
        )


def tell_failures(session: Session, readings: Sequence[Reading]) -> None:
    """One line about each fingerprint that could not be read, then the next steps."""
    failed = [(one.repo_id, one.error) for one in readings if one.error is not None]
    for name, error in failed:
        message = error.message if name in error.message else f"{name}: {error.message}"
        session.note(f"No fingerprint: {message}")
    for hint in dict.fromkeys(error.hint for _, error in failed if error.hint):
        session.note(f"Hint: {hint}")


def _tier(letter: str) -> Tier:
    from registry.weights.sampling import Tier

    return Tier(letter.upper())


# --- verdicts ------------------------------------------------------------------------------------


def _give(out: Output, report: VerifyReport, readings: Sequence[Reading], *, complete: bool) -> None:
    def document() -> object:
        from registry.exports.evidence import report as shape

        return shape(report, readings, complete=complete)

    def rows() -> Iterator[dict[str, Any]]:
        from registry.exports.evidence import verdict_row

        return (verdict_row(one) for one in report.verdicts)

    out.give(
        Answer(
            table=lambda width: _drawn(report.verdicts, width),
            document=document,
            rows=lambda: list(rows()),
            names=lambda: dict.fromkeys(one.kept.evidence.derivative for one in report.verdicts),
        )
    )


def _drawn(verdicts: Sequence[Verdict], width: int | None) -> RenderableType | None:
    if not verdicts:
        return None
    columns = [
        Column("MODEL", least=30),
        Column("BASE", least=20),
        Column("STATE", least=16),
        Column("SCORE", right=True, rank=LAST),
        Column("BLOCKS", right=True, rank=3),
        Column("WHY", rank=2, wrap=True, least=30),
    ]
    rows: list[list[Any]] = []
    for verdict in verdicts:
        one = verdict.kept.evidence
        score = None if one.score is None else f"{one.score:.3f}"
        state = words(one.state, WEIGHED.get(one.state, "dim"))
        rows.append([one.derivative, one.base, state, score, one.blocks or None, why(verdict)])
    return table(columns, rows, width)


def why(verdict: Verdict) -> str:
    """The verdict in words, with the figures that bear on it."""
    one = verdict.kept.evidence
    told = [one.reason]
    if one.weight:
        told.append(f"weight {one.weight:.3f}")
    if one.state is EvidenceState.CONFIRMED_FAMILY and one.relative_distance is not None:
        nearest = next((a for a in one.alternatives if a.relative_distance is not None), None)
        if nearest is not None and nearest.relative_distance is not None:
            told.append(f"distance {nearest.relative_distance:.3g} against {one.relative_distance:.3g}")
    if not one.directed:
        told.append("which came first is not known")
    return "; ".join(told)


def _notes(report: VerifyReport) -> list[str]:
    lines = [_summary(report)]
    if report.missing:
        shown = ", ".join(report.missing[:NAMED])
        more = f" and {len(report.missing) - NAMED:,} more" if len(report.missing) > NAMED else ""
        lines.append(
            f"No fingerprint of {shown}{more}: `registry verify --fingerprint {report.missing[0]}` reads one."
        )
    if report.reaches([EvidenceState.CONTRADICTED]):
        lines.append(
            "Contradicted means no trace in the sampled weights, which is not proof; --fingerprint --tier x "
            "looks closer."
        )
    return lines


def _summary(report: VerifyReport) -> str:
    edges = len(report.verdicts)
    counted = ", ".join(f"{count:,} {state}" for state, count in report.counts().items() if count)
    models = f"{report.models:,} model{'' if report.models == 1 else 's'}"
    if not edges:
        return f"{models}: no base is declared, and none was found."
    return f"{models}, {edges:,} edge{'' if edges == 1 else 's'}: {counted}."


# --- relatives -----------------------------------------------------------------------------------


def _search(
    session: Session,
    out: Output,
    catalog: Catalog,
    names: Sequence[str],
    readings: Sequence[Reading],
    limit: int,
) -> int:
    from registry.exports import evidence as shapes
    from registry.services.verify import find

    found: list[Found] = []
    missing = []
    for name in names:
        relatives = find(catalog, name, limit)
        if relatives is None:
            missing.append(name)
        else:
            found += relatives
    out.give(
        Answer(
            table=lambda width: _relatives(found, width, several=len(names) > 1),
            document=lambda: {
                "complete": not missing,
                "relatives": [shapes.found(one) for one in found],
                "missing": missing,
                "fingerprints": [shapes.reading(one) for one in readings],
            },
            rows=lambda: [shapes.found(one) for one in found],
            names=lambda: dict.fromkeys(one.repo_id for one in found),
        )
    )
    tell_failures(session, readings)
    if out.is_table and not found and not missing:
        session.note("Nothing fingerprinted is related.")
    for name in missing:
        session.note(f"No fingerprint of {name}: `registry verify --find --fingerprint {name}` reads one.")
    return INCOMPLETE if missing else 0


def _relatives(found: Sequence[Found], width: int | None, *, several: bool) -> RenderableType | None:
    if not found:
        return None
    columns = [
        Column("RELATIVE", least=30),
        Column("SCORE", right=True),
        Column("EQUAL", right=True, rank=LAST),
        Column("DISTANCE", right=True, rank=2),
        Column("BLOCKS", right=True, rank=3),
        *([Column("OF", least=20)] if several else []),
    ]
    rows: list[list[Any]] = []
    for one in found:
        distance = None if one.relative_distance is None else f"{one.relative_distance:.4f}"
        row = [one.repo_id, f"{one.score:.3f}", f"{one.equal:.1%}", distance, one.blocks]
        rows.append([*row, one.model] if several else row)
    return table(columns, rows, width)
