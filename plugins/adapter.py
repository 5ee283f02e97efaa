"""An adapter instead of a full copy of its base: in files, in memory, and in the arithmetic of training."""

from __future__ import annotations

from collections.abc import Sequence

from registry.contract import PluginHost, ReuseCase, Subject
from registry.economics.copies import MEMORY, Comparison
from registry.economics.reuse import adapter_flop, as_adapters, as_copies, full_finetune_flop
from registry.model.edges import Relation
from registry.model.estimate import Estimate, Saving

KIND = "adapter"

FILES = Comparison(
    KIND,
    instead="a full copy of the base",
    own="the adapter alone",
    assumptions=(
        "a full fine-tune keeps the dtype and size of its base",
        "the base is kept anyway, by its host or for others",
    ),
)
SERVED = Comparison(
    KIND,
    instead="a full copy of the base in memory",
    own="the adapter and its share of one base in memory",
    assumptions=("weights take in memory what they take as files", "all adapters of a base answer from one"),
)
ARITHMETIC = (
    "adapters are credited by arithmetic, 4 of 6 FLOP per parameter and token, and never by the share of "
    "parameters they train: every token still runs through the whole base"
)
SINGLE = "one pass over the training tokens: the number is not told"


class AdapterSavings:
    """A full fine-tune would have kept, served and trained a copy of the base's size."""

    name = KIND
    summary = "an adapter instead of a full copy: storage, memory and arithmetic"

    def savings(self, case: ReuseCase) -> Sequence[Saving]:
        """Per base reached by an adapter edge: files, a year's storage, memory and FLOP, as far as known."""
        found: list[Saving] = []
        for base, relation in case.bases:
            if relation is Relation.ADAPTER:
                found += FILES.kept(case.model, base, case.economy)
                found += _served(case, base)
                found += _trained(case.model, base)
        return found


def register(host: PluginHost) -> None:
    host.add_savings_model(AdapterSavings())


def _served(case: ReuseCase, base: Subject) -> list[Saving]:
    """One adapter's part in serving all `k` of its base together: of k copies, and of one base and k
    adapters. Parts of all k add up to the whole."""
    own, whole = case.model.weight_bytes, base.weight_bytes
    count = case.derivatives.get(base.brief.repo_id, {}).get(Relation.ADAPTER, 0)
    if own is None or whole is None or count < 2:
        return []
    together, copies = as_adapters(count, whole, own), as_copies(count, whole)
    if together >= copies:
        return []
    told = f"{count:,} adapters of this base in the catalog, read as of one size"
    return [SERVED.counted(case.model, base, (copies / count, together / count), MEMORY, told)]


def _trained(model: Subject, base: Subject) -> list[Saving]:
    parameters = base.training.parameters or base.brief.parameters
    tokens, epochs = model.training.training_tokens, model.training.epochs
    if parameters is None or tokens is None:
        return []
    passes = 1 if epochs is None else epochs
    full = _flop(full_finetune_flop(parameters, tokens, passes), "6 N D e")
    own = _flop(adapter_flop(parameters, tokens, passes), "4 N D e")
    return [
        Saving(
            model=model.brief.repo_id,
            kind=KIND,
            counterfactuals=(("all weights of the base trained on the same tokens", full),),
            own_cost=own,
            saved=_flop(full.mid - own.mid, "2 N D e"),
            ratio=full.mid / own.mid,
            assumptions=(ARITHMETIC, *((SINGLE,) if epochs is None else ())),
            sources=full.sources,
            base=base.brief.repo_id,
        )
    ]


def _flop(value: float, formula: str) -> Estimate:
    return Estimate(
        value, value, value, "FLOP", formula, sources=("Kaplan et al. 2020", "Hu et al. 2021 (LoRA)")
    )
