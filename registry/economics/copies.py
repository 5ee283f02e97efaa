"""What the guests share that set one pair of weights against another: bytes, and a year of keeping them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from registry.contract import Economy, Subject
from registry.model.estimate import EXACT, Estimate, Saving

MEMORY = "byte of memory"
"""The unit of weights held ready to answer: no files, and never added to them."""

YEARLY = "a year's storage"

_TOLD: Mapping[str | None, str] = MappingProxyType(
    {"files": "file sizes in the catalog", "dtypes": "numbers per type in the catalog"}
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one guest says of every pair of model and base. instead: what would have been kept; own: what
    was kept in its place; both in words."""

    kind: str
    instead: str
    own: str
    assumptions: tuple[str, ...]

    def kept(self, model: Subject, base: Subject, economy: Economy, *further: str) -> list[Saving]:
        """The bytes of both and a year's storage of each, when both are known and the model's are fewer.
        further: assumptions about this pair alone."""
        own, whole = model.weight_bytes, base.weight_bytes
        if own is None or whole is None or own >= whole:
            return []
        in_bytes = self.counted(model, base, (whole, own), "byte", *further)
        prices = economy.storage(whole), economy.storage(own)
        return [in_bytes, self._saving(model, base, prices, f"{YEARLY} of it", *further)]

    def counted(
        self, model: Subject, base: Subject, sizes: tuple[float, float], unit: str, *further: str
    ) -> Saving:
        """A saving between two figures, of the counterfactual and of the model, that are known exactly."""
        whole, own = sizes
        sources = _sources(model, base) if unit in ("byte", MEMORY) else ("parameters in the catalog",)
        pair = (
            Estimate(whole, whole, whole, unit, self.instead, sources=sources),
            Estimate(own, own, own, unit, self.own, sources=sources),
        )
        return self._saving(model, base, pair, self.instead, *further)

    def _saving(
        self, model: Subject, base: Subject, pair: tuple[Estimate, Estimate], instead: str, *further: str
    ) -> Saving:
        whole, own = pair
        return Saving(
            model=model.brief.repo_id,
            kind=self.kind,
            counterfactuals=((instead, whole),),
            own_cost=own,
            saved=minus(whole, own),
            ratio=whole.mid / own.mid if own.mid else None,
            assumptions=(*self.assumptions, *further, *whole.assumptions),
            sources=whole.sources,
            base=base.brief.repo_id,
        )


def minus(whole: Estimate, own: Estimate) -> Estimate:
    """The difference of two figures without a range: what `difference` gives, without gathering words."""
    if not (whole.interval == own.interval == EXACT and whole.unit == own.unit):
        raise ValueError("only figures without a range, in one unit, are subtracted here")
    saved = whole.mid - own.mid
    return Estimate(
        saved,
        saved,
        saved,
        whole.unit,
        "instead - own",
        assumptions=whole.assumptions,
        sources=whole.sources,
        priced=whole.priced,
    )


def _sources(model: Subject, base: Subject) -> tuple[str, ...]:
    told = _TOLD.get(base.weights_told, "the catalog"), _TOLD.get(model.weights_told, "the catalog")
    return told[:1] if told[0] == told[1] else told
