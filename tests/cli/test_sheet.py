"""One model on one page: every kind of knowledge, and every kind of not knowing."""

from __future__ import annotations

from datetime import UTC, datetime

from registry.cli.output import draw
from registry.cli.sheet import history, sheet
from registry.licenses.declared import DeclaredLicense, resolve_declared
from registry.model.edges import Claim, Edge, Origin, Relation
from registry.model.records import HistoryEntry, KeptClaim, ModelBrief
from registry.model.refs import SourceName
from registry.model.snapshot import Change, Gate, ModelSnapshot, Note, ParameterCount, TrainingFact
from registry.services.describe import Description, Storage

NOW = datetime(2026, 11, 1, 12, 30, tzinfo=UTC)
NOTHING = resolve_declared(())


def page(
    brief: ModelBrief,
    snapshot: ModelSnapshot | None = None,
    *,
    license_: DeclaredLicense = NOTHING,
    width: int | None = None,
    **more: object,
) -> list[str]:
    empty: dict[str, object] = {
        "aliases": (),
        "bases": (),
        "children": {},
        "storage": None,
        "facts": (),
        "unresolved": (),
    }
    description = Description(brief=brief, snapshot=snapshot, license=license_, **(empty | more))  # type: ignore[arg-type]
    return draw(sheet(description), width, colors=False).splitlines()


def model(**more: object) -> ModelBrief:
    return ModelBrief("a/b", SourceName.HUB, True, **({"observed_at": NOW} | more))  # type: ignore[arg-type]


def seen(**more: object) -> ModelSnapshot:
    return ModelSnapshot("a/b", SourceName.HUB, NOW, **more)  # type: ignore[arg-type]


def test_what_nobody_told_is_a_dash() -> None:
    lines = page(model())
    assert lines[0] == "a/b"
    assert lines[1].split() == ["source", "hub,", "read", "2026-11-01", "12:30", "UTC"]
    assert [line.split()[1:] for line in lines[2:]] == [["-"]] * 9
    assert [line.split()[0] for line in lines[3:5]] == ["task", "library"]


def test_what_was_never_read_is_not_a_page_of_dashes() -> None:
    assert page(ModelBrief("a/b", SourceName.HUB, False), children={"finetune": 2}) == [
        "a/b  referenced: only named as a base so far",
        "  source     hub",
        "",
        "Made of it",
        "  finetune   2",
    ]


def test_a_count_told_twice_is_shown_once() -> None:
    fact = TrainingFact("parameters", 7_000_000_000, "the report", note="rounded")
    other = TrainingFact("epochs", 1, "the card")
    chips = TrainingFact("hardware_quantity", 1, "the card")
    lines = page(model(parameters=7_000_000_000), facts=((NOW, fact), (NOW, other), (NOW, chips)))
    assert "  parameters  7.00B (7,000,000,000)" in lines
    assert "              as told by the report (rounded)" in lines
    facts = lines[lines.index("Facts") + 1 :]
    assert [line.split() for line in facts[::2]] == [["epochs", "1"], ["hardware_quantity", "1", "chip"]]


def test_the_table_has_a_section_and_one_source() -> None:
    told = (NOW, TrainingFact("epochs", 2, "the card"))
    table = [
        TrainingFact("parameters", 7_000_000_000, "the table", "table"),
        TrainingFact("power", 308_035.2013, "the table", "table", "measured"),
    ]
    lines = page(model(parameters=7_000_000_000), facts=(told, *((None, fact) for fact in table)))
    assert "              as told by the table" not in lines
    assert [line.split() for line in lines[lines.index("Facts") + 1 :][:2]] == [
        ["epochs", "2"],
        ["the", "card"],
    ]
    assert lines[lines.index("Facts of the table") + 1 :] == [
        "  parameters  7,000,000,000",
        "  power       308,035 W, measured",
        "  source      the table",
    ]


def test_history_says_what_the_first_look_was() -> None:
    commit = "0123456789abcdef"
    change = Change("license", "mit", None)
    entries = [
        HistoryEntry(SourceName.HUB, NOW, NOW, commit, ()),
        HistoryEntry(SourceName.PAPER, NOW, NOW, None, ()),
        HistoryEntry(SourceName.HUB, NOW, NOW, commit, (change,)),
        HistoryEntry(SourceName.HUB, NOW, NOW, commit, ()),
    ]
    empty = Description(model(), None, (), NOTHING, (), {}, None, (), ())
    rows = draw(history(empty, entries, None), None, colors=False).splitlines()[1:]
    assert [row.split("UTC")[-1].split()[0] for row in rows] == ["hub", "paper", "hub", "hub"]
    assert [row[66:] for row in rows] == [
        "first read",
        "first read",
        "license: mit -> -",
        "only in evidence or facts",
    ]


