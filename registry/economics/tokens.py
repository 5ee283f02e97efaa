"""What models behind an API ask for tokens, from dated lists. Providers delete retired models from theirs,
so ours keeps them."""

from __future__ import annotations

from dataclasses import dataclass

from registry.contract import TokenPrice


@dataclass(frozen=True, slots=True)
class ListedTokens:
    """A token price as listed. price: USD per million tokens, its `day` `""` where the list tells none.
    until: the last day it held. how_sure: `checked`, `secondary`, `general knowledge`, ..."""

    price: TokenPrice
    provider: str
    how_sure: str
    until: str | None = None
