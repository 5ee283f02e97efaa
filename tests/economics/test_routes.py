from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from registry.economics.chips import Chip, load_chips
from registry.economics.defaults import load_defaults
from registry.economics.routes import (
    HARDWARE,
    ORDER,
    REPORTED,
    SIX,
    WITH_BASE,
    YEAR,
    Knowledge,
    chip_hours_told,
    decimal_year,
    flop_routes,
    on_base,
    step_flop,
    suspicions,
)
from registry.economics.spreads import load_lines, load_spreads
from registry.model.estimate import EXACT, Estimate
from registry.model.training import TrainingInputs

KNOWN = Knowledge(load_defaults(), load_spreads(), load_lines())
GPT3 = TrainingInputs(
    model="GPT-3",
    published=date(2020, 5, 28),
    domain="Language",
    parameters=174.6e9,
    training_tokens=300e9,
    epochs=1,
    told={"parameters": "Brown et al. 2020"},
)


def a100() -> Chip:
    chip = load_chips().find("A100")
    assert chip is not None
    return chip


def routes(inputs: TrainingInputs, chip: Chip | None = None) -> dict[str, Estimate]:
    return flop_routes(inputs, chip, KNOWN)


def test_6nd_of_gpt3() -> None:
    six = routes(GPT3)[SIX]
    assert six.mid == pytest.approx(3.143e23, rel=1e-3)
    assert six.low < six.mid < six.high
    assert six.sources[0] == "Brown et al. 2020"
    assert six.assumptions == ()


def test_a_mixture_counts_active_parameters() -> None:
    mixture = replace(GPT3, parameters=671e9, active_parameters=37e9, training_tokens=14.8e12)
    six = routes(mixture)[SIX]
    assert six.mid == pytest.approx(6 * 37e9 * 14.8e12)
    assert any("mixture of experts" in text for text in six.assumptions)


def test_epochs_multiply_and_their_absence_is_told() -> None:
    assert routes(replace(GPT3, epochs=4))[SIX].mid == pytest.approx(4 * routes(GPT3)[SIX].mid)
    once = routes(replace(GPT3, epochs=None))[SIX]
    assert once.mid == routes(GPT3)[SIX].mid
    assert any(text.startswith("epochs 1") for text in once.assumptions)


def test_the_interval_depends_on_what_is_known_of_the_run() -> None:
    def width(**changes: object) -> float:
        six = routes(replace(GPT3, **changes))[SIX]  # type: ignore[arg-type]
        return six.high / six.low

    large = width()
    assert width(active_parameters=1e9) < large
    assert large < width(training_tokens=1e9)
    assert width(training_tokens=1e9) == pytest.approx(width(published=date(2016, 1, 1)))
    assert large < width(domain="Vision")
    assert width(domain=None) == width(published=None) == large
    assert any("Vision" in text for text in routes(replace(GPT3, domain="Vision"))[SIX].assumptions)


def test_hardware_takes_a_reported_utilisation_or_the_usual() -> None:
    run = TrainingInputs(hardware="A100", hardware_quantity=100, training_hours=10)
    usual = routes(run, a100())[HARDWARE]
    assert usual.mid == pytest.approx(1000 * 3600 * 3.12e14 * 0.35)
    assert any(text.startswith("mfu 0.35") for text in usual.assumptions)
    told = routes(replace(run, utilisation=0.5), a100())[HARDWARE]
    assert told.mid == pytest.approx(1000 * 3600 * 3.12e14 * 0.5)
    assert told.high / told.low < usual.high / usual.low


def test_hardware_needs_chip_and_hours() -> None:
    assert HARDWARE not in routes(TrainingInputs(hardware_quantity=8, training_hours=3))
    assert HARDWARE not in routes(TrainingInputs(hardware="A100", training_hours=3), a100())
    assert HARDWARE in routes(TrainingInputs(chip_hours=3), a100())


def test_precision_changes_the_peak() -> None:
    run = TrainingInputs(chip_hours=1000, precision="fp32")
    assert routes(run, a100())[HARDWARE].mid == pytest.approx(1000 * 3600 * 1.95e13 * 0.35)


