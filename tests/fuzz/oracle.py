"""Where our reader of safetensors headers and the format's own package differ, on purpose, and why."""

from __future__ import annotations

import re

STRICTER: dict[str, str] = {
    "more than 25,000,000": "the Hub's own client ends at 25 MB, the package at 100 MB",
    "more than 600,000 keys": "150,000 tensors, which bounds memory; no file known has a tenth of that",
    "does not begin with '{'": "the format says so; the package has not enforced it yet",
    "' twice": "the package keeps one of both and does not tell which; a file must not mean two things",
    "not printable": "control characters and the like: no terminal, file name or database holds them",
    "larger than any file": "2**63 bits and more, which only a tensor with a 0 in its shape can claim",
    "<= 9223372036854775807": "2**63 and more, which no database column holds; empty tensors alone can",
    "of length <= 64": "64 dimensions; numpy ends at 64 too",
    "Expected `object`, got `array`": "the package also takes a list of the three values, by accident",
    "Expected `str`, got `object` - at `$.dtype`": 'the package also takes {"F32": null}, by accident',
}
"""Part of our message, and why we refuse what the package reads."""

LOOSER: dict[re.Pattern[bytes], str] = {
    re.compile(rb"[\[,:\s]-0+[\],\s}]"): "-0 is 0; the package takes it for a floating-point number",
    re.compile(rb"[eE]\+?[0-9]{3}|[0-9]{300}"): "no double holds the number after a key that nobody reads",
}
"""What the header holds, and why we read what the package refuses."""


def explained(difference: str | bytes) -> bool:
    """Whether a listed reason covers a refusal of ours (its message), or a header that we alone read."""
    if isinstance(difference, str):
        return any(part in difference for part in STRICTER)
    return any(pattern.search(difference) for pattern in LOOSER)
