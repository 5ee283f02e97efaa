"""The guests that set weights against weights: adapter, quantization, distillation."""

from __future__ import annotations

import pytest
from registry_plugins.adapter import ARITHMETIC, SINGLE, AdapterSavings
from registry_plugins.distillation import DistillationSavings
from registry_plugins.quantization import QuantizationSavings

from registry.model.edges import Relation
from registry.model.estimate import Saving
from tests.plugins.makers import STORAGE, case, subject

GB = 10**9
LLAMA = subject("meta/llama-7b", 13_480_000_000, parameters=6_740_000_000)
LORA = subject("me/lora", 16_800_000)


def by_unit(found: object) -> dict[str, Saving]:
    return {one.saved.unit: one for one in found}  # type: ignore[attr-defined]


class TestAdapter:
    def test_bytes_and_a_year_of_them(self) -> None:
        found = by_unit(AdapterSavings().savings(case(LORA, (LLAMA, Relation.ADAPTER))))
        assert set(found) == {"byte", "USD/year"}
        assert found["byte"].saved.mid == 13_480_000_000 - 16_800_000
        assert found["USD/year"].saved.mid == pytest.approx((13.48 - 0.0168) * STORAGE)
        assert found["USD/year"].saved.priced == "2026-01-01"
        assert not found["byte"].upper_bound
        assert "file sizes in the catalog" in found["byte"].sources

    def test_serving_a_hundred_of_them(self) -> None:
        counts = {"meta/llama-7b": {Relation.ADAPTER: 100, Relation.FINETUNE: 7}}
        found = by_unit(AdapterSavings().savings(case(LORA, (LLAMA, Relation.ADAPTER), derivatives=counts)))
        served = found["byte of memory"]
        # All hundred together: 1,348 GB against 15.16 GB.
        assert served.counterfactuals[0][1].mid * 100 == pytest.approx(1348e9)
        assert served.own_cost is not None
        assert served.own_cost.mid * 100 == pytest.approx(15.16e9)
        assert any("100 adapters" in text for text in served.assumptions)

    def test_one_adapter_alone_needs_the_base_as_well(self) -> None:
        counts = {"meta/llama-7b": {Relation.ADAPTER: 1}}
        found = by_unit(AdapterSavings().savings(case(LORA, (LLAMA, Relation.ADAPTER), derivatives=counts)))
        assert "byte of memory" not in found
        half = subject("me/big", 7 * GB)
        counts = {"meta/llama-7b": {Relation.ADAPTER: 2}}
        found = by_unit(AdapterSavings().savings(case(half, (LLAMA, Relation.ADAPTER), derivatives=counts)))
        assert "byte of memory" not in found

    def test_credited_by_arithmetic_and_never_by_trained_parameters(self) -> None:
        tuned = subject("me/lora", 16_800_000, parameters=4_194_304, training_tokens=1e9, epochs=3)
        flop = by_unit(AdapterSavings().savings(case(tuned, (LLAMA, Relation.ADAPTER))))["FLOP"]
        assert flop.counterfactuals[0][1].mid == pytest.approx(6 * 6.74e9 * 3e9)
        assert flop.ratio == pytest.approx(1.5)
        assert flop.saved.mid / flop.counterfactuals[0][1].mid == pytest.approx(1 / 3)
        assert ARITHMETIC in flop.assumptions
        assert SINGLE not in flop.assumptions

    def test_one_pass_is_said_to_be_assumed(self) -> None:
        tuned = subject("me/lora", training_tokens=1e9)
        flop = by_unit(AdapterSavings().savings(case(tuned, (LLAMA, Relation.ADAPTER))))["FLOP"]
        assert SINGLE in flop.assumptions

    @pytest.mark.parametrize(("own", "base"), [(None, 10), (10, None), (10, 10), (20, 10)])
    def test_nothing_where_a_size_is_unknown_or_nothing_was_saved(
        self, own: int | None, base: int | None
    ) -> None:
        some = case(subject("me/lora", own), (subject("lab/base", base), Relation.ADAPTER))
        assert not AdapterSavings().savings(some)

    def test_other_relations_are_not_its_business(self) -> None:
        assert not AdapterSavings().savings(case(LORA, (LLAMA, Relation.FINETUNE)))