def test_counts_that_differ_are_told_apart() -> None:
    count = ParameterCount(
        {"I32": 1_000_000_000, "F16": 500_000},
        served_total=7_000_000_000,
        logical=8_000_000_000,
        rule="each I32 holds 8 weights of 4 bits",
        contradiction="7,000,000,000 served, 1,000,500,000 stored",
    )
    lines = [line[14:] for line in page(model(), seen(parameters=count))]
    assert lines[5:10] == [
        "8.00B (8,000,000,000)",
        "stored: F16 500,000, I32 1,000,000,000 (hub)",
        "worked out: each I32 holds 8 weights of 4 bits",
        "served: 7,000,000,000",
        "contradiction: 7,000,000,000 served, 1,000,500,000 stored",
    ]


def test_counts_without_dtypes() -> None:
    assert "  parameters  7.00B (7,000,000,000)" in page(model(parameters=7_000_000_000))
    paper = ParameterCount(logical=6_000_000_000, rule="as published", origin="paper")
    assert [line.strip() for line in page(model(), seen(parameters=paper))][5:7] == [
        "parameters  6.00B (6,000,000,000)",
        "as published",
    ]
    served = ParameterCount(served_total=5)
    assert [line.strip() for line in page(model(), seen(parameters=served))][5:7] == [
        "parameters  -",
        "served: 5",
    ]


def test_storage_says_what_it_leaves_out() -> None:
    def stored(*figures: int | None) -> list[str]:
        *files, used = figures
        storage = Storage(*files, copy_bytes=None, hub_used_bytes=used)  # type: ignore[arg-type, misc]
        lines = page(model(), seen(), storage=storage)
        start = next(number for number, line in enumerate(lines) if line.startswith("  storage"))
        return [line[14:] for line in lines[start : start + 2]]

    assert (
        stored(3, 0, 10**9, 9 * 10**8, 8 * 10**8, None)[0]
        == "3 files, 1.00 GB; unique 900 MB; weights 800 MB"
    )
    assert stored(3, 3, 0, 0, 0, None)[0] == "3 files of unknown size"
    assert stored(1, 0, 5, 5, 0, 10**12) == [
        "1 file, 5 B; weights 0 B",
        "1.00 TB used on the Hub, history included",
    ]
    assert "and 1 file of unknown size" in stored(3, 1, 10, 10, 0, None)[0]
    assert stored(0, 0, 0, 0, 0, None)[0] == "-"


def test_gate_removal_and_names() -> None:
    brief = model(removed=True, gated=Gate.MANUAL, downloads=5, observed_at=NOW)
    snapshot = seen(gated=Gate.MANUAL, private=True, disabled=True, new_version="a/c")
    aliases = tuple(f"old/name-{number}" for number in range(7))
    lines = page(brief, snapshot, aliases=aliases)
    assert lines[0] == "a/b  removed: its host does not show it any more"
    assert "  source      hub, read 2026-11-01 12:30 UTC" in lines
    assert "  gate        terms, access granted by hand, private, disabled" in lines
    assert "  downloads   5" in lines
    assert "  successor   a/c" in lines
    assert lines[-2].endswith("old/name-4 and 2 more")


def test_a_license_nobody_knows_is_quoted() -> None:
    odd = DeclaredLicense(("do what you want",), None, None, None, None, None)
    assert "  license     not recognised: 'do what you want'" in page(model(), license_=odd)


def test_sections() -> None:
    claim = Claim(Origin.CARD, "/data/models--x--y", None, detail="local path; looks like x/y")
    lines = page(
        model(),
        seen(notes=(Note("card-yaml", "the front matter is not YAML"),)),
        bases=(
            Edge("a/b", "x/base", Relation.ADAPTER, (Origin.ADAPTER_CONFIG, Origin.CARD), "X/Base"),
            Edge("a/b", "data:some/set", Relation.TRAINED_ON, (Origin.CARD,)),
        ),
        children={"quantized": 1234, "adapter": 2},
        facts=(
            (NOW, TrainingFact("training_tokens", 366e9, "arXiv:2211.05100", note="counted once")),
            (NOW, TrainingFact("training_flop", 4.59e23, "arXiv:2211.05100")),
            (NOW, TrainingFact("hardware", "A100", "the card")),
            (NOW, TrainingFact("unheard_of", 2.5, "somewhere")),
        ),
        unresolved=(KeptClaim("a/b", claim, None, True, None, NOW),),
    )
    text = "\n".join(lines)
    assert "Made from\n  adapter    x/base  (adapter_config, card, written X/Base)\n" in text
    assert "Base unclear\n  card       '/data/models--x--y'  (local path; looks like x/y)\n" in text
    assert "Trained on\n  dataset    data:some/set  (card)\n" in text
    assert "Made of it\n  adapter    2\n  quantized  1,234\n" in text
    assert "366,000,000,000 tokens, counted once\n" in text
    assert "4.59e+23 FLOP\n" in text
    assert "  unheard_of       2.5\n" in text
    assert text.endswith("Notes\n  card-yaml  the front matter is not YAML")


def test_long_values_go_on_in_the_next_line() -> None:
    long = "word " * 40
    lines = page(model(), seen(notes=(Note("code", long.strip()),)), width=60)
    assert max(map(len, lines)) <= 60
    assert " ".join(lines).split().count("word") == 40


def test_a_line_feed_cannot_forge_a_line() -> None:
    lines = page(model(task="x\n  license     mit"))
    assert not [line for line in lines if line.startswith("  license     mit")]
