"""The facts a source does not tell, which people record with `annotate` or a paper tells us."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FactKind:
    """A fact's name, its unit in words (`None` for text) and what it means."""

    name: str
    unit: str | None
    meaning: str


KINDS: tuple[FactKind, ...] = (
    FactKind("parameters", "parameters", "trained weights"),
    FactKind("active_parameters", "parameters", "weights used per token in a mixture of experts"),
    FactKind("training_tokens", "tokens", "tokens in the training set, counted once"),
    FactKind("epochs", "epochs", "passes over the training set"),
    FactKind("training_flop", "FLOP", "arithmetic operations of the final training run"),
    FactKind("hardware", None, "accelerator type, for example NVIDIA A100 80GB"),
    FactKind("hardware_quantity", "chips", "accelerators used at once"),
    FactKind("training_hours", "hours", "wall-clock hours of the final training run"),
    FactKind("chip_hours", "chip-hours", "accelerators times hours"),
    FactKind("utilisation", "of the peak", "share of the peak arithmetic that was used (MFU), 0 to 1"),
    FactKind("precision", None, "number format of the training arithmetic, for example bf16"),
    FactKind("power", "W", "power drawn by the whole cluster"),
    FactKind("finetune_flop", "FLOP", "arithmetic operations of fine-tuning alone"),
    FactKind("training_cost", "USD", "cost of training as reported"),
    FactKind("training_energy", "kWh", "electric energy of the final training run"),
    FactKind("training_country", None, "where it was trained, ISO 3166 code"),
    FactKind("published", None, "date of publication, ISO 8601"),
    FactKind("text_license", None, "license whose text the repository really carries, by id"),
    FactKind("license_file", None, "license a file of the repository holds, as PATH=ID"),
    FactKind("card_license", None, "license the card's prose states, by id"),
    FactKind("also_license", None, "further license kept on purpose beside the declared one, by id"),
    FactKind("card_text", None, "words of the card that bear on its license"),
    FactKind("license", None, "license of a dataset, by id"),
)

ONE_OF_EACH = frozenset({"text_license", "card_license", "license"})
"""Facts about licenses of which the newest word counts; of the others all do (`license_file`: per path)."""

MAX_TEXT = 10_000
"""Characters of one fact told as text."""

NAMES: dict[str, FactKind] = {kind.name: kind for kind in KINDS}
