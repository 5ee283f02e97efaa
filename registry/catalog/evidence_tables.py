"""The tables of what weights say: fingerprints, how they are found, and what was made of them.

A fingerprint belongs to one commit of a model. Evidence is about a pair of models, one row each, worked out
anew from fingerprints and never edited.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from registry.catalog.codes import RELATION, STATE
from registry.catalog.columns import flag, metadata, owner, word
from registry.catalog.types import BigId, Packed, UtcDateTime

fingerprints = Table(
    "fingerprints",
    metadata,
    Column("id", BigId, primary_key=True),
    owner("model_id", "models"),
    # Of the files that were read; empty where a source knows no commits.
    Column("commit_sha", Packed, nullable=False),
    Column("tier", Text, nullable=False),
    Column("scheme", Text, nullable=False),
    Column("read_at", UtcDateTime, nullable=False),
    # What it cost: ranges and bytes of samples, of heads of files.
    Column("requests", Integer, nullable=False),
    Column("bytes_read", BigInteger, nullable=False),
    Column("head_requests", Integer, nullable=False),
    Column("head_bytes", BigInteger, nullable=False),
    # A format number, then the samples, compressed (`pack_fingerprint`).
    Column("data", LargeBinary, nullable=False),
    UniqueConstraint("model_id", "commit_sha", "scheme", "tier"),
    CheckConstraint("tier IN ('H', 'L', 'S', 'X')", name="tier"),
)

sketches = Table(
    "sketches",
    metadata,
    Column("fingerprint_id", BigId, ForeignKey("fingerprints.id", ondelete="CASCADE"), primary_key=True),
    # That of the fingerprint, whose rows are too wide to be read for it.
    Column("model_id", BigId, nullable=False),
    # 512 signed bytes, and up to 16 block hashes of eight.
    Column("sketch", LargeBinary, nullable=False),
    Column("hashes", LargeBinary, nullable=False),
)

block_hashes = Table(
    "block_hashes",
    metadata,
    Column("hash", BigInteger, nullable=False),
    owner("fingerprint_id", "fingerprints"),
    PrimaryKeyConstraint("hash", "fingerprint_id"),
    Index("ix_block_hashes_fingerprint_id", "fingerprint_id"),
    sqlite_with_rowid=False,
)

glances = Table(
    "glances",
    metadata,
    # The beginnings of the search: 64 bytes of a sketch for each of 1,024 ids of fingerprints in a row, in
    # one value, so that a hundred thousand are read at once. What is deleted leaves its glance behind.
    Column("page", BigId, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

edge_evidence = Table(
    "edge_evidence",
    metadata,
    owner("derivative_id", "models"),
    owner("base_id", "models"),
    *word("state", STATE),
    *word("relation", RELATION),
    flag("directed"),
    Column("reason", Text, nullable=False),
    Column("score", Float),
    Column("equal", Float),
    Column("relative_distance", Float),
    Column("blocks", Integer, nullable=False),
    # Values compared.
    Column("compared", Integer, nullable=False),
    # The base's share in a merge, and that merge's misfit.
    Column("weight", Float),
    Column("rounding", Float),
    # JSON: [[id of a model, score, relative distance], ...].
    Column("alternatives", Text, nullable=False),
    # Of both fingerprints: the commits they are of, their tiers, and what was read for them.
    Column("derivative_commit", Packed),
    Column("base_commit", Packed),
    Column("tiers", Text),
    Column("bytes_read", BigInteger),
    Column("method", Text, nullable=False),
    Column("judged_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("derivative_id", "base_id"),
    Index("ix_edge_evidence_base_id", "base_id"),
    sqlite_with_rowid=False,
)
