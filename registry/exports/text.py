"""Text from strangers, made safe to print.

Cards, tags and file names may carry terminal escapes that recolor, retitle or overwrite the screen, and
direction marks that make a name read as another one.
"""

from __future__ import annotations

import re
import unicodedata

_ESCAPES = re.compile(
    # ECMA-48: control sequences, then strings (title, links, ...) with their end, then short escapes.
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90\x98\x9c-\x9f]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]"
)
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_BREAKS = frozenset("\t\n\v\f\r\x85\u2028\u2029")


def clean(text: str, *, keep_newlines: bool = False) -> str:
    """`text` without terminal escapes, control characters, direction marks, zero-width characters and
    lone surrogates. Line breaks and tabs become spaces; with `keep_newlines` line feeds stay."""
    if text.isprintable():
        return text
    text = _ESCAPES.sub("", text)
    if keep_newlines:
        text = text.replace("\r\n", "\n")
    return "".join(_kept(char, keep_newlines) for char in text)


def is_unsafe(char: str) -> bool:
    """Whether a character is better never sent to a terminal as it is."""
    return unicodedata.category(char) in _INVISIBLE


def _kept(char: str, keep_newlines: bool) -> str:
    if char == "\n" and keep_newlines:
        return char
    if char in _BREAKS:
        return " "
    return "" if is_unsafe(char) else char
