"""Looks in short form, as bulk files leave them: no digest, no list of bases, no base among the tags.

All three follow from the claims of its source while the look is the newest of its source. Before anything
else is learned of the model they are written down, and the look is one like every other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from registry.catalog.claims import current_claims
from registry.catalog.compare import bases_of, digest, dump_bases
from registry.catalog.looks import key_of, load_licenses, load_parameters, of_look
from registry.catalog.names import chunks
from registry.catalog.tables import snapshots, traits
from registry.catalog.tags import pack_tags, unpack_tags
from registry.catalog.traits import LOOK, OF_LOOK
from registry.model.snapshot import ModelSnapshot

_SHORT = (
    select(*LOOK)
    .join(traits, OF_LOOK)
    .where(snapshots.c.model_id.in_(bindparam("ids", expanding=True)), snapshots.c.digest.is_(None))
)


def spell_out(connection: Connection, model_ids: Iterable[int]) -> None:
    """Give the looks at these models that are in short form their long one."""
    for piece in chunks(model_ids):
        for look in connection.execute(_SHORT, {"ids": piece}).all():
            told = told_in_short(connection, look)
            connection.execute(
                update(snapshots)
                .where(of_look(snapshots, key_of(look)))
                .values(digest=digest(told), bases=dump_bases(bases_of(told.claims)), tags=pack_tags(told))
            )


def told_in_short(connection: Connection, look: Row[Any]) -> ModelSnapshot:
    """What a look in short form found, as far as it bears on its digest, its bases and its tags."""
    licenses = load_licenses(connection, look)
    claims = tuple(current_claims(connection, look.model_id, look.source))
    return ModelSnapshot(
        repo_id=f"#{look.model_id}",
        source=look.source,
        observed_at=look.observed_at,
        commit_sha=look.commit_sha,
        private=look.private,
        gated=look.gated,
        disabled=look.disabled,
        library=look.library,
        task=look.task,
        tags=unpack_tags(look.tags, look.library, look.task, licenses, claims),
        new_version=look.new_version,
        parameters=load_parameters(connection, look),
        licenses=licenses,
        claims=claims,
    )
