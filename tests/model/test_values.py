from __future__ import annotations

from datetime import UTC, datetime

import pytest

from registry.contract import PluginHost
from registry.errors import PluginConflict
from registry.model.estimate import Estimate
from registry.model.refs import SourceName
from registry.model.snapshot import ModelFile, ModelSnapshot, ParameterCount, TrainingFact


def test_values_refuse_nonsense() -> None:
    with pytest.raises(ValueError, match="path"):
        ModelFile("")
    with pytest.raises(ValueError, match="negative"):
        ModelFile("a", size=-1)
    with pytest.raises(ValueError, match="source"):
        TrainingFact("hardware", "A100", source=" ")
    with pytest.raises(ValueError, match="aware"):
        ModelSnapshot("a/b", SourceName.HUB, datetime(2026, 1, 1))  # noqa: DTZ001 - the point of the test
    with pytest.raises(ValueError, match="range"):
        Estimate(2, 1, 3, "byte", "")


def test_stored_parameters_are_the_sum_or_unknown() -> None:
    assert ParameterCount({"F32": 2, "BF16": 3}).stored == 5
    assert ParameterCount().stored is None


def test_a_snapshot_cannot_be_changed_through_its_maps() -> None:
    counts = ParameterCount({"F32": 2})
    with pytest.raises(TypeError):
        counts.by_dtype["F32"] = 3  # type: ignore[index]
    assert ModelSnapshot("a/b", SourceName.HUB, datetime.now(UTC)).files is None


class _Model:
    name = "x"
    summary = ""

    def savings(self, case: object) -> list[object]:
        return []


def test_two_guests_with_one_name_are_an_error_naming_both() -> None:
    host = PluginHost()
    host.guest = "first"
    host.add_savings_model(_Model())  # type: ignore[arg-type]
    host.guest = "second"
    with pytest.raises(PluginConflict, match="'first' and 'second'"):
        host.add_savings_model(_Model())  # type: ignore[arg-type]
    assert host.brought_by("first") == ["savings model x"]
    assert host.brought_by("second") == []
