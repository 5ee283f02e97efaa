"""`graph families|bases|chains|cycles|orphans`: questions to the lineage of all models at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from registry.cli.options import ROWS, Whole, answers, command, group
from registry.cli.output import Answer, Output
from registry.cli.session import Session
from registry.cli.tables import LAST, Column, table
from registry.model.edges import Relation

if TYPE_CHECKING:
    from rich.console import RenderableType

SHOWN = 20
"""Rows when nobody says how many."""


@group("graph", "registry graph families", "registry graph chains --limit 3")
def graph() -> None:
    """Ask the lineage of all models at once.

    Models are bases and derivatives here; datasets they were trained on are neither.
    """


def _limit(function: Callable[..., Any]) -> Callable[..., Any]:
    """How much of a list that a table cuts and other formats give whole."""
    option = click.option("--limit", type=Whole(1), metavar="N", help="The first N; a table shows 20.")
    return option(function)


@command(
    "families",
    "registry graph families",
    "registry graph families --limit 5 --json",
    "registry graph families -q",
)
@_limit
@answers(*ROWS, quiet="Print the roots only, one per line.")
def families(session: Session, out: Output, *, limit: int | None) -> None:
    """List all roots, those with most derivatives first.

    A root has derivatives and no base. DEPTH is how many steps away the farthest derivative is. A merge
    belongs to several families. Where models descend from one another in a circle that nothing leads to,
    the first of their names stands for the root.
    """
    from registry.exports import whole
    from registry.services import graph as ask

    catalog = session.catalog()
    found = ask.families(catalog, SHOWN if limit is None and out.is_table else limit)

    def drawn(width: int | None) -> RenderableType | None:
        kinds = [str(kind) for kind in Relation if any(str(kind) in family.relations for family in found)]
        columns = [
            Column("ROOT", least=30),
            Column("DERIVATIVES", right=True),
            Column("DEPTH", right=True, rank=LAST),
            *(Column(kind.upper(), right=True, rank=2) for kind in kinds),
        ]
        rows: list[list[object]] = []
        for one in found:
            counts = (f"{one.relations.get(kind, 0):,}" for kind in kinds)
            rows.append([one.root, f"{one.derivatives:,}", one.depth, *counts])
        return table(columns, rows, width) if rows else None

    def records() -> list[dict[str, Any]]:
        return [whole.family(one) for one in found]

    out.give(
        Answer(
            table=drawn,
            document=lambda: {"families": records()},
            rows=records,
            names=lambda: (one.root for one in found),
        )
    )
    _tell(session, out, found, "No model in the catalog was made from another.")
    if limit is None and out.is_table and len(found) == SHOWN:
        session.note(f"The {SHOWN} largest; --limit N shows more, -f csv all.")


@command("bases", "registry graph bases", "registry graph bases --direct --limit 5 -f csv")
@click.option("--direct", is_flag=True, help="By what was made from them itself.")
@click.option("--limit", type=Whole(1), default=SHOWN, metavar="N", help="The first N; 20 unless told.")
@answers(*ROWS)
def bases(session: Session, out: Output, *, direct: bool, limit: int) -> None:
    """List the models most was made from.

    DERIVATIVES counts whatever descends from a model, DIRECT what was made from itself.
    """
    from registry.exports import whole
    from registry.services import graph as ask

    found = ask.bases(session.catalog(), limit, direct=direct)

    def drawn(width: int | None) -> RenderableType | None:
        columns = [
            Column("MODEL", least=30),
            Column("DERIVATIVES", right=True),
            Column("DIRECT", right=True),
        ]
        rows = [[one.repo_id, f"{one.derivatives:,}", f"{one.direct:,}"] for one in found]
        return table(columns, rows, width) if rows else None

    def records() -> list[dict[str, Any]]:
        return [whole.base(one) for one in found]

    out.give(
        Answer(
            table=drawn,
            document=lambda: {"bases": records()},
            rows=records,
            names=lambda: (one.repo_id for one in found),
        )
    )
    _tell(session, out, found, "No model in the catalog was made from another.")


@command("chains", "registry graph chains", "registry graph chains --limit 3 --json")
@click.option("--limit", type=Whole(1), default=SHOWN, metavar="N", help="The first N; 20 unless told.")
@answers(*ROWS, quiet="Print the last model of each only, one per line.")
def chains(session: Session, out: Output, *, limit: int) -> None:
    """List the longest chains of derivatives.

    From the root to the model each ends in. STEPS along a circle do not count, they would have no end.
    """
    from registry.exports import whole
    from registry.services import graph as ask

    found = ask.chains(session.catalog(), limit)

    def drawn(width: int | None) -> RenderableType | None:
        columns = [Column("STEPS", right=True), Column("CHAIN", least=40, wrap=True)]
        rows = [[one.length, " > ".join(one.models)] for one in found]
        return table(columns, rows, width) if rows else None

    def records() -> list[dict[str, Any]]:
        return [whole.chain(one) for one in found]

    out.give(
        Answer(
            table=drawn,
            document=lambda: {"chains": records()},
            rows=records,
            names=lambda: (one.models[-1] for one in found),
        )
    )
    _tell(session, out, found, "No model in the catalog was made from another.")


@command("cycles", "registry graph cycles", "registry graph cycles --json")
@_limit
@answers(*ROWS, quiet="Print the models in them only, one per line.")
def cycles(session: Session, out: Output, *, limit: int | None) -> None:
    """List models that descend from themselves.

    Each row is a group of models that all descend from one another, or one that names itself.
    """
    from registry.exports import whole
    from registry.services import graph as ask

    every = ask.cycles(session.catalog())
    found = every[: SHOWN if limit is None and out.is_table else limit]

    def drawn(width: int | None) -> RenderableType | None:
        columns = [Column("SIZE", right=True), Column("MODELS", least=40, wrap=True)]
        return table(columns, [[len(one), ", ".join(one)] for one in found], width) if found else None

    def records() -> list[dict[str, Any]]:
        return [whole.cycle(one) for one in found]

    out.give(
        Answer(
            table=drawn,
            document=lambda: {"cycles": records()},
            rows=records,
            names=lambda: (name for one in found for name in one),
        )
    )
    _tell(session, out, every, "No model in the catalog descends from itself.", len(found))


@command("orphans", "registry graph orphans", "registry graph orphans --json")
@_limit
@answers(*ROWS)
def orphans(session: Session, out: Output, *, limit: int | None) -> None:
    """List models whose base cannot be followed.

    It is removed (its host says so), unread (so far only named), or unknown (the text names no model).
    """
    from registry.exports import whole
    from registry.services import graph as ask

    every = ask.orphans(session.catalog())
    found = every[: SHOWN if limit is None and out.is_table else limit]

    def drawn(width: int | None) -> RenderableType | None:
        columns = [
            Column("MODEL", least=30),
            Column("BASE", least=20),
            Column("RELATION", rank=LAST, least=10),
            Column("WHY"),
        ]
        rows = [[one.derivative, one.base, one.relation.value, one.why] for one in found]
        return table(columns, rows, width) if rows else None

    def records() -> list[dict[str, Any]]:
        return [whole.orphan(one) for one in found]

    out.give(
        Answer(
            table=drawn,
            document=lambda: {"orphans": records()},
            rows=records,
            names=lambda: dict.fromkeys(one.derivative for one in found),
        )
    )
    _tell(session, out, every, "Every base in the catalog was read.", len(found))


def _tell(
    session: Session, out: Output, found: Sequence[object], none: str, shown: int | None = None
) -> None:
    """What a table does not say: that there is nothing, or that there is more."""
    if not out.is_table:
        return
    if not found:
        session.note(none)
    elif shown is not None and shown < len(found):
        session.note(f"{shown} of {len(found):,}; --limit N shows more, -f csv all.")


for _command in (families, bases, chains, cycles, orphans):
    graph.add_command(_command)
