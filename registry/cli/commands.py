"""Every command by name, with the place that holds it and one line about it.

A plain table, so that `registry --help` and shell completion know all commands without importing one.
A test holds each line against the command it names.
"""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """A command: its name, `module:attribute` under `registry.cli`, and its summary."""

    name: str
    place: str
    summary: str


SECTIONS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        "Catalog",
        (
            Entry("add", "add:add", "Read models and what they were made from into the catalog."),
            Entry("refresh", "add:refresh", "Read models again and tell what changed."),
            Entry("list", "models:list_models", "List models, filtered and sorted."),
            Entry("show", "models:show", "Show everything known about one model."),
            Entry("remove", "models:remove", "Take models out of the catalog."),
            Entry(
                "import",
                "transfer:import_file",
                "Read bulk files of Hub models into the catalog.",
            ),
            Entry("crawl", "crawl:crawl", "Read the Hub's list of models into the catalog."),
            Entry("link", "curate:link", "Record by hand what a model was made from."),
            Entry("unlink", "curate:unlink", "Record by hand that a model was not made from another."),
            Entry("annotate", "curate:annotate", "Record facts that no source tells."),
        ),
    ),
    (
        "Lineage",
        (
            Entry("lineage", "lineage:lineage", "Draw what a model was made from and what was made of it."),
            Entry("why", "lineage:why", "Give every path from a model to a base, with the evidence."),
            Entry("impact", "lineage:impact", "List everything that was made from a model."),
            Entry("verify", "verify:verify", "Ask the weights whether a model was made from its bases."),
            Entry("graph", "graph:graph", "Ask the lineage of all models at once."),
        ),
    ),
    (
        "Licenses",
        (
            Entry("audit", "audit:audit", "Tell what one may do with models, down to their roots."),
            Entry("licenses", "licenses:licenses", "Say in plain words what a license asks."),
        ),
    ),
    (
        "Costs",
        (
            Entry("cost", "cost:cost", "Tell what models weigh and what keeping and copying them costs."),
            Entry("dedup", "dedup:dedup", "Find what is kept twice, and what the copies cost."),
            Entry("estimate", "estimate:estimate", "Work out what making a model took."),
            Entry("savings", "savings:savings", "Tell what reusing models saved."),
            Entry("trend", "trend:trend", "Show how models and their costs grew over the years."),
            Entry("paper", "paper:paper", "Recompute the figures the case for reuse rests on."),
            Entry("prices", "prices:prices", "List the dated prices that costs are worked out from."),
        ),
    ),
    (
        "House",
        (
            Entry("catalog", "catalog:catalog", "Create, migrate, check, back up or count the catalog."),
            Entry("plugins", "house:plugins", "List plugins and the commands they bring."),
            Entry("config", "house:config", "Show the settings in force."),
            Entry("demo", "house:demo", "Take a tour on recorded data, without the internet."),
        ),
    ),
)

ENTRIES: dict[str, Entry] = {entry.name: entry for _, entries in SECTIONS for entry in entries}
ALIASES: dict[str, str] = {"ls": "list", "rm": "remove"}

FORMATS = ("table", "json", "jsonl", "csv", "dot", "mermaid")
"""Every format of ours."""

RESERVED: tuple[tuple[str, str], ...] = (
    *(("command", name) for name in (*ENTRIES, *ALIASES)),
    *(("exporter", name) for name in FORMATS),
)
"""What no plugin may bring, because ours would hide it."""
