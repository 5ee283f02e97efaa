from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from registry.economics.tally import Tally, Tip, Total
from registry.exports import savings as shapes
from registry.exports.rows import json_pieces, to_csv, to_jsonl
from registry.model.edges import Relation
from registry.model.estimate import Estimate, Saving

SCRATCH = Estimate(50, 100, 200, "USD", "hours x price", "rental", interval="80 %", priced="2022-11")
OWN = Estimate(1, 2, 4, "USD", "hours x price", "rental", interval="80 %")
SAVED = Estimate(46, 98, 199, "USD", "then - own", "rental", sources=("a paper",), interval="80 %")
ONE = Saving(
    "me/|tuned|",
    "training",
    (("then", SCRATCH), ("today", OWN)),
    OWN,
    SAVED,
    50,
    ("at most",),
    ("a paper",),
    "lab/base",
    upper_bound=True,
)
BYTES = Estimate(3e9, 3e9, 3e9, "byte", "base - adapter")
UNTOLD = Saving("me/lora", "adapter", (("a copy", BYTES),), None, BYTES, None)


@dataclass
class Reckoning:
    models: int = 3
    failures: Sequence[object] = ()
    tally: Tally = field(default_factory=Tally)
    silent: Sequence[object] = ()

    @property
    def complete(self) -> bool:
        return not self.failures

    def totals(self) -> Sequence[Total]:
        return self.tally.totals()

    def tips(self) -> Sequence[Tip]:
        return self.tally.tips(Estimate(30, 60, 90, "USD", "finetune_cost"))

    def silences(self) -> Sequence[object]:
        return self.silent


@dataclass(frozen=True)
class Failure:
    strategy: str = "wobbly"
    model: str = "me/m"
    reason: str = "RuntimeError: <b>"


@dataclass(frozen=True)
class Silence:
    code: str = "no-base"
    message: str = "no base is known"
    hint: str = "`registry link me/m BASE` records one"
    models: int = 1
    examples: Sequence[str] = ("me/m",)


def reckoning(*savings: Saving, **more: object) -> Reckoning:
    found = Reckoning(**more)  # type: ignore[arg-type]
    for one in savings:
        found.tally.add(one, {"lab/base": {Relation.FINETUNE: 9}})
    return found


def test_unknown_stays_unknown() -> None:
    found = shapes.saving(UNTOLD)
    assert found["own_cost"] is None
    assert found["ratio"] is None
    assert found["base"] is None
    assert found["saved"]["currency"] is None
    row = shapes.saving_row(UNTOLD)
    assert (row["own_cost"], row["own_cost_low"], row["ratio"]) == (None, None, None)


def test_money_says_currency_basis_and_day() -> None:
    saved = shapes.saving(ONE)["counterfactuals"][0]["estimate"]
    assert (saved["currency"], saved["basis"], saved["priced"]) == ("USD", "rental", "2022-11")


def test_the_sums_are_known_behind_the_savings() -> None:
    found = reckoning()

    def savings() -> object:
        for one in (ONE, UNTOLD):
            found.tally.add(one, {"lab/base": {Relation.FINETUNE: 9}})
            yield one

    import json

    document = json.loads("".join(json_pieces(shapes.SavingsDocument(savings(), found))))  # type: ignore[arg-type]
    assert [one["kind"] for one in document["savings"]] == ["training", "adapter"]
    assert [one["kind"] for one in document["totals"]] == ["adapter", "training"]
    assert document["totals"][1]["saved"]["mid"] == 98
    assert document["tipping"][0]["derivatives"] == 9
    assert len(shapes.SavingsDocument((), found)) == 7


def test_a_tip_whose_adapting_is_unknown_has_no_marginal_cost() -> None:
    owned = replace(SCRATCH, basis="amortised")
    found = reckoning(replace(ONE, counterfactuals=(("then", owned),), saved=owned, own_cost=None))
    (one,) = found.tips()
    shape = shapes.tip(one)
    assert shape["now"]["marginal"] is None
    assert shape["adapting"] is None
    assert shapes.avoided(one) == "<= 90.0 %"
    assert shapes.mark(one) == "-"


def test_rows_are_fit_for_a_table() -> None:
    rows = [shapes.saving_row(one) for one in (ONE, UNTOLD)]
    assert to_csv(rows).count("\r\n") == 3
    assert "today: 2" in to_csv(rows)
    assert to_jsonl(map(shapes.saving, (ONE, UNTOLD))).count("\n") == 2


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (None, "USD", "-"),
        (3e9, "byte", "3.00 GB"),
        (-3e9, "byte of memory", "-3.00 GB"),
        (1234, "USD/year", "$1.23K"),
        (-1234, "USD/year", "-$1.23K"),
        (3.14e23, "FLOP", "3.14e23"),
        (14e9, "FLOP/token", "1.40e10"),
        (14_000, "kgCO2e", "14.0 t"),
    ],
)
def test_figures_for_people(value: float | None, unit: str, shown: str) -> None:
    assert shapes.figure(value, unit) == shown


def test_times_and_marks() -> None:
    assert [shapes.times(x) for x in (None, 1.5, 3434.3)] == ["-", "1.5", "3,434"]
    (one,) = reckoning(ONE).tips()
    assert shapes.mark(one) == "passed"
    assert shapes.mark(replace(one, passed=False)) == f"at {one.passed_at}"
    assert shapes.mark(replace(one, passed=False, passed_at=None)) == "never"


def test_markdown_shows_strangers_as_text() -> None:
    found = reckoning(ONE, UNTOLD, failures=[Failure()], silent=[Silence(), replace_hint("do something")])
    shown = "".join(shapes.to_markdown([ONE, UNTOLD], found))  # type: ignore[arg-type]
    assert "me/&#124;tuned&#124;" in shown
    assert "**Incomplete:** `wobbly` broke on `me/m`: RuntimeError&#58; &lt;b&gt;" in shown
    assert "1 without a saving: no base is known; `registry link me/m BASE` records one." in shown
    assert "do something." in shown
    assert shown.endswith("\n")


def replace_hint(hint: str) -> Silence:
    return replace(Silence(), hint=hint)


def test_markdown_of_many_stays_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes, "SHOWN", 2)
    shown = "".join(shapes.to_markdown([ONE] * 5, reckoning(ONE)))  # type: ignore[arg-type]
    assert "3 more savings; `-f json` or `-f csv` gives all of them." in shown


def test_markdown_of_nothing() -> None:
    assert "".join(shapes.to_markdown([], reckoning())) == "### What reuse saved\n\n"  # type: ignore[arg-type]
