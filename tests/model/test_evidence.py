from __future__ import annotations

import pytest

from registry.model.evidence import EdgeEvidence, EvidenceState


def test_the_states_of_an_edge() -> None:
    assert len(EvidenceState) == 8
    assert EvidenceState("contradicted") is EvidenceState.CONTRADICTED


def test_a_model_is_no_evidence_of_itself() -> None:
    with pytest.raises(ValueError, match="itself"):
        EdgeEvidence("a/b", "a/b", EvidenceState.FOUND, "", "sfp1/1")
