"""The part of the first revision that makes the tables of fingerprints and evidence."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from registry.catalog.types import BigId, Packed, UtcDateTime

RELATIONS, STATES = 7, 8
"""How many words there are of each kind; a word is kept as its number."""


def create_evidence() -> None:
    """Make the tables."""
    _fingerprints()
    _evidence()


def _fingerprints() -> None:
    key = ("model_id", "commit_sha", "scheme", "tier")
    op.create_table(
        "fingerprints",
        sa.Column("id", BigId, nullable=False),
        sa.Column("model_id", BigId, nullable=False),
        sa.Column("commit_sha", Packed(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("read_at", UtcDateTime(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("requests", "head_requests")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("bytes_read", "head_bytes")),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("tier IN ('H', 'L', 'S', 'X')", name=op.f("ck_fingerprints_tier")),
        _belongs("fingerprints", "model_id", "models"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fingerprints")),
        sa.UniqueConstraint(*key, name=op.f(f"uq_fingerprints_{'_'.join(key)}")),
    )
    op.create_table(
        "sketches",
        sa.Column("fingerprint_id", BigId, nullable=False),
        sa.Column("model_id", BigId, nullable=False),
        sa.Column("sketch", sa.LargeBinary(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        _belongs("sketches", "fingerprint_id", "fingerprints"),
        sa.PrimaryKeyConstraint("fingerprint_id", name=op.f("pk_sketches")),
    )
    op.create_table(
        "block_hashes",
        sa.Column("hash", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint_id", BigId, nullable=False),
        _belongs("block_hashes", "fingerprint_id", "fingerprints"),
        sa.PrimaryKeyConstraint("hash", "fingerprint_id", name=op.f("pk_block_hashes")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_block_hashes_fingerprint_id", "block_hashes", ["fingerprint_id"])
    op.create_table(
        "glances",
        sa.Column("page", BigId, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("page", name=op.f("pk_glances")),
    )


def _evidence() -> None:
    texts, figures = ("reason", "alternatives", "method"), ("blocks", "compared")
    measured = ("score", "equal", "relative_distance", "weight", "rounding")
    op.create_table(
        "edge_evidence",
        *(sa.Column(name, BigId, nullable=False) for name in ("derivative_id", "base_id")),
        *(sa.Column(name, sa.SmallInteger(), nullable=False) for name in ("state", "relation")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in texts),
        sa.Column("directed", sa.Boolean(), nullable=False),
        *(sa.Column(name, sa.Float(), nullable=True) for name in measured),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in figures),
        *(sa.Column(name, Packed(), nullable=True) for name in ("derivative_commit", "base_commit")),
        sa.Column("tiers", sa.Text(), nullable=True),
        sa.Column("bytes_read", sa.BigInteger(), nullable=True),
        sa.Column("judged_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(_one_of("state", STATES), name=op.f("ck_edge_evidence_state")),
        sa.CheckConstraint(_one_of("relation", RELATIONS), name=op.f("ck_edge_evidence_relation")),
        *(_belongs("edge_evidence", name, "models") for name in ("derivative_id", "base_id")),
        sa.PrimaryKeyConstraint("derivative_id", "base_id", name=op.f("pk_edge_evidence")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_edge_evidence_base_id", "edge_evidence", ["base_id"])


def _belongs(table: str, column: str, owner: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{owner}")
    return sa.ForeignKeyConstraint([column], [f"{owner}.id"], name=name, ondelete="CASCADE")


def _one_of(column: str, words: int) -> str:
    return f"{column} BETWEEN 0 AND {words - 1}"
