"""A registry of pre-trained models: what they were made from, what that asks, weighs and saved."""

from __future__ import annotations

__version__ = "0.1.0"
