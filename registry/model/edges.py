"""Claims about descent, and the edges they add up to.

A claim is what one origin said about one model, kept word for word. An edge is our reading of all
claims that connect one derivative to one base.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Relation(StrEnum):
    """How a derivative was made from its base. `trained_on` points to a dataset instead."""

    FINETUNE = "finetune"
    ADAPTER = "adapter"
    MERGE = "merge"
    QUANTIZED = "quantized"
    DISTILLED = "distilled"
    UNKNOWN = "unknown"
    TRAINED_ON = "trained_on"


class Origin(StrEnum):
    """Who made a claim."""

    MANUAL = "manual"
    WEIGHTS = "weights"
    ADAPTER_CONFIG = "adapter_config"
    MERGEKIT = "mergekit"
    HUB = "hub"
    CARD = "card"
    GGUF = "gguf"
    CONFIG = "config"
    PAPER = "paper"
    INFERRED = "inferred"


@dataclass(frozen=True, slots=True)
class Claim:
    """One origin's statement that a model has a base (or was trained on a dataset).

    declared: the text exactly as found, `""` only for a claim about the relation alone.
    base: the catalog name (`repo_id`) that text means, `None` when it names no model we can tell.
    relation: what the origin says, `UNKNOWN` when it says nothing.
    detail: where in the source it stands (`base_model[1]`, `tags`), or why it could not be resolved.
    denied: a statement that the base is *not* one, made by hand with a note.
    """

    origin: Origin
    declared: str
    base: str | None
    relation: Relation = Relation.UNKNOWN
    detail: str | None = None
    note: str | None = None
    denied: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """A derivative and one base (both by `repo_id`), with the relation all claims add up to.

    origins: who claims it, strongest first. resolved_from: the text a source used where it differs from
    the base's current name. state: `declared` until the weights have been asked.
    """

    derivative: str
    base: str
    relation: Relation
    origins: tuple[Origin, ...]
    resolved_from: str | None = None
    state: str = "declared"