class TestQuantization:
    def test_bytes_dollars_and_memory_apart(self) -> None:
        small = subject("me/q4", 4 * GB)
        found = by_unit(QuantizationSavings().savings(case(small, (LLAMA, Relation.QUANTIZED))))
        assert set(found) == {"byte", "USD/year", "byte of memory"}
        assert found["byte"].ratio == pytest.approx(3.37)
        assert found["byte of memory"].saved.mid == found["byte"].saved.mid

    def test_together_with_a_distillation_they_multiply(self) -> None:
        teacher = subject("lab/teacher", 40 * GB)
        middle, small = subject("lab/student", 20 * GB), subject("me/q", 5 * GB)
        some = case(small, (middle, Relation.QUANTIZED), further=((teacher, Relation.DISTILLED),))
        told = by_unit(QuantizationSavings().savings(some))["byte"].assumptions
        assert any("50% and 75% fewer bytes are 88% together, as factors" in text for text in told)
        some = case(small, (middle, Relation.QUANTIZED), further=((teacher, Relation.FINETUNE),))
        assert not any(
            "together" in text for text in by_unit(QuantizationSavings().savings(some))["byte"].assumptions
        )
        larger = subject("lab/teacher", 10 * GB)
        some = case(small, (middle, Relation.QUANTIZED), further=((larger, Relation.DISTILLED),))
        assert not any(
            "together" in text for text in by_unit(QuantizationSavings().savings(some))["byte"].assumptions
        )

    def test_nothing_without_sizes_or_for_other_relations(self) -> None:
        assert not QuantizationSavings().savings(case(subject("me/q"), (LLAMA, Relation.QUANTIZED)))
        assert not QuantizationSavings().savings(case(LORA, (LLAMA, Relation.ADAPTER)))


class TestDistillation:
    def test_fewer_parameters_fewer_bytes_for_each_and_both(self) -> None:
        teacher = subject("lab/bert", 440_000_000, parameters=110_000_000)
        student = subject("me/distil", 132_000_000, parameters=66_000_000)
        found = by_unit(DistillationSavings().savings(case(student, (teacher, Relation.DISTILLED))))
        assert set(found) == {"byte", "USD/year", "FLOP/token"}
        assert found["FLOP/token"].saved.mid == pytest.approx(2 * 44e6)
        assert any(
            "40% fewer parameters, 50% fewer bytes for each: 70%" in t for t in found["byte"].assumptions
        )
        assert found["FLOP/token"].sources == ("parameters in the catalog",)

    def test_only_active_parameters_answer(self) -> None:
        teacher = subject("lab/moe", parameters=671_000_000_000, active_parameters=37e9)
        dense = subject("me/dense", parameters=70_000_000_000)
        assert not DistillationSavings().savings(case(dense, (teacher, Relation.DISTILLED)))
        small = subject("me/small", parameters=7_000_000_000)
        (flop,) = DistillationSavings().savings(case(small, (teacher, Relation.DISTILLED)))
        assert flop.saved.mid == pytest.approx(2 * 30e9)

    def test_the_same_dtype_is_one_factor_alone(self) -> None:
        teacher = subject("lab/t", 20 * GB, parameters=10 * GB)
        student = subject("me/s", 10 * GB, parameters=5 * GB)
        found = by_unit(DistillationSavings().savings(case(student, (teacher, Relation.DISTILLED))))
        assert not any("together" in text for text in found["byte"].assumptions)

    def test_nothing_for_other_relations(self) -> None:
        assert not DistillationSavings().savings(case(LORA, (LLAMA, Relation.ADAPTER)))
