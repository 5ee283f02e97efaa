"""A catalog with something in it, for commands that only read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.demo.hub import RecordedHub
from tests.hubs import by_id, recorded

FAMILY = by_id(
    recorded("lab/origin", license="apache-2.0", downloads=1000, datasets=["corpus/text"]),
    recorded("lab/tuned", base="lab/origin", downloads=500),
    recorded("lab/other", base="lab/origin", license="mit", downloads=400),
    recorded("guest/merged", base=["lab/tuned", "lab/other"], relation="merge", license=None),
    recorded("guest/small", base="lab/tuned", relation="quantized"),
)
"""origin <- tuned, other; merged from both; small from tuned. Synthetic."""


@pytest.fixture
def family_hub(hub_factory: Callable[..., RecordedHub]) -> RecordedHub:
    return hub_factory(FAMILY)


@pytest.fixture
def filled(run_cli: Callable[..., Any], family_hub: RecordedHub) -> Path:
    """The catalog of the working directory after adding the family."""
    result = run_cli("add", "guest/merged", "guest/small", hub=family_hub)
    assert result.code == 0, result.err
    return Path("catalog.db").resolve()
