"""Exceptions a team has granted, each with a reason, an end and the chain it was granted for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Waiver:
    """An exception for one code on one model.

    expiry: the last day it counts, `None` for no end. chain_hash: the chain it was granted for; another
    chain voids it. `None` covers any chain.
    """

    model: str
    code: str
    reason: str
    owner: str | None = None
    expiry: date | None = None
    chain_hash: str | None = None

    def state(self, model: str, code: str, chain_hash: str, today: date) -> str | None:
        """`active`, `expired` or `void` for a finding this waiver speaks of, `None` for any other."""
        if self.model != model or self.code != code:
            return None
        if self.chain_hash is not None and self.chain_hash != chain_hash:
            return "void"
        if self.expiry is not None and today > self.expiry:
            return "expired"
        return "active"


def waiver_for(
    waivers: Iterable[Waiver], model: str, code: str, chain_hash: str, today: date
) -> tuple[Waiver | None, tuple[Waiver, ...]]:
    """The waiver in force for a finding, and those that speak of it but have lapsed."""
    lapsed: list[Waiver] = []
    active: Waiver | None = None
    for waiver in waivers:
        state = waiver.state(model, code, chain_hash, today)
        if state == "active" and active is None:
            active = waiver
        elif state in ("expired", "void"):
            lapsed.append(waiver)
    return active, tuple(lapsed)
