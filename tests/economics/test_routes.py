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
    STEP,
    YEAR,
    Knowledge,
    chip_hours_told,
    flop_routes,
    of_step,
    on_base,
    step_flop,
    suspicions,
    taken,
    unusable,
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
    run = replace(GPT3, training_flop=3e23, chip_hours=1e6, finetune_flop=1e22)
    assert tuple(routes(run, a100())) == ORDER


R1 = TrainingInputs(
    model="DeepSeek-R1",
    base_model="DeepSeek-V3",
    parameters=671e9,
    active_parameters=37e9,
    training_tokens=14.8e12,
    training_flop=3.5e24,
    finetune_flop=1.83e23,
    published=date(2025, 1, 20),
)


def test_the_flop_told_are_those_answered_with_the_base_they_hold() -> None:
    found = routes(R1)
    assert taken(R1, found) == REPORTED
    assert found[REPORTED].mid == 3.5e24
    assert found[REPORTED].formula == "FLOP of all steps, its base DeepSeek-V3 among them, as told"
    assert found[STEP].mid == 1.83e23
    assert on_base(R1) == ["the FLOP told count its base DeepSeek-V3; the step alone stands in routes.step"]
    timed = replace(R1, hardware_quantity=8, training_hours=3)
    assert taken(timed, routes(timed, a100())) == REPORTED
    assert "chips and hours told: of the step on top of DeepSeek-V3" in on_base(timed)[1]


def test_the_step_is_asked_for_by_leaving_out_the_whole() -> None:
    step = of_step(R1)
    assert taken(step, routes(step)) == STEP
    assert REPORTED not in routes(step)
    assert on_base(step) == ["the step on top of DeepSeek-V3 alone; making the base is not counted"]
    assert of_step(GPT3) is GPT3
    whole = replace(GPT3, training_flop=3e23)
    assert of_step(whole) is whole
    untold = replace(R1, finetune_flop=None)
    assert of_step(untold).training_flop is None
    same = replace(R1, training_flop=1.83e23)
    assert of_step(same) is same
    assert on_base(same) == ["the step on top of DeepSeek-V3 alone; making the base is not counted"]


def test_the_order_of_the_ways() -> None:
    run = replace(of_step(R1), chip_hours=1e5)
    assert taken(run, routes(run, a100())) == HARDWARE
    assert taken(run, routes(run)) == STEP
    # FLOP of trials beside a run that has no base say less than its parameters and tokens
    trials = replace(run, base_model=None)
    assert taken(trials, routes(trials)) == SIX
    assert taken(replace(trials, training_tokens=None), routes(replace(trials, training_tokens=None))) == STEP
    assert taken(TrainingInputs(), {}) is None


def test_a_step_that_cannot_be_is_not_told() -> None:
    slip = TrainingInputs(base_model="LLaMA-7B", parameters=7e9, training_flop=4e22, finetune_flop=2.0)
    assert step_flop(slip) is None
    assert routes(slip)[REPORTED].mid == 4e22
    assert STEP not in routes(slip)
    assert on_base(slip) == ["the FLOP told may count its base LLaMA-7B: read them as an upper bound"]


def test_a_step_without_a_base_told() -> None:
    assert routes(TrainingInputs(finetune_flop=8e18))[STEP].mid == 8e18
    both = routes(TrainingInputs(finetune_flop=8e18, training_flop=1e20))
    assert both[REPORTED].formula == "FLOP of all steps, as told"


def test_how_a_base_is_treated() -> None:
    assert on_base(GPT3) == []
    hours = on_base(TrainingInputs(base_model="X", hardware_quantity=8, training_hours=3))
    assert hours == ["the chips and hours told are taken as of the step on top of X alone"]
    assert "as far as its tokens are told" in on_base(TrainingInputs(base_model="X"))[0]


def told(inputs: TrainingInputs, chip: Chip | None = None) -> list[str]:
    return suspicions(inputs, routes(inputs, chip), KNOWN)


CIRCLE = "the FLOP reported were themselves made by 6ND: comparing the two is circular"


def test_a_circle_is_a_fact_only_where_somebody_says_so() -> None:
    near = replace(GPT3, training_flop=3.158e23)
    assert told(near) == ["reported agrees with 6ND to 0.5%: it may have been made by it"]
    assert told(replace(near, flop_method="Operation counting,Hardware")) == [CIRCLE]
    assert told(replace(near, flop_method="6ND")) == [CIRCLE]
    assert told(replace(near, told={"training_flop": "Epoch AI (by operation counting, that is 6ND)"})) == [
        CIRCLE
    ]
    assert told(replace(near, flop_method="Hardware"))[0].startswith("reported agrees with 6ND")
    apart = replace(GPT3, training_flop=2.5e23)
    assert told(apart) == []
    assert told(replace(apart, flop_method="operation counting")) == [CIRCLE]
    # with its base counted in, the figure is not the 6ND of the tokens told
    assert CIRCLE not in told(replace(R1, flop_method="Operation counting"))


def test_suspects() -> None:
    (note,) = told(replace(GPT3, chip_hours=1e4), a100())
    assert note.startswith("suspect: hardware and 6nd differ by a factor of 80 (more than 10)")
    assert len(told(replace(GPT3, chip_hours=1e4, training_flop=1e20), a100())) == 3
    assert told(R1)[0].startswith("suspect: step and 6nd differ by a factor of 18")


def test_what_cannot_be_meant_is_no_way() -> None:
    vit = TrainingInputs(parameters=632e6, training_tokens=1.28e9, epochs=1e7, published=date(2021, 11, 11))
    assert SIX in routes(vit)
    absurd = replace(vit, training_tokens=5e17)
    assert list(routes(absurd)) == [YEAR]
    assert unusable(absurd, None, KNOWN) == ["6ND is 1.9e+34 FLOP, absurd: check tokens and epochs"]
    hours = TrainingInputs(chip_hours=1e12)
    fast = replace(a100(), peak={"fp16": 1e16})
    assert HARDWARE in routes(hours, a100())
    assert routes(hours, fast) == {}
    assert unusable(hours, fast, KNOWN) == ["chips x hours are 1.3e+31 FLOP, absurd: check chips and hours"]


def test_a_line_is_not_followed_far() -> None:
    for day in (date(1900, 1, 1), date(2032, 1, 1)):
        run = TrainingInputs(published=day)
        assert routes(run) == {}
        (said,) = unusable(run, None, KNOWN)
        assert said.startswith("no FLOP from the year: runs of 19")
    assert unusable(GPT3, None, KNOWN) == []
