"""The models a question is about, a page at a time, with all that bears on what they weigh and took."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from registry.catalog.catalog import Catalog
from registry.errors import NotInCatalog
from registry.model.records import Holding

PAGE = 500
"""Models read at a time."""


def pages(catalog: Catalog, names: Sequence[str] | None) -> Iterator[list[Holding]]:
    """The models of these present names in the order given, or every tracked one in the order of names.

    Raises `NotInCatalog` for a name that is not there, be it because somebody removed the model meanwhile.
    """
    if names is None:
        last = ""
        while following := catalog.holdings_after(last, PAGE):
            yield list(following.values())
            last = next(reversed(following))
        return
    for start in range(0, len(names), PAGE):
        some = names[start : start + PAGE]
        found = catalog.holdings(some)
        missing = next((name for name in some if name not in found), None)
        if missing is not None:
            raise NotInCatalog(f"{missing} is not in the catalog")
        yield [found[name] for name in some]
