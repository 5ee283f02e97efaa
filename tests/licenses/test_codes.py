"""Every code of a finding, on small synthetic lineages; the cases beside them are real ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from registry.licenses.codes import CODES
from registry.licenses.facts import AuditModel
from registry.licenses.findings import Severity
from registry.model.snapshot import Gate
from tests.licenses.cases import claims, fact
from tests.licenses.worlds import codes, dataset, node, world

Models = Mapping[str, AuditModel]

HISTORY = (
    (datetime(2023, 11, 1, tzinfo=UTC), claims("other", "yi-license")),
    (datetime(2024, 6, 11, tzinfo=UTC), claims("apache-2.0")),
)

GEMMA = "google/g gemma"
BAD: list[tuple[str, str, Models, dict[str, Any]]] = [
    ("missing-license", "warning", world("a/m -"), {}),
    ("unknown-license", "warning", world("a/m ???"), {}),
    ("unknown-license", "warning", world("a/m other=my-own"), {}),
    ("other-unnamed", "warning", world("a/m other"), {}),
    ("license-link-missing", "note", world("a/m other=mnpl"), {}),
    (
        "metadata-conflict",
        "warning",
        world(node("a/m mit", annotations=(fact("text_license", "gemma"),))),
        {},
    ),
    (
        "metadata-conflict",
        "warning",
        world(node("a/m mit", annotations=(fact("license_file", "LICENSE=gemma"),))),
        {},
    ),
    ("ambiguous-family", "note", world("a/m cc"), {}),
    ("nc-dropped", "error", world("b/r cc-by-nc-4.0", "a/m mit finetune:b/r"), {}),
    ("nc-dropped", "error", world("b/r other=coqui-public-model-license", "a/m mit distilled:b/r"), {}),
    ("restriction-dropped", "error", world(GEMMA, "a/m mit merge:google/g"), {}),
    ("restriction-dropped", "error", world(GEMMA, "a/m mit distilled:google/g"), {}),
    ("restriction-dropped", "warning", world(GEMMA, "a/m mit adapter:google/g"), {}),
    ("restriction-dropped", "error", world(GEMMA, "b/l mit adapter:google/g", "a/m mit merge:b/l"), {}),
    ("restriction-dropped", "note", world(GEMMA, "google/m apache-2.0 finetune:google/g"), {}),
    ("restriction-dropped", "error", world("s/r other=stabilityai-community", "a/m mit adapter:s/r"), {}),
    ("restriction-dropped", "error", world("b/r cc-by-nd-4.0", "a/m mit quantized:b/r"), {}),
    ("restriction-dropped", "error", world("g/r other=hai-def", "a/m gemma finetune:g/r"), {}),
    ("share-alike-broken", "error", world("b/r gpl-3.0", "a/m mit quantized:b/r"), {}),
    ("share-alike-broken", "error", world("b/r mpl-2.0", "a/m mit finetune:b/r"), {}),
    ("nd-violated", "error", world("b/r cc-by-nd-4.0", "a/m cc-by-nd-4.0 finetune:b/r"), {}),
    (
        "merge-incompatible",
        "error",
        world("b/r gpl-3.0", "c/s cc-by-sa-3.0", "a/m gpl-3.0 merge:b/r merge:c/s"),
        {},
    ),
    ("merge-incompatible", "error", world("b/r gpl-3.0", GEMMA, "a/m gpl-3.0 merge:b/r merge:google/g"), {}),
    (
        "merge-incompatible",
        "error",
        world("b/r agpl-3.0", "c/s cc-by-nc-4.0", "a/m mit merge:b/r merge:c/s"),
        {},
    ),
    ("output-noncompete", "error", world("meta-llama/l llama2", "a/m mit distilled:meta-llama/l"), {}),
    (
        "output-noncompete",
        "error",
        world("meta-llama/l llama3", "b/x mit finetune:meta-llama/l", "a/m mit distilled:b/x"),
        {},
    ),
    (
        "added-restriction-forbidden",
        "error",
        world("b/r gpl-3.0", "a/m gpl-3.0+cc-by-nc-4.0 finetune:b/r"),
        {},
    ),
    ("added-restriction-forbidden", "error", world("b/r cc-by-4.0", "a/m cc-by-nc-4.0 quantized:b/r"), {}),
    ("name-rule", "warning", world("meta-llama/l llama3.1", "a/m llama3.1 finetune:meta-llama/l"), {}),
    ("name-rule", "note", world("meta-llama/l llama3.1", "a/m llama3.1 adapter:meta-llama/l"), {}),
    ("name-rule", "warning", world("meta-llama/l llama3.1", "a/m mit distilled:meta-llama/l"), {}),
    ("upstream-unlicensed", "warning", world("b/r -", "b/s mit finetune:b/r", "a/m mit quantized:b/s"), {}),
    ("upstream-unlicensed", "note", world("b/r ???", "a/m mit finetune:b/r"), {}),
    ("license-foreign", "warning", world("b/r mit", "a/m gemma finetune:b/r"), {}),
    ("license-foreign", "warning", world("meta-llama/l llama2", "a/m llama3 finetune:meta-llama/l"), {}),
    ("license-substituted", "note", world("b/r openrail++", "a/m creativeml-openrail-m finetune:b/r"), {}),
    ("added-restriction", "note", world("b/r mit", "a/m cc-by-nc-4.0 finetune:b/r"), {}),
    ("display-rule", "note", world("meta-llama/l llama3.1", "a/m llama3.1 quantized:meta-llama/l"), {}),
    ("display-rule", "note", world("q/r other=qwen-research", "a/m mit distilled:q/r"), {}),
    (
        "notice-missing",
        "note",
        world(GEMMA, node("a/m gemma finetune:google/g", files=("a.bin", "LICENSE"))),
        {},
    ),
    (
        "base-relicensed",
        "note",
        world(
            node("b/r apache-2.0", license_history=HISTORY),
            node("a/m mit finetune:b/r", created_at=datetime(2024, 1, 1, tzinfo=UTC)),
        ),
        {},
    ),
    (
        "gated-mismatch",
        "note",
        world(node(GEMMA, gated=Gate.MANUAL), node("a/m gemma finetune:google/g", gated=Gate.NONE)),
        {},
    ),
    ("lineage-gap", "note", world("a/m mit finetune:b/gone"), {}),
    ("lineage-gap", "note", world(node("b/gone -", known=False), "a/m mit finetune:b/gone"), {}),
    ("lineage-gap", "note", world("a/m mit distilled:b/teacher"), {}),
    ("data-nc", "warning", world(dataset("d/s", "cc-by-nc-4.0"), "a/m mit trained_on:data:d/s"), {}),
    ("data-nc", "note", world(dataset("d/s", "cc-by-nc-4.0"), "a/m - trained_on:data:d/s"), {}),
    (
        "data-nc",
        "error",
        world(dataset("d/s", "cc-by-nc-4.0"), "a/m mit trained_on:data:d/s"),
        {"data": "enforce"},
    ),
    ("data-tos", "note", world("a/m mit distilled:openai/gpt-4"), {}),
    (
        "data-tos",
        "warning",
        world(dataset("d/s", "openai-outputs"), "a/m mit trained_on:data:d/s"),
        {"data": "enforce"},
    ),
    ("policy-commercial", "error", world("b/r cc-by-nc-4.0", "a/m mit adapter:b/r"), {"use": "commercial"}),
    ("policy-denied", "error", world("b/r gpl-3.0", "a/m mit quantized:b/r"), {"deny": ("copyleft",)}),
    ("policy-denied", "error", world("a/m mit"), {"allow": ("apache-2.0",)}),
    ("policy-denied", "error", world("a/m ???"), {"allow": ("apache-2.0",)}),
    ("policy-threshold", "error", world("a/m llama2"), {"monthly_active_users": 800_000_000}),
    (
        "policy-threshold",
        "error",
        world("a/m llama2"),
        {"monthly_active_users": 800_000_000, "use": "research"},
    ),
    (
        "policy-threshold",
        "error",
        world("s/r other=stabilityai-community", "a/m mit finetune:s/r"),
        {"annual_revenue_usd": 2_000_000},
    ),
    ("policy-territory", "error", world("a/m other=tencent-hunyuan-community"), {"territory": ("DE",)}),
    ("policy-territory", "error", world("a/m other=tencent-hunyuan-community"), {"territory": ("gb",)}),
    (
        "policy-territory",
        "error",
        world(node("a/m llama3.2", task="image-text-to-text")),
        {"territory": ("EU",)},
    ),
    (
        "policy-unreviewed",
        "error",
        world("b/r other=mnpl", "a/m mit quantized:b/r"),
        {"require_reviewed": True},
    ),
    ("policy-unreviewed", "error", world("a/m -"), {"require_reviewed": True}),
]

CLEAN: list[tuple[str, Models, dict[str, Any]]] = [
    ("restriction-dropped", world(GEMMA, "a/m gemma finetune:google/g"), {}),
    ("restriction-dropped", world(GEMMA, "a/m ??? finetune:google/g"), {}),
    (
        "restriction-dropped",
        world(GEMMA, node("a/m other=x finetune:google/g", annotations=(fact("text_license", "gemma"),))),
        {},
    ),
    ("restriction-dropped", world("b/r mit", "a/m apache-2.0 finetune:b/r"), {}),
    ("restriction-dropped", world("f/r other=flux-dev", "a/m mit distilled:f/r"), {}),
    ("nc-dropped", world("b/r cc-by-nc-4.0", "a/m mit distilled:b/r"), {}),
    ("nc-dropped", world("b/r cc-by-nc-4.0", "a/m cc finetune:b/r"), {}),
    ("restriction-dropped", world("b/r cc-by-nc-4.0", "a/m mit finetune:b/r"), {}),
    ("nd-violated", world("b/r cc-by-nd-4.0", "a/m cc-by-nd-4.0 quantized:b/r"), {}),
    ("share-alike-broken", world("b/r cc-by-sa-3.0", "a/m cc-by-sa-4.0 finetune:b/r"), {}),
    ("share-alike-broken", world("b/r mpl-2.0", "a/m mit adapter:b/r"), {}),
    ("share-alike-broken", world("b/r odbl", "a/m mit finetune:b/r"), {}),
    ("share-alike-broken", world("b/r gpl-3.0", "a/m gpl finetune:b/r"), {}),
    ("merge-incompatible", world("b/r gpl-3.0", "c/s agpl-3.0", "a/m agpl-3.0 merge:b/r merge:c/s"), {}),
    (
        "merge-incompatible",
        world("b/r openrail++", "c/s bigscience-openrail-m", "a/m openrail++ merge:b/r merge:c/s"),
        {},
    ),
    ("merge-incompatible", world("b/r gpl-3.0", "c/s mit", "a/m gpl-3.0 merge:b/r merge:c/s"), {}),
    (
        "merge-incompatible",
        world("b/r gpl-3.0", GEMMA, "b/x gpl-3.0 merge:b/r merge:google/g", "a/m mit merge:b/x merge:b/r"),
        {},
    ),
    ("output-noncompete", world("meta-llama/l llama2", "a/m llama2 distilled:meta-llama/l"), {}),
    (
        "output-noncompete",
        world("meta-llama/l llama2", "b/x mit distilled:meta-llama/l", "a/m mit finetune:b/x"),
        {},
    ),
    (
        "output-noncompete",
        world("meta-llama/l llama2", node("a/m mit distilled:meta-llama/l", task="text-to-image")),
        {},
    ),
    ("added-restriction-forbidden", world("b/r cc-by-4.0", "a/m cc-by-nc-4.0 finetune:b/r"), {}),
    ("name-rule", world("meta-llama/l llama3.1", "a/Llama_m llama3.1 finetune:meta-llama/l"), {}),
    ("name-rule", world("meta-llama/l llama3.1", "a/m llama3.1 quantized:meta-llama/l"), {}),
    ("name-rule", world("meta-llama/l llama3", "meta-llama/Meta-Llama-3-m llama3 finetune:meta-llama/l"), {}),
    ("license-foreign", world(GEMMA, "a/m gemma distilled:google/g"), {}),
    ("license-foreign", world("b/r ???", "a/m gemma finetune:b/r"), {}),
    ("license-foreign", world("a/m gemma"), {}),
    (
        "display-rule",
        world(
            "meta-llama/l llama3.1",
            node(
                "a/m llama3.1 quantized:meta-llama/l", annotations=(fact("card_text", "Built with Llama!"),)
            ),
        ),
        {},
    ),
    ("display-rule", world("n/r other=nvidia-open-model", "a/m mit quantized:n/r"), {}),
    (
        "notice-missing",
        world(GEMMA, node("a/m gemma finetune:google/g", files=("NOTICE", "LICENSE.txt"))),
        {},
    ),
    ("notice-missing", world(GEMMA, "a/m gemma finetune:google/g"), {}),
    ("gated-mismatch", world(node(GEMMA, gated=Gate.AUTO), "a/m gemma finetune:google/g"), {}),
    (
        "metadata-conflict",
        world(node("a/m mit", annotations=(fact("license_file", "LICENSE-CODE=apache-2.0"),))),
        {},
    ),
    ("metadata-conflict", world("a/m mit"), {}),
    ("data-nc", world(dataset("d/s", "cc-by-nc-4.0"), "a/m cc-by-nc-4.0 trained_on:data:d/s"), {}),
    ("data-nc", world(dataset("d/s", "cc-by-nc-4.0"), "a/m mit trained_on:data:d/s"), {"data": "off"}),
    ("policy-commercial", world("b/r cc-by-nc-4.0", "a/m mit adapter:b/r"), {"use": "research"}),
    ("policy-territory", world("a/m llama3.2"), {"territory": ("EU",)}),
    ("policy-territory", world(node("a/m-vision llama3.2", task="text-generation")), {"territory": ("EU",)}),
    ("policy-threshold", world("a/m llama2"), {"monthly_active_users": 1000}),
    (
        "policy-threshold",
        world("a/m other=tongyi-qianwen"),
        {"monthly_active_users": 200_000_000, "use": "research"},
    ),
    (
        "policy-threshold",
        world("a/m other=stabilityai-community"),
        {"annual_revenue_usd": 2_000_000, "use": "research"},
    ),
    ("policy-denied", world("b/r apache-2.0", "a/m mit finetune:b/r"), {"allow": ("mit",)}),
    ("policy-unreviewed", world("a/m mit"), {"require_reviewed": True}),
]


@pytest.mark.parametrize(("code", "severity", "models", "policy"), BAD)
def test_found(code: str, severity: str, models: Models, policy: dict[str, Any]) -> None:
    target = next(name for name in models if name.partition("/")[2] == "m" or name == "google/m")
    assert codes(models, target, **policy).get(code) == severity


@pytest.mark.parametrize(("code", "models", "policy"), CLEAN)
def test_not_found(code: str, models: Models, policy: dict[str, Any]) -> None:
    target = next(name for name in reversed(models) if not name.startswith("data:"))
    assert code not in codes(models, target, **policy)


def test_every_code_is_tested() -> None:
    assert {code for code, *_ in BAD} == set(CODES)
    for code in CODES.values():
        assert code.fix
        assert code.summary
        assert code.severity is not Severity.OFF
        assert code.group in ("declaration", "lineage", "data", "policy")
    assert {code.severity.value for code in CODES.values() if code.group == "policy"} == {"error"}


def test_severities_can_be_changed_and_silenced() -> None:
    models = world(GEMMA, "a/m mit finetune:google/g")
    assert codes(models, "a/m", severity={"restriction-dropped": Severity.NOTE}) == {
        "restriction-dropped": "note"
    }
    assert codes(models, "a/m", severity={"restriction-dropped": Severity.OFF}) == {}
