"""The first catalog: models and their names, what looks at them found, files, claims and edges.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from registry.catalog.migrations.evidence import create_evidence
from registry.catalog.types import BigId, HexBytes, Name, Packed, Phrase, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SOURCES, ALIASES, GATES, FIELDS, RELATIONS, ORIGINS, STATES = 4, 3, 3, 4, 7, 10, 8
"""How many words there are of each kind; a word is kept as its number."""
# `tables.APART`; origin 2 is `inferred`.
APART = "(denied OR NOT current OR origin = 2)"


def upgrade() -> None:
    _models()
    _trees()
    _snapshots()
    _answers()
    _lineage()
    _facts()
    _crawls()
    _scans()
    create_evidence()


def _models() -> None:
    op.create_table(
        "models",
        sa.Column("id", BigId, nullable=False),
        sa.Column("repo_id", Name, nullable=False),
        sa.Column("source", sa.SmallInteger(), nullable=False),
        sa.Column("hub_id", Packed(), nullable=True),
        sa.Column("tracked", sa.Boolean(), nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.Column("shown", sa.Integer(), nullable=True),
        sa.Column("seen_at", UtcDateTime(), nullable=True),
        sa.Column("downloads", sa.BigInteger(), nullable=True),
        sa.Column("likes", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(_one_of("source", SOURCES), name=op.f("ck_models_source")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_models")),
        sa.UniqueConstraint("repo_id", name=op.f("uq_models_repo_id")),
        sa.UniqueConstraint("hub_id", name=op.f("uq_models_hub_id")),
    )
    op.create_table(
        "aliases",
        sa.Column("name", Name, nullable=False),
        sa.Column("model_id", BigId, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("observed_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(_one_of("kind", ALIASES), name=op.f("ck_aliases_kind")),
        _belongs("aliases", "model_id", "models"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_aliases")),
    )
    op.create_index("ix_aliases_model_id", "aliases", ["model_id"])
    op.create_index("ix_aliases_lower_name", "aliases", [sa.text("lower(name)")])


def _trees() -> None:
    op.create_table(
        "trees",
        sa.Column("id", BigId, nullable=False),
        sa.Column("model_id", BigId, nullable=False),
        sa.Column("commit_sha", Packed(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("logical_bytes", sa.BigInteger(), nullable=True),
        sa.Column("unsized_files", sa.Integer(), nullable=False),
        sa.Column("unique_bytes", sa.BigInteger(), nullable=True),
        sa.Column("weight_bytes", sa.BigInteger(), nullable=True),
        sa.Column("copy_bytes", sa.BigInteger(), nullable=True),
        _belongs("trees", "model_id", "models"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trees")),
        sa.UniqueConstraint("model_id", "commit_sha", name=op.f("uq_trees_model_id_commit_sha")),
    )
    op.create_table(
        "blobs",
        sa.Column("id", BigId, nullable=False),
        sa.Column("sha256", HexBytes(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("xet_hash", HexBytes(), nullable=True),
        sa.CheckConstraint("length(sha256) = 32", name=op.f("ck_blobs_sha256")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blobs")),
        sa.UniqueConstraint("sha256", name=op.f("uq_blobs_sha256")),
    )
    op.create_table(
        "files",
        sa.Column("tree_id", BigId, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("blob_id", BigId, nullable=True),
        sa.Column("git_oid", HexBytes(), nullable=True),
        sa.CheckConstraint("size >= 0", name=op.f("ck_files_size")),
        sa.ForeignKeyConstraint(["blob_id"], ["blobs.id"], name=op.f("fk_files_blob_id_blobs")),
        _belongs("files", "tree_id", "trees"),
        sa.PrimaryKeyConstraint("tree_id", "position", name=op.f("pk_files")),
        sqlite_with_rowid=False,
    )
    known = sa.text("blob_id IS NOT NULL")
    op.create_index("ix_files_blob_id", "files", ["blob_id"], sqlite_where=known, postgresql_where=known)


def _snapshots() -> None:
    op.create_table(
        "traits",
        sa.Column("id", BigId, nullable=False),
        sa.Column("mark", sa.LargeBinary(), nullable=False),
        sa.Column("private", sa.Boolean(), nullable=True),
        sa.Column("gated", sa.SmallInteger(), nullable=True),
        sa.Column("disabled", sa.Boolean(), nullable=True),
        sa.Column("library", sa.Text(), nullable=True),
        sa.Column("task", sa.Text(), nullable=True),
        sa.Column("license", sa.Text(), nullable=True),
        sa.Column("license_by", sa.Text(), nullable=True),
        sa.Column("new_version", sa.Text(), nullable=True),
        sa.Column("parameters_origin", sa.Text(), nullable=True),
        sa.Column("parameters_rule", Phrase(), nullable=True),
        sa.Column("parameters_contradiction", sa.Text(), nullable=True),
        sa.Column("parameters_dtype", sa.Text(), nullable=True),
        sa.Column("parameters_logical", sa.Boolean(), nullable=False),
        sa.Column("parameters_served", sa.Boolean(), nullable=False),
        sa.CheckConstraint(_one_of("gated", GATES), name=op.f("ck_traits_gated")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_traits")),
        sa.UniqueConstraint("mark", name=op.f("uq_traits_mark")),
    )
    op.create_table(
        "snapshots",
        sa.Column("model_id", BigId, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("traits_id", BigId, nullable=False),
        sa.Column("source", sa.SmallInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.Column("imprint", sa.LargeBinary(), nullable=True),
        sa.Column("observed_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=True),
        sa.Column("commit_sha", Packed(), nullable=True),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=True),
        sa.Column("last_modified", UtcDateTime(), nullable=True),
        sa.Column("tags", sa.LargeBinary(), nullable=True),
        sa.Column("used_storage", sa.BigInteger(), nullable=True),
        sa.Column("parameters", sa.BigInteger(), nullable=True),
        sa.Column("served_parameters", sa.BigInteger(), nullable=True),
        sa.Column("bases", sa.Text(), nullable=True),
        sa.Column("tree_id", BigId, nullable=True),
        sa.CheckConstraint(_one_of("source", SOURCES), name=op.f("ck_snapshots_source")),
        _belongs("snapshots", "model_id", "models"),
        sa.ForeignKeyConstraint(["traits_id"], ["traits.id"], name=op.f("fk_snapshots_traits_id_traits")),
        sa.ForeignKeyConstraint(["tree_id"], ["trees.id"], name=op.f("fk_snapshots_tree_id_trees")),
        sa.PrimaryKeyConstraint("model_id", "number", name=op.f("pk_snapshots")),
        sqlite_with_rowid=False,
    )
    known = sa.text("tree_id IS NOT NULL")
    op.create_index(
        "ix_snapshots_tree_id", "snapshots", ["tree_id"], sqlite_where=known, postgresql_where=known
    )


def _answers() -> None:
    op.create_table(
        "details",
        sa.Column("model_id", BigId, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        _of_look("details"),
        sa.PrimaryKeyConstraint("model_id", "number", name=op.f("pk_details")),
    )
    op.create_table(
        "raw_answers",
        sa.Column("model_id", BigId, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        _of_look("raw_answers"),
        sa.PrimaryKeyConstraint("model_id", "number", "kind", name=op.f("pk_raw_answers")),
    )
    op.create_table(
        "parameter_counts",
        sa.Column("model_id", BigId, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("dtype", sa.Text(), nullable=False),
        sa.Column("elements", sa.BigInteger(), nullable=False),
        _of_look("parameter_counts"),
        sa.PrimaryKeyConstraint("model_id", "number", "dtype", name=op.f("pk_parameter_counts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "license_claims",
        sa.Column("model_id", BigId, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("field", sa.SmallInteger(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.CheckConstraint(
            _one_of("field", FIELDS),
            name=op.f("ck_license_claims_field"),
        ),
        _of_look("license_claims"),
        sa.PrimaryKeyConstraint("model_id", "number", "position", name=op.f("pk_license_claims")),
        sqlite_with_rowid=False,
    )


def _lineage() -> None:
    op.create_table(
        "edges",
        sa.Column("derivative_id", BigId, nullable=False),
        sa.Column("base_id", BigId, nullable=False),
        sa.Column("relation", sa.SmallInteger(), nullable=False),
        sa.Column("origins", sa.Integer(), nullable=False),
        sa.Column("resolved_from", sa.Text(), nullable=True),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint(_one_of("relation", RELATIONS), name=op.f("ck_edges_relation")),
        sa.CheckConstraint(_one_of("state", STATES), name=op.f("ck_edges_state")),
        _belongs("edges", "derivative_id", "models"),
        sa.ForeignKeyConstraint(["base_id"], ["models.id"], name=op.f("fk_edges_base_id_models")),
        sa.PrimaryKeyConstraint("derivative_id", "base_id", name=op.f("pk_edges")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_edges_base_id", "edges", ["base_id", "derivative_id", "relation"])
    op.create_table(
        "edge_claims",
        sa.Column("derivative_id", BigId, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("base_id", BigId, nullable=True),
        sa.Column("told_by", sa.SmallInteger(), nullable=True),
        sa.Column("origin", sa.SmallInteger(), nullable=False),
        sa.Column("relation", sa.SmallInteger(), nullable=False),
        sa.Column("declared", sa.Text(), nullable=True),
        sa.Column("named", sa.Text(), nullable=True),
        sa.Column("detail", Phrase(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("denied", sa.Boolean(), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("revision", Packed(), nullable=True),
        sa.Column("observed_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(_one_of("told_by", SOURCES), name=op.f("ck_edge_claims_told_by")),
        sa.CheckConstraint(_one_of("origin", ORIGINS), name=op.f("ck_edge_claims_origin")),
        sa.CheckConstraint(_one_of("relation", RELATIONS), name=op.f("ck_edge_claims_relation")),
        _belongs("edge_claims", "derivative_id", "models"),
        sa.CheckConstraint(
            "declared IS NOT NULL OR (base_id IS NOT NULL AND named IS NULL)",
            name=op.f("ck_edge_claims_declared"),
        ),
        sa.PrimaryKeyConstraint("derivative_id", "position", name=op.f("pk_edge_claims")),
        sqlite_with_rowid=False,
    )
    apart = sa.text(APART)
    op.create_index(
        "ix_edge_claims_base_id", "edge_claims", ["base_id"], sqlite_where=apart, postgresql_where=apart
    )
    op.create_table(
        "lineage_graphs",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("piece", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", "piece", name=op.f("pk_lineage_graphs")),
    )


def _facts() -> None:
    op.create_table(
        "imports",
        sa.Column("id", BigId, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("observed_at", UtcDateTime(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("finished", sa.Boolean(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
    )
    op.create_table(
        "training_facts",
        sa.Column("id", BigId, nullable=False),
        sa.Column("model_id", BigId, nullable=False),
        sa.Column("told_by", sa.SmallInteger(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("observed_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(_one_of("told_by", SOURCES), name=op.f("ck_training_facts_told_by")),
        _belongs("training_facts", "model_id", "models"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_facts")),
    )
    op.create_index("ix_training_facts_model_id", "training_facts", ["model_id"])


def _crawls() -> None:
    op.create_table(
        "crawls",
        sa.Column("id", BigId, nullable=False),
        sa.Column("walk", sa.Text(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("models", sa.BigInteger(), nullable=False),
        sa.Column("added", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crawls")),
    )
    unfinished = sa.text("finished_at IS NULL")
    op.create_index(
        "uq_crawls_walk",
        "crawls",
        ["walk"],
        unique=True,
        sqlite_where=unfinished,
        postgresql_where=unfinished,
    )


def _scans() -> None:
    op.create_table(
        "scans",
        sa.Column("place", sa.LargeBinary(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("inode", sa.BigInteger(), nullable=False),
        sa.Column("sha256", HexBytes(), nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_scans")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_scans_sha256", "scans", ["sha256"])
    op.create_table(
        "contents",
        sa.Column("sha256", HexBytes(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("tensors", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_contents")),
        sqlite_with_rowid=False,
    )


def _belongs(table: str, column: str, owner: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{owner}")
    return sa.ForeignKeyConstraint([column], [f"{owner}.id"], name=name, ondelete="CASCADE")


def _of_look(table: str) -> sa.ForeignKeyConstraint:
    owner = ["model_id", "number"]
    return sa.ForeignKeyConstraint(
        owner,
        [f"snapshots.{name}" for name in owner],
        name=op.f(f"fk_{table}_model_id_number_snapshots"),
        ondelete="CASCADE",
        onupdate="CASCADE",
    )


def _one_of(column: str, words: int) -> str:
    return f"{column} BETWEEN 0 AND {words - 1}"
