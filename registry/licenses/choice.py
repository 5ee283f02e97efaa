"""SPDX expressions: what `AND`, `OR` and parentheses come down to."""

from __future__ import annotations

from typing import Any

from registry.licenses.atoms import burden
from registry.licenses.declared import parse_expression
from registry.licenses.table import LicenseTable


def read_expression(text: str, table: LicenseTable) -> tuple[str, ...] | None:
    """The ids of the licenses that apply under an expression, `None` when it is not understood.

    All of an `AND` apply. Of an `OR` the taker chooses, so the one that restricts least counts; when none
    of them does, nobody can tell which was meant. Text that is no expression, is longer than any real one,
    or names a license the table has no facts about is not understood.
    """
    parsed = parse_expression(text)
    ids = None if parsed is None else _ids(parsed, table)
    return None if ids is None else tuple(sorted(ids))


def _ids(node: Any, table: LicenseTable) -> frozenset[str] | None:
    arguments = getattr(node, "args", ())
    if not arguments:
        # A license `WITH` an exception grants more than the license: no facts are recorded about those.
        terms = None if hasattr(node, "exception_symbol") else table.expressed(str(node))
        return None if terms is None or terms.unknown else frozenset({terms.id})
    parts = [_ids(argument, table) for argument in arguments]
    if str(node.operator).strip().casefold() == "and":
        return None if None in parts else frozenset().union(*(part for part in parts if part is not None))
    offers = [part for part in parts if part is not None]
    loads = [frozenset().union(*(burden(table.terms[id_]) for id_ in offer)) for offer in offers]
    for offer, load in sorted(zip(offers, loads, strict=True), key=lambda pair: sorted(pair[0])):
        # An offer that asks for nothing may be taken whatever the others are.
        if not load or (len(offers) == len(parts) and all(load <= rival for rival in loads)):
            return offer
    return None
