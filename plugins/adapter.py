"""An adapter instead of a full copy: what it saves in storage, from the bytes of real files."""

from __future__ import annotations

from collections.abc import Sequence

from registry.contract import PluginHost, ReuseCase
from registry.model.edges import Relation
from registry.model.estimate import Estimate, Saving


class AdapterStorage:
    """A full fine-tune would have kept a copy of the base's size; the adapter keeps its own files."""

    name = "adapter"
    summary = "bytes an adapter saves against a full copy of its base"

    def savings(self, case: ReuseCase) -> Sequence[Saving]:
        """One saving per base reached by an adapter edge, when both sizes are known and it saved any."""
        own = case.model.weight_bytes
        if own is None:
            return ()
        return [
            _saving(case.model.brief.repo_id, base.brief.repo_id, own, base.weight_bytes)
            for base, relation in case.bases
            if relation is Relation.ADAPTER and base.weight_bytes is not None and base.weight_bytes > own
        ]


def register(host: PluginHost) -> None:
    host.add_savings_model(AdapterStorage())


def _saving(model: str, base: str, own: int, full: int) -> Saving:
    def exact(size: int, formula: str) -> Estimate:
        return Estimate(size, size, size, "byte", formula, sources=("file sizes in the catalog",))

    return Saving(
        model=model,
        kind="adapter",
        counterfactuals=((f"full copy of {base}", exact(full, "weights of the base, one format")),),
        own_cost=exact(own, "weights of the adapter"),
        saved=exact(full - own, "full copy - adapter"),
        ratio=full / own if own else None,
        assumptions=(
            "a full fine-tune keeps the dtype and size of its base",
            "the base is kept anyway, by its host or for others",
        ),
    )