def test_chip_hours() -> None:
    assert chip_hours_told(TrainingInputs(hardware_quantity=8, training_hours=3)) == 24
    assert chip_hours_told(TrainingInputs(hardware_quantity=8, training_hours=3, chip_hours=20)) == 20
    assert chip_hours_told(TrainingInputs(hardware_quantity=8)) is None
    assert chip_hours_told(TrainingInputs(chip_hours=1e-300)) is None


def test_reported_is_exact_and_names_its_source() -> None:
    run = replace(GPT3, training_flop=3.14e23, told={"training_flop": "the paper"})
    reported = routes(run)[REPORTED]
    assert (reported.mid, reported.interval, reported.sources) == (3.14e23, EXACT, ("the paper",))


def test_year_with_parameters_is_narrower_than_without() -> None:
    alone = routes(TrainingInputs(published=date(2023, 1, 1)))
    assert list(alone) == [YEAR]
    sized = routes(TrainingInputs(published=date(2023, 1, 1), parameters=7e9))[YEAR]
    assert sized.high / sized.low < alone[YEAR].high / alone[YEAR].low
    assert sized.mid < routes(TrainingInputs(published=date(2023, 1, 1), parameters=70e9))[YEAR].mid


def test_nothing_known_is_no_route() -> None:
    assert routes(TrainingInputs()) == {}
    assert routes(TrainingInputs(parameters=7e9)) == {}


def test_less_than_one_flop_is_none() -> None:
    assert routes(TrainingInputs(parameters=1e-200, training_tokens=1e-200)) == {}


def test_every_way_is_told_best_first() -> None:
    run = replace(GPT3, training_flop=3e23, chip_hours=1e6)
    assert tuple(routes(run, a100())) == ORDER


def test_of_a_fine_tune_the_step_alone() -> None:
    run = TrainingInputs(
        base_model="LLaMA-7B",
        parameters=7e9,
        training_flop=4e22,
        finetune_flop=8e18,
        published=date(2023, 3, 13),
    )
    found = routes(run)
    assert found[REPORTED].mid == 8e18
    assert found[WITH_BASE].mid == 4e22
    assert on_base(run) == "the step on top of LLaMA-7B alone; making the base is not counted"


def test_a_step_that_cannot_be_is_not_told() -> None:
    slip = TrainingInputs(base_model="LLaMA-7B", parameters=7e9, training_flop=4e22, finetune_flop=2.0)
    assert step_flop(slip) is None
    assert routes(slip)[REPORTED].mid == 4e22
    assert WITH_BASE not in routes(slip)
    assert "may include those of LLaMA-7B" in (on_base(slip) or "")


def test_a_step_without_a_base_told_counts_where_nothing_else_does() -> None:
    assert routes(TrainingInputs(finetune_flop=8e18))[REPORTED].mid == 8e18
    assert routes(TrainingInputs(finetune_flop=8e18, training_flop=1e20))[REPORTED].mid == 1e20


def test_how_a_base_is_treated() -> None:
    assert on_base(GPT3) is None
    hours = on_base(TrainingInputs(base_model="X", hardware_quantity=8, training_hours=3))
    assert hours == "the chips and hours told are taken as of the step on top of X alone"
    assert "as far as its tokens are told" in (on_base(TrainingInputs(base_model="X")) or "")


def test_circles_and_suspects() -> None:
    circular = routes(replace(GPT3, training_flop=3.1428e23))
    assert suspicions(circular, KNOWN) == [
        "the FLOP reported were themselves made by 6ND: comparing the two is circular"
    ]
    apart = routes(replace(GPT3, training_flop=3.0e23))
    assert suspicions(apart, KNOWN) == []
    (note,) = suspicions(routes(replace(GPT3, chip_hours=1e4), a100()), KNOWN)
    assert note.startswith("suspect: hardware and 6nd differ by a factor of 80 (more than 10)")
    both = suspicions(routes(replace(GPT3, chip_hours=1e4, training_flop=1e20), a100()), KNOWN)
    assert len(both) == 3


def test_decimal_year() -> None:
    assert decimal_year(date(2020, 1, 1)) == 2020
    assert 2020.49 < decimal_year(date(2020, 7, 1)) < 2020.51
