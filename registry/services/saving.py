"""What reuse saved, by every strategy the guests brought."""

from __future__ import annotations
