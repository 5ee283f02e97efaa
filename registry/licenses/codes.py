"""Every code a finding may have: its default severity, what it means and what mends it in general."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from registry.licenses.findings import Severity

_N, _W, _E = Severity.NOTE, Severity.WARNING, Severity.ERROR


@dataclass(frozen=True, slots=True)
class Code:
    """group: `declaration`, `lineage`, `data` or `policy`. summary: one sentence; fix: the way out."""

    code: str
    severity: Severity
    group: str
    summary: str
    fix: str


_ALL = (
    Code(
        "missing-license",
        _W,
        "declaration",
        "The model declares no license.",
        "Declare the license in the card.",
    ),
    Code(
        "unknown-license",
        _W,
        "declaration",
        "The declared license is none anybody holds facts about.",
        "Declare an id of the Hub's list, an SPDX expression, or a known license_name.",
    ),
    Code(
        "other-unnamed",
        _W,
        "declaration",
        "The model declares 'other' and does not name the license.",
        "Add license_name and license_link.",
    ),
    Code(
        "license-link-missing",
        _N,
        "declaration",
        "A license of its own is named without a place to read it.",
        "Add license_link, or the text as a file.",
    ),
    Code(
        "metadata-conflict",
        _W,
        "declaration",
        "The model's statements about its license contradict each other.",
        "Make all statements say the same.",
    ),
    Code(
        "ambiguous-family",
        _N,
        "declaration",
        "The declared id is a family that names no exact text.",
        "Name the exact license.",
    ),
    Code(
        "nc-dropped",
        _E,
        "lineage",
        "A base forbids commercial use; the model's license allows it.",
        "Declare the base's license, or another non-commercial one it allows.",
    ),
    Code(
        "restriction-dropped",
        _E,
        "lineage",
        "A base's terms must be passed on; the model's license drops them.",
        "Declare the base's license and add its text and notices.",
    ),
    Code(
        "share-alike-broken",
        _E,
        "lineage",
        "A base's license is share-alike; the model is under another one.",
        "Declare the base's license or one it accepts.",
    ),
    Code(
        "nd-violated",
        _E,
        "lineage",
        "A base's license does not let derivatives be shared.",
        "Ask for permission, or do not publish the changed weights.",
    ),
    Code(
        "merge-incompatible",
        _E,
        "lineage",
        "The licenses of merged models cannot both be kept.",
        "Leave one of the models out of the merge.",
    ),
    Code(
        "output-noncompete",
        _E,
        "lineage",
        "Trained on outputs that may not be used to train such a model.",
        "Train on outputs of a model that allows it.",
    ),
    Code(
        "added-restriction-forbidden",
        _E,
        "lineage",
        "The model's license adds restrictions its base forbids to add.",
        "Declare the base's license alone.",
    ),
    Code(
        "name-rule",
        _W,
        "lineage",
        "The model's name must begin with a prefix its base's license asks for.",
        "Rename the model.",
    ),
    Code(
        "upstream-unlicensed",
        _W,
        "lineage",
        "A model above has no license, so nobody granted the rights passed on.",
        "Ask for a license, or build on a licensed model.",
    ),
    Code(
        "license-foreign",
        _W,
        "lineage",
        "A vendor's license on a model without that vendor's models above it.",
        "Declare the license of the base, or name the missing base.",
    ),
    Code(
        "license-substituted",
        _N,
        "lineage",
        "Another license with similar restrictions stands in for the base's.",
        "Declare the base's own license.",
    ),
    Code(
        "added-restriction",
        _N,
        "lineage",
        "The model's license restricts more than its bases ask for.",
        "Nothing, if it is meant.",
    ),
    Code(
        "display-rule",
        _N,
        "lineage",
        "A line has to be shown wherever something built on the base is.",
        "Write the line in the card.",
    ),
    Code(
        "notice-missing",
        _N,
        "lineage",
        "A copy of the license or a notice asked for is not among the files.",
        "Add the files.",
    ),
    Code(
        "base-relicensed",
        _N,
        "lineage",
        "A base was under another license at another time.",
        "Say which license the model was made under.",
    ),
    Code(
        "gated-mismatch",
        _N,
        "lineage",
        "The base asks for its terms to be accepted, the derivative does not.",
        "Gate it alike, or show the terms.",
    ),
    Code("lineage-gap", _N, "lineage", "A model above was never looked at.", "Add it to the catalog."),
    Code(
        "data-nc",
        _W,
        "data",
        "Trained on non-commercial data without saying so.",
        "Declare a non-commercial license, or train without that data.",
    ),
    Code(
        "data-tos",
        _N,
        "data",
        "Trained on what a service produced under its terms of service.",
        "Check the terms the data was made under.",
    ),
    Code(
        "policy-commercial",
        _E,
        "policy",
        "The policy is commercial use; the terms that apply forbid it.",
        "Use another model, or get a commercial license.",
    ),
    Code(
        "policy-denied",
        _E,
        "policy",
        "The policy does not allow a license that applies.",
        "Use another model, or change the policy.",
    ),
    Code(
        "policy-threshold",
        _E,
        "policy",
        "The policy's revenue or users reach a limit of a license that applies.",
        "Get a separate license, or use another model.",
    ),
    Code(
        "policy-territory",
        _E,
        "policy",
        "A license that applies grants no rights where the policy acts.",
        "Use another model there.",
    ),
    Code(
        "policy-unreviewed",
        _E,
        "policy",
        "The terms that apply were not read by anybody.",
        "Have the text read, or use another model.",
    ),
)

CODES: Mapping[str, Code] = MappingProxyType({code.code: code for code in _ALL})
