"""From measurements to a verdict on every edge.

Thresholds are those of a measured evaluation (`tests/benchmarks/evidence.py`), not of a theory; dates decide
direction and never a contradiction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from registry.model.edges import Relation
from registry.model.evidence import Alternative, EdgeEvidence, EvidenceState
from registry.weights.adapters import Proof, prove
from registry.weights.compare import Pair
from registry.weights.descent import Descent, Family, Kind
from registry.weights.fingerprint import Fingerprint
from registry.weights.kinship import LEAST_BLOCKS, UNRELATED, Kinship
from registry.weights.permuted import CHANCE
from registry.weights.sampling import SCHEME

METHOD = f"{SCHEME}/1"
"""Sampling scheme and version of the rules below; evidence of another method is measured again."""
RELATED = 0.5
"""Score above which a relation counts as seen."""
LEAST_VALUES = 2000
ALTERNATIVES = 3

_RELATIONS = {
    Kind.DERIVED: Relation.FINETUNE,
    Kind.MERGE: Relation.MERGE,
    Kind.STACKED: Relation.MERGE,
    Kind.QUANTIZED: Relation.QUANTIZED,
}
_HOW = {
    Kind.COPY: "the same numbers",
    Kind.DERIVED: "the nearest relative that can be its base",
    Kind.MERGE: "a weighted sum that is met to within rounding",
    Kind.STACKED: "layers copied from it",
    Kind.QUANTIZED: "its values round to the quantized ones",
    Kind.PERMUTED: "its rows hold the same values in another order",
}
_UNMEASURED = "the base has no fingerprint"
_ADAPTER_BASE = "the base is an adapter, which holds nothing of a model's weights"
_SEEN = (EvidenceState.IDENTICAL, EvidenceState.CONFIRMED, EvidenceState.CONFIRMED_FAMILY)


class Study:
    """Fingerprints studied together. Everything is computed when first asked for, and once.

    models: all that may matter: the models to judge, what they declare, and the relatives a search found.
    dates: when each was first published, where known.
    """

    def __init__(
        self, models: Mapping[str, Fingerprint], dates: Mapping[str, datetime] | None = None
    ) -> None:
        self.models = models
        self.kinship = Kinship(models, dates)
        self._families: dict[frozenset[str], Family] = {}

    def family(self, name: str) -> Family:
        members = self.kinship.family_of(name)
        if members not in self._families:
            self._families[members] = Family(self.kinship, sorted(members))
        return self._families[members]

    def descent(self, name: str) -> Descent:
        """How a model came about, as far as its weights tell."""
        return self.family(name).descents[name]

    def same(self, one: str, other: str) -> bool:
        """Whether two models are copies of each other."""
        classes = self.family(one).classes
        return one == other or (one in classes and classes[one] == classes.get(other))

    def judge(self, name: str, declared: Sequence[str] = ()) -> list[EdgeEvidence]:
        """Evidence for every declared base of a model, then for what was found and not declared."""
        if self.models[name].adapter:
            return self._adapter(name, declared)
        judged = [self._declared(name, base) for base in declared if base != name]
        seen = any(evidence.state in _SEEN for evidence in judged)
        descent = self.descent(name) if name in self.kinship.samples else Descent(Kind.ROOT)
        wanted = not seen or descent.kind in (Kind.MERGE, Kind.STACKED)
        known = [base for base in declared if base in self.kinship.samples]
        undeclared = [p for p in descent.parents if not any(self.same(p, base) for base in known)]
        return judged + [self._found(name, parent, descent) for parent in undeclared if wanted]

    # --- declared edges --------------------------------------------------------------------------

    def _declared(self, name: str, base: str) -> EdgeEvidence:
        if base not in self.models:
            return self._none(name, base, _UNMEASURED, EvidenceState.DECLARED)
        if self.models[base].adapter:
            return self._none(name, base, _ADAPTER_BASE)
        pair = self.kinship.pair(name, base)
        descent = self.descent(name)
        if pair.blocks == 0:
            return self._none(name, base, "no sampled tensors in common")
        if self.same(name, base):
            words = "the same numbers in all sampled weights"
            return self._told(name, base, EvidenceState.IDENTICAL, words, descent)
        if any(self.same(parent, base) for parent in descent.parents):
            return self._told(name, base, EvidenceState.CONFIRMED, _HOW[descent.kind], descent)
        if self._turned(name, base):
            words = "nearest relatives; nothing but the declaration tells which came first"
            return self._told(name, base, EvidenceState.CONFIRMED, words, descent, directed=False)
        rows = self.kinship.row_distance(name, base)
        shuffled = rows is not None and rows < CHANCE
        if pair.score > RELATED or shuffled or self.kinship.related(name, base):
            return self._told(name, base, EvidenceState.CONFIRMED_FAMILY, _nearer(descent), descent)
        if pair.score < UNRELATED and pair.blocks >= LEAST_BLOCKS and pair.values >= LEAST_VALUES:
            words = "no trace in the sampled weights"
            return self._told(name, base, EvidenceState.CONTRADICTED, words, descent)
        words = f"{pair.blocks} comparable blocks, score {pair.score:.2f}: too little to tell"
        return self._told(name, base, EvidenceState.INCONCLUSIVE, words, descent)

    def _turned(self, name: str, base: str) -> bool:
        """Whether the declared base was taken for the child, with no date to say so."""
        dates = self.kinship.dates
        if base not in self.kinship.family_of(name) or (name in dates and base in dates):
            return False
        return any(self.same(parent, name) for parent in self.descent(base).parents)

    # --- undeclared ------------------------------------------------------------------------------

    def _found(self, name: str, parent: str, descent: Descent) -> EdgeEvidence:
        return self._told(name, parent, EvidenceState.FOUND, _HOW[descent.kind], descent)

    # --- adapters --------------------------------------------------------------------------------

    def _adapter(self, name: str, declared: Sequence[str]) -> list[EdgeEvidence]:
        proof = prove(self.models[name], self.kinship.samples)
        if proof is None:
            words = "an adapter alone holds nothing of its base, and no model merged from it is at hand"
            return [self._none(name, base, words) for base in declared if base != name]
        judged = [self._adapter_claim(name, base, proof) for base in declared if base != name]
        if not any(base in declared for base in proof.bases):
            state, words = EvidenceState.FOUND, self._proof_words(proof)
            judged += [self._proven(name, base, state, words, proof) for base in proof.bases[:1]]
        return judged

    def _adapter_claim(self, name: str, base: str, proof: Proof) -> EdgeEvidence:
        if base not in self.models:
            return self._none(name, base, _UNMEASURED, EvidenceState.DECLARED)
        if self.models[base].adapter:
            return self._none(name, base, _ADAPTER_BASE)
        if base in proof.bases or any(self.same(base, other) for other in proof.bases):
            words = self._proof_words(proof)
            return self._proven(name, base, EvidenceState.CONFIRMED, words, proof)
        words = f"{self._proof_words(proof)} of {proof.bases[0]}"
        if self.kinship.related(base, proof.bases[0]):
            return self._proven(name, base, EvidenceState.CONFIRMED_FAMILY, words, proof)
        pair = self.kinship.pair(proof.bases[0], base)
        if pair.score < UNRELATED and pair.blocks >= LEAST_BLOCKS and pair.values >= LEAST_VALUES:
            words = f"no trace in the sampled weights; {words}"
            return self._proven(name, base, EvidenceState.CONTRADICTED, words, proof)
        return self._proven(name, base, EvidenceState.INCONCLUSIVE, words, proof)

    def _proof_words(self, proof: Proof) -> str:
        tie = f", as well for {len(proof.bases) - 1} near copies" if len(proof.bases) > 1 else ""
        return f"{proof.merged} is the base plus this adapter, {proof.unexplained:.2%} left over{tie}"

    def _proven(self, name: str, base: str, state: EvidenceState, words: str, proof: Proof) -> EdgeEvidence:
        others = tuple(
            Alternative(other, self.kinship.score(other, base), None)
            for other in proof.bases
            if other != base
        )
        return EdgeEvidence(
            name,
            base,
            state,
            words,
            METHOD,
            Relation.ADAPTER,
            values=proof.values,
            alternatives=others[:ALTERNATIVES],
        )

    # --- telling ---------------------------------------------------------------------------------

    def _none(
        self, name: str, base: str, words: str, state: EvidenceState = EvidenceState.NOT_COMPARABLE
    ) -> EdgeEvidence:
        return EdgeEvidence(name, base, state, words, METHOD)

    def _told(
        self,
        name: str,
        base: str,
        state: EvidenceState,
        words: str,
        descent: Descent,
        *,
        directed: bool | None = None,
    ) -> EdgeEvidence:
        pair: Pair = self.kinship.pair(name, base)
        parent = next((i for i, p in enumerate(descent.parents) if self.same(p, base)), None)
        merged = parent is not None and bool(descent.weights)
        return EdgeEvidence(
            name,
            base,
            state,
            words,
            METHOD,
            _RELATIONS.get(descent.kind, Relation.UNKNOWN) if parent is not None else Relation.UNKNOWN,
            round(pair.score, 6),
            round(pair.equal, 6),
            pair.relative_distance,
            pair.blocks,
            pair.values,
            descent.directed if directed is None else directed,
            descent.weights[parent] if merged and parent is not None else None,
            descent.rounding if merged else None,
            self._alternatives(name, base),
        )

    def _alternatives(self, name: str, base: str) -> tuple[Alternative, ...]:
        """The nearest other members of the family, nearest first."""
        found = []
        for other in self.kinship.family_of(name):
            if other not in (name, base):
                pair = self.kinship.pair(name, other)
                found.append(Alternative(other, round(pair.score, 6), pair.relative_distance))
        found.sort(key=lambda a: (9.0 if a.relative_distance is None else a.relative_distance, a.model))
        return tuple(found[:ALTERNATIVES])


def _nearer(descent: Descent) -> str:
    if not descent.parents:
        return "related; it may as well be the older one"
    return f"related; nearer: {', '.join(descent.parents)}"


def judge(
    child: str,
    declared: Sequence[str],
    models: Mapping[str, Fingerprint],
    dates: Mapping[str, datetime] | None = None,
) -> list[EdgeEvidence]:
    """Evidence for the declared bases of one model, then for undeclared ones. models: the child, the declared
    bases as far as they have fingerprints, and the candidates a search found."""
    return Study(models, dates).judge(child, declared)
