"""The tables. Written for three million models: integer ids, hashes as bytes, facts once.

What a look at a model found is a row of `snapshots`, by model and number; what hangs on it (parameter counts,
license statements, raw answers) has its key. What many looks found alike is a row of `traits`, which
they share. A file list belongs to a commit and is shared by all snapshots of that commit. Claims are kept for
good, with a flag for those still made; edges are worked out from them.

What can be worked out from the rest is not written down: `catalog check` holds the short forms to it.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    and_,
    func,
    text,
)

from registry.catalog.codes import ALIAS, FIELD, GATE, ORIGIN, RELATION, SOURCE, STATE, Origins
from registry.catalog.columns import flag, metadata, of_look, owner, word
from registry.catalog.types import BigId, HexBytes, Name, Packed, Phrase, UtcDateTime
from registry.model.edges import Origin

models = Table(
    "models",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("repo_id", Name, nullable=False),
    *word("source", SOURCE),
    Column("hub_id", Packed),
    flag("tracked"),
    # The source of the current snapshot said, last time, that the model is absent or not visible.
    flag("removed"),
    # The number of the snapshot whose facts are shown, the newest that has any.
    # No key: two tables that name each other could only be written in a detour. `catalog check` looks.
    Column("shown", Integer),
    # The last look through the source of the current snapshot, whatever it found.
    Column("seen_at", UtcDateTime),
    # Counters change daily and mean no new snapshot.
    Column("downloads", BigInteger),
    Column("likes", BigInteger),
    UniqueConstraint("repo_id"),
    UniqueConstraint("hub_id"),
)

aliases = Table(
    "aliases",
    metadata,
    Column("name", Name, primary_key=True),
    owner("model_id", "models"),
    *word("kind", ALIAS),
    Column("observed_at", UtcDateTime),
    Index("ix_aliases_model_id", "model_id"),
)
aliases_by_folded_name = Index("ix_aliases_lower_name", func.lower(aliases.c.name))

trees = Table(
    "trees",
    metadata,
    Column("id", BigId, primary_key=True),
    owner("model_id", "models"),
    Column("commit_sha", Packed),
    Column("digest", LargeBinary, nullable=False),
    flag("complete"),
    Column("files", Integer, nullable=False),
    # Sum of the sizes known, NULL when none is; and how many files it leaves out.
    Column("logical_bytes", BigInteger),
    Column("unsized_files", Integer, nullable=False),
    # Worked out from the list as `registry.weights.sizes` does.
    Column("unique_bytes", BigInteger),
    Column("weight_bytes", BigInteger),
    Column("copy_bytes", BigInteger),
    UniqueConstraint("model_id", "commit_sha"),
)

traits = Table(
    "traits",
    metadata,
    Column("id", BigId, primary_key=True),
    # Tells the row by all that it says (`traits.py`). Rows are shared and never change.
    Column("mark", LargeBinary, nullable=False),
    Column("private", Boolean),
    *word("gated", GATE, nullable=True),
    Column("disabled", Boolean),
    Column("library", Text),
    Column("task", Text),
    # The resolved id(s) of the declaration, lower case, several joined by " AND ".
    Column("license", Text),
    # Who states just that and nothing else, joined by commas; then there are no `license_claims`.
    Column("license_by", Text),
    Column("new_version", Text),
    # NULL: the source told no count at all.
    Column("parameters_origin", Text),
    Column("parameters_rule", Phrase),
    Column("parameters_contradiction", Text),
    # What `snapshots.parameters` is besides: the number of elements of the one storage type there is
    # (then there are no `parameter_counts`), the logical count, the host's own figure.
    Column("parameters_dtype", Text),
    flag("parameters_logical"),
    flag("parameters_served"),
    UniqueConstraint("mark"),
)

snapshots = Table(
    "snapshots",
    metadata,
    owner("model_id", "models"),
    # Of the looks at one model in the order they were written.
    Column("number", Integer, nullable=False),
    Column("traits_id", BigId, ForeignKey("traits.id"), nullable=False),
    *word("source", SOURCE),
    # Of the facts whose change is news (`compare.py`). NULL: not worked out yet, with `bases`, of the
    # newest look of its source that found anything, whose claims are the current ones.
    Column("digest", LargeBinary),
    # Of the row of a bulk file that last said just this (`bulk.py`), NULL when something else said more.
    Column("imprint", LargeBinary),
    Column("observed_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    Column("revision", Text),
    Column("commit_sha", Packed),
    flag("removed"),
    Column("created_at", UtcDateTime),
    Column("last_modified", UtcDateTime),
    # Coded (`tags.py`), NULL when there are none.
    Column("tags", LargeBinary),
    Column("used_storage", BigInteger),
    # The logical count, else the stored one: what filters and lists show.
    Column("parameters", BigInteger),
    # The host's own figure where it is another.
    Column("served_parameters", BigInteger),
    # [[name, relation], ...] as claimed then, for telling later what changed.
    Column("bases", Text),
    Column("tree_id", BigId, ForeignKey("trees.id")),
    PrimaryKeyConstraint("model_id", "number"),
    sqlite_with_rowid=False,
)
SHOWN = and_(snapshots.c.model_id == models.c.id, snapshots.c.number == models.c.shown)
"""The look whose facts are shown of a model."""

# Looks through a list of models find no files.
Index(
    "ix_snapshots_tree_id",
    snapshots.c.tree_id,
    sqlite_where=snapshots.c.tree_id.is_not(None),
    postgresql_where=snapshots.c.tree_id.is_not(None),
)

details = Table(
    "details",
    metadata,
    *of_look(),
    # zlib-compressed JSON: config, notes. Read one model at a time, never searched.
    Column("data", LargeBinary, nullable=False),
    PrimaryKeyConstraint("model_id", "number"),
)

raw_answers = Table(
    "raw_answers",
    metadata,
    *of_look(),
    Column("kind", Text, nullable=False),
    # zlib-compressed.
    Column("data", LargeBinary, nullable=False),
    PrimaryKeyConstraint("model_id", "number", "kind"),
)

blobs = Table(
    "blobs",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("sha256", HexBytes, nullable=False),
    Column("size", BigInteger),
    Column("xet_hash", HexBytes),
    UniqueConstraint("sha256"),
    CheckConstraint("length(sha256) = 32", name="sha256"),
)

files = Table(
    "files",
    metadata,
    owner("tree_id", "trees"),
    # By path; the path itself is no key, it may be longer than an index entry can be.
    Column("position", Integer, nullable=False),
    Column("path", Text, nullable=False),
    Column("size", BigInteger),
    Column("blob_id", BigId, ForeignKey("blobs.id")),
    Column("git_oid", HexBytes),
    PrimaryKeyConstraint("tree_id", "position"),
    CheckConstraint("size >= 0", name="size"),
    sqlite_with_rowid=False,
)
# Most small files have no known content.
Index(
    "ix_files_blob_id",
    files.c.blob_id,
    sqlite_where=files.c.blob_id.is_not(None),
    postgresql_where=files.c.blob_id.is_not(None),
)

parameter_counts = Table(
    "parameter_counts",
    metadata,
    *of_look(),
    Column("dtype", Text, nullable=False),
    Column("elements", BigInteger, nullable=False),
    PrimaryKeyConstraint("model_id", "number", "dtype"),
    sqlite_with_rowid=False,
)

license_claims = Table(
    "license_claims",
    metadata,
    *of_look(),
    Column("position", Integer, nullable=False),
    *word("field", FIELD),
    Column("value", Text, nullable=False),
    Column("origin", Text, nullable=False),
    PrimaryKeyConstraint("model_id", "number", "position"),
    sqlite_with_rowid=False,
)

edges = Table(
    "edges",
    metadata,
    owner("derivative_id", "models"),
    Column("base_id", BigId, ForeignKey("models.id"), nullable=False),
    *word("relation", RELATION),
    Column("origins", Origins, nullable=False),
    Column("resolved_from", Text),
    *word("state", STATE),
    PrimaryKeyConstraint("derivative_id", "base_id"),
    # Covers the walk towards derivatives.
    Index("ix_edges_base_id", "base_id", "derivative_id", "relation"),
    sqlite_with_rowid=False,
)

edge_claims = Table(
    "edge_claims",
    metadata,
    owner("derivative_id", "models"),
    # In the order first seen.
    Column("position", Integer, nullable=False),
    # No key, which would need an index of all claims: where a claim makes an edge, that one has the key.
    # `catalog check` looks.
    Column("base_id", BigId),
    # The source whose snapshot made the claim; NULL for one made by hand in this catalog.
    *word("told_by", SOURCE, nullable=True),
    *word("origin", ORIGIN),
    *word("relation", RELATION),
    # NULL: the present name of the base.
    Column("declared", Text),
    # The base as the claim named it, where that differs from `declared`.
    Column("named", Text),
    Column("detail", Phrase),
    Column("note", Text),
    flag("denied"),
    flag("current"),
    Column("revision", Packed),
    Column("observed_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("derivative_id", "position"),
    CheckConstraint("declared IS NOT NULL OR (base_id IS NOT NULL AND named IS NULL)", name="declared"),
    sqlite_with_rowid=False,
)
APART = f"(denied OR NOT current OR origin = {ORIGIN.number(Origin.INFERRED)})"
"""Claims that need not make an edge. Every other one with a base makes one (`registry.lineage.resolve`), or a
claim about the same two models is among these. Databases use the index for questions in these words."""
claims_apart = text(APART)
Index(
    "ix_edge_claims_base_id",
    edge_claims.c.base_id,
    sqlite_where=claims_apart,
    postgresql_where=claims_apart,
)

imports = Table(
    "imports",
    metadata,
    Column("id", BigId, primary_key=True),
    # What tells one bulk file from another, whatever its name (`sources/bulk.py`).
    Column("content", Text, nullable=False),
    Column("observed_at", UtcDateTime, nullable=False),
    # How many of its rows or lines are in.
    Column("rows", BigInteger, nullable=False),
    flag("finished"),
    # It lists all there was to be seen then, alone or with others of that time.
    flag("complete"),
)

training_facts = Table(
    "training_facts",
    metadata,
    Column("id", BigId, primary_key=True),
    owner("model_id", "models"),
    # As in `edge_claims`.
    *word("told_by", SOURCE, nullable=True),
    Column("name", Text, nullable=False),
    # JSON, so that a whole number, a decimal one and a text stay what they are.
    Column("value", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("note", Text),
    flag("current"),
    Column("observed_at", UtcDateTime, nullable=False),
    Index("ix_training_facts_model_id", "model_id"),
)

lineage_graphs = Table(
    "lineage_graphs",
    metadata,
    # `edges`: the version itself counts how often the edges changed, and the data are empty. Every other
    # name is a part of the graph made from the edges of that version (`graphs.py`).
    Column("name", Text, nullable=False),
    Column("piece", Integer, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
    PrimaryKeyConstraint("name", "piece"),
)

crawls = Table(
    "crawls",
    metadata,
    Column("id", BigId, primary_key=True),
    # What was walked, in words (`registry.model.crawl.Walk`).
    Column("walk", Text, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    # When the last page was kept.
    Column("seen_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    # Where the next page begins, in the words of the host.
    Column("place", Text),
    Column("pages", Integer, nullable=False),
    Column("models", BigInteger, nullable=False),
    Column("added", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
)
# Of one walk only one can be under way.
Index(
    "uq_crawls_walk",
    crawls.c.walk,
    unique=True,
    sqlite_where=crawls.c.finished_at.is_(None),
    postgresql_where=crawls.c.finished_at.is_(None),
)

# --- files on this disk that were read as a whole (`scans.py`) ---

scans = Table(
    "scans",
    metadata,
    # Of the path, which may be longer than an index entry can be.
    Column("place", LargeBinary, primary_key=True),
    Column("path", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("inode", BigInteger, nullable=False),
    Column("sha256", HexBytes, nullable=False),
    # It had been left alone for long enough that a later change would show.
    flag("settled"),
    Index("ix_scans_sha256", "sha256"),
    sqlite_with_rowid=False,
)

contents = Table(
    "contents",
    metadata,
    Column("sha256", HexBytes, primary_key=True),
    Column("size", BigInteger, nullable=False),
    # zlib-compressed: every tensor with its place and hash.
    Column("tensors", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
