"""What reuse saved, by every strategy the guests brought."""

from __future__ import annotations

from collections.abc import Iterable

from registry.catalog.catalog import Catalog
from registry.contract import ReuseCase, SavingsModel
from registry.model.edges import Relation
from registry.model.estimate import Saving
from registry.weights.formats import one_copy_bytes


def reuse_case(catalog: Catalog, repo_id: str) -> ReuseCase:
    """One model and its direct bases, with the bytes of their weights where known."""
    edges = [edge for edge in catalog.edges_up(repo_id, 1) if edge.relation is not Relation.TRAINED_ON]
    briefs = catalog.briefs([repo_id, *(edge.base for edge in edges)])
    weights: dict[str, int] = {}
    for name in briefs:
        snapshot = catalog.snapshot(name)
        size = one_copy_bytes(snapshot.files or ()) if snapshot else None
        if size is not None:
            weights[name] = size
    bases = tuple((briefs[edge.base], edge.relation) for edge in edges)
    return ReuseCase(briefs[repo_id], bases, weights)


def savings(catalog: Catalog, models: Iterable[SavingsModel], repo_id: str) -> tuple[Saving, ...]:
    """Ask every strategy about `repo_id`, in the order of their names."""
    case = reuse_case(catalog, repo_id)
    return tuple(
        saving for model in sorted(models, key=lambda model: model.name) for saving in model.savings(case)
    )
