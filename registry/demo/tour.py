"""The tour: real commands, run by the real client against the recorded Hub.

Each step is printed as command and output. Nothing leaves this machine, and no token is shown to anybody.
"""

from __future__ import annotations

import os
import shlex
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from registry.catalog.catalog import Catalog
from registry.demo.bundle import load_bundle
from registry.demo.hub import RecordedHub
from registry.errors import UsageError

INCOMPLETE = 3
INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Step:
    """A question, the command that answers it, and whether a partial answer (exit code 3) is expected."""

    question: str
    command: str
    partial: bool = False


STEPS: tuple[Step, ...] = (
    Step("Read a model's metadata from the Hub into a catalog of your own.", "registry add bigscience/bloom"),
    Step("What is it, how large, under which license?", "registry show bigscience/bloom"),
    Step(
        "Read another, and what it was made from, down to the roots. The last one, Llama 2, is not in the"
        " recording, so the Hub answers as it does for what one may not see; the name is kept.",
        "registry add linagora/Labess-7b-chat",
        partial=True,
    ),
    Step("Where does it come from?", "registry lineage linagora/Labess-7b-chat"),
    Step(
        "Says who? Every step with its evidence.",
        "registry why linagora/Labess-7b-chat meta-llama/Llama-2-7b",
    ),
    Step(
        "A merge, a quantized copy, two tuned Gemmas, an old name that moved; eight at a time.",
        "registry add hemlang/Hemlock-Qwen3.8-27B TheBloke/DiscoLM-120b-GPTQ wandb/gemma-7b-zephyr-dpo"
        " tanliboy/zephyr-7b-gemma-dpo bert-base-uncased",
        partial=True,
    ),
    Step("A merge has several parents.", "registry lineage hemlang/Hemlock-Qwen3.8-27B"),
    Step(
        "The host cannot add 4-bit numbers packed in 32-bit words; the count is worked out.",
        "registry show TheBloke/DiscoLM-120b-GPTQ",
    ),
    Step("Some models are known from publications only.", "registry add paper:stanford/alpaca-7b"),
    Step("They have a lineage too.", "registry lineage paper:stanford/alpaca-7b"),
    Step("What would a change of Gemma's terms reach?", "registry impact google/gemma-7b"),
    Step("Which declare Apache 2.0?", "registry list -F license=apache-2.0 --sort params"),
    Step(
        "May I use this one? The label is held against every license down to the roots.",
        "registry audit wandb/gemma-7b-zephyr-dpo --fail-on never",
        partial=True,
    ),
    Step("What does keeping bloom cost?", "registry cost bigscience/bloom --price s3-standard --price r2"),
    Step("Is some of it kept twice?", "registry dedup bigscience/bloom"),
    Step("What did it save to build on LLaMA?", "registry savings paper:stanford/alpaca-7b"),
    Step("Is the catalog whole?", "registry catalog check"),
)


def tour(*, keep: Path | None, environ: Mapping[str, str]) -> int:
    """Take all steps and return the exit code: 0 when each went as it should.

    keep: where to leave the catalog, which must not exist yet; `None` for a temporary one.
    """
    if keep is not None and keep.exists():
        raise UsageError(f"{keep} is already there", hint="choose another path for --keep")
    bundle = load_bundle()
    with TemporaryDirectory(prefix="registry-demo-") as folder:
        catalog = keep if keep is not None else Path(folder) / "catalog.db"
        with RecordedHub(bundle.models, moved=bundle.moved) as hub, _surroundings(hub.endpoint):
            _say(f"A Hub on this machine plays back {len(bundle.models)} recorded models.")
            _say("It is a recording: numbers are of its day, and the live Hub was not asked.")
            if keep is None:
                _say("The catalog is a temporary file that ends with the tour.")
                Catalog.open(str(catalog), create=True).close()
            settings = {
                **environ,
                **_ENVIRONMENT,
                "HF_ENDPOINT": hub.endpoint,
                "REGISTRY_CATALOG": str(catalog),
            }
            for step in STEPS:
                if code := _take(step, settings):
                    return code
    _say("")
    if keep is None:
        _say("That was all. To go on with the catalog, keep it: registry demo --keep my.db")
    else:
        _say(f"The catalog is yours: try `registry --catalog {shlex.quote(str(keep))} list`.")
    return 0


def _take(step: Step, environ: Mapping[str, str]) -> int:
    """Run one step; its exit code, or 0 where that is what was expected."""
    # Late: the command line imports this module to run the tour.
    from registry.cli.main import run

    _say("\n" + textwrap.fill(step.question, 80, initial_indent="# ", subsequent_indent="# "))
    _say(f"$ {step.command}")
    code = run(shlex.split(step.command)[1:], environ=environ)
    if code == INCOMPLETE and step.partial:
        _say("(exit code 3: not everything could be read; what could is kept)")
        return 0
    return code


_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "0",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "NO_PROXY": "127.0.0.1",
    "no_proxy": "127.0.0.1",
}
"""Read by the Hub client when it is first imported: no proxy and no token between it and this machine."""


@contextmanager
def _surroundings(endpoint: str) -> Iterator[None]:
    """Point this process's Hub client at `endpoint`, and put its environment back afterwards."""
    wanted = {**_ENVIRONMENT, "HF_ENDPOINT": endpoint}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
